/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/rng.h"
#include "core/http/date.h"
#include "core/http/forward.h"

static void assert_date(uint64_t unix_s)
{
    char date[HTTP_DATE_BYTES], expected[64];
    time_t t = (time_t)unix_s;
    struct tm tm;
    gmtime_r(&t, &tm);
    assert_int_equal(strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &tm),
                     HTTP_DATE_BYTES);
    http_date(date, unix_s);
    assert_memory_equal(date, expected, HTTP_DATE_BYTES);
}

static void the_example_of_the_rfc(void **state)
{
    (void)state;
    char date[HTTP_DATE_BYTES];
    http_date(date, 784111777);
    assert_memory_equal(date, "Sun, 06 Nov 1994 08:49:37 GMT", HTTP_DATE_BYTES);
}

#define DAY_S 86400
#define YEAR_9999_END_S UINT64_C(253402300799)

static void every_day_of_500_years_agrees_with_libc(void **state)
{
    (void)state;
    for (uint64_t day = 0; day < UINT64_C(500) * 366; day++)
        assert_date(day * DAY_S + day % DAY_S);
}

static void seconds_agree_with_libc(void **state)
{
    (void)state;
    struct rng rng = { 7 };
    assert_date(YEAR_9999_END_S);
    for (unsigned i = 0; i < 100000; i++)
        assert_date(rng_next(&rng) % YEAR_9999_END_S);
}

#define NOW_S UINT64_C(1795000000) /* in November 2026 */

static void assert_parses(const char *text, uint64_t expected)
{
    uint64_t s = 1;
    if (!http_date_parse(str_of(text), NOW_S, &s))
        fail_msg("not read: %s", text);
    assert_int_equal(s, expected);
}

static void the_three_forms_are_read(void **state)
{
    (void)state;
    assert_parses("Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
    assert_parses("Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
    assert_parses("Sun Nov  6 08:49:37 1994", 784111777);
    assert_parses("Wed Nov 16 08:49:37 1994", 784975777);
    assert_parses("Thu, 01 Jan 1970 00:00:00 GMT", 0);
    assert_parses("Mon, 01 Jan 1900 00:00:00 GMT", 0);
    assert_parses("Thu, 29 Feb 2024 23:59:60 GMT", 1709251200);
}

static void two_digits_of_a_year_are_at_most_50_years_ahead(void **state)
{
    (void)state;
    assert_parses("Wednesday, 01-Jan-76 00:00:00 GMT", UINT64_C(3345062400)); /* 2076 */
    assert_parses("Saturday, 01-Jan-77 00:00:00 GMT", 220924800);             /* 1977 */
    uint64_t s;
    assert_true(http_date_parse(STR("Thursday, 01-Jan-39 00:00:00 GMT"), UINT64_C(3786912000), &s));
    assert_int_equal(s, UINT64_C(5333126400)); /* seen from 2090: 2139 */
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "0",
        "-1",
        "now",
        "Sun",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
    };
    uint64_t s;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (http_date_parse(str_of(bad[i]), NOW_S, &s))
            fail_msg("read: %s", bad[i]);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct rng rng = { 11 };
    for (unsigned i = 0; i < 100000; i++) {
        char date[HTTP_DATE_BYTES];
        uint64_t s = rng_next(&rng) % YEAR_9999_END_S, back;
        http_date(date, s);
        assert_true(http_date_parse((struct str){ date, sizeof date }, NOW_S, &back));
        assert_int_equal(back, s);
    }
}

static void reasons_are_known(void **state)
{
    (void)state;
    assert_true(str_eq(http_status_reason(200), STR("OK")));
    assert_true(str_eq(http_status_reason(404), STR("Not Found")));
    assert_true(str_eq(http_status_reason(431), STR("Request Header Fields Too Large")));
    assert_true(str_eq(http_status_reason(299), STR("")));
    for (int reason = 0; reason < END_REASON_COUNT; reason++) {
        int status = end_reason_info((enum end_reason)reason)->status;
        assert_true(status == 0 || http_status_reason((unsigned)status).len > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_rfc),
        cmocka_unit_test(every_day_of_500_years_agrees_with_libc),
        cmocka_unit_test(seconds_agree_with_libc),
        cmocka_unit_test(the_three_forms_are_read),
        cmocka_unit_test(two_digits_of_a_year_are_at_most_50_years_ahead),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(reasons_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
