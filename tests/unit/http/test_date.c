/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/rng.h"
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
        cmocka_unit_test(reasons_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
