/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "balance/balance.h"
#include "core/base/check.h"

#define N_MAX 256

struct fixture {
    struct server_set *set;
    struct balancer *balancer;
    uint64_t usable[SET_WORDS(N_MAX)];
    struct pick_ctx ctx;
    uint32_t weights[N_MAX], sum, count;
};

static void set_usable(struct fixture *f, uint32_t i, bool usable)
{
    uint64_t bit = UINT64_C(1) << (i % 64);
    if (server_usable(&f->ctx, i) != usable) {
        f->usable[i / 64] ^= bit;
        f->ctx.usable_count += usable ? 1 : -1;
    }
}

/* Every server usable at first. */
static void begin(struct fixture *f, const uint32_t *weights, uint32_t count, uint64_t version,
                  uint32_t worker)
{
    struct server_info servers[N_MAX] = { 0 };
    char names[N_MAX][32];
    *f = (struct fixture){ .count = count };
    f->ctx.usable = f->usable;
    for (uint32_t i = 0; i < count; i++) {
        int n = snprintf(names[i], sizeof names[i], "10.0.0.%u:80", i);
        servers[i] = (struct server_info){ i + 1, { names[i], (size_t)n }, weights[i] };
        f->weights[i] = weights[i];
        f->sum += weights[i];
        set_usable(f, i, true);
    }
    f->set = server_set_create(version, servers, count);
    f->balancer = balance_round_robin.create(f->set, NULL, worker);
    assert_non_null(f->balancer);
}

static void end(struct fixture *f)
{
    balancer_destroy(f->balancer);
    server_set_destroy(f->set);
}

static uint32_t pick(struct fixture *f)
{
    int32_t i = balancer_pick(f->balancer, &f->ctx);
    assert_in_range(i, 0, f->count - 1);
    assert_true(server_usable(&f->ctx, (uint32_t)i));
    assert_true(f->weights[i] > 0);
    return (uint32_t)i;
}

static void random_weights(struct rng *rng, uint32_t *weights, uint32_t count, uint32_t max)
{
    for (uint32_t i = 0; i < count; i++)
        weights[i] = 1 + rng_below(rng, max);
}

static void equal_servers_take_turns(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, (uint32_t[]){ 7, 7, 7, 7 }, 4, 1, 0);
    uint32_t first[4];
    for (uint32_t k = 0; k < 4; k++)
        first[k] = pick(&f);
    for (uint32_t k = 1; k < 4; k++)
        assert_int_equal(first[k], (first[0] + k) % 4);
    for (uint32_t k = 0; k < 400; k++)
        assert_int_equal(pick(&f), first[k % 4]);
    end(&f);
}

/* Facts: exact counts per sum of weights, wherever one starts to count. */
static void counts_are_exact_per_sum_of_weights(void **state)
{
    (void)state;
    struct rng rng = { 11 };
    for (uint32_t round = 0; round < 60; round++) {
        struct fixture f;
        uint32_t weights[N_MAX], counts[N_MAX] = { 0 };
        uint32_t count = 1 + rng_below(&rng, round % 10 ? 20 : N_MAX);
        random_weights(&rng, weights, count, round % 3 ? 10 : SERVER_WEIGHT_MAX);
        begin(&f, weights, count, round, round);
        for (uint32_t k = rng_below(&rng, 1000); k > 0; k--)
            pick(&f);
        for (uint32_t k = 0; k < f.sum; k++)
            counts[pick(&f)]++;
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(counts[i], weights[i]);
        end(&f);
    }
}

/* Facts: no bursts. In the schedule's prefixes a count is less than one from its share, hence in
 * any window of picks less than two. */
static void no_window_holds_a_burst(void **state)
{
    (void)state;
    struct rng rng = { 12 };
    for (uint32_t round = 0; round < 40; round++) {
        struct fixture f;
        uint32_t weights[N_MAX], count = 2 + rng_below(&rng, 15);
        random_weights(&rng, weights, count, round % 2 ? 100 : 5);
        begin(&f, weights, count, round, 0);
        /* deviation * sum, kept whole; its largest and smallest so far, for each server */
        int64_t at[N_MAX] = { 0 }, low[N_MAX] = { 0 }, high[N_MAX] = { 0 };
        for (uint32_t k = 0; k < 3 * f.sum; k++) {
            uint32_t picked = pick(&f);
            for (uint32_t i = 0; i < count; i++) {
                at[i] += (i == picked ? f.sum : 0) - (int64_t)weights[i];
                low[i] = at[i] < low[i] ? at[i] : low[i];
                high[i] = at[i] > high[i] ? at[i] : high[i];
                assert_true(high[i] - low[i] < 2 * (int64_t)f.sum);
            }
        }
        end(&f);
    }
    struct fixture f; /* the usual example: never more than three of the heavy one in a row */
    begin(&f, (uint32_t[]){ 5, 1, 1 }, 3, 1, 0);
    for (uint32_t k = 0, run = 0; k < 70; k++) {
        run = pick(&f) == 0 ? run + 1 : 0;
        assert_true(run <= 3);
    }
    end(&f);
}

static void others_keep_their_proportions_when_some_are_unusable(void **state)
{
    (void)state;
    struct rng rng = { 13 };
    for (uint32_t round = 0; round < 100; round++) {
        struct fixture f;
        uint32_t weights[N_MAX], counts[N_MAX] = { 0 }, left = 0;
        uint32_t count = 3 + rng_below(&rng, 70);
        random_weights(&rng, weights, count, 10);
        begin(&f, weights, count, round, 0);
        for (uint32_t i = 2; i < count; i++)
            if (rng_below(&rng, 4) < round % 5)
                set_usable(&f, i, false);
        for (uint32_t i = 0; i < count; i++)
            left += server_usable(&f.ctx, i) ? weights[i] : 0;
        for (uint32_t k = 0; k < left; k++)
            counts[pick(&f)]++;
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(counts[i], server_usable(&f.ctx, i) ? weights[i] : 0);
        end(&f);
    }
}

/* A dead server's turns go to all the others, not to its neighbour. */
static void a_dead_servers_share_is_spread(void **state)
{
    (void)state;
    struct fixture f;
    uint32_t weights[10], counts[10] = { 0 };
    for (uint32_t i = 0; i < 10; i++)
        weights[i] = 1;
    begin(&f, weights, 10, 1, 0);
    for (uint32_t k = 0; k < 9000; k++) {
        set_usable(&f, 3, k % 2); /* flapping with every request */
        counts[pick(&f)]++;
    }
    for (uint32_t i = 0; i < 10; i++)
        if (i != 3)
            assert_in_range(counts[i], 900, 1000);
    end(&f);
}

static void zero_weight_is_never_picked(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, (uint32_t[]){ 0, 3, 0, 2 }, 4, 1, 0);
    for (uint32_t k = 0; k < 50; k++)
        pick(&f);
    set_usable(&f, 1, false);
    for (uint32_t k = 0; k < 50; k++)
        assert_int_equal(pick(&f), 3);
    set_usable(&f, 3, false); /* the usable ones are draining */
    assert_int_equal(balancer_pick(f.balancer, &f.ctx), -1);
    end(&f);
}

static void answers_none_when_there_is_none(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, (uint32_t[]){ 1, 1 }, 2, 1, 0);
    set_usable(&f, 0, false);
    set_usable(&f, 1, false);
    assert_int_equal(balancer_pick(f.balancer, &f.ctx), -1);
    set_usable(&f, 1, true);
    assert_int_equal(pick(&f), 1);
    end(&f);

    begin(&f, (uint32_t[]){ 0, 0 }, 2, 1, 0);
    assert_int_equal(balancer_pick(f.balancer, &f.ctx), -1);
    end(&f);

    begin(&f, NULL, 0, 1, 0);
    assert_int_equal(balancer_pick(f.balancer, &f.ctx), -1);
    end(&f);
}

/* As many workers as servers, in step: at every moment each server has one request. */
static void workers_do_not_go_in_step(void **state)
{
    (void)state;
    enum { N = 5 };
    struct fixture workers[N];
    uint32_t weights[N] = { 1, 1, 1, 1, 1 };
    for (uint32_t w = 0; w < N; w++)
        begin(&workers[w], weights, N, 9, w);
    for (uint32_t k = 0; k < 20; k++) {
        uint32_t hit = 0;
        for (uint32_t w = 0; w < N; w++)
            hit |= 1u << pick(&workers[w]);
        assert_int_equal(hit, (1u << N) - 1);
    }
    for (uint32_t w = 0; w < N; w++)
        end(&workers[w]);
}

/* A set that changes often would else give its first servers most of the requests. */
static void versions_start_at_different_servers(void **state)
{
    (void)state;
    uint32_t counts[4] = { 0 };
    for (uint64_t version = 0; version < 400; version++) {
        struct fixture f;
        begin(&f, (uint32_t[]){ 1, 1, 1, 1 }, 4, version, 0);
        counts[pick(&f)]++;
        end(&f);
    }
    for (uint32_t i = 0; i < 4; i++)
        assert_in_range(counts[i], 60, 140);
}

static void a_set_keeps_its_own_copy(void **state)
{
    (void)state;
    char name[] = "a:1";
    struct server_info servers[] = { { 7, { name, 3 }, 2 }, { 8, { 0 }, 0 } };
    struct server_set *set = server_set_create(42, servers, ARRAY_LEN(servers));
    name[0] = 'b';
    servers[0].weight = 1;
    assert_int_equal(set->version, 42);
    assert_int_equal(set->count, 2);
    assert_true(str_eq(set->servers[0].name, STR("a:1")));
    assert_int_equal(set->servers[0].id, 7);
    assert_int_equal(set->servers[0].weight, 2);
    assert_int_equal(set->servers[1].name.len, 0);
    server_set_destroy(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_keeps_its_own_copy),
        cmocka_unit_test(equal_servers_take_turns),
        cmocka_unit_test(counts_are_exact_per_sum_of_weights),
        cmocka_unit_test(no_window_holds_a_burst),
        cmocka_unit_test(others_keep_their_proportions_when_some_are_unusable),
        cmocka_unit_test(a_dead_servers_share_is_spread),
        cmocka_unit_test(zero_weight_is_never_picked),
        cmocka_unit_test(answers_none_when_there_is_none),
        cmocka_unit_test(workers_do_not_go_in_step),
        cmocka_unit_test(versions_start_at_different_servers),
    };
    return cmocka_run_group_tests_name("balance/round_robin", tests, NULL, NULL);
}
