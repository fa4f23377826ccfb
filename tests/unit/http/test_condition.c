/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/http/accept_encoding.h"
#include "core/http/condition.h"
#include "tests/unit/http/heads.h"

#define NOW_S UINT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define HOUR_AGO "Sun, 06 Nov 1994 07:49:37 GMT"
#define STORED DATE "ETag: \"a\"\r\nLast-Modified: " HOUR_AGO "\r\n"

static bool not_modified(const char *stored, const char *request)
{
    struct written a, b;
    return condition_not_modified(request_with(&a, request), response_with(&b, 200, stored), NOW_S,
                                  NOW_S);
}

static void tags_match_weakly_for_none_match(void **state)
{
    (void)state;
    assert_true(not_modified(STORED, "If-None-Match: \"a\"\r\n"));
    assert_true(not_modified(STORED, "If-None-Match: W/\"a\"\r\n"));
    assert_true(not_modified(STORED, "If-None-Match: *\r\n"));
    assert_true(not_modified(STORED, "If-None-Match: \"b,\", \"\\\",W/\"a\"\r\n"));
    assert_true(not_modified(STORED, "If-None-Match: \"b\"\r\nIf-None-Match: \"a\"\r\n"));
    assert_false(not_modified(STORED, "If-None-Match: \"A\"\r\n"));
    assert_false(not_modified(STORED, "If-None-Match: a\r\n"));
    assert_false(not_modified(STORED, "If-None-Match: \"a\r\n"));
    assert_false(not_modified(STORED, "If-None-Match: w/\"a\"\r\n"));
    assert_false(not_modified(DATE, "If-None-Match: \"a\"\r\n"));
}

static void dates_count_without_tags_only(void **state)
{
    (void)state;
    assert_true(not_modified(STORED, "If-Modified-Since: " HOUR_AGO "\r\n"));
    assert_false(not_modified(STORED, "If-Modified-Since: Sun, 06 Nov 1994 07:49:36 GMT\r\n"));
    assert_false(
        not_modified(STORED, "If-Modified-Since: " HOUR_AGO "\r\nIf-None-Match: \"b\"\r\n"));
    assert_false(not_modified(STORED, "If-Modified-Since: yesterday\r\n"));
    assert_true(not_modified("ETag: \"a\"\r\n", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 "
                                                "GMT\r\n"));
    assert_false(not_modified("ETag: \"a\"\r\n", "If-Modified-Since: " HOUR_AGO "\r\n"));
}

static void strong_matches_want_strong_tags(void **state)
{
    (void)state;
    assert_true(etag_matches_strongly(STR("\"a\""), STR("\"a\"")));
    assert_false(etag_matches_strongly(STR("W/\"a\""), STR("\"a\"")));
    assert_false(etag_matches_strongly(STR("W/\"a\""), STR("W/\"a\"")));
    assert_false(etag_matches_strongly(STR("a"), STR("a")));
    assert_false(etag_matches_weakly(STR("\"a b\""), STR("\"a b\"")));
}

/* --- ranges --- */

/* "0+10 20+5" of the ranges, "none" or "416". */
static const char *ranges_of(const char *request, uint64_t length)
{
    static char text[400];
    struct written a, b;
    struct byte_range r[RANGES_MAX];
    uint32_t count;
    switch (range_read(request_with(&a, request), response_with(&b, 200, STORED), length, NOW_S, r,
                       &count)) {
    case RANGE_NONE:
        return "none";
    case RANGE_UNSATISFIABLE:
        return "416";
    case RANGE_SOME:
        break;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%llu+%llu", i ? " " : "",
                               (unsigned long long)r[i].first, (unsigned long long)r[i].length);
    return text;
}

static void ranges_are_read(void **state)
{
    (void)state;
    assert_string_equal(ranges_of("Range: bytes=0-9\r\n", 100), "0+10");
    assert_string_equal(ranges_of("Range: Bytes=90-\r\n", 100), "90+10");
    assert_string_equal(ranges_of("Range: bytes=-10\r\n", 100), "90+10");
    assert_string_equal(ranges_of("Range: bytes=-1000\r\n", 100), "0+100");
    assert_string_equal(ranges_of("Range: bytes=50-1000\r\n", 100), "50+50");
    assert_string_equal(ranges_of("Range: bytes=50-99999999999999999999999\r\n", 100), "50+50");
    assert_string_equal(ranges_of("Range: bytes=0-0, 10-19 ,,-1\r\n", 100), "0+1 10+10 99+1");
    assert_string_equal(ranges_of("Range: bytes=500-, 0-1\r\n", 100), "0+2");
    assert_string_equal(ranges_of("Range: bytes=0-9,5-14,15-19\r\n", 100), "0+20");
    assert_string_equal(ranges_of("Range: bytes=18446744073709551615-\r\n", 100), "416");
    assert_string_equal(ranges_of("Range: bytes=100-\r\n", 100), "416");
    assert_string_equal(ranges_of("Range: bytes=-0\r\n", 100), "416");
    assert_string_equal(ranges_of("Range: bytes=0-\r\n", 0), "416");
    assert_string_equal(ranges_of("Range: bytes=-5\r\n", 0), "416");
}

static void what_is_no_range_is_answered_with_all(void **state)
{
    (void)state;
    static const char *const none[] = {
        "",
        "Range: lines=0-9\r\n",
        "Range: bytes=\r\n",
        "Range: bytes=a-\r\n",
        "Range: bytes=-\r\n",
        "Range: bytes=9-0\r\n",
        "Range: bytes=0-9;x\r\n",
        "Range: bytes=0 - 9\r\n",
        "Range: bytes=0-9, x\r\n",
        "Range: bytes=0-9\r\nRange: bytes=10-19\r\n",
        "Range: bytes=0-99,200-,0-99,50-\r\nIf-Range: \"b\"\r\n",
        "Range: bytes=0-,10-20,0-\r\nIf-Range: W/\"a\"\r\n",
        "Range: bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,"
        "28-28,30-30,32-32\r\n",
        "Range: bytes=0-99,50-50,0-99\r\nIf-Range: " HOUR_AGO "x\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        if (strcmp(ranges_of(none[i], 100), "none") != 0)
            fail_msg("%s", none[i]);
}

static void if_range_wants_the_same_representation(void **state)
{
    (void)state;
#define RANGE "Range: bytes=0-9\r\n"
    assert_string_equal(ranges_of(RANGE "If-Range: \"a\"\r\n", 100), "0+10");
    assert_string_equal(ranges_of(RANGE "If-Range: \"b\"\r\n", 100), "none");
    assert_string_equal(ranges_of(RANGE "If-Range: W/\"a\"\r\n", 100), "none");
    assert_string_equal(ranges_of(RANGE "If-Range: " HOUR_AGO "\r\n", 100), "0+10");
    assert_string_equal(ranges_of(RANGE "If-Range: Sun, 06 Nov 1994 07:49:38 GMT\r\n", 100),
                        "none");
}

/* --- codings --- */

static enum coding chosen(const char *request)
{
    static const uint8_t preferred[] = { CODING_ZSTD, CODING_BROTLI, CODING_GZIP };
    struct written w;
    uint16_t weights[CODING_COUNT];
    accept_encoding_read(request_with(&w, request), weights);
    return accept_encoding_choose(weights, (1u << CODING_COUNT) - 1, preferred, 3);
}

static void codings_are_negotiated(void **state)
{
    (void)state;
    assert_int_equal(chosen(""), CODING_IDENTITY);
    assert_int_equal(chosen("Accept-Encoding:\r\n"), CODING_IDENTITY);
    assert_int_equal(chosen("Accept-Encoding: gzip, deflate, br\r\n"), CODING_BROTLI);
    assert_int_equal(chosen("Accept-Encoding: br;q=0.5, GZIP\r\n"), CODING_GZIP);
    assert_int_equal(chosen("Accept-Encoding: x-gzip\r\n"), CODING_GZIP);
    assert_int_equal(chosen("Accept-Encoding: gzip;q=0, *\r\n"), CODING_ZSTD);
    assert_int_equal(chosen("Accept-Encoding: gzip ; Q=0.001\r\n"), CODING_GZIP);
    assert_int_equal(chosen("Accept-Encoding: gzip;q=0.5, identity\r\n"), CODING_IDENTITY);
    assert_int_equal(chosen("Accept-Encoding: gzip;q=2\r\n"), CODING_IDENTITY);
    assert_int_equal(chosen("Accept-Encoding: gzip;level=9\r\n"), CODING_IDENTITY);
    assert_int_equal(chosen("Accept-Encoding: identity;q=0\r\n"), CODING_IDENTITY);
    assert_int_equal(chosen("Accept-Encoding: *;q=0\r\n"), CODING_IDENTITY);
    assert_int_equal(chosen("Accept-Encoding: gzip;q=0.2\r\nAccept-Encoding: br;q=0.3\r\n"),
                     CODING_BROTLI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_match_weakly_for_none_match),
        cmocka_unit_test(dates_count_without_tags_only),
        cmocka_unit_test(strong_matches_want_strong_tags),
        cmocka_unit_test(ranges_are_read),
        cmocka_unit_test(what_is_no_range_is_answered_with_all),
        cmocka_unit_test(if_range_wants_the_same_representation),
        cmocka_unit_test(codings_are_negotiated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
