/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/observe/config_text.h"

static char *printed(const char *text)
{
    struct config_source source = { "a.yaml", str_of(text) };
    const struct config c = { .sources = &source, .sources_count = 1 };
    char *out = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&out, &bytes);
    assert_true(config_text_print(&c, to));
    fclose(to);
    assert_memory_equal(out, "# a.yaml\n", 9);
    return out;
}

static void secrets_are_removed_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        { "a: b # c\n\nd: [e]\n", "a: b # c\n\nd: [e]\n" },
        { "no end of line", "no end of line\n" },
        { "Authorization: hid\nb: c\n", "Authorization: REMOVED\nb: c\n" },
        { "set: { authorization: \"hid, den\", X-A: b }\n",
          "set: { authorization: REMOVED, X-A: b }\n" },
        { "set: { 'X-Api-Key': hid, \"My-Secret\" : 'hi''d' }\n", NULL },
        { "password: hid # why\n", "password: REMOVED # why\n" },
        { "password: ${PASSWORD}\n", "password: ${PASSWORD}\n" },
        { "password: \"${PASSWORD}\"\n", "password: \"${PASSWORD}\"\n" },
        { "x:\n  token: |\n    hid\n    hid\n  next: 1\n", NULL },
        { "x:\n  token:\n    - hid\n  next: 1\n", NULL },
        { "token: \"hid\n  hid\"\nnext: 1\n", NULL },
        { "token: { a: hid,\n  b: hid }\nnext: 1\n", NULL },
        { "users: { eve: $2y$05$hidhidhidhid, bob: $6$salt$hid }\nnext: 1\n", NULL },
        { "users: [\"eve:$5$hid$hid\"]\nnext: 1\n", NULL },
        { "to: http://shop.example.com$uri$host$scheme\n",
          "to: http://shop.example.com$uri$host$scheme\n" },
        { "cookie: hid\ncookie_path: shown\n", "cookie: REMOVED\ncookie_path: shown\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *got = printed(cases[i].text);
        if (cases[i].shown)
            assert_string_equal(got + 9, cases[i].shown);
        assert_null(strstr(got, "hid"));
        if (strstr(cases[i].text, "hid"))
            assert_non_null(strstr(got, "REMOVED"));
        if (strstr(cases[i].text, "next: 1"))
            assert_non_null(strstr(got, "next: 1\n"));
        free(got);
    }
}

static void what_the_command_line_made_has_no_text(void **state)
{
    (void)state;
    const struct config c = { .sources_count = 0 };
    assert_false(config_text_print(&c, stdout));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_removed_and_nothing_else),
        cmocka_unit_test(what_the_command_line_made_has_no_text),
    };
    return cmocka_run_group_tests_name("observe/config_text", tests, NULL, NULL);
}
