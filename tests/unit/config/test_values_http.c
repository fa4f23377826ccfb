/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The same for what is HTTP: hosts, paths, headers, texts with variables, routes. */
#include "tests/unit/config/config_test.h"

struct wrong {
    const char *text, *messages;
};

static void expect_all(const struct wrong *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_messages(cases[i].text, cases[i].messages);
}

static void wrong_hosts(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_MATCH("host: \"*\""), "2:7: error: '*': leave 'host' out to match every host\n" },
        { IN_MATCH("host: a.example.com:80"),
          "2:7: error: 'a.example.com:80': a host is written without its port\n" },
        { IN_MATCH("host: \"a.*.com\""), "2:7: error: 'a.*.com': '*' stands for the whole first "
                                         "label only, as in \"*.example.com\"\n" },
        { IN_MATCH("host: \"**.com\""), "2:7: error: '**.com': '*' stands for the whole first "
                                        "label only, as in \"*.example.com\"\n" },
        { IN_MATCH("host: .example.com"),
          "2:7: error: '.example.com': a host neither begins nor ends with '.'\n" },
        { IN_MATCH("host: example.com."),
          "2:7: error: 'example.com.': a host neither begins nor ends with '.'\n" },
        { IN_MATCH("host: a..b"), "2:7: error: 'a..b': an empty label\n" },
        { IN_MATCH("host: b\303\274cher.example"),
          "2:7: error: 'b\303\274cher.example': write the ASCII form of the name (xn--...)\n" },
        { IN_MATCH("host: \"[::1]:80\""),
          "2:7: error: '[::1]:80': an IPv6 host is written [::1], without port\n" },
        { IN_MATCH("host: \"[::g]\""), "2:7: error: '[::g]': malformed IPv6 address\n" },
        { IN_MATCH("host: \"a b\""), "2:7: error: 'a b': not a host name\n" },
        { IN_MATCH("host: \"\""), "2:7: error: '': a host has 1 to 253 characters\n" },
        { IN_ROUTE("to: b, host_header: preserv"),
          "2:21: error: 'preserv' is neither preserve nor server nor a host like app.internal\n" },
        { IN_ROUTE("to: b, host_header: a..b"), "2:21: error: 'a..b': an empty label\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_paths(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_MATCH("path: /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/*"),
          "2:7: error: '/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/*': a "
          "path before /* has at most 32 segments\n" },
        { IN_MATCH("path: api"), "2:7: error: 'api': a path begins with '/'\n" },
        { IN_MATCH("path: /api*"), "2:7: error: '/api*': '*' may only end a path, as in /a/*; for "
                                   "more write '~ ' and a regular expression\n" },
        { IN_MATCH("path: /a/*/b"), "2:7: error: '/a/*/b': '*' may only end a path, as in /a/*; "
                                    "for more write '~ ' and a regular expression\n" },
        { IN_MATCH("path: /a?b=1"),
          "2:7: error: '/a?b=1': a path ends before '?'; a query is matched by 'query'\n" },
        { IN_MATCH("path: /a/../b"),
          "2:7: error: '/a/../b': never met: '.' and '..' are taken out of paths\n" },
        { IN_MATCH("path: /a/."),
          "2:7: error: '/a/.': never met: '.' and '..' are taken out of paths\n" },
        { IN_MATCH("path: /%61"),
          "2:7: error: '/%61': never met: what needs no '%' is decoded in paths\n" },
        { IN_MATCH("path: /%2f"),
          "2:7: error: '/%2f': never met: '%' is followed by upper-case digits in paths\n" },
        { IN_MATCH("path: /%zz"),
          "2:7: error: '/%zz': '%' is followed by two hexadecimal digits\n" },
        { IN_MATCH("path: \"/a b\""), "2:7: error: '/a b': spaces and the like are written as '%' "
                                      "with two hexadecimal digits\n" },
        { IN_MATCH("path: \"/\303\274\""), "2:7: error: '/\303\274': spaces and the like are "
                                           "written as '%' with two hexadecimal digits\n" },
        { IN_MATCH("path: \"\""), "2:7: error: '': a path begins with '/'\n" },
        { IN_ROUTE("to: b, strip_prefix: api"), "2:22: error: 'api': a path begins with '/'\n" },
        { IN_ROUTE("to: b, strip_prefix: /api/"),
          "2:22: error: '/api/': a prefix ends without '/'\n" },
        { IN_ROUTE("to: b, rewrite: new"), "2:17: error: 'new': a path begins with '/'\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_regular_expressions(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_MATCH("path: ~ ^/a(b"), "2:13: error: '^/a(b': missing closing parenthesis\n" },
        { IN_MATCH("path: \"~ ^/a[\""),
          "2:7: error: '^/a[': missing terminating ] for character class\n" },
        { IN_MATCH("path: \"~\""),
          "2:7: error: '~': a regular expression has 1 to 4096 characters\n" },
        { IN_MATCH("headers: { X-A: \"~ *\" }"),
          "2:17: error: '*': quantifier does not follow a repeatable item\n" },
        { IN_MATCH("path: \"~ \\\\C\""),
          "2:7: error: '\\C': using \\C is disabled by the application\n" },
        { IN_MATCH("path: \"~ ((a{1000}){1000}){1000}\""),
          "2:7: error: '((a{1000}){1000}){1000}': regular expression is too large\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_names_of_http(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_MATCH("method: get"),
          "2:9: error: 'get': methods are case-sensitive; did you mean 'GET'?\n" },
        { IN_MATCH("method: [\"G T\"]"), "2:10: error: 'G T' is no method\n" },
        { IN_SITE("methods: [Post, \"\"]"),
          "2:11: error: 'Post': methods are case-sensitive; did you mean 'POST'?\n"
          "2:17: error: '' is no method\n" },
        { IN_MATCH("headers: { \"X Y\": a }"), "2:12: error: 'X Y' is no name of a header\n" },
        { IN_MATCH("query: { \"a=b\": c, \"\": d }"),
          "2:10: error: 'a=b': '=' cannot stand in a name here\n"
          "2:20: error: '': a name must not be empty\n" },
        { IN_SITE("hide: \"X:\""), "2:7: error: 'X:' is no name of a header\n" },
        { IN_LOG("to: stdout, redact: \"a&b\", request_headers: \"a b\""),
          "2:21: error: 'a&b': '&' cannot stand in a name here\n"
          "2:45: error: 'a b' is no name of a header\n" },
        { IN_ROUTE("to: b, request_headers: { set: { Host: x, Content-Length: 5 }, add: { "
                   "connection: close }, remove: [TE] }"),
          "2:34: error: 'Host' cannot be changed here; see 'host_header'\n"
          "2:43: error: 'Content-Length' belongs to how messages are sent and cannot be changed\n"
          "2:71: error: 'connection' belongs to how messages are sent and cannot be changed\n"
          "2:101: error: 'TE' belongs to how messages are sent and cannot be changed\n" },
        { IN_SITE("hide: [Transfer-Encoding]"), "2:8: error: 'Transfer-Encoding' belongs to how "
                                                "messages are sent and cannot be changed\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_texts_with_variables(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_ROUTE("redirect: https://$hots/"),
          "2:11: error: unknown variable '$hots'; did you mean '$host'?\n" },
        { IN_ROUTE("redirect: https://$nothing_like_it/"),
          "2:11: error: unknown variable '$nothing_like_it'\n" },
        { IN_ROUTE("redirect: costs $ 5"),
          "2:11: error: '$ 5': '$' begins a variable; write '$$' for the character\n" },
        { IN_ROUTE("redirect: /$1"), "2:11: error: '$1' is a group of a regular expression, and "
                                     "this has no path that is one\n" },
        { IN_ROUTE("match: { path: ~ ^/(a) }, redirect: /$2"),
          "2:37: error: '$2': the path's regular expression has 1 group\n" },
        { IN_ROUTE("redirect: /$header"), "2:11: error: '$header' wants a name: $header(NAME)\n" },
        { IN_ROUTE("redirect: /$header()"),
          "2:11: error: '$header' wants a name: $header(NAME)\n" },
        { IN_ROUTE("redirect: /$(host"),
          "2:11: error: '$(host': '$' begins a variable; write '$$' for the character\n" },
        { IN_ROUTE("redirect: $status"),
          "2:11: error: '$status' is not known before there is a response\n" },
        { IN_ROUTE("to: b, response_headers: { set: { X-A: \"$response_header(Sever) $status "
                   "$server $bakend\" } }"),
          "2:40: error: unknown variable '$bakend'; did you mean '$backend'?\n" },
        { IN_ROUTE("to: b, request_headers: { set: { X-A: \"a\\nb\" } }"),
          "2:39: error: 'a?b' holds a control character (0x0a)\n" },
        { IN_ROUTE("to: b, request_headers: { set: { X-A: {client_ip} } }"),
          "2:39: error: 'X-A' wants text, not a map; a value that begins with '{' must be "
          "quoted\n" },
        { IN_ROUTE("respond: { body: {a: 1} }"), "2:18: error: 'body' wants text, not a map; a "
                                                 "value that begins with '{' must be quoted\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_statuses(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_ROUTE("redirect: { to: /a, status: 300 }"),
          "2:29: error: '300' is none of 301, 302, 303, 307, 308\n" },
        { IN_ROUTE("respond: 199"), "2:10: error: '199' is not a number from 200 to 599\n" },
        { IN_ROUTE("respond: ok"), "2:10: error: 'ok' is not a number from 200 to 599\n" },
        { IN_SITE("error_pages: { 399: a, 6xx: b, 4x4: c }"),
          "2:16: error: '399' is neither a status from 400 to 599 nor 4xx or 5xx\n"
          "2:21: error: cannot read 'a': No such file or directory\n"
          "2:24: error: '6xx' is neither a status from 400 to 599 nor 4xx or 5xx\n"
          "2:29: error: cannot read 'b': No such file or directory\n"
          "2:32: error: '4x4' is neither a status from 400 to 599 nor 4xx or 5xx\n"
          "2:37: error: cannot read 'c': No such file or directory\n" },
        { IN_SITE("error_pages: { 404: nowhere.html }"),
          "2:21: error: cannot read 'nowhere.html': No such file or directory\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_routes(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_ROUTE("match: { path: /a }"),
          "1:25: error: 'to', 'redirect' or 'respond' is missing in sites.s.routes[0]\n" },
        { IN_ROUTE("to: b, respond: 200"),
          "2:8: error: a route has one of 'to', 'redirect' and 'respond'; here is 'to' too\n" },
        { IN_ROUTE("respond: 200, redirect: /a, to: b"),
          "2:1: error: a route has one of 'to', 'redirect' and 'respond'; here is 'to' too\n"
          "2:15: error: a route has one of 'to', 'redirect' and 'respond'; here is 'to' too\n" },
        { IN_ROUTE("to: b, strip_prefix: /a, rewrite: /b"),
          "2:8: error: 'strip_prefix' and 'rewrite' exclude each other\n" },
        { IN_ROUTE("respond: 200, strip_prefix: /a"),
          "2:15: error: 'strip_prefix' is for routes with 'to'\n" },
        { IN_ROUTE("redirect: /, rewrite: /b"),
          "2:14: error: 'rewrite' is for routes with 'to'\n" },
        { IN_ROUTE("redirect: { status: 301 }"),
          "2:1: error: 'to' is missing in sites.s.routes[0].redirect\n" },
        { IN_ROUTE("to: b, name: \"a b\""), "2:14: error: 'a b' is no name: 1 to 64 letters, "
                                            "digits, '_', '-' and '.', and not 'off'\n" },
        { IN_ROUTE("to: b, path_form: row"),
          "2:19: error: 'row' is none of normal, raw; did you mean 'raw'?\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_hosts),
        cmocka_unit_test(wrong_paths),
        cmocka_unit_test(wrong_regular_expressions),
        cmocka_unit_test(wrong_names_of_http),
        cmocka_unit_test(wrong_texts_with_variables),
        cmocka_unit_test(wrong_statuses),
        cmocka_unit_test(wrong_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
