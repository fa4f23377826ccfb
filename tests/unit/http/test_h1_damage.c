/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Seeded damage to good heads, judged by a second, slow parser too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/rng.h"
#include "core/http/h1_head.h"
#include "tests/unit/guard.h"

typedef enum h1_result parse_fn(const char *p, size_t n, size_t seen, struct http_head *h,
                                enum end_reason *why);

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define BLANK "\r\n\r\n"

static const struct str good_requests[] = {
    TEXT("GET / HTTP/1.1\r\nHost: a" BLANK),
    TEXT("\r\n\r\nPOST /a?b HTTP/1.1\r\nHost:a\r\nContent-Length:\t3 \t" BLANK),
    TEXT("M-!#$%&'*+.^_`|~9 /x HTTP/1.1\r\nhOST: [::1]:8080\r\nX_y: \r\nZ:" BLANK),
    TEXT("GET http://example.com/%7e HTTP/1.1\r\nHost: a\r\nA: tab\tand \x80\xff text" BLANK),
    TEXT("GET /a/long/enough/path/for/several/registers HTTP/1.1\r\n"
         "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)\r\n"
         "A-Name-That-Is-Longer-Than-Sixteen-Bytes: and a value" BLANK),
};

static const struct str good_responses[] = {
    TEXT("HTTP/1.1 200 OK" BLANK),
    TEXT("HTTP/1.0 404 Not Found at all\r\nServer: x" BLANK),
    TEXT("HTTP/1.1 200" BLANK),
    TEXT("HTTP/1.1 999 \t\x80 \r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nDate: now" BLANK),
};

static bool line_at(struct str s, size_t *at, struct str *line)
{
    for (size_t i = *at; i + 1 < s.len; i++) {
        if (s.ptr[i] == '\r' && s.ptr[i + 1] == '\n') {
            *line = (struct str){ s.ptr + *at, i - *at };
            *at = i + 2;
            return true;
        }
    }
    return false;
}

static bool all_of(struct str s, int from, int to, const char *also, const char * not )
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool in = c >= from && c <= to;
        if ((!in && (!c || !strchr(also, c))) || (c && strchr(not, c)))
            return false;
    }
    return true;
}

static bool is_token(struct str s)
{
    return s.len && all_of(s, 0x21, 0x7e, "", "\"(),/:;<=>?@[\\]{}");
}

/* The grammar of RFC 9112, read line by line: whether s is exactly one good request head, and its
 * number of fields. */
static bool is_request_head(struct str s, uint32_t *fields)
{
    struct str line;
    size_t at = 0;
    for (unsigned i = 0; i < 2 && s.len - at >= 2 && memcmp(s.ptr + at, "\r\n", 2) == 0; i++)
        at += 2;
    if (!line_at(s, &at, &line) || !all_of(line, 0x20, 0x7e, "", ""))
        return false;
    const char *space = memchr(line.ptr, ' ', line.len);
    if (!space || line.len < 9)
        return false;
    struct str method = { line.ptr, (size_t)(space - line.ptr) };
    const char *version = line.ptr + line.len - 9;
    if (version <= space || memcmp(version, " HTTP/1.", 8) != 0 || version[8] < '0' ||
        version[8] > '9' || !is_token(method))
        return false;
    struct str target = { space + 1, (size_t)(version - space - 1) };
    if (target.len == 0 || memchr(target.ptr, ' ', target.len))
        return false;
    for (*fields = 0; line_at(s, &at, &line); ++*fields) {
        if (line.len == 0)
            return at == s.len;
        const char *colon = memchr(line.ptr, ':', line.len);
        if (!colon || !is_token((struct str){ line.ptr, (size_t)(colon - line.ptr) }))
            return false;
        struct str value = { colon + 1, (size_t)(line.ptr + line.len - colon - 1) };
        if (!all_of(value, 0x20, 0xff, "\t", "\x7f"))
            return false;
    }
    return false;
}

/* Damages a few bytes, mostly with bytes that matter. */
static size_t damage(struct rng *rng, struct str s, char *out)
{
    static const char likely[] = "\r\n\r\n\r\n\t  ::\0\x7f\x80/H1.0a_";
    size_t n = s.len;
    memcpy(out, s.ptr, n);
    for (uint32_t times = 1 + rng_below(rng, 3); times; times--) {
        size_t at = rng_below(rng, (uint32_t)n);
        char c = rng_below(rng, 4) ? likely[rng_below(rng, sizeof likely - 1)]
                                   : (char)rng_below(rng, 256);
        switch (rng_below(rng, 4)) {
        case 0: /* inserted */
            memmove(out + at + 1, out + at, n++ - at);
            out[at] = c;
            break;
        case 1: /* removed */
            memmove(out + at, out + at + 1, --n - at);
            break;
        default:
            out[at] = c;
        }
    }
    return n;
}

/* Once an error is told it stays, and hints change nothing. */
static void assert_monotone(struct str s, parse_fn *parse)
{
    struct http_head h;
    enum end_reason why, first_why = END_OK;
    enum h1_result result = H1_PARTIAL;
    size_t seen = 0;
    for (size_t n = 0; n <= s.len; n++) {
        enum h1_result r = parse(s.ptr, n, 0, &h, &why);
        if (result == H1_PARTIAL) {
            assert_int_equal(parse(s.ptr, n, seen, &h, &why), r);
            first_why = why;
            seen = n;
        } else {
            assert_int_equal(r, result);
        }
        if (r == H1_ERROR)
            assert_int_equal(why, first_why);
        result = r;
    }
}

static void damaged_requests_are_judged_as_the_grammar_says(void **state)
{
    (void)state;
    struct guard g = guard_new(4096);
    struct rng rng = { 3 };
    unsigned good = 0, bad = 0;
    for (unsigned round = 0; round < 30000; round++) {
        char text[1024];
        struct str base = good_requests[rng_below(&rng, ARRAY_LEN(good_requests))];
        size_t n = damage(&rng, base, text);
        struct str s = guard_end(&g, (struct str){ text, n });
        struct http_head h;
        enum end_reason why;
        uint32_t fields;
        enum h1_result r = h1_parse_request(s.ptr, s.len, 0, &h, &why);
        size_t head = r == H1_DONE ? h.head_bytes : s.len;
        assert_int_equal(r == H1_DONE, is_request_head((struct str){ s.ptr, head }, &fields));
        if (r == H1_DONE) {
            assert_int_equal(h.fields_count, fields);
            good++;
        }
        bad += r == H1_ERROR;
        if (round % 20 == 0)
            assert_monotone(s, h1_parse_request);
    }
    assert_true(good > 1000 && bad > 1000);
    guard_free(&g);
}

static void damaged_responses_are_judged_alike_however_they_come(void **state)
{
    (void)state;
    struct guard g = guard_new(4096);
    struct rng rng = { 4 };
    for (unsigned round = 0; round < 5000; round++) {
        char text[1024];
        struct str base = good_responses[rng_below(&rng, ARRAY_LEN(good_responses))];
        size_t n = damage(&rng, base, text);
        assert_monotone(guard_end(&g, (struct str){ text, n }), h1_parse_response);
    }
    guard_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_requests_are_judged_as_the_grammar_says),
        cmocka_unit_test(damaged_responses_are_judged_alike_however_they_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
