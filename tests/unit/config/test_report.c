/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How messages look: place, source line, caret; as JSON; never more than a terminal can bear. */
#include <stdlib.h>

#include "core/config/suggest.h"
#include "tests/unit/config/config_test.h"

/* What printing gives. */
struct printed {
    char text[64 * 1024];
};

static const char *print_into(struct printed *p, const struct config_report *r, bool json,
                              bool colour)
{
    p->text[0] = '\0'; /* in case nothing is written */
    FILE *f = fmemopen(p->text, sizeof p->text, "w");
    assert_non_null(f);
    if (json)
        config_report_print_json(r, f);
    else
        config_report_print(r, f, colour);
    assert_int_equal(fclose(f), 0);
    return p->text;
}

static void expect_printed(const char *text, const char *expected)
{
    struct loaded *l = load_text(text);
    struct printed p;
    const char *actual = print_into(&p, &l->report, false, false);
    if (strcmp(actual, expected) != 0)
        fail_with(text, expected, actual);
    unload(l);
}

static void a_message_shows_its_line_and_a_caret(void **state)
{
    (void)state;
    expect_printed(
        "listeners: { l: { bind: \":80\", site: edge } }\n"
        "sites:\n  edge:\n    routes:\n"
        "    - { maatch: { host: a.example.com }, to: b }\n" REST_BACKENDS,
        "test.yaml:5:9: error: unknown key 'maatch' in sites.edge.routes[0]; did you mean "
        "'match'?\n"
        "      - { maatch: { host: a.example.com }, to: b }\n"
        "          ^~~~~~\n"
        "1 error, 0 warnings\n");
    expect_printed("logs: { a: { to: stdout } }\n" REST_LISTENERS REST_SITES REST_BACKENDS,
                   "test.yaml:1:9: warning: log 'a' is not used\n"
                   "  logs: { a: { to: stdout } }\n"
                   "          ^\n"
                   "0 errors, 1 warning\n");
    expect_printed(REST_LISTENERS REST_SITES REST_BACKENDS, "");
}

static void columns_are_characters(void **state)
{
    (void)state;
    expect_printed(IN_TOP("{ }: \"\xc3\xbc\xc3\xbc\""),
                   "test.yaml:2:1: error: a key must be text, not a map\n"
                   "  { }: \"\xc3\xbc\xc3\xbc\"\n"
                   "  ^\n"
                   "1 error, 0 warnings\n");
    expect_printed(IN_ROUTE("name: \"\xc3\xbc\xc3\xbc\", to: c"),
                   "test.yaml:2:7: error: '\xc3\xbc\xc3\xbc' is no name: 1 to 64 letters, digits, "
                   "'_', '-' and '.', and not 'off'\n"
                   "  name: \"\xc3\xbc\xc3\xbc\", to: c\n"
                   "        ^~~~\n"
                   "test.yaml:2:17: error: no backend 'c'\n"
                   "  name: \"\xc3\xbc\xc3\xbc\", to: c\n"
                   "                  ^\n"
                   "2 errors, 0 warnings\n");
}

static void long_lines_are_shown_around_their_place(void **state)
{
    (void)state;
    char line[600], text[1200];
    memset(line, ' ', sizeof line);
    memcpy(line + 300, "workers: 0", 10);
    memset(line + 311, '#', 200);
    line[511] = '\0';
    snprintf(text, sizeof text, "{\n%s\n}\n", line);
    struct loaded *l = load_text(text);
    const struct config_message *m = NULL;
    for (uint32_t i = 0; i < l->report.messages_count; i++)
        if (l->report.messages[i].line == 2)
            m = &l->report.messages[i];
    assert_non_null(m);
    assert_int_equal(m->column, 310);
    assert_int_equal(strlen(m->source_line), 120);
    struct printed p;
    const char *out = print_into(&p, &l->report, false, false);
    const char *shown = strstr(out, "workers: 0");
    assert_non_null(shown);
    const char *begin = shown, *next = strchr(shown, '\n') + 1;
    while (begin[-1] != '\n')
        begin--;
    const char *caret = strchr(next, '^');
    assert_non_null(caret);
    assert_int_equal(caret - next, shown - begin + 9);
    unload(l);
}

static void terminals_get_nothing_to_obey(void **state)
{
    (void)state;
    /* ESC cannot stand in YAML as it is, but in quotes by its code, and in other files. */
    struct loaded *l = load_text(IN_TOP("user: \"a\\e[2Jb\\x9b\"\nworkers: \"\\e\""));
    struct printed p;
    const char *out = print_into(&p, &l->report, false, false);
    assert_null(strchr(out, '\033'));
    assert_null(strstr(out, "\xc2\x9b"));
    assert_non_null(strstr(out, "'a?[2Jb?' holds a control character (0x1b)"));
    unload(l);
    char value[500];
    memset(value, 'x', sizeof value);
    struct quoted q = quote((struct str){ value, sizeof value });
    assert_int_equal(strlen(q.text), 87);
    assert_string_equal(q.text + 82, "xx...");
    q = quote(STR("ab\xff\tc\xc3"));
    assert_string_equal(q.text, "ab? c?");
}

static void colour_is_for_terminals_only(void **state)
{
    (void)state;
    struct loaded *l = load_text(IN_TOP("workers: 0"));
    struct printed p;
    const char *out = print_into(&p, &l->report, false, false);
    assert_null(strchr(out, '\033'));
    out = print_into(&p, &l->report, false, true);
    assert_non_null(strstr(out, "\033[1;31merror:\033[0m '0' is"));
    assert_non_null(strstr(out, "\033[1;32m^\033[0m"));
    unload(l);
}

static void programs_get_json(void **state)
{
    (void)state;
    struct loaded *l = load_text(IN_TOP("user: \"a\\\"\\\\\\n\"\nqq: 1"));
    struct printed p;
    const char *out = print_into(&p, &l->report, true, false);
    assert_string_equal(out,
                        "{\"ok\":false,\"errors\":2,\"warnings\":0,\"messages\":["
                        "{\"severity\":\"error\",\"file\":\"test.yaml\",\"line\":2,\"column\":7,"
                        "\"message\":\"'a\\\"\\\\?' holds a control character (0x0a)\"},"
                        "{\"severity\":\"error\",\"file\":\"test.yaml\",\"line\":3,\"column\":1,"
                        "\"message\":\"unknown key 'qq'\"}]}\n");
    unload(l);
    l = load_good(REST_LISTENERS REST_SITES REST_BACKENDS);
    out = print_into(&p, &l->report, true, false);
    assert_string_equal(out, "{\"ok\":true,\"errors\":0,\"warnings\":0,\"messages\":[]}\n");
    unload(l);
    const struct config_input in = { .path = "/nowhere" };
    l = load_input(&in);
    out = print_into(&p, &l->report, true, false);
    assert_string_equal(out,
                        "{\"ok\":false,\"errors\":1,\"warnings\":0,\"messages\":["
                        "{\"severity\":\"error\",\"message\":\"cannot read '/nowhere': No such "
                        "file or directory\"}]}\n");
    unload(l);
}

static void what_is_not_shown_is_counted(void **state)
{
    (void)state;
    char text[300 * 12], *at = text;
    for (int i = 0; i < 300; i++)
        at += sprintf(at, "k%d: 1\n", i);
    struct loaded *l = load_text(text);
    struct printed p;
    const char *out = print_into(&p, &l->report, false, false);
    const char *last = strstr(out, "301 errors");
    assert_non_null(last);
    assert_string_equal(last, "301 errors, 0 warnings; 101 of them are not shown\n");
    unload(l);
}

static void running_out_of_memory_is_printed(void **state)
{
    (void)state;
    const struct config_input in = { .path = "t", .text = STR("a: b\n"), .memory_max = 1 };
    struct loaded *l = load_input(&in);
    struct printed p;
    const char *out = print_into(&p, &l->report, false, false);
    assert_string_equal(out, "sluice: error: out of memory while reading the configuration\n"
                             "1 error, 0 warnings\n");
    out = print_into(&p, &l->report, true, false);
    assert_string_equal(out,
                        "{\"ok\":false,\"errors\":1,\"warnings\":0,\"messages\":[{\"severity\":"
                        "\"error\",\"message\":\"out of memory\"}]}\n");
    unload(l);
}

static void distances_are_those_of_typing_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        uint32_t max, distance;
    } cases[] = {
        { "match", "match", 3, 0 },   { "match", "maatch", 3, 1 }, { "match", "mtach", 3, 1 },
        { "match", "mach", 3, 1 },    { "match", "batch", 3, 1 },  { "match", "hatcm", 3, 2 },
        { "", "abc", 3, 3 },          { "abc", "xyz", 2, 3 },      { "a", "abcdef", 2, 3 },
        { "routes", "orutse", 3, 2 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str a = str_of(cases[i].a), b = str_of(cases[i].b);
        assert_int_equal(edit_distance(a, b, cases[i].max), cases[i].distance);
        assert_int_equal(edit_distance(b, a, cases[i].max), cases[i].distance);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_shows_its_line_and_a_caret),
        cmocka_unit_test(columns_are_characters),
        cmocka_unit_test(long_lines_are_shown_around_their_place),
        cmocka_unit_test(terminals_get_nothing_to_obey),
        cmocka_unit_test(colour_is_for_terminals_only),
        cmocka_unit_test(programs_get_json),
        cmocka_unit_test(what_is_not_shown_is_counted),
        cmocka_unit_test(running_out_of_memory_is_printed),
        cmocka_unit_test(distances_are_those_of_typing_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
