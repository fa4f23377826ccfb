/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Faults of wolfSSL that our build of it mends (.ci/deps.sh): that they are mended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/curve25519.h>

#include "core/base/check.h"

/* What other code may leave behind in a vector register, as it need not clear them. */
static void dirty_registers(void)
{
#ifdef __x86_64__
    if (!__builtin_cpu_supports("avx2"))
        return;
#define DIRTY(n) __asm__ volatile("vpcmpeqd %%ymm" #n ", %%ymm" #n ", %%ymm" #n ::: "xmm" #n)
    DIRTY(0);
    DIRTY(1);
    DIRTY(2);
    DIRTY(3);
    DIRTY(4);
    DIRTY(5);
    DIRTY(6);
    DIRTY(7);
    DIRTY(8);
    DIRTY(9);
    DIRTY(10);
    DIRTY(11);
    DIRTY(12);
    DIRTY(13);
    DIRTY(14);
    DIRTY(15);
#endif
}

/* RFC 7748 6.1 */
static void x25519_keys_are_right_whatever_registers_hold(void **state)
{
    (void)state;
    static const unsigned char secret[32] = { 0x70, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d,
                                              0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
                                              0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a,
                                              0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x6a };
    static const unsigned char expected[32] = { 0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54,
                                                0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a,
                                                0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4,
                                                0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a };
    for (int dirty = 0; dirty < 2; dirty++) {
        unsigned char public[32] = { 0 };
        if (dirty)
            dirty_registers();
        assert_int_equal(
            wc_curve25519_make_pub(sizeof public, public, sizeof secret, (unsigned char *)secret),
            0);
        assert_memory_equal(public, expected, sizeof expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x25519_keys_are_right_whatever_registers_hold),
    };
    return cmocka_run_group_tests_name("wolfssl", tests, NULL, NULL);
}
