/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/http/freshness.h"
#include "core/http/structured.h"
#include "tests/unit/http/heads.h"

#define NOW_S UINT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static const struct freshness_rules usual = {
    .targeted = { "CDN-Cache-Control", 17 },
    .heuristic_percent = 10,
    .heuristic_max_s = 86400,
};

static struct cache_control control_of(const char *fields)
{
    struct written w;
    struct cache_control cc;
    cache_control_read(&cc, response_with(&w, 200, fields));
    return cc;
}

/* --- Cache-Control --- */

static void directives_are_read_in_any_case_and_from_all_fields(void **state)
{
    (void)state;
    struct cache_control cc = control_of("Cache-Control: Public, MAX-age=60,, x=\"a,no-store\"\r\n"
                                         "Cache-Control: s-maxage=\"30\" , no-transform\r\n");
    assert_int_equal(cc.given, CC_PUBLIC | CC_MAX_AGE | CC_S_MAXAGE | CC_NO_TRANSFORM);
    assert_int_equal(cc.max_age_s, 60);
    assert_int_equal(cc.s_maxage_s, 30);
    cc = control_of("Cache-Control: no-cache=\"Set-Cookie\", private=x\r\n");
    assert_int_equal(cc.given, CC_NO_CACHE | CC_PRIVATE);
    cc = control_of("Cache-Control: max-stale, min-fresh=5, stale-if-error=7\r\n");
    assert_int_equal(cc.max_stale_s, DELTA_SECONDS_MAX);
    assert_int_equal(cc.min_fresh_s, 5);
    assert_int_equal(cc.stale_if_error_s, 7);
}

static void malformed_and_contradictory_values_keep_the_least(void **state)
{
    (void)state;
    static const char *const zero[] = {
        "max-age",      "max-age=",     "max-age=-1",          "max-age=1.5",
        "max-age=1 0",  "max-age=a",    "max-age=60, max-age", "max-age=60, max-age=61",
        "max-age=\"60", "max-age='60'", "max-age = 60",        "max-age=60s",
    };
    for (size_t i = 0; i < ARRAY_LEN(zero); i++) {
        char line[80];
        snprintf(line, sizeof line, "Cache-Control: %s\r\n", zero[i]);
        struct cache_control cc = control_of(line);
        if (!(cc.given & CC_MAX_AGE) || cc.max_age_s != 0)
            fail_msg("%s", zero[i]);
    }
    assert_int_equal(control_of("Cache-Control: max-age=60, max-age=60\r\n").max_age_s, 60);
    assert_int_equal(control_of("Cache-Control: max-age=99999999999999999999\r\n").max_age_s,
                     DELTA_SECONDS_MAX);
    assert_int_equal(control_of("Cache-Control: min-fresh=x\r\n").min_fresh_s, DELTA_SECONDS_MAX);
}

static bool targeted(struct cache_control *cc, const char *value)
{
    struct written w;
    char line[200];
    snprintf(line, sizeof line, "CDN-Cache-Control: %s\r\n", value);
    return cache_control_read_targeted(cc, response_with(&w, 200, line), usual.targeted);
}

static void targeted_fields_are_dictionaries(void **state)
{
    (void)state;
    struct cache_control cc;
    assert_true(targeted(&cc, "max-age=60;x=1, private=?0, public, no-cache=\"a\", y=(1 \"b\")"));
    assert_int_equal(cc.given, CC_MAX_AGE | CC_PUBLIC | CC_NO_CACHE);
    assert_int_equal(cc.max_age_s, 60);
    assert_true(targeted(&cc, "max-age=60, max-age=5"));
    assert_int_equal(cc.max_age_s, 5); /* the last one, RFC 8941 3.2 */
    assert_true(targeted(&cc, "max-age=\"60\", public"));
    assert_int_equal(cc.given, CC_PUBLIC);
}

static void a_targeted_field_that_cannot_be_parsed_counts_as_absent(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "max-age=60,",
        "max-age=60 public",
        "Max-Age=60",
        "max-age=",
        "a=1.",
        "a=\"x",
        "a=:x",
        "a=?2",
        "a=(1",
        "a=1;B",
        "a=(1\"b\")",
        "max-age = 60",
        "a=1.2345",
        "a=1234567890123456",
        "a=\"\\n\"",
        ",max-age=60",
        "a=-",
        "a=(1 2)x",
        "a==",
    };
    struct cache_control cc;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (targeted(&cc, bad[i]))
            fail_msg("taken: %s", bad[i]);
}

/* --- lifetimes --- */

static struct freshness fresh(unsigned status, const char *fields)
{
    struct written w;
    struct freshness f;
    freshness_read(&f, response_with(&w, status, fields), &usual, NOW_S, NOW_S);
    return f;
}

static void the_lifetime_comes_from_the_first_that_says_one(void **state)
{
    (void)state;
    static const char expires[] = DATE "Expires: Sun, 06 Nov 1994 08:50:37 GMT\r\n";
    char all[400];
    assert_int_equal(fresh(200, expires).lifetime_s, 60);
    snprintf(all, sizeof all, "%sCache-Control: max-age=30\r\n", expires);
    assert_int_equal(fresh(200, all).lifetime_s, 30);
    snprintf(all, sizeof all, "%sCache-Control: max-age=30, s-maxage=20\r\n", expires);
    assert_int_equal(fresh(200, all).lifetime_s, 20);
    snprintf(all, sizeof all, "%sCache-Control: s-maxage=20\r\nCDN-Cache-Control: max-age=10\r\n",
             expires);
    assert_int_equal(fresh(200, all).lifetime_s, 10);
    /* A targeted field that says nothing of it leaves nothing to Expires (RFC 9213 2.2). */
    snprintf(all, sizeof all, "%sCDN-Cache-Control: public\r\n", expires);
    assert_int_equal(fresh(200, all).lifetime_s, 0);
}

static void a_bad_or_repeated_expires_is_in_the_past(void **state)
{
    (void)state;
    assert_int_equal(fresh(200, DATE "Expires: 0\r\n").lifetime_s, 0);
    assert_int_equal(fresh(200, DATE "Expires: Mon, 07 Nov 1994 08:49 GMT\r\n").lifetime_s, 0);
    assert_int_equal(fresh(200, DATE "Expires: Sun, 06 Nov 1994 08:49:37 GMT\r\n").lifetime_s, 0);
    assert_int_equal(fresh(200, DATE "Expires: Mon, 07 Nov 1994 08:49:37 GMT\r\n"
                                     "Expires: Mon, 07 Nov 1994 08:49:37 GMT\r\n")
                         .lifetime_s,
                     0);
}

static void a_heuristic_is_a_tenth_of_the_time_since_the_change(void **state)
{
    (void)state;
    static const char changed[] = DATE "Last-Modified: Sun, 06 Nov 1994 07:49:37 GMT\r\n";
    assert_int_equal(fresh(200, changed).lifetime_s, 360);
    assert_false(fresh(200, changed).explicit_lifetime);
    assert_int_equal(fresh(404, changed).lifetime_s, 360);
    assert_int_equal(fresh(500, changed).lifetime_s, 0);
    assert_int_equal(fresh(200, DATE "Last-Modified: Sun, 06 Nov 1970 07:49:37 GMT\r\n").lifetime_s,
                     86400);
    assert_int_equal(fresh(200, DATE "Last-Modified: Tue, 06 Dec 1994 07:49:37 GMT\r\n").lifetime_s,
                     0);
}

static void the_age_is_the_largest_that_anything_says(void **state)
{
    (void)state;
    struct written w;
    struct freshness f;
    freshness_read(&f, response_with(&w, 200, DATE "Age: 10\r\n"), &usual, NOW_S, NOW_S + 2);
    assert_int_equal(freshness_age_s(&f, NOW_S + 2), 12); /* the answer took 2 s */
    assert_int_equal(freshness_age_s(&f, NOW_S + 5), 15);
    freshness_read(&f, response_with(&w, 200, DATE), &usual, NOW_S + 30, NOW_S + 30);
    assert_int_equal(freshness_age_s(&f, NOW_S + 30), 30);
    freshness_read(&f, response_with(&w, 200, "Age: 7, 100\r\n"), &usual, NOW_S, NOW_S);
    assert_int_equal(freshness_age_s(&f, NOW_S), 7);
    freshness_read(&f, response_with(&w, 200, "Age: -7\r\n"), &usual, NOW_S, NOW_S);
    assert_int_equal(freshness_age_s(&f, NOW_S), 0);
    assert_int_equal(freshness_age_s(&f, NOW_S - 100), 0); /* the clock stepped back */
}

/* --- what is kept --- */

static enum store_verdict may_store(const char *request, unsigned status, const char *response)
{
    struct written a, b;
    const struct http_head *q = request_with(&a, request), *r = response_with(&b, status, response);
    struct freshness f;
    freshness_read(&f, r, &usual, NOW_S, NOW_S);
    return freshness_may_store(q, r, &f, &usual);
}

static void what_may_be_kept(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        unsigned status;
        const char *response;
        enum store_verdict verdict;
    } rows[] = {
        { "", 200, "Cache-Control: max-age=1\r\n", STORE_OK },
        { "", 200, "ETag: \"a\"\r\n", STORE_OK }, /* to be validated each time */
        { "", 200, "", STORE_NO_LIFETIME },
        { "", 200, "Cache-Control: max-age=0\r\n", STORE_NO_LIFETIME },
        { "", 299, "Cache-Control: max-age=1\r\n", STORE_OK },
        { "", 299, "ETag: \"a\"\r\n", STORE_STATUS },
        { "", 206, "Cache-Control: max-age=1\r\n", STORE_STATUS },
        { "", 304, "Cache-Control: max-age=1\r\n", STORE_STATUS },
        { "", 299, "Cache-Control: max-age=1, must-understand\r\n", STORE_STATUS },
        { "", 200, "Cache-Control: max-age=1, must-understand, no-store\r\n", STORE_OK },
        { "", 200, "Cache-Control: max-age=1, no-store\r\n", STORE_RESPONSE_NO },
        { "", 200, "Cache-Control: max-age=1, private\r\n", STORE_RESPONSE_NO },
        { "", 200, "Cache-Control: max-age=1\r\nCDN-Cache-Control: no-store\r\n",
          STORE_RESPONSE_NO },
        { "", 200, "Cache-Control: no-store\r\nCDN-Cache-Control: max-age=9\r\n", STORE_OK },
        { "Cache-Control: no-store\r\n", 200, "Cache-Control: max-age=1\r\n", STORE_REQUEST_NO },
        { "Authorization: Basic x\r\n", 200, "Cache-Control: max-age=1\r\n", STORE_AUTHORIZATION },
        { "Authorization: Basic x\r\n", 200, "Cache-Control: s-maxage=1\r\n", STORE_OK },
        { "Authorization: Basic x\r\n", 200, "Cache-Control: max-age=1, public\r\n", STORE_OK },
        { "Authorization: Basic x\r\n", 200, "Cache-Control: max-age=1, must-revalidate\r\n",
          STORE_OK },
        { "", 200, "Cache-Control: max-age=1\r\nSet-Cookie: a=b\r\n", STORE_SET_COOKIE },
        { "", 200, "Cache-Control: max-age=1\r\nVary: Accept, *\r\n", STORE_VARY_ALL },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (may_store(rows[i].request, rows[i].status, rows[i].response) != rows[i].verdict)
            fail_msg("row %zu", i);
}

/* --- what is used --- */

/* Of a response with those fields, received now, so many seconds later. */
static enum reuse reuse(const char *response, const char *request, uint32_t later_s)
{
    struct written a, b;
    struct freshness f;
    freshness_read(&f, response_with(&a, 200, response), &usual, NOW_S, NOW_S);
    return freshness_reuse(&f, request_with(&b, request), &usual, NOW_S + later_s);
}

static void fresh_responses_are_used_until_they_are_stale(void **state)
{
    (void)state;
    static const char minute[] = "Cache-Control: max-age=60\r\n";
    assert_int_equal(reuse(minute, "", 59), REUSE_FRESH);
    assert_int_equal(reuse(minute, "", 60), REUSE_VALIDATE);
    assert_int_equal(reuse("Cache-Control: max-age=60, no-cache\r\n", "", 0), REUSE_VALIDATE);
    assert_int_equal(reuse("Cache-Control: max-age=60, stale-while-revalidate=10\r\n", "", 69),
                     REUSE_STALE_MEANWHILE);
    assert_int_equal(reuse("Cache-Control: max-age=60, stale-while-revalidate=10\r\n", "", 70),
                     REUSE_VALIDATE);
    assert_int_equal(
        reuse("Cache-Control: max-age=60, stale-while-revalidate=9, must-revalidate\r\n", "", 61),
        REUSE_VALIDATE);
}

static void requests_may_ask_for_less_and_for_more(void **state)
{
    (void)state;
    static const char minute[] = "Cache-Control: max-age=60\r\n";
    assert_int_equal(reuse(minute, "Cache-Control: no-cache\r\n", 1), REUSE_VALIDATE);
    assert_int_equal(reuse(minute, "Pragma: no-cache\r\n", 1), REUSE_VALIDATE);
    assert_int_equal(reuse(minute, "Pragma: no-cache\r\nCache-Control: max-age=9\r\n", 1),
                     REUSE_FRESH);
    assert_int_equal(reuse(minute, "Cache-Control: max-age=5\r\n", 5), REUSE_FRESH);
    assert_int_equal(reuse(minute, "Cache-Control: max-age=5\r\n", 6), REUSE_VALIDATE);
    assert_int_equal(reuse(minute, "Cache-Control: max-age=0\r\n", 1), REUSE_VALIDATE);
    assert_int_equal(reuse(minute, "Cache-Control: min-fresh=20\r\n", 40), REUSE_FRESH);
    assert_int_equal(reuse(minute, "Cache-Control: min-fresh=20\r\n", 41), REUSE_VALIDATE);
    assert_int_equal(reuse(minute, "Cache-Control: max-stale=20\r\n", 80), REUSE_STALE_ALLOWED);
    assert_int_equal(reuse(minute, "Cache-Control: max-stale=20\r\n", 81), REUSE_VALIDATE);
    assert_int_equal(reuse(minute, "Cache-Control: max-stale\r\n", 99999), REUSE_STALE_ALLOWED);
    assert_int_equal(reuse("Cache-Control: s-maxage=60\r\n", "Cache-Control: max-stale\r\n", 61),
                     REUSE_VALIDATE);
}

static void errors_may_be_bridged(void **state)
{
    (void)state;
    struct written a, b;
    struct freshness f;
    freshness_read(&f, response_with(&a, 200, "Cache-Control: max-age=60, stale-if-error=10\r\n"),
                   &usual, NOW_S, NOW_S);
    const struct http_head *q = request_with(&b, "");
    assert_true(freshness_stale_if_error(&f, q, &usual, NOW_S + 69));
    assert_false(freshness_stale_if_error(&f, q, &usual, NOW_S + 70));
    q = request_with(&b, "Cache-Control: stale-if-error=20\r\n");
    assert_true(freshness_stale_if_error(&f, q, &usual, NOW_S + 70));
    freshness_read(&f,
                   response_with(&a, 200,
                                 "Cache-Control: max-age=60, stale-if-error=10, must-revalidate"
                                 "\r\n"),
                   &usual, NOW_S, NOW_S);
    assert_false(freshness_stale_if_error(&f, q, &usual, NOW_S + 61));
    assert_true(
        freshness_only_if_cached(request_with(&b, "Cache-Control: only-if-cached\r\n"), &usual));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directives_are_read_in_any_case_and_from_all_fields),
        cmocka_unit_test(malformed_and_contradictory_values_keep_the_least),
        cmocka_unit_test(targeted_fields_are_dictionaries),
        cmocka_unit_test(a_targeted_field_that_cannot_be_parsed_counts_as_absent),
        cmocka_unit_test(the_lifetime_comes_from_the_first_that_says_one),
        cmocka_unit_test(a_bad_or_repeated_expires_is_in_the_past),
        cmocka_unit_test(a_heuristic_is_a_tenth_of_the_time_since_the_change),
        cmocka_unit_test(the_age_is_the_largest_that_anything_says),
        cmocka_unit_test(what_may_be_kept),
        cmocka_unit_test(fresh_responses_are_used_until_they_are_stale),
        cmocka_unit_test(requests_may_ask_for_less_and_for_more),
        cmocka_unit_test(errors_may_be_bridged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
