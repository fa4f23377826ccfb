/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one of ours encodes, in whatever pieces, another decodes; damage is seen; memory is bounded
 * and comes back. And which coding a client wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/rng.h"
#include "core/http/coder.h"
#include "tests/unit/http/heads.h"

#define TEXT_BYTES (300 * 1024)
#define ROOM_BYTES (2 * TEXT_BYTES)

static uint8_t text[TEXT_BYTES], coded[ROOM_BYTES], back[ROOM_BYTES];

static void make_text(void)
{
    struct rng rng;
    rng.state = 7;
    size_t n = 0;
    while (n < TEXT_BYTES - 64)
        n += (size_t)sprintf((char *)text + n, "{\"id\":%u,\"name\":\"user%u\"},",
                             (unsigned)rng_below(&rng, 100000), (unsigned)rng_below(&rng, 99));
    memset(text + n, ' ', TEXT_BYTES - n);
}

/* Runs all of `in` through, in pieces of at most in_max, out of at most out_max bytes. Gives the
 * bytes; SIZE_MAX: bad. */
static size_t run(struct coder *c, const uint8_t *in, size_t len, size_t in_max, size_t out_max,
                  uint8_t *out, size_t room)
{
    size_t at = 0, n = 0;
    for (;;) {
        size_t piece = len - at < in_max ? len - at : in_max;
        enum coder_step step = piece ? CODER_RUN : CODER_FINISH;
        struct coder_io io = { in + at, piece, out + n, room - n < out_max ? room - n : out_max };
        enum coder_result r = coder_run(c, &io, step);
        if (r == CODER_BAD || n == room)
            return SIZE_MAX;
        at += piece - io.in_len;
        n = (size_t)(io.out - out);
        if (step == CODER_FINISH && r == CODER_OK)
            return n;
    }
}

static size_t encode(struct coder_pool *p, enum coding coding, unsigned level, size_t len,
                     uint64_t length, size_t in_max, size_t out_max)
{
    struct coder c;
    assert_true(coder_encode(&c, p, coding, level, length));
    size_t n = run(&c, text, len, in_max, out_max, coded, sizeof coded);
    coder_end(&c);
    assert_int_not_equal(n, SIZE_MAX);
    return n;
}

static size_t decode(struct coder_pool *p, enum coding coding, bool ours, size_t len, size_t in_max,
                     size_t out_max)
{
    struct coder c;
    assert_true(coder_decode(&c, p, coding, ours));
    size_t n = run(&c, coded, len, in_max, out_max, back, sizeof back);
    coder_end(&c);
    return n;
}

static const unsigned level_max[] = { 0, GZIP_LEVEL_MAX, BROTLI_LEVEL_MAX, ZSTD_LEVEL_MAX };

static void each_coding_comes_back_the_same_at_each_level(void **state)
{
    (void)state;
    struct coder_pool p;
    coder_pool_init(&p, 32 << 20);
    for (unsigned coding = CODING_GZIP; coding < CODING_COUNT; coding++)
        for (unsigned level = 1; level <= level_max[coding]; level++) {
            size_t n = encode(&p, coding, level, TEXT_BYTES, UINT64_MAX, 16384, 4096);
            assert_true(n < TEXT_BYTES / 3);
            assert_int_equal(decode(&p, coding, true, n, 1000, 16384), TEXT_BYTES);
            assert_memory_equal(back, text, TEXT_BYTES);
        }
    coder_pool_destroy(&p);
}

static void any_length_in_any_pieces(void **state)
{
    (void)state;
    struct coder_pool p;
    coder_pool_init(&p, 32 << 20);
    static const size_t lengths[] = { 0, 1, 100, 1023, 1024, 1025, 5000, 20000, 70000 };
    static const size_t pieces[] = { 1, 7, 512, 100000 };
    for (unsigned coding = CODING_GZIP; coding < CODING_COUNT; coding++)
        for (unsigned i = 0; i < ARRAY_LEN(lengths); i++)
            for (unsigned k = 0; k < ARRAY_LEN(pieces); k++) {
                uint64_t said = i % 2 ? lengths[i] : UINT64_MAX;
                size_t n = encode(&p, coding, 3, lengths[i], said, pieces[k] * 3, pieces[k]);
                assert_int_equal(decode(&p, coding, true, n, pieces[k], pieces[k] * 5), lengths[i]);
                assert_memory_equal(back, text, lengths[i]);
            }
    coder_pool_destroy(&p);
}

/* What was flushed can be read without more: that is what streams live by. */
static void what_is_flushed_can_be_read(void **state)
{
    (void)state;
    struct coder_pool p;
    coder_pool_init(&p, 32 << 20);
    for (unsigned coding = CODING_GZIP; coding < CODING_COUNT; coding++) {
        struct coder e, d;
        assert_true(coder_encode(&e, &p, coding, 4, UINT64_MAX));
        assert_true(coder_decode(&d, &p, coding, true));
        for (size_t at = 0; at < 5000; at += 50) {
            struct coder_io io = { text + at, 50, coded, sizeof coded };
            assert_int_equal(coder_run(&e, &io, CODER_FLUSH), CODER_OK);
            struct coder_io in = { coded, (size_t)(io.out - coded), back, sizeof back };
            assert_int_equal(coder_run(&d, &in, CODER_RUN), CODER_OK);
            assert_int_equal(in.out - back, 50);
            assert_memory_equal(back, text + at, 50);
        }
        coder_end(&e);
        coder_end(&d);
    }
    coder_pool_destroy(&p);
}

static void what_is_cut_or_damaged_is_bad(void **state)
{
    (void)state;
    struct coder_pool p;
    struct rng rng;
    rng.state = 3;
    coder_pool_init(&p, 32 << 20);
    for (unsigned coding = CODING_GZIP; coding < CODING_COUNT; coding++) {
        size_t n = encode(&p, coding, 3, 20000, 20000, 20000, 20000);
        for (size_t cut = 0; cut < n; cut += 97)
            assert_int_equal(decode(&p, coding, true, cut, 500, 500), SIZE_MAX);
        coded[n] = 'x'; /* what follows */
        assert_int_equal(decode(&p, coding, true, n + 1, n + 1, 30000), SIZE_MAX);
        for (unsigned i = 0; i < 200; i++) {
            size_t at = rng_below(&rng, (uint32_t)n);
            uint8_t was = coded[at];
            coded[at] ^= (uint8_t)(1 + rng_below(&rng, 255));
            decode(&p, coding, false, n, 333, 4000); /* must only not run away */
            coded[at] = was;
        }
    }
    coder_pool_destroy(&p);
}

static void members_of_gzip_follow_each_other(void **state)
{
    (void)state;
    struct coder_pool p;
    coder_pool_init(&p, 32 << 20);
    for (unsigned coding = CODING_GZIP; coding <= CODING_ZSTD; coding += 2) {
        size_t n = encode(&p, coding, 3, 1000, 1000, 1000, 20000);
        memcpy(coded + n, coded, n);
        for (size_t in_max = 1; in_max < 3000; in_max = in_max * 3 + 1) {
            assert_int_equal(decode(&p, coding, true, 2 * n, in_max, 700), 2000);
            assert_memory_equal(back, text, 1000);
            assert_memory_equal(back + 1000, text, 1000);
        }
    }
    coder_pool_destroy(&p);
}

static void memory_is_bounded_and_kept_for_the_next(void **state)
{
    (void)state;
    struct coder_pool p;
    coder_pool_init(&p, 1 << 20);
    struct coder c[8];
    unsigned n = 0;
    while (n < 8 && coder_encode(&c[n], &p, CODING_GZIP, 6, UINT64_MAX))
        n++;
    assert_int_equal(n, 3); /* of 320 KiB each */
    assert_false(coder_encode(&c[n], &p, CODING_BROTLI, 4, UINT64_MAX));
    size_t held = p.held_bytes;
    for (unsigned i = 0; i < n; i++)
        coder_end(&c[i]);
    assert_int_equal(p.reserved_bytes, 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(coder_encode(&c[0], &p, CODING_GZIP, 6, UINT64_MAX));
        coder_end(&c[0]);
    }
    assert_int_equal(p.held_bytes, held); /* nothing new was needed */
    coder_pool_destroy(&p);
}

static enum coding chosen(const char *fields)
{
    static const uint8_t order[] = { CODING_ZSTD, CODING_BROTLI, CODING_GZIP };
    struct written w;
    uint16_t weights[CODING_COUNT];
    accept_encoding_read(request_with(&w, fields), weights);
    return accept_encoding_choose(weights, 15, order, 3);
}

static void clients_say_what_they_want(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        enum coding coding;
    } cases[] = {
        { "", CODING_IDENTITY },
        { "Accept-Encoding:\r\n", CODING_IDENTITY },
        { "Accept-Encoding: gzip\r\n", CODING_GZIP },
        { "Accept-Encoding: X-GZIP\r\n", CODING_GZIP },
        { "Accept-Encoding: gzip, deflate, br, zstd\r\n", CODING_ZSTD },
        { "Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n", CODING_BROTLI },
        { "Accept-Encoding: gzip;q=1.0, br;q=0.5\r\n", CODING_GZIP },
        { "Accept-Encoding: br;q=0, gzip;q=0.001\r\n", CODING_GZIP },
        { "Accept-Encoding: *\r\n", CODING_ZSTD },
        { "Accept-Encoding: zstd;q=0, *\r\n", CODING_BROTLI },
        { "Accept-Encoding: *;q=0\r\n", CODING_IDENTITY },
        { "Accept-Encoding: *;q=0, gzip\r\n", CODING_GZIP },
        { "Accept-Encoding: identity;q=0\r\n", CODING_IDENTITY },
        { "Accept-Encoding: identity;q=0, gzip;q=0.1\r\n", CODING_GZIP },
        { "Accept-Encoding: identity, gzip;q=0.9\r\n", CODING_IDENTITY },
        { "Accept-Encoding: gzip;q=2\r\n", CODING_IDENTITY },
        { "Accept-Encoding: gzip;q=0.1234\r\n", CODING_IDENTITY },
        { "Accept-Encoding: gzip;level=3\r\n", CODING_IDENTITY },
        { "Accept-Encoding: compress, deflate\r\n", CODING_IDENTITY },
    };
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
        if (chosen(cases[i].fields) != cases[i].coding)
            fail_msg("%s: %d", cases[i].fields, chosen(cases[i].fields));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_coding_comes_back_the_same_at_each_level),
        cmocka_unit_test(any_length_in_any_pieces),
        cmocka_unit_test(what_is_flushed_can_be_read),
        cmocka_unit_test(what_is_cut_or_damaged_is_bad),
        cmocka_unit_test(members_of_gzip_follow_each_other),
        cmocka_unit_test(memory_is_bounded_and_kept_for_the_next),
        cmocka_unit_test(clients_say_what_they_want),
    };
    make_text();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
