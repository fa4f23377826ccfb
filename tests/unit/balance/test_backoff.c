/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "balance/backoff.h"

static const struct backoff_config config = { .min_ns = 1000, .max_ns = 30000 };

static void a_good_server_takes_any_number_of_attempts(void **state)
{
    (void)state;
    struct backoff b = { 0 };
    for (int i = 0; i < 10; i++) {
        assert_true(backoff_usable(&b, 0));
        assert_int_equal(backoff_begin(&b, 0), 0);
    }
    backoff_succeeded(&b);
    backoff_abandoned(&b, 0);
    assert_int_equal(b.state, BACKOFF_GOOD);
}

static void after_a_failure_it_rests_then_one_trial_goes(void **state)
{
    (void)state;
    struct backoff b = { 0 };
    struct rng rng = { 1 };
    uint32_t ticket = backoff_begin(&b, 50);
    backoff_failed(&b, ticket, &config, 100, &rng);
    assert_int_equal(b.state, BACKOFF_RESTING);
    assert_in_range(b.until_ns, 100 + 1000, 100 + 2000);
    assert_false(backoff_usable(&b, 100));
    assert_false(backoff_usable(&b, b.until_ns - 1));
    assert_int_equal(backoff_begin(&b, b.until_ns - 1), 0); /* no other server: no trial */
    assert_true(backoff_usable(&b, b.until_ns));
    ticket = backoff_begin(&b, b.until_ns);
    assert_int_not_equal(ticket, 0);
    assert_int_equal(b.state, BACKOFF_TRIAL);
    assert_false(backoff_usable(&b, UINT64_MAX)); /* exactly one */
    assert_int_equal(backoff_begin(&b, UINT64_MAX), 0);
    backoff_succeeded(&b);
    assert_int_equal(b.state, BACKOFF_GOOD);
    assert_true(backoff_usable(&b, 0));
}

static void waits_double_with_jitter_between_min_and_max(void **state)
{
    (void)state;
    struct rng rng = { 2 };
    static const uint64_t lows[] = { 1000, 2000, 4000, 8000, 16000, 16000, 16000 };
    uint64_t smallest[7], largest[7] = { 0 };
    for (int i = 0; i < 7; i++)
        smallest[i] = UINT64_MAX;
    for (int round = 0; round < 200; round++) {
        struct backoff b = { 0 };
        uint64_t now = 5000;
        for (int i = 0; i < 7; i++) {
            backoff_failed(&b, backoff_begin(&b, now), &config, now, &rng);
            uint64_t wait = b.until_ns - now;
            assert_in_range(wait, lows[i], lows[i] < 16000 ? 2 * lows[i] : 30000);
            smallest[i] = wait < smallest[i] ? wait : smallest[i];
            largest[i] = wait > largest[i] ? wait : largest[i];
            now = b.until_ns;
        }
        backoff_succeeded(&b); /* forgets it all */
        backoff_failed(&b, 0, &config, now, &rng);
        assert_in_range(b.until_ns - now, 1000, 2000);
    }
    for (int i = 0; i < 7; i++)
        assert_true(largest[i] - smallest[i] > lows[i] / 2); /* spread, not in step */
}

static void min_equal_to_max_waits_just_that(void **state)
{
    (void)state;
    const struct backoff_config fixed = { 700, 700 };
    struct backoff b = { 0 };
    struct rng rng = { 3 };
    for (uint64_t now = 0; now < 7000; now += 700) {
        backoff_failed(&b, backoff_begin(&b, now), &fixed, now, &rng);
        assert_int_equal(b.until_ns, now + 700);
    }
}

/* Many attempts were under way when the first failed: the rest of the crowd neither lengthens the
 * wait nor speaks for the trial. */
static void late_failures_tell_nothing_new(void **state)
{
    (void)state;
    struct backoff b = { 0 };
    struct rng rng = { 4 };
    uint32_t early = backoff_begin(&b, 0);
    backoff_failed(&b, early, &config, 10, &rng);
    uint64_t until = b.until_ns;
    backoff_failed(&b, early, &config, 20, &rng);
    assert_int_equal(b.until_ns, until);
    uint32_t trial = backoff_begin(&b, until);
    backoff_failed(&b, early, &config, until + 1, &rng);
    backoff_abandoned(&b, early);
    assert_int_equal(b.state, BACKOFF_TRIAL);
    backoff_failed(&b, trial, &config, until + 5, &rng);
    assert_int_equal(b.state, BACKOFF_RESTING);
    assert_in_range(b.until_ns - until - 5, 2000, 4000);
}

static void a_late_success_lets_everybody_back(void **state)
{
    (void)state;
    struct backoff b = { 0 };
    struct rng rng = { 5 };
    backoff_failed(&b, 0, &config, 0, &rng);
    backoff_succeeded(&b);
    assert_true(backoff_usable(&b, 1));

    /* ... even while a trial is under way, whose failure then counts as a first one; and a trial
     * that outlived its time does not speak for the next one */
    backoff_failed(&b, 0, &config, 0, &rng);
    uint32_t old_trial = backoff_begin(&b, b.until_ns);
    backoff_succeeded(&b);
    backoff_failed(&b, 0, &config, 10000, &rng);
    uint32_t trial = backoff_begin(&b, b.until_ns);
    assert_int_not_equal(trial, old_trial);
    backoff_failed(&b, old_trial, &config, 20000, &rng);
    assert_int_equal(b.state, BACKOFF_TRIAL);
    backoff_abandoned(&b, old_trial);
    assert_int_equal(b.state, BACKOFF_TRIAL);
}

static void an_abandoned_trial_makes_way_for_another(void **state)
{
    (void)state;
    struct backoff b = { 0 };
    struct rng rng = { 6 };
    backoff_failed(&b, 0, &config, 0, &rng);
    uint64_t now = b.until_ns;
    backoff_abandoned(&b, backoff_begin(&b, now));
    assert_true(backoff_usable(&b, now));
    assert_int_not_equal(backoff_begin(&b, now), 0);
    assert_false(backoff_usable(&b, now));
}

static void tickets_are_never_zero(void **state)
{
    (void)state;
    struct backoff b = { .trials = UINT32_MAX };
    struct rng rng = { 7 };
    backoff_failed(&b, 0, &config, 0, &rng);
    assert_int_not_equal(backoff_begin(&b, b.until_ns), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_server_takes_any_number_of_attempts),
        cmocka_unit_test(after_a_failure_it_rests_then_one_trial_goes),
        cmocka_unit_test(waits_double_with_jitter_between_min_and_max),
        cmocka_unit_test(min_equal_to_max_waits_just_that),
        cmocka_unit_test(late_failures_tell_nothing_new),
        cmocka_unit_test(a_late_success_lets_everybody_back),
        cmocka_unit_test(an_abandoned_trial_makes_way_for_another),
        cmocka_unit_test(tickets_are_never_zero),
    };
    return cmocka_run_group_tests_name("balance/backoff", tests, NULL, NULL);
}
