/* SPDX-License-Identifier: GPL-3.0-or-later */
/* YAML itself: what is malformed is said with a hint, and what is made to hurt is refused in
 * bounded time and memory. */
#include <stdlib.h>
#include <time.h>

#include "core/config/tree.h"
#include "tests/unit/config/config_test.h"

static void malformed_yaml_is_explained(void **state)
{
    (void)state;
    static const struct {
        const char *text, *messages;
    } cases[] = {
        { "a: 1\n b: 2\n",
          "2:3: error: YAML: mapping values are not allowed in this context; quote "
          "a value that holds ': ', or look at the indentation\n" },
        { "host: *.example.com\n",
          "1:8: error: YAML: did not find expected alphabetic or numeric character, while scanning "
          "an alias; a value that begins with '*' must be quoted, as in \"*.example.com\"\n" },
        { "host: *star\n", "1:7: error: no anchor '&star' for this alias; a value that begins with "
                           "'*' must be quoted\n" },
        { "a: &.b\n", "1:5: error: YAML: did not find expected alphabetic or numeric character, "
                      "while scanning an anchor; a value that begins with '&' must be quoted\n" },
        { "a: @x\n",
          "1:4: error: YAML: found character that cannot start any token, while scanning "
          "for the next token; a value that begins with this character must be quoted\n" },
        { "a:\n\tb: 1\n", "2:1: error: YAML: found character that cannot start any token, while "
                          "scanning for the next token; indent with spaces, not with tabs\n" },
        { "a: { b: [1, 2 }\n",
          "1:15: error: YAML: did not find expected ',' or ']', while parsing a "
          "flow sequence; between braces, quote values that hold one of , : { } "
          "[ ]\n" },
        { "a:\n  - b\n c: d\n",
          "3:2: error: YAML: did not find expected key, while parsing a block "
          "mapping that begins in line 1; look at the indentation\n" },
        { "a: \"b\n", "2:1: error: YAML: found unexpected end of stream, while scanning a quoted "
                      "scalar that begins in line 1\n" },
        { "a: !!binary x\n",
          "1:4: error: tags ('tag:yaml.org,2002:binary') are not used here; quote "
          "a value that begins with '!'\n" },
        { "<<: { a: 1 }\n", "1:1: error: merge keys ('<<') are not read; write the keys out, or "
                            "share them by `defaults`\n" },
        { "[a]: b\n", "1:1: error: a key must be text, not a list\n" },
        { "---\na: 1\n---\nb: 1\n",
          "3:1: error: a second document begins here; a file holds one\n" },
        { "a: \"\\0\"\n", "1:4: error: a value must not hold a NUL\n" },
        { "a: b\nc: \xff\n", "2:4: error: not UTF-8 text: invalid leading UTF-8 octet (0xff)\n" },
        { "- a\n", "1:1: error: a configuration is a map ('listeners: ...'), not a list\n" },
        { "", "1:1: error: a configuration is a map ('listeners: ...'), not nothing\n" },
        { "just text\n", "1:1: error: a configuration is a map ('listeners: ...'), not text\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_messages(cases[i].text, cases[i].messages);
}

static void keys_that_stand_twice_are_errors(void **state)
{
    (void)state;
    expect_messages(IN_TOP("workers: 1\nuser: root\nworkers: 2\nworkers: 3"),
                    "4:1: error: duplicate key 'workers'; it stands already in line 2\n"
                    "5:1: error: duplicate key 'workers'; it stands already in line 2\n");
    expect_messages(
        IN_ROUTE("to: b, \"to\": b"),
        "2:8: error: duplicate key 'to' in sites.s.routes[0]; it stands already in line "
        "2\n");
    expect_messages("backends: { b: { servers: \"10.0.0.1:1\" },\n b: { servers: \"10.0.0.1:1\" } "
                    "}\n" REST_LISTENERS REST_SITES,
                    "2:2: error: duplicate key 'b' in backends; it stands already in line 1\n");
}

static void aliases_repeat_values(void **state)
{
    (void)state;
    struct loaded *l = load_good(
        REST_LISTENERS
        "sites: { s: { routes: [ { match: { path: /x }, to: a, timeouts: &t { stall: 7s } },"
        " { to: b, timeouts: *t } ] } }\n"
        "backends: { a: &b { servers: \"10.0.0.1:1\" }, b: *b }\n");
    const struct route_config *routes = l->config->sites[0].routes;
    assert_int_equal(routes[0].handling.timeouts.stall_ms, 7000);
    assert_int_equal(routes[1].handling.timeouts.stall_ms, 7000);
    assert_string_equal(l->config->backends[1].servers[0].name, "10.0.0.1:1");
    unload(l);
}

/* ---- Bounds --------------------------------------------------------------------------------- */

static char *repeat(const char *piece, size_t bytes)
{
    size_t n = strlen(piece);
    char *text = malloc(bytes + n + 1);
    assert_non_null(text);
    size_t at = 0;
    for (; at < bytes; at += n)
        memcpy(text + at, piece, n);
    text[at] = '\0';
    return text;
}

static void expect_refused(const char *text, const char *message)
{
    struct loaded *l = load_text(text);
    assert_null(l->config);
    assert_true(l->report.messages_count >= 1);
    assert_string_equal(l->report.messages[0].text, message);
    unload(l);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *piece, *message;
    } cases[] = {
        { "[", "nested deeper than 32 levels" },        { "- ", "nested deeper than 32 levels" },
        { "{a: ", "nested deeper than 32 levels" },     { "[[a,", "nested deeper than 32 levels" },
        { "{", "a key must be text, not a map" },       { "? ", "a key must be text, not a map" },
        { "[a, {b: ", "nested deeper than 32 levels" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = repeat(cases[i].piece, 4 << 20);
        expect_refused(text, cases[i].message);
        free(text);
    }
    char indented[40 * 45], *at = indented;
    for (int depth = 0; depth < 40; depth++)
        at += sprintf(at, "%*sa:\n", depth, "");
    expect_refused(indented, "nested deeper than 32 levels");
}

static void large_files_are_refused(void **state)
{
    (void)state;
    char *text = repeat("# a comment\n", 10 << 20);
    expect_refused(text, "'test.yaml': the configuration is larger than 8 MiB");
    free(text);
    text = repeat("- a\n", 7 << 20);
    expect_refused(text, "more than 1000000 values, counting what aliases repeat: too much for a "
                         "configuration");
    free(text);
}

static void alias_bombs_are_refused(void **state)
{
    (void)state;
    char bomb[4096], *at = bomb;
    at += sprintf(at, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        at += sprintf(at, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            at += sprintf(at, "%s*a%d", k ? ", " : "", i - 1);
        at += sprintf(at, "]\n");
    }
    expect_refused(bomb, "more than 1000000 values, counting what aliases repeat: too much for a "
                         "configuration");
    expect_refused("a: &a [b, *a]\n", "'*a' stands inside itself");
    char many[300 * 16];
    at = many;
    for (int i = 0; i < 257; i++)
        at += sprintf(at, "k%d: &a%d x\n", i, i);
    expect_refused(many, "more than 256 anchors");
}

/* Many mistakes: the first are said, all are counted, and it takes no time. */
static void many_mistakes_are_counted(void **state)
{
    (void)state;
    char *text = malloc(100000 * 16), *at = text;
    assert_non_null(text);
    for (int i = 0; i < 100000; i++)
        at += sprintf(at, "key%d: 1\n", i);
    struct loaded *l = load_text(text);
    assert_null(l->config);
    assert_int_equal(l->report.messages_count, CONFIG_MESSAGES_MAX);
    assert_int_equal(l->report.errors_count, 100000 + 1); /* and what is missing */
    unload(l);
    free(text);
}

/* Whatever allocation fails, there is a message and no configuration, and nothing is lost. */
static void running_out_of_memory_is_an_error(void **state)
{
    (void)state;
    const char *text =
        IN_ROUTE("match: { path: \"~ ^/(a)\", host: [x.example, y.example] }, to: b, "
                 "rewrite: /$1, request_headers: { set: { A: $host } }, deny: \"::1\"");
    uint32_t failures = 0;
    for (size_t max = 0;; max += 1000) {
        const struct config_input in = { .path = "test.yaml",
                                         .text = str_of(text),
                                         .memory_max = max ? max : 1 };
        struct loaded *l = load_input(&in);
        bool loaded = l->config != NULL;
        if (!loaded) {
            char messages[4096];
            messages_of(&l->report, messages, sizeof messages);
            assert_string_equal(messages, "");
            assert_true(l->report.out_of_memory);
            assert_int_equal(l->report.errors_count, 1);
            failures++;
        }
        unload(l);
        if (loaded)
            break;
    }
    assert_true(failures > 5);
}

/* ---- The environment ------------------------------------------------------------------------ */

static void the_environment_stands_for_values(void **state)
{
    (void)state;
    struct loaded *l =
        load_good("workers: ${WORKERS}\n"
                  "listeners: { l: { bind: \"127.0.0.1:${PORT}\", site: s } }\n"
                  "sites: { s: { routes: [ { match: { host: \"www.${HOST_NAME}\" }, to: b },\n"
                  "  { respond: { body: '$${PORT}${EMPTY}|${ODD}|$$' } } ] } }\n" REST_BACKENDS);
    assert_int_equal(l->config->workers, 4);
    assert_string_equal(l->config->binds[0].text, "127.0.0.1:8080");
    const struct route_config *routes = l->config->sites[0].routes;
    assert_true(str_eq(routes[0].match.hosts[0].text, STR("www.example.com")));
    char body[64] = "";
    const struct template *t = &routes[1].respond.body;
    for (uint32_t i = 0; i < t->parts_count; i++)
        strncat(body, t->parts[i].text.ptr, t->parts[i].text.len);
    assert_string_equal(body, "${PORT}|${PORT}|$");
    unload(l);
}

static void missing_variables_are_errors(void **state)
{
    (void)state;
    expect_messages(IN_TOP("user: ${NOBODY}-x"), "2:7: error: the environment has no 'NOBODY'\n");
    expect_messages(IN_TOP("user: ${}"),
                    "2:7: error: '${}' is not ${NAME}; write '$${' for the characters '${'\n");
    expect_messages(IN_TOP("user: ${A-B}"),
                    "2:7: error: '${A-' is not ${NAME}; write '$${' for the characters '${'\n");
    expect_messages(IN_TOP("user: ${PORT"),
                    "2:7: error: '${PORT' is not ${NAME}; write '$${' for the characters '${'\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_yaml_is_explained),
        cmocka_unit_test(keys_that_stand_twice_are_errors),
        cmocka_unit_test(aliases_repeat_values),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(large_files_are_refused),
        cmocka_unit_test(alias_bombs_are_refused),
        cmocka_unit_test(many_mistakes_are_counted),
        cmocka_unit_test(running_out_of_memory_is_an_error),
        cmocka_unit_test(the_environment_stands_for_values),
        cmocka_unit_test(missing_variables_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
