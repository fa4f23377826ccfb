/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/rng.h"
#include "core/http/head.h"
#include "core/http/scan.h"
#include "tests/unit/guard.h"

static const struct {
    enum http_field_id id;
    struct str name;
} known[] = {
#define FIELD(id, name) { FIELD_##id, { name, sizeof(name) - 1 } },
    HTTP_FIELDS(FIELD)
#undef FIELD
};

static enum http_field_id lookup_slowly(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq_fold(name, known[i].name))
            return known[i].id;
    return FIELD_OTHER;
}

/* Also shows that the hash is perfect: of two names with one slot only one would be found. */
static void known_fields_are_found_in_any_case(void **state)
{
    (void)state;
    struct guard g = guard_new(64);
    struct rng rng = { 1 };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        for (unsigned round = 0; round < 50; round++) {
            char name[64];
            size_t len = known[i].name.len;
            for (size_t k = 0; k < len; k++) {
                char c = known[i].name.ptr[k];
                name[k] = c >= 'a' && c <= 'z' && rng_below(&rng, 2) ? (char)(c - 32) : c;
            }
            struct str s = { name, len };
            assert_int_equal(http_field_lookup(guard_end(&g, s)), known[i].id);
            assert_int_equal(http_field_lookup(guard_start(&g, s)), known[i].id);
        }
    }
    guard_free(&g);
}

static void names_that_differ_in_one_byte_are_not_known(void **state)
{
    (void)state;
    struct guard g = guard_new(64);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        size_t len = known[i].name.len;
        char name[64];
        memcpy(name, known[i].name.ptr, len);
        for (size_t k = 0; k < len; k++) {
            for (int byte = 0; byte < 256; byte++) {
                name[k] = (char)byte;
                struct str s = guard_end(&g, (struct str){ name, len });
                assert_int_equal(http_field_lookup(s), lookup_slowly(s));
            }
            name[k] = known[i].name.ptr[k];
        }
        name[len] = 's';
        assert_int_equal(http_field_lookup((struct str){ name, len + 1 }), FIELD_OTHER);
        struct str shorter = { name, len - 1 };
        assert_int_equal(http_field_lookup(shorter), lookup_slowly(shorter));
    }
    assert_int_equal(http_field_lookup(guard_start(&g, STR(""))), FIELD_OTHER);
    assert_int_equal(http_field_lookup(guard_start(&g, STR("a"))), FIELD_OTHER);
    guard_free(&g);
}

/* The definitions of the RFCs, byte by byte. */
static bool token_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool value_byte(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool target_byte(unsigned char c)
{
    return c >= 0x21 && c <= 0x7e;
}

static size_t scan_slowly(const char *p, size_t i, size_t n, bool (*allowed)(unsigned char))
{
    while (i < n && allowed((unsigned char)p[i]))
        i++;
    return i;
}

static void scan_one(struct str s, size_t from)
{
    size_t value = scan_slowly(s.ptr, from, s.len, value_byte);
    assert_int_equal(scan_value(s.ptr, from, s.len), value);
    assert_int_equal(scan_value_portable(s.ptr, from, s.len), value);
    size_t target = scan_slowly(s.ptr, from, s.len, target_byte);
    assert_int_equal(scan_target(s.ptr, from, s.len), target);
    assert_int_equal(scan_target_portable(s.ptr, from, s.len), target);
    size_t name = scan_slowly(s.ptr, from, s.len, token_byte);
    bool has = memchr(s.ptr + from, '_', name - from) != NULL, seen = false, seen_portable = false;
    assert_int_equal(scan_name(s.ptr, from, s.len, &seen), name);
    assert_int_equal(scan_name_portable(s.ptr, from, s.len, &seen_portable), name);
    assert_int_equal(seen, has);
    assert_int_equal(seen_portable, has);
}

/* Each byte value at each place of runs of each length: no register boundary is special. */
static void scans_stop_at_exactly_the_forbidden_bytes(void **state)
{
    (void)state;
    struct guard g = guard_new(256);
    char bytes[72];
    for (size_t len = 1; len <= 70; len += len < 40 ? 1 : 6) {
        memset(bytes, 'a', sizeof bytes);
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                bytes[at] = (char)byte;
                struct str s = { bytes, len };
                scan_one(guard_end(&g, s), at / 3);
                if (at < 17)
                    scan_one(guard_start(&g, s), at / 2);
            }
            bytes[at] = 'a';
        }
    }
    guard_free(&g);
}

static void scans_agree_on_random_bytes(void **state)
{
    (void)state;
    static const char likely[] = "abcXYZ019-_.\t %:\"~\x80\xff";
    struct guard g = guard_new(256);
    struct rng rng = { 2 };
    for (unsigned round = 0; round < 100000; round++) {
        char bytes[100];
        size_t len = rng_below(&rng, sizeof bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = rng_below(&rng, 64) ? likely[rng_below(&rng, sizeof likely - 1)]
                                           : (char)rng_below(&rng, 256);
        struct str s = guard_end(&g, (struct str){ bytes, len });
        scan_one(s, len ? rng_below(&rng, (uint32_t)len) : 0);
    }
    guard_free(&g);
}

static void lists_are_walked(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *elements; /* each ended by '|' */
    } cases[] = {
        { "", "" },
        { " \t", "" },
        { ",", "" },
        { ", ,\t,", "" },
        { "a", "a|" },
        { " a ", "a|" },
        { "a,b", "a|b|" },
        { ",a ,\t b c\t,, d,", "a|b c|d|" },
        { "\"a,b\",c", "\"a,b\"|c|" },
        { "x=\"a\\\",b\" , c", "x=\"a\\\",b\"|c|" },
        { "\"open, to the end ", "\"open, to the end|" },
        { "\"open\\", "\"open\\|" },
        { "\"\"", "\"\"|" },
    };
    struct guard g = guard_new(64);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str rest = guard_end(&g, str_of(cases[i].value)), element;
        char walked[64];
        size_t at = 0;
        while (http_list_next(&rest, &element)) {
            memcpy(walked + at, element.ptr, element.len);
            at += element.len;
            walked[at++] = '|';
        }
        walked[at] = '\0';
        assert_string_equal(walked, cases[i].elements);
    }
    guard_free(&g);
}

static void methods_that_may_be_repeated(void **state)
{
    (void)state;
    assert_true(http_method_idempotent(METHOD_GET));
    assert_true(http_method_idempotent(METHOD_HEAD));
    assert_true(http_method_idempotent(METHOD_PUT));
    assert_true(http_method_idempotent(METHOD_DELETE));
    assert_true(http_method_idempotent(METHOD_OPTIONS));
    assert_true(http_method_idempotent(METHOD_TRACE));
    assert_false(http_method_idempotent(METHOD_POST));
    assert_false(http_method_idempotent(METHOD_PATCH));
    assert_false(http_method_idempotent(METHOD_CONNECT));
    assert_false(http_method_idempotent(METHOD_OTHER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_fields_are_found_in_any_case),
        cmocka_unit_test(names_that_differ_in_one_byte_are_not_known),
        cmocka_unit_test(scans_stop_at_exactly_the_forbidden_bytes),
        cmocka_unit_test(scans_agree_on_random_bytes),
        cmocka_unit_test(lists_are_walked),
        cmocka_unit_test(methods_that_may_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
