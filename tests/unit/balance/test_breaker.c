/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A circuit breaker: when it opens, what it lets through on trial, when it closes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "balance/breaker.h"

#define S UINT64_C(1000000000)

static const struct breaker_rules rules = {
    .error_rate_ppm = 500000,
    .requests_min = 10,
    .interval_ns = 10 * S,
    .time_ns = 5 * S,
    .time_max_ns = 15 * S,
    .trials = 3,
};

static void few_requests_say_nothing(void **state)
{
    (void)state;
    struct breaker b = { 0 };
    assert_false(breaker_observe(&b, &rules, 0, 9, S));
    assert_int_equal(b.state, BREAKER_CLOSED);
    assert_true(breaker_observe(&b, &rules, 0, 1, S));
    assert_int_equal(b.state, BREAKER_OPEN);
}

static void it_takes_a_share_of_failures(void **state)
{
    (void)state;
    struct breaker b = { 0 };
    breaker_observe(&b, &rules, 100, 99, S);
    assert_int_equal(b.state, BREAKER_CLOSED);
    assert_true(breaker_observe(&b, &rules, 0, 1, S));
    assert_int_equal(b.opened, 1);
}

static void intervals_are_counted_apart(void **state)
{
    (void)state;
    struct breaker b = { 0 };
    breaker_observe(&b, &rules, 0, 0, S);
    for (uint64_t at = 2; at < 100; at += 11) {
        assert_false(breaker_observe(&b, &rules, 0, 9, at * S));
        assert_false(breaker_observe(&b, &rules, 0, 0, (at + 10) * S));
    }
}

static void trials_that_go_well_close_it(void **state)
{
    (void)state;
    struct breaker b = { 0 };
    breaker_observe(&b, &rules, 0, 10, S);
    assert_false(breaker_observe(&b, &rules, 50, 0, 5 * S)); /* begun before */
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_true(breaker_observe(&b, &rules, 0, 0, 6 * S));
    assert_int_equal(b.state, BREAKER_HALF_OPEN);
    assert_false(breaker_observe(&b, &rules, 2, 0, 6 * S));
    assert_true(breaker_observe(&b, &rules, 1, 0, 6 * S));
    assert_int_equal(b.state, BREAKER_CLOSED);
}

static void one_that_fails_opens_it_for_longer(void **state)
{
    (void)state;
    struct breaker b = { 0 };
    static const uint64_t times[] = { 5, 10, 15, 15 };
    uint64_t now = S;
    breaker_observe(&b, &rules, 0, 10, now);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(b.until_ns - now, times[i] * S);
        now = b.until_ns;
        assert_false(breaker_observe(&b, &rules, 0, 0, now - 1));
        assert_true(breaker_observe(&b, &rules, 0, 0, now));
        assert_true(breaker_observe(&b, &rules, 2, 1, now));
        assert_int_equal(b.state, BREAKER_OPEN);
    }
}

static void lost_trials_are_given_again(void **state)
{
    (void)state;
    struct breaker b = { 0 };
    breaker_observe(&b, &rules, 0, 10, S);
    assert_true(breaker_observe(&b, &rules, 0, 0, 6 * S));
    assert_false(breaker_observe(&b, &rules, 0, 0, 10 * S));
    assert_true(breaker_observe(&b, &rules, 0, 0, 11 * S));
    assert_int_equal(b.state, BREAKER_HALF_OPEN);
    assert_int_equal(b.granted, 2);
}

static void good_times_forgive(void **state)
{
    (void)state;
    struct breaker b = { 0 };
    breaker_observe(&b, &rules, 0, 10, S);
    breaker_observe(&b, &rules, 0, 0, 6 * S);
    breaker_observe(&b, &rules, 3, 0, 6 * S);
    assert_int_equal(b.times, 1);
    breaker_observe(&b, &rules, 1, 0, 20 * S);
    assert_int_equal(b.times, 0);
}

static void without_a_rule_it_is_closed(void **state)
{
    (void)state;
    struct breaker b = { 0 };
    static const struct breaker_rules none = { 0 };
    breaker_observe(&b, &rules, 0, 10, S);
    assert_true(breaker_observe(&b, &none, 0, 10, S));
    assert_int_equal(b.state, BREAKER_CLOSED);
    assert_false(breaker_observe(&b, &none, 0, 1000, S));
    assert_int_equal(b.opened, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_requests_say_nothing),
        cmocka_unit_test(it_takes_a_share_of_failures),
        cmocka_unit_test(intervals_are_counted_apart),
        cmocka_unit_test(trials_that_go_well_close_it),
        cmocka_unit_test(one_that_fails_opens_it_for_longer),
        cmocka_unit_test(lost_trials_are_given_again),
        cmocka_unit_test(good_times_forgive),
        cmocka_unit_test(without_a_rule_it_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
