/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/rng.h"
#include "core/base/suffix_set.h"

struct made {
    struct suffix_set set;
    void *memory;
};

static struct made make(const char *const *names, size_t count)
{
    struct suffix_builder b = { 0 };
    struct made m;
    for (size_t i = 0; i < count; i++) {
        const char *why = NULL;
        if (!suffix_builder_add(&b, str_of(names[i]), &why))
            fail_msg("'%s': %s", names[i], why);
    }
    m.memory = malloc(suffix_builder_seal(&b) + 1);
    suffix_builder_write(&b, m.memory, &m.set);
    suffix_builder_free(&b);
    return m;
}

static bool has(const struct made *m, const char *name)
{
    return suffix_set_has(&m->set, str_of(name), NULL);
}

static void a_name_holds_itself_and_what_is_below_it(void **state)
{
    (void)state;
    static const char *const names[] = { "Example.COM", ".example.net", "a.b.test.", "x-y.org" };
    struct made m = make(names, ARRAY_LEN(names));
    assert_true(has(&m, "example.com"));
    assert_true(has(&m, "www.example.com"));
    assert_true(has(&m, "a.b.c.example.com"));
    assert_true(has(&m, "example.net"));
    assert_true(has(&m, "c.a.b.test"));
    assert_false(has(&m, "badexample.com"));
    assert_false(has(&m, "example.com.evil.org"));
    assert_false(has(&m, "com"));
    assert_false(has(&m, "b.test"));
    assert_false(has(&m, "y.org"));
    assert_false(has(&m, "z.x"));
    assert_false(has(&m, ""));
    free(m.memory);
}

static void an_empty_set_holds_nothing(void **state)
{
    (void)state;
    struct suffix_set none = { 0 };
    assert_false(suffix_set_has(&none, STR("example.com"), NULL));
    struct made m = make(NULL, 0);
    assert_false(has(&m, "example.com"));
    free(m.memory);
}

static void names_below_others_take_no_room(void **state)
{
    (void)state;
    static const char *const names[] = { "a.example.com", "example.com", "b.a.example.com",
                                         "example.com", "aexample.com" };
    struct made m = make(names, ARRAY_LEN(names));
    assert_int_equal(m.set.names_count, 2);
    assert_true(has(&m, "b.a.example.com"));
    assert_true(has(&m, "aexample.com"));
    free(m.memory);
}

static void who_holds_it_is_told_by_its_length(void **state)
{
    (void)state;
    static const char *const names[] = { "0.1", "127.0.0.1" };
    struct made m = make(names, ARRAY_LEN(names));
    size_t len = 0;
    assert_true(suffix_set_has(&m.set, STR("127.0.0.1"), &len));
    assert_int_equal(len, 3); /* so an address is not itself in the set: who asks can tell */
    free(m.memory);
}

static void what_is_no_name_is_refused(void **state)
{
    (void)state;
    char label[70], name[300];
    memset(label, 'a', 64);
    strcpy(label + 64, ".com");
    memset(name, 'a', sizeof name - 1);
    for (size_t i = 9; i < sizeof name; i += 10)
        name[i] = '.';
    name[254] = '\0';
    const char *const bad[] = { "",
                                ".",
                                "a..b",
                                "..a",
                                "a b",
                                "*.example.com",
                                "ex*mple.com",
                                "http://example.com",
                                "b\xc3\xbc"
                                "cher.de",
                                label,
                                name,
                                "1:2",
                                "[::1" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct suffix_builder b = { 0 };
        const char *why = NULL;
        if (suffix_builder_add(&b, str_of(bad[i]), &why))
            fail_msg("'%s' was taken", bad[i]);
        assert_non_null(why);
        suffix_builder_free(&b);
    }
    label[63] = '.';
    struct suffix_builder b = { 0 };
    const char *why;
    name[253] = '\0';
    assert_true(suffix_builder_add(&b, str_of(name), &why)); /* 253 bytes */
    suffix_builder_free(&b);
}

static void addresses_have_one_form(void **state)
{
    (void)state;
    char out[HOST_NAME_BYTES_MAX + 1];
    bool is_ip;
    assert_int_equal(host_name_normal(STR("[2001:DB8:0:0::1]"), out, &is_ip), 11);
    assert_string_equal(out, "2001:db8::1");
    assert_true(is_ip);
    assert_int_equal(host_name_normal(STR("10.0.0.1"), out, &is_ip), 8);
    assert_true(is_ip);
    assert_int_equal(host_name_normal(STR("WWW.Example.com."), out, &is_ip), 15);
    assert_string_equal(out, "www.example.com");
    assert_false(is_ip);
    assert_int_equal(host_name_normal(STR("10.0.0.256"), out, &is_ip), 10);
    assert_false(is_ip);
}

/* --- against the plain way --- */

static void made_up(struct rng *r, char out[64])
{
    static const char *const labels[] = {
        "a", "b", "ab", "ba", "com", "x-", "-x", "aa", "b1", "_s"
    };
    size_t n = 0;
    for (uint32_t deep = 1 + rng_below(r, 4); deep > 0; deep--)
        n += (size_t)snprintf(out + n, 64 - n, "%s%s", labels[rng_below(r, ARRAY_LEN(labels))],
                              deep > 1 ? "." : "");
}

static bool holds(const char *upper, const char *name)
{
    size_t u = strlen(upper), n = strlen(name);
    return n >= u && strcmp(name + n - u, upper) == 0 && (n == u || name[n - u - 1] == '.');
}

static void every_answer_is_that_of_the_plain_way(void **state)
{
    (void)state;
    static char texts[600][64];
    const char *names[600];
    struct rng r = { 3 };
    for (int round = 0; round < 60; round++) {
        uint32_t count = 1 + rng_below(&r, 600);
        for (uint32_t i = 0; i < count; i++) {
            made_up(&r, texts[i]);
            names[i] = texts[i];
        }
        struct made m = make(names, count);
        for (int q = 0; q < 300; q++) {
            char name[64];
            bool expected = false;
            made_up(&r, name);
            for (uint32_t i = 0; i < count && !expected; i++)
                expected = holds(texts[i], name);
            if (has(&m, name) != expected)
                fail_msg("round %d: '%s' should %sbe held", round, name, expected ? "" : "not ");
        }
        free(m.memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_holds_itself_and_what_is_below_it),
        cmocka_unit_test(an_empty_set_holds_nothing),
        cmocka_unit_test(names_below_others_take_no_room),
        cmocka_unit_test(who_holds_it_is_told_by_its_length),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(addresses_have_one_form),
        cmocka_unit_test(every_answer_is_that_of_the_plain_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
