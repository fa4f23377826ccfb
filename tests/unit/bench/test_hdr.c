/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/hdr.h"

static void every_value_lies_in_its_bucket(void **state)
{
    (void)state;
    for (uint64_t v = 0; v < HDR_US_MAX; v += 1 + v / 777) {
        uint32_t i = hdr_index(v);
        assert_true(i < HDR_BUCKETS);
        assert_true(hdr_value(i) >= v);
        assert_true(i == 0 || hdr_value(i - 1) < v);
        assert_true(hdr_value(i) - v <= v / 1000);
    }
}

static void too_long_counts_as_the_longest(void **state)
{
    (void)state;
    assert_int_equal(hdr_index(UINT64_MAX), hdr_index(HDR_US_MAX));
    assert_true(hdr_index(HDR_US_MAX) < HDR_BUCKETS);
}

static void shares_are_those_of_the_values(void **state)
{
    (void)state;
    struct hdr *h = calloc(1, sizeof *h), *other = calloc(1, sizeof *other);
    assert_int_equal(hdr_share_us(h, 0.5), 0);
    for (uint64_t v = 1; v <= 1000; v++)
        hdr_add(v % 2 ? h : other, v);
    hdr_merge(h, other);
    assert_int_equal(h->total, 1000);
    assert_int_equal(hdr_share_us(h, 0.5), 500);
    assert_int_equal(hdr_share_us(h, 0.999), 999);
    assert_int_equal(hdr_share_us(h, 1), 1000);
    free(h);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_lies_in_its_bucket),
        cmocka_unit_test(too_long_counts_as_the_longest),
        cmocka_unit_test(shares_are_those_of_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
