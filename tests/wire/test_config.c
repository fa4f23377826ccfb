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
        TEST(every_command_has_help),
        TEST(help_explains_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
