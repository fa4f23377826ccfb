/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/base/rng.h"
#include "core/http/h1_chunked.h"
#include "tests/unit/guard.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

/* What came out of a decoder so far. */
struct decoded {
    struct h1_chunked decoder;
    enum h1_chunk_event last; /* the event that ended the last feed */
    size_t used;
    size_t body_len, trailers_len;
    char body[TRAILER_BYTES_MAX + 4096], trailers[TRAILER_BYTES_MAX + 1];
};

static void begin(struct decoded *d)
{
    h1_chunked_init(&d->decoder);
    d->used = d->body_len = d->trailers_len = 0;
}

/* Feeds p[0..n) until nothing more comes of it. */
static void feed(struct decoded *d, const char *p, size_t n)
{
    for (;;) {
        const char *data;
        size_t used, len;
        d->last = h1_chunked_next(&d->decoder, p, n, &used, &data, &len);
        assert_true(used <= n);
        p += used;
        n -= used;
        d->used += used;
        if (d->last == CHUNK_EVENT_DATA) {
            assert_true(len > 0 && data + len == p);
            memcpy(d->body + d->body_len, data, len);
            d->body_len += len;
        } else if (d->last == CHUNK_EVENT_TRAILER) {
            assert_true(len > 0 && data + len == p);
            memcpy(d->trailers + d->trailers_len, data, len);
            d->trailers_len += len;
        } else {
            assert_true(d->last != CHUNK_EVENT_MORE || n == 0);
            return;
        }
    }
}

static void assert_same(const struct decoded *a, const struct decoded *b)
{
    assert_int_equal(a->last, b->last);
    assert_int_equal(a->body_len, b->body_len);
    assert_memory_equal(a->body, b->body, a->body_len);
    if (a->last != CHUNK_EVENT_DONE)
        return;
    assert_int_equal(a->used, b->used);
    assert_int_equal(a->trailers_len, b->trailers_len);
    assert_memory_equal(a->trailers, b->trailers, a->trailers_len);
}

/* The same comes out whole, cut in two at each place, and byte by byte. */
static void decode(struct guard *g, struct str input, struct decoded *whole)
{
    struct decoded d;
    struct str s = guard_end(g, input);
    begin(whole);
    feed(whole, s.ptr, s.len);
    for (size_t cut = 0; cut <= s.len; cut++) {
        begin(&d);
        s = guard_end(g, (struct str){ input.ptr, cut });
        feed(&d, s.ptr, s.len);
        if (d.last == CHUNK_EVENT_MORE) {
            s = guard_end(g, (struct str){ input.ptr + cut, input.len - cut });
            feed(&d, s.ptr, s.len);
        }
        assert_same(&d, whole);
    }
    begin(&d);
    for (size_t i = 0; i < input.len; i++) {
        s = guard_end(g, (struct str){ input.ptr + i, 1 });
        feed(&d, s.ptr, 1);
        if (d.last != CHUNK_EVENT_MORE)
            break;
    }
    if (input.len)
        assert_same(&d, whole);
}

static void good_bodies_are_decoded(void **state)
{
    (void)state;
    static const struct {
        struct str input, body, trailers;
    } cases[] = {
        { TEXT("0\r\n\r\n"), TEXT(""), TEXT("\r\n") },
        { TEXT("000\r\n\r\n"), TEXT(""), TEXT("\r\n") },
        { TEXT("3\r\nabc\r\n0\r\n\r\n"), TEXT("abc"), TEXT("\r\n") },
        { TEXT("3\r\n\r\n0\r\n2\r\n\r\n\r\n0\r\n\r\n"), TEXT("\r\n0\r\n"), TEXT("\r\n") },
        { TEXT("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), TEXT("01234567890123456789"),
          TEXT("\r\n") },
        { TEXT("0000000000000001\r\nx\r\n0\r\n\r\n"), TEXT("x"), TEXT("\r\n") },
        { TEXT("1;a\r\nx\r\n1;a=b;c\r\ny\r\n0;z\r\n\r\n"), TEXT("xy"), TEXT("\r\n") },
        { TEXT("1 ; a  =  b  ;c\t;d=\"\"\r\nx\r\n0\r\n\r\n"), TEXT("x"), TEXT("\r\n") },
        { TEXT("1;a=\"b;\\\"\x80\t\"\r\nx\r\n0\r\n\r\n"), TEXT("x"), TEXT("\r\n") },
        { TEXT("1;a=\"b\" ;c\r\nx\r\n0\r\n\r\n"), TEXT("x"), TEXT("\r\n") },
        { TEXT("0\r\nA: b\r\nC:\td\x80\r\n\r\n"), TEXT(""), TEXT("A: b\r\nC:\td\x80\r\n\r\n") },
        { TEXT("1\r\nx\r\n0\r\nA: b\r\n\r\n"), TEXT("x"), TEXT("A: b\r\n\r\n") },
    };
    struct guard g = guard_new(4096);
    struct decoded d, more;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        decode(&g, cases[i].input, &d);
        assert_int_equal(d.last, CHUNK_EVENT_DONE);
        assert_int_equal(d.used, cases[i].input.len);
        assert_int_equal(d.body_len, cases[i].body.len);
        assert_memory_equal(d.body, cases[i].body.ptr, d.body_len);
        assert_int_equal(d.trailers_len, cases[i].trailers.len);
        assert_memory_equal(d.trailers, cases[i].trailers.ptr, d.trailers_len);
        /* every part of it is unfinished */
        for (size_t n = 0; n < cases[i].input.len; n++) {
            decode(&g, (struct str){ cases[i].input.ptr, n }, &more);
            assert_int_equal(more.last, CHUNK_EVENT_MORE);
            assert_int_equal(more.used, n);
        }
    }
    guard_free(&g);
}

static void what_follows_a_body_is_left(void **state)
{
    (void)state;
    static const char text[] = "1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    struct decoded d;
    begin(&d);
    feed(&d, text, sizeof text - 1);
    assert_int_equal(d.last, CHUNK_EVENT_DONE);
    assert_int_equal(d.used, 11);
    feed(&d, text + 11, 5);
    assert_int_equal(d.last, CHUNK_EVENT_DONE);
    assert_int_equal(d.used, 11);
}

static void bad_bodies_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct str input;
        enum h1_chunk_event expected;
    } cases[] = {
        { TEXT("\r\n"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT(" 1\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("+1\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("-1\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("0x1\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("g\r\n"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1_0\r\n"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1,1\r\n"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1\0\r\n"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT(";a\r\n"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("00000000000000001"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("8000000000000000"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("ffffffffffffffff"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("10000000000000000"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1\rx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1\r\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1 \r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1 1\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1\r\nxy"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1\r\nx\n0"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1\r\nx\r0"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1\r\nx\r\n\r\n"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;;a\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;=b\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;a=\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;a==b\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;a \r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;a b\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;a=b c\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;a=\"b\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;a=\"b\\\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;a=\"b\"c\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;a=\"\x7f\"\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;a\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("1;a\x80\r\nx"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("0\n\n"), CHUNK_EVENT_BAD_CHUNK },
        { TEXT("0\r\n\n"), CHUNK_EVENT_BAD_TRAILER },
        { TEXT("0\r\n\rx"), CHUNK_EVENT_BAD_TRAILER },
        { TEXT("0\r\nA: b\n"), CHUNK_EVENT_BAD_TRAILER },
        { TEXT("0\r\nA: b\rc"), CHUNK_EVENT_BAD_TRAILER },
        { TEXT("0\r\nA: \0"), CHUNK_EVENT_BAD_TRAILER },
    };
    struct guard g = guard_new(4096);
    struct decoded d;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        decode(&g, cases[i].input, &d);
        if (d.last != cases[i].expected)
            fail_msg("case %zu: %.*s", i, (int)cases[i].input.len, cases[i].input.ptr);
    }
    guard_free(&g);
}

static void the_largest_size_is_63_bits(void **state)
{
    (void)state;
    struct decoded d;
    begin(&d);
    feed(&d, "7fffffffffffffff\r\nabc", 21);
    assert_int_equal(d.last, CHUNK_EVENT_MORE);
    assert_int_equal(d.body_len, 3);
    assert_true(d.decoder.size_left == INT64_MAX - 3);
}

static void feed_times(struct decoded *d, char byte, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        feed(d, &byte, 1);
        assert_int_equal(d->last, CHUNK_EVENT_MORE);
    }
}

static void extensions_are_bounded_over_the_whole_body(void **state)
{
    (void)state;
    struct decoded d;
    begin(&d);
    feed(&d, "1;", 2);
    feed_times(&d, 'a', CHUNK_EXTENSION_BYTES_MAX / 2 - 2);
    feed(&d, "\r\nx\r\n1;", 7);
    assert_int_equal(d.last, CHUNK_EVENT_MORE);
    feed_times(&d, 'a', CHUNK_EXTENSION_BYTES_MAX / 2 - 2);
    feed(&d, "\r\nx\r\n0", 6);
    assert_int_equal(d.last, CHUNK_EVENT_MORE);
    struct decoded full = d;
    feed(&d, "\r\n\r\n", 4);
    assert_int_equal(d.last, CHUNK_EVENT_DONE);
    feed(&full, ";aa\r\n", 5);
    assert_int_equal(full.last, CHUNK_EVENT_BAD_CHUNK);
}

static void trailers_are_bounded(void **state)
{
    (void)state;
    char line[TRAILER_BYTES_MAX + 1];
    memset(line, 'a', sizeof line);
    for (size_t more = 0; more <= 1; more++) {
        struct decoded d;
        begin(&d);
        feed(&d, "0\r\n", 3);
        feed(&d, line, TRAILER_BYTES_MAX - 4 + more);
        assert_int_equal(d.last, CHUNK_EVENT_MORE);
        feed(&d, "\r\n\r\n", 4);
        assert_int_equal(d.last, more ? CHUNK_EVENT_BAD_TRAILER : CHUNK_EVENT_DONE);
    }
}

static void chunk_headers_are_written(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        const char *header;
    } cases[] = {
        { 1, "1\r\n" },
        { 15, "f\r\n" },
        { 16, "10\r\n" },
        { 4096, "1000\r\n" },
        { 0xfffff, "fffff\r\n" },
        { INT64_MAX, "7fffffffffffffff\r\n" },
        { UINT64_MAX, "ffffffffffffffff\r\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char header[H1_CHUNK_HEADER_MAX];
        size_t n = h1_chunk_header(header, cases[i].size);
        assert_int_equal(n, strlen(cases[i].header));
        assert_memory_equal(header, cases[i].header, n);
    }
}

/* Bodies in random chunks, encoded, come back however they are cut. */
static void what_was_encoded_is_decoded(void **state)
{
    (void)state;
    struct rng rng = { 5 };
    for (unsigned round = 0; round < 2000; round++) {
        char body[512], coded[8192];
        size_t n = rng_below(&rng, sizeof body), at = 0;
        for (size_t i = 0; i < n; i++)
            body[i] = "\r\n0;ab"[rng_below(&rng, 6)];
        for (size_t i = 0; i < n;) {
            size_t size = 1 + rng_below(&rng, (uint32_t)(n - i));
            at += h1_chunk_header(coded + at, size);
            memcpy(coded + at, body + i, size);
            memcpy(coded + at + size, "\r\n", 2);
            at += size + 2;
            i += size;
        }
        memcpy(coded + at, "0\r\n\r\n", 5);
        at += 5;

        struct decoded d;
        begin(&d);
        for (size_t i = 0; i < at;) {
            size_t part = 1 + rng_below(&rng, (uint32_t)(at - i));
            feed(&d, coded + i, part);
            assert_int_equal(d.last, i + part < at ? CHUNK_EVENT_MORE : CHUNK_EVENT_DONE);
            i += part;
        }
        assert_int_equal(d.body_len, n);
        assert_memory_equal(d.body, body, n);
    }
}

static void damaged_bodies_are_judged_alike_however_they_come(void **state)
{
    (void)state;
    static const char likely[] = "\r\n;=\" \t0123aF\\\x7f\x80";
    static const struct str base = TEXT("3;a=b;c=\"d\"\r\nabc\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n");
    struct guard g = guard_new(4096);
    struct rng rng = { 6 };
    for (unsigned round = 0; round < 20000; round++) {
        char text[64];
        struct decoded d;
        memcpy(text, base.ptr, base.len);
        for (uint32_t times = 1 + rng_below(&rng, 3); times; times--)
            text[rng_below(&rng, (uint32_t)base.len)] = likely[rng_below(&rng, sizeof likely - 1)];
        decode(&g, (struct str){ text, base.len }, &d);
    }
    guard_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_bodies_are_decoded),
        cmocka_unit_test(what_follows_a_body_is_left),
        cmocka_unit_test(bad_bodies_are_refused),
        cmocka_unit_test(the_largest_size_is_63_bits),
        cmocka_unit_test(extensions_are_bounded_over_the_whole_body),
        cmocka_unit_test(trailers_are_bounded),
        cmocka_unit_test(chunk_headers_are_written),
        cmocka_unit_test(what_was_encoded_is_decoded),
        cmocka_unit_test(damaged_bodies_are_judged_alike_however_they_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
