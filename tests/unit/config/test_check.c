/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What shows when all is read - unreachable routes, unused parts, names - and hints for keys. */
#include <stdlib.h>

#include "tests/unit/config/config_test.h"

/* Routes of a site, one a line from line 2 on. */
#define ROUTES(x) "sites: { s: { routes: [\n" x "] } }\n" REST_LISTENERS REST_BACKENDS

#define AFTER_ROUTE_0                                                                              \
    "3:1: warning: no request can meet sites.s.routes[1]: 'routes[0]' in line 2 comes before it\n"

static void unreachable_routes_are_warned_of(void **state)
{
    (void)state;
    static const struct {
        const char *text, *messages;
    } cases[] = {
        { ROUTES("{ to: b },\n{ to: b }\n"), AFTER_ROUTE_0 },
        { ROUTES("{ match: { path: \"/*\" }, to: b },\n{ match: { host: a.b }, to: b }\n"),
          AFTER_ROUTE_0 },
        { ROUTES("{ match: { path: /a/* }, to: b },\n{ match: { path: /a/b }, to: b }\n"),
          AFTER_ROUTE_0 },
        { ROUTES("{ match: { path: /a/* }, to: b },\n{ match: { path: /a }, to: b }\n"),
          AFTER_ROUTE_0 },
        { ROUTES("{ match: { path: /a/* }, to: b },\n{ match: { path: /a/b/c/* }, to: b }\n"),
          AFTER_ROUTE_0 },
        { ROUTES("{ match: { path: /a }, to: b },\n{ match: { path: [/a, /a] }, to: b }\n"),
          AFTER_ROUTE_0 },
        { ROUTES("{ match: { host: \"*.x.y\" }, to: b },\n{ match: { host: w.x.y }, to: b }\n"),
          AFTER_ROUTE_0 },
        { ROUTES("{ match: { path: ~ ^/a }, to: b },\n"
                 "{ match: { path: ~ ^/a, method: GET }, to: b }\n"),
          AFTER_ROUTE_0 },
        { ROUTES("{ match: { method: [GET, HEAD] }, to: b },\n{ match: { method: GET }, to: b }\n"),
          AFTER_ROUTE_0 },
        { ROUTES("{ match: { headers: { A: \"*\" } }, to: b },\n"
                 "{ match: { headers: { B: x, a: y } }, to: b }\n"),
          AFTER_ROUTE_0 },
        { ROUTES("{ match: { query: { a: x } }, to: b },\n"
                 "{ match: { query: { a: x, b: y } }, to: b }\n"),
          AFTER_ROUTE_0 },
        { ROUTES("{ match: { client: 10.0.0.0/8 }, to: b },\n"
                 "{ match: { client: [10.1.0.0/16, 10.2.2.2] }, to: b }\n"),
          AFTER_ROUTE_0 },
        { ROUTES("{ match: { path: /a }, to: b },\n{ match: { path: /b }, to: b },\n"
                 "{ match: { path: [/a, /b] }, to: b }\n"),
          "4:1: warning: no request can meet sites.s.routes[2]: 'routes[0]' in line 2 comes before "
          "it\n" },
        { ROUTES("{ name: all, to: b },\n{ respond: 200 }\n"),
          "3:1: warning: no request can meet sites.s.routes[1]: 'all' in line 2 comes before "
          "it\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_messages(cases[i].text, cases[i].messages);
}

static void reachable_routes_are_not(void **state)
{
    (void)state;
    static const char *const cases[] = {
        ROUTES("{ match: { path: /a }, to: b },\n{ match: { path: /a/* }, to: b },\n{ to: b }\n"),
        ROUTES("{ match: { path: /a/* }, to: b },\n{ match: { path: /ab }, to: b }\n"),
        ROUTES("{ match: { path: /a, method: GET }, to: b },\n{ match: { path: /a }, to: b }\n"),
        ROUTES(
            "{ match: { host: \"*.x.y\" }, to: b },\n{ match: { host: [x.y, v.w.x.y] }, to: b }\n"),
        ROUTES("{ match: { host: w.x.y }, to: b },\n{ match: { host: \"*.x.y\" }, to: b }\n"),
        ROUTES("{ match: { headers: { A: x } }, to: b },\n{ match: { headers: { A: \"*\" } }, to: "
               "b }\n"),
        ROUTES("{ match: { query: { a: x } }, to: b },\n{ match: { query: { A: x } }, to: b }\n"),
        ROUTES("{ match: { client: 10.1.0.0/16 }, to: b },\n"
               "{ match: { client: [10.1.0.0/16, 10.2.0.0/16] }, to: b }\n"),
        ROUTES("{ match: { path: ~ ^/a }, to: b },\n{ match: { path: /a }, to: b }\n"),
        ROUTES("{ match: { path: /a, host: x.y }, to: b },\n{ match: { path: /a, host: z.y }, to: "
               "b }\n"),
        ROUTES("{ match: { path: /a }, to: b },\n{ match: { path: [/a, /b] }, to: b }\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        unload(load_good(cases[i]));
}

/* 10,000 routes are compared in no time: the table, not each with each. */
static void many_routes_are_checked(void **state)
{
    (void)state;
    enum { ROUTES_COUNT = 10000 };
    char *text = malloc(ROUTES_COUNT * 100 + 1000), *at = text;
    assert_non_null(text);
    at += sprintf(at, REST_LISTENERS REST_BACKENDS "sites:\n  s:\n    routes:\n");
    for (int i = 0; i < ROUTES_COUNT; i++)
        at += sprintf(at, "    - { match: { host: h%d.example.com, path: /a/b/c%d/* }, to: b }\n",
                      i % 100, i % 9999);
    struct loaded *l = load_text(text);
    assert_non_null(l->config);
    assert_int_equal(l->config->sites[0].routes_count, ROUTES_COUNT);
    assert_int_equal(l->report.messages_count, 0); /* 9999 has another host than 0 */
    unload(l);
    free(text);
}

static void unused_parts_are_warned_of(void **state)
{
    (void)state;
    expect_messages("logs: { x: { to: stdout } }\nbackends: { b: { servers: \"10.0.0.1:1\" },\n"
                    " c: { servers: \"10.0.0.1:1\" } }\n"
                    "sites: { s: { routes: [ { to: b } ] },\n t: { routes: [] } }\n" REST_LISTENERS,
                    "1:9: warning: log 'x' is not used\n"
                    "3:2: warning: backend 'c' is not used\n"
                    "5:2: warning: site 't' is not used\n");
    expect_messages(
        IN_BACKEND("servers: { address: x }"),
        "2:10: error: 'servers' wants a list, not a map\n"); /* and no warnings beside */
}

static void servers_that_get_nothing_are_warned_of(void **state)
{
    (void)state;
    expect_messages(
        IN_BACKEND("servers: [app.internal:1, gone.internal:80, "
                   "{ address: gone.internal:81 }]"),
        "2:27: warning: 'gone.internal:80' does not resolve now: no such name; the server "
        "gets nothing\n"
        "2:45: warning: 'gone.internal:81' does not resolve now: no such name; the server "
        "gets nothing\n");
    expect_messages(IN_BACKEND("servers: [{ address: \"10.0.0.1:1\", weight: 0 }]"),
                    "1:13: warning: every server of backend 'b' has weight 0\n");
    struct loaded *l = load_text(IN_BACKEND("servers: gone.internal:80"));
    assert_non_null(l->config);
    assert_int_equal(l->config->backends[0].servers[0].addr.len, 0);
    unload(l);
}

static void unknown_users_are_warned_of(void **state)
{
    (void)state;
    expect_messages(IN_TOP("user: nobody-is-called-so"),
                    "2:7: warning: this machine has no user 'nobody-is-called-so'\n");
}

static void misspelt_keys_get_a_suggestion(void **state)
{
    (void)state;
    expect_messages(
        IN_ROUTE("maatch: { host: a.example.com }, to: b"),
        "2:1: error: unknown key 'maatch' in sites.s.routes[0]; did you mean 'match'?\n");
    expect_messages(IN_TOP("listener: {}"),
                    "2:1: error: unknown key 'listener'; did you mean 'listeners'?\n");
    expect_messages(IN_SITE("tiemouts: {}"),
                    "2:1: error: unknown key 'tiemouts' in sites.s; did you mean 'timeouts'?\n");
    expect_messages(IN_LISTENER("bnid: \":80\""),
                    "2:1: error: unknown key 'bnid' in listeners.l; did you mean 'bind'?\n");
    expect_messages(IN_TOP("qqqq: 1"), "2:1: error: unknown key 'qqqq'\n");
    /* It stands elsewhere. */
    expect_messages(IN_MATCH("strip_prefix: /a"),
                    "2:1: error: unknown key 'strip_prefix' in sites.s.routes[0].match; there is "
                    "sites.NAME.routes[].strip_prefix\n");
    expect_messages(IN_SITE("timeouts: { drain: 1s }"),
                    "2:13: error: unknown key 'drain' in sites.s.timeouts; there is "
                    "defaults.timeouts.drain\n");
    expect_messages(IN_LISTENER("bind: \":443\", ssl: {}"),
                    "2:15: error: unknown key 'ssl' in listeners.l; did you mean 'tls'?\n");
}

static void keys_of_other_proxies_get_a_hint(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hint;
    } cases[] = {
        { IN_ROUTE("proxy_pass: x"), "did you mean routes[].to?" },
        { IN_ROUTE("reverse_proxy: x"), "did you mean routes[].to?" },
        { IN_ROUTE("use_backend: x"), "did you mean routes[].to?" },
        { IN_ROUTE("backend: x"), "did you mean 'to'?" },
        { IN_ROUTE("location: /x"), "did you mean routes[].match.path?" },
        { IN_SITE("server_name: x"), "hosts are matched by routes: routes[].match.host" },
        { IN_SITE("acl: x"), "did you mean routes[].match?" },
        { IN_SITE("listen: 80"), "addresses stand in listeners.NAME.bind" },
        { IN_SITE("add_header: x"), "did you mean response_headers.add?" },
        { IN_SITE("client_max_body_size: 1m"), "did you mean 'max_body'?" },
        { IN_TOP("upstream: {}"), "did you mean 'backends'?" },
        { IN_TOP("frontend: {}"), "a frontend is a listener with a site: 'listeners' and 'sites'" },
        { IN_TOP("server: {}"),
          "a server block is a site: 'listeners' say where, 'sites' say what" },
        { IN_TOP("worker_processes: 4"), "did you mean 'workers'?" },
        { IN_LISTENER("listen: 80"), "did you mean 'bind'?" },
        { IN_BACKEND("server: x"), "did you mean 'servers'?" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct loaded *l = load_text(cases[i].text);
        const char *hint = NULL;
        for (uint32_t m = 0; m < l->report.messages_count; m++) {
            const char *text = l->report.messages[m].text;
            if (strncmp(text, "unknown key", 11) == 0)
                hint = strstr(text, "; ");
        }
        if (!hint || !strstr(hint, cases[i].hint))
            fail_msg("%s\n: %s", cases[i].text, hint ? hint : "no hint");
        unload(l);
    }
}

static void all_mistakes_are_said_in_one_run(void **state)
{
    (void)state;
    expect_messages(
        "workers: 0\n"
        "defaults: { timeouts: { connect: 2 } }\n"
        "listeners:\n"
        "  web: { bind: 80, site: edgee }\n"
        "sites:\n"
        "  edge:\n"
        "    routes:\n"
        "      - { maatch: { host: a.example.com }, to: api }\n"
        "      - { match: { host: \"*.example.com\", path: /api* }, to: ap }\n"
        "      - { match: { path: ~ ^/a( }, respond: { status: 99 } }\n"
        "backends:\n"
        "  api: { servers: [10.0.0.1, 10.0.0.2:x], balance: maglevv }\n",
        "1:10: error: '0' is neither auto nor a number from 1 to 256\n"
        "2:34: error: '2' has no unit; write 2ms or 2s\n"
        "4:16: error: '80' is no address; write \":80\" for all addresses\n"
        "4:26: error: no site 'edgee'; did you mean 'edge'?\n"
        "8:11: error: unknown key 'maatch' in sites.edge.routes[0]; did you mean "
        "'match'?\n"
        "9:49: error: '/api*': '*' may only end a path, as in /a/*; for more write '~ ' "
        "and a regular expression\n"
        "9:62: error: no backend 'ap'; did you mean 'api'?\n"
        "10:31: error: '^/a(': missing closing parenthesis\n"
        "10:55: error: '99' is not a number from 200 to 599\n"
        "12:20: error: '10.0.0.1': the port is missing (write 127.0.0.1:9000, [::1]:9000, "
        "app.internal:9000 or unix:/path)\n"
        "12:30: error: '10.0.0.2:x': the port is not a number (write 127.0.0.1:9000, "
        "[::1]:9000, app.internal:9000 or unix:/path)\n"
        "12:52: error: 'maglevv' is none of round_robin, random, "
        "least_requests, power_of_two, peak_ewma, maglev, ring_hash, rendezvous; did you mean "
        "'maglev'?\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unreachable_routes_are_warned_of),
        cmocka_unit_test(reachable_routes_are_not),
        cmocka_unit_test(many_routes_are_checked),
        cmocka_unit_test(unused_parts_are_warned_of),
        cmocka_unit_test(servers_that_get_nothing_are_warned_of),
        cmocka_unit_test(unknown_users_are_warned_of),
        cmocka_unit_test(misspelt_keys_get_a_suggestion),
        cmocka_unit_test(keys_of_other_proxies_get_a_hint),
        cmocka_unit_test(all_mistakes_are_said_in_one_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
