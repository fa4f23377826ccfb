/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies that choose by chance and by load, and what all have in common. */
#include "tests/unit/balance/balance_test.h"

#define PICKS 200000

static void shares_follow_the_weights_while_all_is_idle(void **state)
{
    (void)state;
    static const struct balance_policy *const policies[] = {
        &balance_random, &balance_least_requests, &balance_power_of_two, &balance_round_robin
    };
    static const uint32_t weights[] = { 1, 2, 3, 10, 0, 4 };
    for (size_t p = 0; p < ARRAY_LEN(policies); p++) {
        struct fixture *f = fixture_create(policies[p], ARRAY_LEN(weights), weights, NOT_ONE);
        uint32_t counts[6] = { 0 };
        for (uint32_t k = 0; k < PICKS; k++)
            counts[fixture_pick(f)]++;
        for (uint32_t i = 0; i < 6; i++)
            assert_in_range(counts[i], 0.95 * PICKS * weights[i] / 20,
                            1.05 * PICKS * weights[i] / 20);
        fixture_free(f);
    }
}

static void random_spreads_over_those_that_are_usable(void **state)
{
    (void)state;
    struct fixture *f = fixture_create(&balance_random, 100, NULL, NOT_ONE);
    for (uint32_t i = 3; i < 100; i++)
        set_usable(f, i, false);
    uint32_t counts[3] = { 0 };
    for (uint32_t k = 0; k < PICKS; k++)
        counts[fixture_pick(f)]++;
    for (uint32_t i = 0; i < 3; i++)
        assert_in_range(counts[i], 0.97 * PICKS / 3, 1.03 * PICKS / 3);
    fixture_free(f);
}

static void least_requests_takes_the_least_loaded(void **state)
{
    (void)state;
    struct rng rng = { 5 };
    for (uint32_t round = 0; round < 300; round++) {
        uint32_t weights[N_MAX], n = 1 + rng_below(&rng, N_MAX);
        for (uint32_t i = 0; i < n; i++)
            weights[i] = rng_below(&rng, 4);
        weights[rng_below(&rng, n)] = 1;
        struct fixture *f = fixture_create(&balance_least_requests, n, weights, NOT_ONE);
        double least = 1e9;
        for (uint32_t i = 0; i < n; i++) {
            f->cells[i].own = rng_below(&rng, 20);
            f->cells[i].others = rng_below(&rng, 20);
            set_usable(f, i, rng_below(&rng, 4) > 0);
            double load =
                weights[i] ? (double)server_load_inflight(&f->cells[i]) / weights[i] : 1e9;
            if (server_usable(&f->ctx, i) && load < least)
                least = load;
        }
        int32_t i = balancer_pick(f->balancer, &f->ctx);
        if (least == 1e9)
            assert_int_equal(i, -1);
        else
            assert_float_equal((double)server_load_inflight(&f->cells[i]) / weights[i], least,
                               1e-5);
        fixture_free(f);
    }
}

/* Nobody is always the first of those with equal loads. */
static void equal_loads_are_shared_evenly(void **state)
{
    (void)state;
    struct fixture *f = fixture_create(&balance_least_requests, 10, NULL, NOT_ONE);
    uint32_t counts[10] = { 0 };
    for (uint32_t i = 0; i < 10; i++)
        f->cells[i].own = 5;
    for (uint32_t k = 0; k < PICKS; k++)
        counts[fixture_pick(f)]++;
    for (uint32_t i = 0; i < 10; i++)
        assert_in_range(counts[i], PICKS / 10 * 0.95, PICKS / 10 * 1.05);
    fixture_free(f);
}

/* Of n servers with one loaded: it is taken only when both choices are it. */
static void power_of_two_avoids_the_busy_one(void **state)
{
    (void)state;
    struct fixture *f = fixture_create(&balance_power_of_two, 10, NULL, NOT_ONE);
    f->cells[4].others = 100;
    for (uint32_t k = 0; k < PICKS; k++)
        assert_int_not_equal(fixture_pick(f), 4);
    for (uint32_t i = 0; i < 10; i++)
        set_usable(f, i, i == 4);
    assert_int_equal(fixture_pick(f), 4);
    fixture_free(f);
}

static void peak_ewma_avoids_the_slow_one_and_tries_it_again(void **state)
{
    (void)state;
    const uint64_t ms = 1000000;
    struct fixture *f = fixture_create(&balance_peak_ewma, 2, NULL, NOT_ONE);
    server_load_answered(&f->cells[0], 10 * ms, 0, f->options.decay_ns);
    server_load_answered(&f->cells[1], 100 * ms, 0, f->options.decay_ns);
    for (uint32_t k = 0; k < 1000; k++)
        assert_int_equal(fixture_pick(f), 0);
    f->cells[0].own = 20; /* now it would take longer there */
    assert_int_equal(fixture_pick(f), 1);
    f->cells[0].own = 0;
    /* It goes on to answer, the other is not asked: what is known of it fades. */
    uint64_t now = 0, until = 60000 * ms;
    while (now < until && fixture_pick(f) == 0) {
        now += 10 * ms;
        f->ctx.now_ns = now;
        server_load_answered(&f->cells[0], 10 * ms, now, f->options.decay_ns);
    }
    assert_in_range(now, 15000 * ms, 40000 * ms); /* 10 s times ln(10) = 23 s */
    fixture_free(f);
}

static void peak_ewma_asks_an_unknown_server_once(void **state)
{
    (void)state;
    struct fixture *f = fixture_create(&balance_peak_ewma, 2, NULL, NOT_ONE);
    server_load_answered(&f->cells[0], 10000000, 0, f->options.decay_ns);
    assert_int_equal(fixture_pick(f), 1);
    fixture_begin(f, 1);
    for (uint32_t k = 0; k < 100; k++)
        assert_int_equal(fixture_pick(f), 0);
    fixture_free(f);
}

static void what_other_workers_saw_counts(void **state)
{
    (void)state;
    struct fixture *f = fixture_create(&balance_peak_ewma, 2, NULL, NOT_ONE);
    for (uint32_t i = 0; i < 2; i++)
        server_load_answered(&f->cells[i], 10000000, 0, f->options.decay_ns);
    f->cells[0].others_latency = 5e8f;
    for (uint32_t k = 0; k < 100; k++)
        assert_int_equal(fixture_pick(f), 1);
    fixture_free(f);
}

/* ---- all of them ---- */

static void every_policy_gives_none_when_there_is_none(void **state)
{
    (void)state;
    static const uint32_t nothing[] = { 0, 0, 0 };
    const struct balance_policy *p;
    for (uint32_t k = 0; (p = balance_policy_at(k)) != NULL; k++) {
        struct fixture *f = fixture_create(p, 3, nothing, NOT_ONE);
        assert_int_equal(balancer_pick(f->balancer, &f->ctx), -1);
        fixture_free(f);
        f = fixture_create(p, 3, NULL, NOT_ONE);
        for (uint32_t i = 0; i < 3; i++)
            set_usable(f, i, false);
        assert_int_equal(balancer_pick(f->balancer, &f->ctx), -1);
        fixture_free(f);
        f = fixture_create(p, 1, NULL, 0);
        assert_int_equal(balancer_pick(f->balancer, &f->ctx), -1);
        fixture_free(f);
    }
}

static void every_policy_picks_only_what_is_usable_and_has_weight(void **state)
{
    (void)state;
    struct rng rng = { 6 };
    const struct balance_policy *p;
    for (uint32_t k = 0; (p = balance_policy_at(k)) != NULL; k++) {
        for (uint32_t round = 0; round < 20; round++) {
            uint32_t weights[N_MAX], n = 1 + rng_below(&rng, N_MAX), left = 0;
            for (uint32_t i = 0; i < n; i++)
                weights[i] =
                    rng_below(&rng, 3) ? rng_below(&rng, round % 2 ? SERVER_WEIGHT_MAX : 3) : 0;
            struct fixture *f = fixture_create(p, n, weights, NOT_ONE);
            for (uint32_t i = 0; i < n; i++) {
                set_usable(f, i, rng_below(&rng, 1 + round % 7) == 0);
                left += server_usable(&f->ctx, i) && weights[i];
            }
            for (uint32_t key = 0; key < 200; key++) {
                f->ctx.has_key = key % 2;
                if (left)
                    fixture_owner(f, key);
                else
                    assert_int_equal(balancer_pick(f->balancer, &f->ctx), -1);
            }
            fixture_free(f);
        }
    }
}

static void policies_are_found_by_name(void **state)
{
    (void)state;
    const struct balance_policy *p;
    for (uint32_t k = 0; (p = balance_policy_at(k)) != NULL; k++)
        assert_ptr_equal(balance_policy_find(str_of(p->name)), p);
    assert_null(balance_policy_find(STR("")));
    assert_null(balance_policy_find(STR("fastest")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_follow_the_weights_while_all_is_idle),
        cmocka_unit_test(random_spreads_over_those_that_are_usable),
        cmocka_unit_test(least_requests_takes_the_least_loaded),
        cmocka_unit_test(equal_loads_are_shared_evenly),
        cmocka_unit_test(power_of_two_avoids_the_busy_one),
        cmocka_unit_test(peak_ewma_avoids_the_slow_one_and_tries_it_again),
        cmocka_unit_test(peak_ewma_asks_an_unknown_server_once),
        cmocka_unit_test(what_other_workers_saw_counts),
        cmocka_unit_test(every_policy_gives_none_when_there_is_none),
        cmocka_unit_test(every_policy_picks_only_what_is_usable_and_has_weight),
        cmocka_unit_test(policies_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
