/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/out.h"

#define assert_out(o, literal)                                                                     \
    do {                                                                                           \
        assert_false((o)->full);                                                                   \
        assert_int_equal(out_len(o), sizeof(literal) - 1);                                         \
        assert_memory_equal((o)->start, literal, sizeof(literal) - 1);                             \
    } while (0)

static void writes_numbers(void **state)
{
    (void)state;
    char m[256];
    struct out o = out_into(m, sizeof m);
    out_u64(&o, 0);
    out_char(&o, ' ');
    out_u64(&o, 1234567890);
    out_char(&o, ' ');
    out_u64(&o, UINT64_MAX);
    out_char(&o, ' ');
    out_u64_padded(&o, 7, 3);
    out_char(&o, ' ');
    out_u64_padded(&o, 1234, 3);
    out_char(&o, ' ');
    out_u64_padded(&o, 0, 0);
    out_u64_padded(&o, 0, 20);
    assert_out(&o, "0 1234567890 18446744073709551615 007 1234 00000000000000000000");
}

static void writes_hexadecimal(void **state)
{
    (void)state;
    char m[64];
    struct out o = out_into(m, sizeof m);
    out_hex(&o, 0);
    out_char(&o, ' ');
    out_hex(&o, 0x1f0a);
    out_char(&o, ' ');
    out_hex(&o, UINT64_MAX);
    assert_out(&o, "0 1f0a ffffffffffffffff");
}

static void stops_at_the_end_and_says_so(void **state)
{
    (void)state;
    char m[8];
    struct out o = out_into(m, 4);
    memset(m, '#', sizeof m);
    out_lit(&o, "abc");
    assert_false(o.full);
    out_u64(&o, 10); /* two digits, one place: nothing of it */
    assert_true(o.full);
    assert_int_equal(out_len(&o), 3);
    assert_memory_equal(m, "abc#####", 8);
    out_char(&o, 'd');
    assert_true(o.full); /* stays */
    assert_memory_equal(m, "abcd####", 8);
    out_mem(&o, NULL, 0);
    out_str(&o, (struct str){ 0 });
    assert_int_equal(out_len(&o), 4);
}

static void escapes_what_json_may_not_hold(void **state)
{
    (void)state;
    char m[256];
    struct out o = out_into(m, sizeof m);
    out_json(&o, STR("a\"b\\c/\n\r\t\b\x1f\x7f"));
    assert_out(&o, "a\\\"b\\\\c/\\n\\r\\t\\u0008\\u001f\\u007f");

    o = out_into(m, sizeof m);
    out_json(&o, STR("\0x\0"));
    assert_out(&o, "\\u0000x\\u0000");
}

static void keeps_utf8_and_escapes_the_rest(void **state)
{
    (void)state;
    char m[256];
    struct out o = out_into(m, sizeof m);
    out_json(&o, STR("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xed\x9f\xbf \xf4\x8f\xbf\xbf"));
    assert_out(&o, "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xed\x9f\xbf \xf4\x8f\xbf\xbf");

    /* overlong, surrogate, past U+10FFFF, lone continuation, never legal, cut short */
    o = out_into(m, sizeof m);
    out_json(&o, STR("\xc0\xaf"));
    assert_out(&o, "\\u00c0\\u00af");
    o = out_into(m, sizeof m);
    out_json(&o, STR("\xe0\x80\x80"));
    assert_out(&o, "\\u00e0\\u0080\\u0080");
    o = out_into(m, sizeof m);
    out_json(&o, STR("\xed\xa0\x80"));
    assert_out(&o, "\\u00ed\\u00a0\\u0080");
    o = out_into(m, sizeof m);
    out_json(&o, STR("\xf0\x8f\xbf\xbf"));
    assert_out(&o, "\\u00f0\\u008f\\u00bf\\u00bf");
    o = out_into(m, sizeof m);
    out_json(&o, STR("\xf4\x90\x80\x80\xff"));
    assert_out(&o, "\\u00f4\\u0090\\u0080\\u0080\\u00ff");
    o = out_into(m, sizeof m);
    out_json(&o, STR("ok\xe2\x82"));
    assert_out(&o, "ok\\u00e2\\u0082");

    /* C1 controls are well-formed, and obeyed by terminals */
    o = out_into(m, sizeof m);
    out_json(&o, STR("\xc2\x9b\xc2\xa0"));
    assert_out(&o, "\\u009b\xc2\xa0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_numbers),
        cmocka_unit_test(writes_hexadecimal),
        cmocka_unit_test(stops_at_the_end_and_says_so),
        cmocka_unit_test(escapes_what_json_may_not_hold),
        cmocka_unit_test(keeps_utf8_and_escapes_the_rest),
    };
    return cmocka_run_group_tests_name("base/out", tests, NULL, NULL);
}
