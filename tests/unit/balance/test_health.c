/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks, ejection, budgets of retries, tiers: the pure parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "balance/health.h"
#include "balance/outlier.h"
#include "balance/retry_budget.h"
#include "balance/tiers.h"
#include "core/base/check.h"
#include "core/base/limits.h"

#define S UINT64_C(1000000000)

/* ---- active checks ---- */

static const struct health_rules rules = { .rise = 2, .fall = 3, .interval_ns = 2 * S };

static void the_first_result_decides_alone(void **state)
{
    (void)state;
    struct health up = { 0 }, down = { 0 };
    assert_false(health_result(&up, &rules, true)); /* it counted as up */
    assert_int_equal(up.state, HEALTH_UP);
    assert_true(health_result(&down, &rules, false));
    assert_int_equal(down.state, HEALTH_DOWN);
}

static void it_takes_fall_and_rise_results_in_a_row(void **state)
{
    (void)state;
    struct health h = { HEALTH_UP, 0 };
    static const struct {
        bool good, changes;
        enum health_state then;
    } steps[] = {
        { false, false, HEALTH_UP },  { false, false, HEALTH_UP },   { true, false, HEALTH_UP },
        { false, false, HEALTH_UP },  { false, false, HEALTH_UP },   { false, true, HEALTH_DOWN },
        { true, false, HEALTH_DOWN }, { false, false, HEALTH_DOWN }, { true, false, HEALTH_DOWN },
        { true, true, HEALTH_UP },
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_int_equal(health_result(&h, &rules, steps[i].good), steps[i].changes);
        assert_int_equal(h.state, steps[i].then);
    }
}

static void checks_are_spread_and_sooner_in_doubt(void **state)
{
    (void)state;
    struct rng rng = { 1 };
    struct health sure = { HEALTH_UP, 0 }, doubt = { HEALTH_UP, 1 }, down = { HEALTH_DOWN, 0 };
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        uint64_t wait = health_next_ns(&sure, &rules, S, &rng) - S;
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        assert_in_range(health_next_ns(&doubt, &rules, 0, &rng), S * 9 / 10, S * 11 / 10);
        assert_in_range(health_next_ns(&down, &rules, 0, &rng), S * 9 / 10, S * 11 / 10);
    }
    assert_in_range(least, 2 * S * 9 / 10, 2 * S * 91 / 100);
    assert_in_range(most, 2 * S * 109 / 100, 2 * S * 11 / 10);
}

/* ---- ejection ---- */

static const struct outlier_rules out_rules = { .consecutive = 5,
                                                .error_rate_ppm = 500000,
                                                .latency_factor = 3,
                                                .requests_min = 20,
                                                .time_ns = 10 * S,
                                                .time_max_ns = 60 * S,
                                                .share_max_ppm = 300000 };

/* Facts: ejected within k failures. */
static void so_many_failures_in_a_row_eject(void **state)
{
    (void)state;
    struct outlier o = { 0 };
    for (uint32_t i = 0; i < 4; i++)
        outlier_observe(&o, 0, 1, 0);
    assert_false(outlier_run_is_over(&o, &out_rules));
    outlier_observe(&o, 1, 0, 100);
    for (uint32_t i = 0; i < 4; i++)
        outlier_observe(&o, 0, 1, 0);
    assert_false(outlier_run_is_over(&o, &out_rules));
    outlier_observe(&o, 0, 1, 0);
    assert_true(outlier_run_is_over(&o, &out_rules));
    assert_true(outlier_eject(&o, &out_rules, 0, 10, S));
    assert_false(outlier_run_is_over(&o, &out_rules));
}

/* Facts: never more than max % of the set. */
static void never_more_than_the_share_is_out(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 50; count++) {
        uint32_t out = 0;
        for (uint32_t i = 0; i < count; i++) {
            struct outlier o = { 0 };
            out += outlier_eject(&o, &out_rules, out, count, 0);
        }
        assert_int_equal(out, count * 3 / 10);
    }
}

static void ejections_grow_longer_and_are_forgotten(void **state)
{
    (void)state;
    struct outlier o = { 0 };
    struct outlier *all[] = { &o };
    bool verdict;
    static const uint64_t times[] = { 10, 20, 40, 60, 60 };
    uint64_t now = 0;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        assert_true(outlier_eject(&o, &out_rules, 0, 10, now));
        assert_int_equal(o.until_ns - now, times[i] * S);
        assert_false(outlier_release(&o, o.until_ns - 1));
        now = o.until_ns;
        assert_true(outlier_release(&o, now));
    }
    for (uint32_t i = 0; i < 10; i++)
        outlier_judge(all, 1, &out_rules, &verdict);
    assert_true(outlier_eject(&o, &out_rules, 0, 10, now));
    assert_int_equal(o.until_ns - now, 10 * S);
}

static void rates_and_latencies_are_judged_by_interval(void **state)
{
    (void)state;
    struct outlier o[6] = { 0 };
    struct outlier *all[] = { &o[0], &o[1], &o[2], &o[3], &o[4], &o[5] };
    bool verdicts[6];
    outlier_observe(&o[0], 100, 0, 100 * 1000);
    outlier_observe(&o[1], 50, 50, 50 * 1200);  /* fails half of the time */
    outlier_observe(&o[2], 100, 30, 100 * 900); /* often, but not so often */
    outlier_observe(&o[3], 100, 0, 100 * 5000); /* slow */
    outlier_observe(&o[4], 100, 0, 100 * 2500); /* slower than others, not so much */
    outlier_observe(&o[5], 9, 10, 9 * 90000);   /* too few to say something */
    outlier_judge(all, 6, &out_rules, verdicts);
    static const bool expected[] = { false, true, false, true, false, false };
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(verdicts[i], expected[i]);
    outlier_judge(all, 6, &out_rules, verdicts); /* a new interval */
    for (uint32_t i = 0; i < 6; i++)
        assert_false(verdicts[i]);
}

/* ---- retries ---- */

/* Facts: attempts <= (1 + budget) * requests, and the reserve. */
static void retries_are_a_share_of_requests(void **state)
{
    (void)state;
    struct retry_budget b = { 0 };
    uint32_t retries = 0;
    for (uint32_t i = 1; i <= 100000; i++) {
        retry_budget_request(&b, 200000);
        retries += retry_budget_take(&b);
        assert_true(retries <= 0.2 * i + RETRY_RESERVE);
    }
    assert_true(retries >= 20000);
}

static void a_quiet_time_saves_up_no_more_than_the_reserve(void **state)
{
    (void)state;
    struct retry_budget b = { 0 };
    for (uint32_t i = 0; i < 10000; i++)
        retry_budget_request(&b, 1000000);
    uint32_t retries = 0;
    while (retry_budget_take(&b))
        retries++;
    assert_int_equal(retries, RETRY_RESERVE);
}

/* ---- tiers ---- */

static uint32_t share(const struct tiers *t, uint32_t tier)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < 1000; i++)
        n += tiers_pick(t, (uint32_t)(i * (UINT64_C(1) << 32) / 1000)) == tier;
    return n;
}

static void tiers_spill_over_by_share(void **state)
{
    (void)state;
    static const struct {
        uint32_t usable[3], all[3], backup;
        uint32_t expected[3], expected_backup; /* permille */
    } cases[] = {
        { { 10, 10, 0 }, { 10, 10, 0 }, 5, { 1000, 0, 0 }, 0 },
        { { 8, 10, 0 }, { 10, 10, 0 }, 5, { 1000, 0, 0 }, 0 }, /* 0.8 * 1.4 > 1 */
        { { 5, 10, 0 }, { 10, 10, 0 }, 5, { 700, 300, 0 }, 0 },
        { { 5, 2, 10 }, { 10, 10, 10 }, 5, { 700, 280, 20 }, 0 },
        { { 0, 10, 0 }, { 10, 10, 0 }, 5, { 0, 1000, 0 }, 0 },
        { { 2, 2, 0 }, { 10, 10, 0 }, 5, { 500, 500, 0 }, 0 }, /* too little: by their health */
        { { 1, 0, 0 }, { 10, 10, 0 }, 5, { 1000, 0, 0 }, 0 },  /* no backup before */
        { { 0, 0, 0 }, { 10, 10, 0 }, 5, { 0, 0, 0 }, 1000 },
    };
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        uint32_t usable[TIERS_MAX] = { 0 }, all[TIERS_MAX] = { 0 };
        struct tiers t;
        for (uint32_t i = 0; i < 3; i++) {
            usable[i] = cases[c].usable[i];
            all[i] = cases[c].all[i];
        }
        usable[TIER_BACKUP] = all[TIER_BACKUP] = cases[c].backup;
        tiers_share(&t, usable, all, 1400000);
        for (uint32_t i = 0; i < 3; i++)
            assert_in_range(share(&t, i) + 2, cases[c].expected[i], cases[c].expected[i] + 4);
        assert_int_equal(share(&t, TIER_BACKUP), cases[c].expected_backup);
    }
    struct tiers none;
    tiers_share(&none, (uint32_t[TIERS_MAX]){ 0 }, (uint32_t[TIERS_MAX]){ 5 }, 1400000);
    assert_int_equal(none.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_result_decides_alone),
        cmocka_unit_test(it_takes_fall_and_rise_results_in_a_row),
        cmocka_unit_test(checks_are_spread_and_sooner_in_doubt),
        cmocka_unit_test(so_many_failures_in_a_row_eject),
        cmocka_unit_test(never_more_than_the_share_is_out),
        cmocka_unit_test(ejections_grow_longer_and_are_forgotten),
        cmocka_unit_test(rates_and_latencies_are_judged_by_interval),
        cmocka_unit_test(retries_are_a_share_of_requests),
        cmocka_unit_test(a_quiet_time_saves_up_no_more_than_the_reserve),
        cmocka_unit_test(tiers_spill_over_by_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
