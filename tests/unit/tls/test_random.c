/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The generator against NIST's vectors, and who shares what: threads and forked children nothing.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "tls/drbg.h"
#include "tls/random.h"

/* NIST CAVP, Hash_DRBG, SHA-256: entropy with nonce, [reseed], the second 128 bytes generated. */
static const char seed_a[] =
    "63363377e41e86468deb0ab4a8ed683f6a134e47e014c700454e81e95358a569808aa38f2a72a62359915a9f"
    "8a04ca68";
static const char reseed_a[] = "e62b8a8ee8f141b6980566e3bfe3c04903dad4ac2cdf9f2280010a6739bc83d3";
static const char output_a[] =
    "04eec63bb231df2c630a1afbe724949d005a587851e1aa795e477347c8b056621c18bddcdd8d99fc5fc2b920"
    "53d8cfacfb0bb8831205fad1ddd6c071318a6018f03b73f5ede4d4d071f9de03fd7aea105d9299b8af99aa07"
    "5bdb4db9aa28c18d174b56ee2a014d098896ff2282c955a81969e069fa8ce007a180183a07dfae17";
static const char seed_b[] =
    "a65ad0f345db4e0effe875c3a2e71f42c7129d620ff5c119a9ef55f05185e0fb8581f9317517276e06e9607d"
    "dbcbcc2e";
static const char output_b[] =
    "d3e160c35b99f340b2628264d1751060e0045da383ff57a57d73a673d2b8d80daaf6a6c35a91bb4579d73fd0"
    "c8fed111b0391306828adfed528f018121b3febdc343e797b87dbb63db1333ded9d1ece177cfa6b71fe8ab1d"
    "a46624ed6415e51ccde2c7ca86e283990eeaeb91120415528b2295910281b02dd431f4c9f70427df";

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static uint32_t unhex(const char *hex, uint8_t *out)
{
    uint32_t n = (uint32_t)strlen(hex) / 2;
    for (uint32_t i = 0; i < n; i++)
        out[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    return n;
}

static void check_vector(const char *seed, const char *reseed, const char *output)
{
    struct drbg d;
    uint8_t material[64], expected[128], got[128];
    assert_int_equal(unhex(output, expected), sizeof got);
    drbg_instantiate(&d, material, unhex(seed, material));
    if (reseed)
        drbg_reseed(&d, material, unhex(reseed, material));
    drbg_generate(&d, got, sizeof got);
    assert_memory_not_equal(got, expected, sizeof got);
    drbg_generate(&d, got, sizeof got);
    assert_memory_equal(got, expected, sizeof got);
}

static void nist_vectors(void **state)
{
    (void)state;
    check_vector(seed_a, reseed_a, output_a);
    check_vector(seed_b, NULL, output_b);
}

/* Whole blocks and parts of them come from one stream. */
static void any_length(void **state)
{
    (void)state;
    uint8_t material[64], all[100], part[100];
    uint32_t n = unhex(seed_b, material);
    for (uint32_t len = 0; len <= sizeof all; len++) {
        struct drbg a, b;
        drbg_instantiate(&a, material, n);
        drbg_instantiate(&b, material, n);
        memset(part, 0x55, sizeof part);
        drbg_generate(&a, all, sizeof all);
        drbg_generate(&b, part, len);
        assert_memory_equal(all, part, len);
        for (uint32_t i = len; i < sizeof part; i++)
            assert_int_equal(part[i], 0x55);
    }
}

static void nothing_comes_twice(void **state)
{
    (void)state;
    enum { DRAWS = 70000 }; /* across a reseed */
    static uint64_t seen[1 << 18];
    for (int i = 0; i < DRAWS; i++) {
        uint64_t x;
        assert_int_equal(sluice_random_block((unsigned char *)&x, sizeof x), 0);
        uint64_t slot = x >> 46;
        while (seen[slot]) {
            assert_true(seen[slot] != x);
            slot = (slot + 1) % ARRAY_LEN(seen);
        }
        seen[slot] = x;
    }
}

static void more_than_one_request(void **state)
{
    (void)state;
    enum { BYTES = DRBG_REQUEST_BYTES_MAX + 1000 };
    static uint8_t a[BYTES];
    random_bytes(a, BYTES);
    unsigned counts[256] = { 0 };
    for (int i = DRBG_REQUEST_BYTES_MAX; i < BYTES; i++)
        counts[a[i]]++;
    for (int i = 0; i < 256; i++)
        assert_in_range(counts[i], 0, 30); /* about 4 each */
}

static void *draw(void *out)
{
    random_bytes(out, 32);
    return NULL;
}

static void threads_share_nothing(void **state)
{
    (void)state;
    uint8_t mine[32], others[4][32];
    random_bytes(mine, sizeof mine);
    for (int i = 0; i < 4; i++) {
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, draw, others[i]), 0);
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_memory_not_equal(mine, others[i], sizeof mine);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(others[k], others[i], sizeof mine);
    }
}

static void a_forked_child_has_its_own(void **state)
{
    (void)state;
    uint8_t mine[32], theirs[32];
    int fds[2];
    random_bytes(mine, sizeof mine);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        random_bytes(theirs, sizeof theirs);
        _exit(write(fds[1], theirs, sizeof theirs) != sizeof theirs);
    }
    random_bytes(mine, sizeof mine);
    assert_int_equal(read(fds[0], theirs, sizeof theirs), sizeof theirs);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_memory_not_equal(mine, theirs, sizeof mine);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist_vectors),          cmocka_unit_test(any_length),
        cmocka_unit_test(nothing_comes_twice),   cmocka_unit_test(more_than_one_request),
        cmocka_unit_test(threads_share_nothing), cmocka_unit_test(a_forked_child_has_its_own),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
