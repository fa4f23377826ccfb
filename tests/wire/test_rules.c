/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rules of a configuration file make of requests and answers. */
#include <stdio.h>
#include <string.h>

#include "tests/wire/wire.h"

#define CONFIG(site)                                                                               \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites:\n"                                                                                     \
    "  s:\n"                                                                                       \
    "    log: access\n" site "backends: { app: { servers: [$SERVERS] } }\n"

#define GET(target, host) "GET " target " HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define OK_13 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* ---- which route ---- */

static void the_first_route_that_matches_answers(struct wire *w)
{
    (void)origin_open(w);
    sluice_run_config(
        w, CONFIG("    routes:\n"
                  "      - { match: { path: /a }, respond: { body: exact } }\n"
                  "      - { match: { path: \"/a/*\" }, respond: { body: prefix } }\n"
                  "      - { match: { host: \"*.example.com\" }, respond: { body: wild } }\n"
                  "      - { match: { path: \"~ ^/x[0-9]+$\" }, respond: { body: regex } }\n"
                  "      - { match: { method: DELETE }, respond: { body: method } }\n"
                  "      - { match: { headers: { x-kind: beta } }, respond: { body: header } }\n"
                  "      - { match: { query: { v: \"2\" } }, respond: { body: query } }\n"
                  "      - { match: { client: 10.0.0.0/8 }, respond: { body: network } }\n"));
    struct conn *c = client_dial(w);
    static const struct {
        const char *request, *body;
    } cases[] = {
        { GET("/a", "www.example.com"), "exact" },
        { GET("/%61", "h"), "exact" },
        { GET("/b/../a", "h"), "exact" },
        { GET("/a/b", "h"), "prefix" },
        { GET("/ab", "www.EXAMPLE.com:8080"), "wild" },
        { GET("/x12", "h"), "regex" },
        { "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n", "method" },
        { "GET / HTTP/1.1\r\nHost: h\r\nX-Kind: beta\r\n\r\n", "header" },
        { GET("/?u=1&v=2", "h"), "query" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_note(w, "case %zu", i);
        say(c, cases[i].request);
        hear_answered(c, 200, cases[i].body);
    }
    static const char *const none[] = {
        GET("/", "example.com"), GET("/", "a.b.example.com"),
        GET("/x1y", "h"),        GET("/?v=22", "h"),
        GET("/?v", "h"),         GET("/A", "h"),
    };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        wire_note(w, "no route %zu", i);
        say(c, none[i]);
        hear_status(c, 404);
    }
}

static void a_regular_expression_that_explodes_is_a_500(struct wire *w)
{
    (void)origin_open(w);
    sluice_run_config(w, CONFIG("    routes: [{ match: { path: \"~ ^/(a+)+$\" }, to: app }]\n"));
    struct conn *c = client_dial(w);
    sayf(c, "GET /%s! HTTP/1.1\r\nHost: h\r\n\r\n", wire_repeat(w, 'a', 60));
    hear_status(c, 500);
    logged(w, "status=500 end=regex_limit");
    say(c, GET("/b", "h"));
    hear_status(c, 404);
}

/* ---- actions ---- */

static void a_redirect_keeps_what_the_rule_says(struct wire *w)
{
    (void)origin_open(w);
    sluice_run_config(w, CONFIG("    routes:\n"
                                "      - { match: { path: \"~ ^/old/(.*)$\" }, redirect: { to: "
                                "\"https://$host/new/$1\" } }\n"
                                "      - { redirect: { to: /elsewhere, status: 302 } }\n"));
    struct conn *c = client_dial(w);
    say(c, GET("/old/a/b", "Example.com:81"));
    struct message m = hear_status(c, 308);
    has_field(&m, "Location", "https://example.com/new/a/b");
    say(c, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    m = hear_answer_to(c, "HEAD");
    assert_int_equal(m.status, 302);
    has_field(&m, "Location", "/elsewhere");
}

static void a_response_of_a_rule_has_its_headers(struct wire *w)
{
    (void)origin_open(w);
    sluice_run_config(w, CONFIG("    routes: [{ respond: { status: 418, body: \"{}\", headers: { "
                                "Content-Type: application/json, X-Id: \"$request_id\" } } }]\n"));
    struct conn *c = client_dial(w);
    say(c, GET("/", "h"));
    struct message m = hear_answered(c, 418, "{}");
    has_field(&m, "Content-Type", "application/json");
    assert_int_equal(strlen(field(&m, "X-Id")), 32);
    logged(w, "status=418 end=replied");
}

static void a_split_sends_each_backend_its_share(struct wire *w)
{
    struct origin *a = origin_answering(w, "A"), *b = origin_answering(w, "B");
    sluice_run_config(
        w,
        "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
        "sites: { s: { routes: [{ to: [{ backend: a, weight: 3 }, { backend: b }] }] } }\n"
        "backends: { a: { servers: [\"%s\"] }, b: { servers: [\"%s\"] } }\n",
        a->name, b->name);
    struct conn *c = client_dial(w);
    unsigned from_b = 0;
    for (unsigned i = 0; i < 400; i++) {
        say(c, GET("/", "h"));
        struct message m = hear_status(c, 200);
        from_b += memchr(m.body, 'B', m.body_len) != NULL;
    }
    assert_in_range(from_b, 50, 150); /* of 100 expected; 6 standard deviations */
}

/* ---- changes on the way to the server ---- */

static void the_path_is_stripped_and_rewritten(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(
        w,
        CONFIG(
            "    routes:\n"
            "      - { match: { path: \"/api/*\" }, strip_prefix: /api, to: app }\n"
            "      - { match: { path: \"~ ^/u/([0-9]+)$\" }, rewrite: \"/user?id=$1\", to: app }\n"
            "      - { to: app }\n"));
    struct conn *c = client_dial(w);
    static const struct {
        const char *asked, *arrives;
    } cases[] = {
        { "/api/x/y?z=1", "GET /x/y?z=1 HTTP/1.1" },
        { "/api", "GET / HTTP/1.1" },
        { "/apis", "GET /apis HTTP/1.1" },
        { "/u/42?x=1", "GET /user?id=42 HTTP/1.1" },
    };
    struct conn *s = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sayf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", cases[i].asked);
        s = s ? s : origin_accept(o);
        struct message m = hear_request(s);
        assert_string_equal(m.start, cases[i].arrives);
        say(s, OK_13);
        hear_answered(c, 200, "ok");
    }
}

static void request_headers_are_set_added_and_removed(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(
        w, CONFIG("    request_headers: { set: { X-Site: \"$site\" } }\n"
                  "    routes:\n"
                  "      - to: app\n"
                  "        name: front\n"
                  "        host_header: internal.example\n"
                  "        request_headers:\n"
                  "          set: { X-Route: \"$route of $client_ip\", X-Forwarded-Proto: https }\n"
                  "          add: { Accept: text/x-more }\n"
                  "          remove: [Cookie, x-secret]\n"));
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: h\r\nX-Route: forged\r\nAccept: text/html\r\nCookie: a=b\r\n"
           "X-Secret: 1\r\nX-SECRET: 2\r\nX-Kept: yes\r\n\r\n");
    struct message m = hear_request(origin_accept(o));
    has_field(&m, "Host", "internal.example");
    has_field(&m, "X-Site", "s");
    has_field(&m, "X-Route", "front of 127.0.0.1");
    has_field(&m, "X-Forwarded-Proto", "https");
    has_field(&m, "X-Kept", "yes");
    has_no_field(&m, "Cookie");
    has_no_field(&m, "X-Secret");
    assert_non_null(strstr(m.head, "Accept: text/html\r\n"));
    assert_non_null(strstr(m.head, "Accept: text/x-more\r\n"));
}

/* ---- changes on the way back ---- */

static void response_headers_are_changed_and_hidden(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(
        w, CONFIG("    hide: [Server, X-Powered-By]\n"
                  "    routes: [{ to: app, response_headers: { set: { X-Frame-Options: DENY }, "
                  "add: { Vary: Origin }, remove: [ETag] } }]\n"));
    struct conn *c = client_dial(w);
    say(c, GET("/", "h"));
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nServer: leaky/1\r\nX-Powered-By: leaks\r\nETag: \"1\"\r\n"
           "X-Frame-Options: ALLOW\r\nX-Other: stays\r\nContent-Length: 2\r\n\r\nok");
    struct message m = hear_answered(c, 200, "ok");
    has_no_field(&m, "Server");
    has_no_field(&m, "X-Powered-By");
    has_no_field(&m, "ETag");
    has_field(&m, "X-Frame-Options", "DENY");
    has_field(&m, "Vary", "Origin");
    has_field(&m, "X-Other", "stays");
}

/* ---- who may ---- */

static void networks_methods_and_sizes_are_limited(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w,
                      CONFIG("    routes:\n"
                             "      - { match: { path: /deny }, deny: [127.0.0.0/8], to: app }\n"
                             "      - { match: { path: /allow }, allow: [10.0.0.0/8], to: app }\n"
                             "      - { match: { path: /get }, methods: [GET, HEAD], to: app }\n"
                             "      - { match: { path: /small }, max_body: 10B, to: app }\n"));
    struct conn *c = client_dial(w);
    say(c, GET("/deny", "h"));
    hear_status(c, 403);
    logged(w, "status=403 end=access_denied");
    say(c, GET("/allow", "h"));
    hear_status(c, 403);
    logged(w, "status=403");
    say(c, "POST /get HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    struct message m = hear_status(c, 405);
    has_field(&m, "Allow", "GET, HEAD");
    logged(w, "status=405");
    origin_untouched(o);
    say(c, "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n");
    hear_status(c, 413);
    logged(w, "status=413 end=body_too_large");
    origin_untouched(o);
}

static void a_chunked_body_over_the_limit_is_aborted(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("    routes: [{ max_body: 10B, to: app }]\n"));
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
           "8\r\n12345678\r\n");
    struct conn *s = origin_accept(o);
    hear_head(s);
    say(c, "3\r\n9ab\r\n0\r\n\r\n");
    hear_status(c, 413);
    hear_reset(s);
}

static void only_trusted_proxies_name_the_client(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, "trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]\n" CONFIG(
                             "    routes: [{ deny: [192.0.2.66/32], to: app }]\n"));
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.66\r\n\r\n");
    hear_status(c, 403);
    logged(w, "client=192.0.2.66");
    say(c, "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.66, 192.0.2.5, 10.1.1.1\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "X-Forwarded-For", "192.0.2.66, 192.0.2.5, 10.1.1.1, 127.0.0.1");
    say(s, OK_13);
    hear_status(c, 200);
    logged(w, "client=192.0.2.5");
}

/* ---- answers of our own ---- */

static void errors_come_as_text_as_json_or_as_the_operators_page(struct wire *w)
{
    (void)origin_open(w);
    FILE *f = fopen(wire_path(w, "404.html"), "w");
    assert_non_null(f);
    fputs("<h1>$status, id $request_id</h1>", f);
    fclose(f);
    sluice_run_config(
        w,
        CONFIG("    error_pages: { 404: \"%s\" }\n"
               "    routes: [{ match: { path: /deny }, deny: [127.0.0.0/8], to: app }]\n"),
        wire_path(w, "404.html"));
    struct conn *c = client_dial(w);
    say(c, GET("/none", "h"));
    struct message m = hear_status(c, 404);
    has_field(&m, "Content-Type", "text/html; charset=utf-8");
    char *page = wire_text(w, "%.*s", (int)m.body_len, m.body);
    assert_non_null(strstr(page, "<h1>404, id "));
    say(c, "GET /deny HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n");
    m = hear_status(c, 403);
    has_field(&m, "Content-Type", "application/json");
    assert_non_null(
        strstr(wire_text(w, "%.*s", (int)m.body_len, m.body), "\"reason\":\"access_denied\""));
    say(c, "GET /deny HTTP/1.1\r\nHost: h\r\nAccept: text/html, application/json\r\n\r\n");
    m = hear_status(c, 403);
    has_field(&m, "Content-Type", "text/plain; charset=utf-8");
}

static void maintenance_closes_a_site_but_for_some(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(
        w, "trusted_proxies: [127.0.0.0/8]\n" CONFIG(
               "    maintenance: { enabled: true, retry_after: 2m, except: [192.0.2.0/24] }\n"
               "    routes: [{ to: app }]\n"));
    struct conn *c = client_dial(w);
    say(c, GET("/", "h"));
    struct message m = hear_status(c, 503);
    has_field(&m, "Retry-After", "120");
    logged(w, "status=503 end=maintenance");
    origin_untouched(o);
    say(c, "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK_13);
    hear_answered(c, 200, "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_route_that_matches_answers),
        TEST(a_regular_expression_that_explodes_is_a_500),
        TEST(a_redirect_keeps_what_the_rule_says),
        TEST(a_response_of_a_rule_has_its_headers),
        TEST(a_split_sends_each_backend_its_share),
        TEST(the_path_is_stripped_and_rewritten),
        TEST(request_headers_are_set_added_and_removed),
        TEST(response_headers_are_changed_and_hidden),
        TEST(networks_methods_and_sizes_are_limited),
        TEST(a_chunked_body_over_the_limit_is_aborted),
        TEST(only_trusted_proxies_name_the_client),
        TEST(errors_come_as_text_as_json_or_as_the_operators_page),
        TEST(maintenance_closes_a_site_but_for_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
