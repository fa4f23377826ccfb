/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs around a configuration: check, run, help, schema. */
#include <stdio.h>
#include <string.h>

#include "tests/wire/wire.h"

#define GOOD                                                                                       \
    "listeners: { l: { bind: \"127.0.0.1:0\", site: s } }\n"                                       \
    "sites: { s: { routes: [ { match: { path: /ping }, respond: { body: pong } }, { to: b } ] } "  \
    "}\n"                                                                                          \
    "backends: { b: { servers: 127.0.0.1:1 } }\n"

#define BAD                                                                                        \
    "listeners: { l: { bind: 80, site: t } }\n"                                                    \
    "sites: { s: { routes: [ { maatch: { path: /ping }, to: c } ] } }\n"                           \
    "backends: { b: { servers: 127.0.0.1 } }\n"

static void contains(struct wire *w, const char *text, const char *part)
{
    if (!strstr(text, part))
        wire_fail(w, "'%s' is not in:\n%s", part, text);
}

/* A file of the test's own. */
static const char *file_with(struct wire *w, const char *text)
{
    const char *path = wire_path(w, "sluice.yaml");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    return path;
}

static void check_of_a_good_file_counts_what_is_in_it(struct wire *w)
{
    const char *path = file_with(w, GOOD);
    struct outcome o = sluice_run(w, "check -c %s", path);
    assert_int_equal(o.code, 0);
    assert_string_equal(o.err, "");
    contains(w, o.out, "is valid: 1 listener, 1 site, 2 routes, 1 backend, 1 server\n");
    o = sluice_run(w, "check --config=%s --format=json", path);
    assert_int_equal(o.code, 0);
    assert_string_equal(o.out, "{\"ok\":true,\"errors\":0,\"warnings\":0,\"messages\":[]}\n");
    assert_string_equal(o.err, "");
}

static void check_of_a_bad_file_says_all_mistakes_and_ends_with_78(struct wire *w)
{
    const char *path = file_with(w, BAD);
    struct outcome o = sluice_run(w, "check -c %s", path);
    assert_int_equal(o.code, 78);
    assert_string_equal(o.out, "");
    static const char *const said[] = {
        ":1:25: error: '80' is no address",       ":1:35: error: no site 't'",
        ":2:27: error: unknown key 'maatch'",     ":2:56: error: no backend 'c'",
        ":3:27: error: '127.0.0.1': the port",    "5 errors, 0 warnings\n",
        "; did you mean 'match'?\n  sites: { s:", "\n                            ^~~~~~\n",
    };
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        contains(w, o.err, said[i]);
    if (strchr(o.err, '\033'))
        wire_fail(w, "colour, though this is no terminal");
    o = sluice_run(w, "check -c %s --format json", path);
    assert_int_equal(o.code, 78);
    assert_string_equal(o.err, "");
    contains(w, o.out, "{\"ok\":false,\"errors\":5,");
}

static void run_of_a_bad_file_ends_with_78(struct wire *w)
{
    struct outcome o = sluice_run(w, "run -c %s", file_with(w, BAD));
    assert_int_equal(o.code, 78);
    contains(w, o.err, "5 errors");
    o = sluice_run(w, "run -c %s.not-there", file_with(w, GOOD));
    assert_int_equal(o.code, 78);
    contains(w, o.err, "No such file or directory");
}

static void bad_arguments_end_with_2_and_their_usage(struct wire *w)
{
    static const struct {
        const char *arguments, *usage;
    } cases[] = {
        { "check -c", "usage: sluice check" },
        { "check stray", "usage: sluice check" },
        { "check --format xml", "usage: sluice check" },
        { "run --format json", "usage: sluice run" },
        { "help a b", "usage: sluice help" },
        { "schema please", "usage: sluice schema" },
        { "help nothing-like-it", "sluice help: no key 'nothing-like-it'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome o = sluice_run(w, "%s", cases[i].arguments);
        assert_int_equal(o.code, 2);
        assert_string_equal(o.out, "");
        contains(w, o.err, cases[i].usage);
    }
}

/* `sluice route`: the answer to a request, without serving it. */
#define ROUTED                                                                                     \
    "listeners: { a: { bind: \":80\", site: s }, b: { bind: \":81\", site: s } }\n"                \
    "sites:\n"                                                                                     \
    "  s:\n"                                                                                       \
    "    maintenance: { enabled: true, except: 10.0.0.0/8 }\n"                                     \
    "    hide: Server\n"                                                                           \
    "    routes:\n"                                                                                \
    "      - { match: { path: /moved }, redirect: \"/new$search\" }\n"                             \
    "      - { name: staff, match: { path: \"/staff/*\" }, allow: 10.1.0.0/16, to: app }\n"        \
    "      - { match: { method: GET, headers: { x-a: \"1\" } }, methods: HEAD, to: app }\n"        \
    "      - { name: limited, rate_limit: 30/m, max_body: 2MiB, strip_prefix: /v1, to: [app, "     \
    "other],\n"                                                                                    \
    "          match: { host: h }, external_auth: { to: other } }\n"                               \
    "backends: { app: { servers: [\"10.0.0.1:1\", \"10.0.0.2:1\"] }, other: { servers: "           \
    "\"10.0.0.3:1\" } }\n"

static void route_says_what_would_become_of_a_request(struct wire *w)
{
    static const struct {
        const char *arguments, *says[8];
    } cases[] = {
        { "GET http://h/", { "a, b, site s\n", "answered   503", "(maintenance)" } },
        { "--from 10.0.0.1 GET http://h/moved?x=1",
          { "  routes[0]            matches", "redirect, status 308", "location   /new?x=1" } },
        { "--from 10.0.0.1 GET http://h/staff/",
          { "another path", "staff", "answered   403: not allowed", "(access_denied)" } },
        { "--from 10.1.0.1 GET http://h/staff/", { "backend    app (2 servers)" } },
        { "--from 10.0.0.1 GET http://h/ -H X-A:1", { "answered   405" } },
        { "--from 10.0.0.1 POST http://h/v1/x?y",
          { "another method", "limit      30/m by client, 30 at once", "limit      a body of 2MiB",
            "asks       backend other first", "backend    app (weight 1, 2 servers)",
            "backend    other (weight 1, 1 server)", "path       /x?y", "response   - Server" } },
        { "--from 10.0.0.1 GET http://other/", { "another host", "answered   404" } },
    };
    const char *file = file_with(w, ROUTED);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome o = sluice_run(w, "route -c %s %s", file, cases[i].arguments);
        assert_int_equal(o.code, 0);
        assert_string_equal(o.err, "");
        for (size_t k = 0; k < 8 && cases[i].says[k]; k++)
            contains(w, o.out, cases[i].says[k]);
    }
    assert_int_equal(sluice_run(w, "route -c %s GET", file).code, 2);
    assert_int_equal(sluice_run(w, "route -c %s GET / extra", file).code, 2);
    assert_int_equal(sluice_run(w, "route -c %s --from nowhere GET /", file).code, 2);
    assert_int_equal(sluice_run(w, "route -c %s GET http://h/ -H X[]:1", file).code, 2);
    assert_int_equal(sluice_run(w, "route -c %s.not-there GET /", file).code, 78);
}

static void every_command_has_help(struct wire *w)
{
    static const char *const commands[] = { "proxy", "run",  "check",  "reload",
                                            "route", "help", "schema", "version" };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct outcome o = sluice_run(w, "%s --help", commands[i]);
        assert_int_equal(o.code, 0);
        assert_string_equal(o.err, "");
        contains(w, o.out, wire_text(w, "usage: sluice %s", commands[i]));
        const char *direct = o.out;
        o = sluice_run(w, "help %s", commands[i]);
        assert_string_equal(o.out, direct);
    }
}

static void help_explains_keys(struct wire *w)
{
    struct outcome o = sluice_run(w, "help timeouts.connect");
    assert_int_equal(o.code, 0);
    contains(w, o.out, "sites.NAME.routes[].timeouts.connect\n");
    contains(w, o.out, "Default: 2s\n");
    o = sluice_run(w, "help connect_refused");
    assert_int_equal(o.code, 0);
    contains(w, o.out, "Answered:  502");
    o = sluice_run(w, "help keys");
    assert_int_equal(o.code, 0);
    contains(w, o.out, "backends.NAME.balance.policy");
    o = sluice_run(w, "schema");
    assert_int_equal(o.code, 0);
    contains(w, o.out, "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\"");
    o = sluice_run(w, "check --help");
    assert_int_equal(o.code, 0);
    contains(w, o.out, "sluice check [-c FILE]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(check_of_a_good_file_counts_what_is_in_it),
        TEST(check_of_a_bad_file_says_all_mistakes_and_ends_with_78),
        TEST(run_of_a_bad_file_ends_with_78),
        TEST(bad_arguments_end_with_2_and_their_usage),
        TEST(route_says_what_would_become_of_a_request),
        TEST(every_command_has_help),
        TEST(help_explains_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
