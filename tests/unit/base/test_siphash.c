/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/base/siphash.h"

/* Key and input 00 01 02 ...: of the authors' vectors. */
static void the_authors_vectors(void **state)
{
    (void)state;
    static const struct {
        unsigned n;
        unsigned char out[16];
    } vectors[] = {
        { 0,
          { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55,
            0x02, 0x93 } },
        { 1,
          { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22,
            0xfc, 0x45 } },
    };
    unsigned char bytes[16];
    for (unsigned i = 0; i < 16; i++)
        bytes[i] = (unsigned char)i;
    const uint64_t key[2] = { siphash_word(bytes, 8), siphash_word(bytes + 8, 8) };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct siphash h = siphash_bytes(bytes, vectors[i].n, key);
        assert_true(h.lo == siphash_word(vectors[i].out, 8));
        assert_true(h.hi == siphash_word(vectors[i].out + 8, 8));
    }
}

static void every_length_and_key_gives_another(void **state)
{
    (void)state;
    const unsigned char zeros[64] = { 0 };
    uint64_t key[2] = { 1, 2 }, other[2] = { 1, 3 };
    struct siphash seen[64];
    for (unsigned n = 0; n < 64; n++) {
        seen[n] = siphash_bytes(zeros, n, key);
        assert_true(seen[n].lo != siphash_bytes(zeros, n, other).lo);
        for (unsigned k = 0; k < n; k++)
            assert_true(seen[n].lo != seen[k].lo && seen[n].hi != seen[k].hi);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_authors_vectors),
        cmocka_unit_test(every_length_and_key_gives_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
