/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files with servers: lines, YAML, JSON, and what is wrong with them. */
#include "core/config/servers_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/check.h"

static struct servers_text *read_text(const char *text, struct config_report *r)
{
    config_report_init(r);
    return servers_text_read("servers", str_of(text), r);
}

static void expect_good(const char *text, uint32_t count)
{
    struct config_report r;
    struct servers_text *t = read_text(text, &r);
    if (!t)
        config_report_print(&r, stderr, false);
    assert_non_null(t);
    assert_int_equal(t->servers_count, count);
    servers_text_free(t);
    config_report_free(&r);
}

static void expect_bad(const char *text, uint32_t line, const char *why)
{
    struct config_report r;
    struct servers_text *t = read_text(text, &r);
    assert_null(t);
    assert_true(r.messages_count > 0);
    if (line)
        assert_int_equal(r.messages[0].line, line);
    if (!strstr(r.messages[0].text, why))
        fail_msg("'%s' is not in '%s'", why, r.messages[0].text);
    config_report_free(&r);
}

static void servers_stand_on_lines(void **state)
{
    (void)state;
    struct config_report r;
    struct servers_text *t = read_text("# comment\n\n10.0.0.1:9000\r\n"
                                       "  app.internal:9000\tweight=3 backup=true # and more\n"
                                       "srv:_http._tcp.internal name=x",
                                       &r);
    assert_non_null(t);
    assert_int_equal(t->servers_count, 3);
    assert_string_equal(t->servers[0].name, "10.0.0.1:9000");
    assert_int_equal(t->servers[0].weight, 1);
    assert_int_equal(t->servers[1].kind, SERVER_NAME);
    assert_int_equal(t->servers[1].weight, 3);
    assert_true(t->servers[1].backup);
    assert_int_equal(t->servers[2].kind, SERVER_SERVICE);
    assert_string_equal(t->servers[2].name, "x");
    servers_text_free(t);
    config_report_free(&r);
}

static void servers_are_a_list(void **state)
{
    (void)state;
    expect_good("[]", 0);
    expect_good("# none\n[]\n", 0);
    expect_good("- 10.0.0.1:9000\n- { address: 10.0.0.2:9000, weight: 2 }\n", 2);
    expect_good("[\"10.0.0.1:9000\", {\"address\": \"10.0.0.2:9000\", \"weight\": 2}]", 2);
    expect_good("[\n  \"10.0.0.1:9000\"\n]", 1);
}

static void mistakes_have_their_place(void **state)
{
    (void)state;
    expect_bad("", 0, "empty");
    expect_bad("# nothing\n\n", 0, "empty");
    expect_bad("10.0.0.1:9000\n10.0.0.2\n", 2, "the port is missing");
    expect_bad("10.0.0.1:9000 weight=many\n", 1, "'many'");
    expect_bad("10.0.0.1:9000 weigth=2\n", 1, "weigth");
    expect_bad("10.0.0.1:9000 weight\n", 1, "weight=2");
    expect_bad("10.0.0.1:9000 weight=1 weight=2\n", 1, "duplicate");
    expect_bad("[\"10.0.0.1:9000\"", 0, "YAML");
    expect_bad("{ address: 10.0.0.1:9000 }", 1, "a list of servers");
    expect_bad("[\"${HOME}\"]", 1, "HOME");
    struct config_report r;
    config_report_init(&r);
    assert_null(servers_text_read("servers", (struct str){ "10.0.0.1:1\0\n", 12 }, &r));
    config_report_free(&r);
}

static void there_are_bounds(void **state)
{
    (void)state;
    char *text = calloc(1, 300 * 32);
    size_t n = 0;
    for (unsigned i = 0; i < SERVERS_MAX; i++)
        n += (size_t)sprintf(text + n, "10.0.%u.%u:9000\n", i / 250, i % 250);
    expect_good(text, SERVERS_MAX);
    strcpy(text + n, "10.1.0.0:1\n");
    expect_bad(text, 0, "at most 256");
    free(text);
    expect_bad("[&a [&b [*a, *a], *b], *a]", 0, ""); /* no bomb goes off */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_stand_on_lines),
        cmocka_unit_test(servers_are_a_list),
        cmocka_unit_test(mistakes_have_their_place),
        cmocka_unit_test(there_are_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
