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
#include "core/base/hash.h"

#define N_MAX 256
#define KEYS 200000

struct fixture {
    struct server_set *set;
    struct balancer *balancer;
    uint64_t usable[SET_WORDS(N_MAX)];
    struct rng rng;
    struct pick_ctx ctx;
};

static void set_usable(struct fixture *f, uint32_t i, bool usable)
{
    if (server_usable(&f->ctx, i) != usable) {
        f->usable[i / 64] ^= UINT64_C(1) << (i % 64);
        f->ctx.usable_count += usable ? 1 : -1;
    }
}

/* Servers by number: `numbers` says which, in which order; an id says the number again. */
static void begin(struct fixture *f, const uint32_t *numbers, const uint32_t *weights,
                  uint32_t count)
{
    struct server_info servers[N_MAX];
    char names[N_MAX][32];
    *f = (struct fixture){ .rng = { 3 } };
    f->ctx = (struct pick_ctx){ .rng = &f->rng, .usable = f->usable, .has_key = true };
    for (uint32_t i = 0; i < count; i++) {
        int n = snprintf(names[i], sizeof names[i], "10.0.%u.%u:80", numbers[i] / 250,
                         numbers[i] % 250);
        servers[i] =
            (struct server_info){ numbers[i], { names[i], (size_t)n }, weights ? weights[i] : 1 };
        set_usable(f, i, true);
    }
    f->set = server_set_create(1, servers, count);
    f->balancer = balance_maglev.create(f->set, NULL, 0);
    assert_non_null(f->balancer);
}

static void end(struct fixture *f)
{
    balancer_destroy(f->balancer);
    server_set_destroy(f->set);
}

/* The number of the server that has that key. */
static uint32_t owner(struct fixture *f, uint32_t key)
{
    f->ctx.key_hash = hash_bytes(&key, sizeof key, 0);
    int32_t i = balancer_pick(f->balancer, &f->ctx);
    assert_in_range(i, 0, f->set->count - 1);
    assert_true(server_usable(&f->ctx, (uint32_t)i));
    assert_true(f->set->servers[i].weight > 0);
    return (uint32_t)f->set->servers[i].id;
}

static void number(uint32_t *numbers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = i;
}

/* Facts: one server lost, at most 1/n + 0.006 of all keys move, for n <= 100. */
static void a_lost_server_moves_few_keys_of_the_others(void **state)
{
    (void)state;
    static const uint32_t sizes[] = { 2, 3, 10, 30, 50, 100 };
    static uint32_t before[KEYS];
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        uint32_t n = sizes[s], numbers[N_MAX];
        struct fixture whole, without;
        number(numbers, n);
        begin(&whole, numbers, NULL, n);
        for (uint32_t key = 0; key < KEYS; key++)
            before[key] = owner(&whole, key);
        for (uint32_t trial = 0; trial < 4; trial++) {
            uint32_t lost = trial * (n - 1) / 3, moved = 0;
            number(numbers, n);
            for (uint32_t i = lost; i + 1 < n; i++)
                numbers[i] = numbers[i + 1];
            begin(&without, numbers, NULL, n - 1);
            for (uint32_t key = 0; key < KEYS; key++)
                moved += owner(&without, key) != before[key];
            end(&without);
            if (moved > KEYS * (1.0 / n + 0.006))
                fail_msg("%u of %u servers lost: %u of %u keys moved", lost, n, moved, KEYS);
        }
        end(&whole);
    }
}

/* The shares of the table itself: keys hashed to every slot once. */
static void count_slots(struct fixture *f, uint32_t *counts)
{
    const uint32_t slots = 65537;
    for (uint32_t i = 0; i < N_MAX; i++)
        counts[i] = 0;
    for (uint32_t slot = 0; slot < slots; slot++) {
        f->ctx.key_hash = (((uint64_t)slot << 32) / slots + 1) << 32;
        int32_t i = balancer_pick(f->balancer, &f->ctx);
        assert_true(i >= 0);
        counts[i]++;
    }
}

/* Facts: peak/average <= 1.01. */
static void shares_are_even(void **state)
{
    (void)state;
    static const uint32_t sizes[] = { 1, 2, 10, 50, 100 };
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        uint32_t n = sizes[s], numbers[N_MAX], counts[N_MAX];
        struct fixture f;
        number(numbers, n);
        begin(&f, numbers, NULL, n);
        count_slots(&f, counts);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(counts[i] <= 1.01 * 65537 / n);
            assert_true(counts[i] >= 0.99 * 65537 / n);
        }
        end(&f);
    }
}

static void shares_follow_the_weights(void **state)
{
    (void)state;
    uint32_t numbers[N_MAX], weights[N_MAX], counts[N_MAX], sum = 0;
    struct fixture f;
    number(numbers, 20);
    for (uint32_t i = 0; i < 20; i++)
        sum += weights[i] = i; /* the first is draining */
    begin(&f, numbers, weights, 20);
    count_slots(&f, counts);
    assert_int_equal(counts[0], 0);
    for (uint32_t i = 1; i < 20; i++) {
        assert_true(counts[i] <= 1.01 * 65537 * weights[i] / sum);
        assert_true(counts[i] >= 0.99 * 65537 * weights[i] / sum);
    }
    end(&f);

    weights[0] = 1; /* even the lightest of very unequal ones gets something */
    for (uint32_t i = 1; i < N_MAX; i++)
        weights[i] = SERVER_WEIGHT_MAX;
    number(numbers, N_MAX);
    begin(&f, numbers, weights, N_MAX);
    count_slots(&f, counts);
    assert_in_range(counts[0], 1, 3);
    end(&f);
}

static void a_changed_weight_moves_few_keys(void **state)
{
    (void)state;
    uint32_t numbers[10], weights[10], moved = 0;
    struct fixture before, after;
    number(numbers, 10);
    for (uint32_t i = 0; i < 10; i++)
        weights[i] = 10;
    begin(&before, numbers, weights, 10);
    weights[4] = 5; /* about 1/20 of the keys has to go */
    begin(&after, numbers, weights, 10);
    for (uint32_t key = 0; key < KEYS; key++)
        moved += owner(&before, key) != owner(&after, key);
    assert_in_range(moved, KEYS * 0.04, KEYS * 0.08);
    end(&before);
    end(&after);
}

static void the_order_of_the_configuration_does_not_matter(void **state)
{
    (void)state;
    uint32_t numbers[50], weights[50];
    struct fixture f, turned;
    for (uint32_t i = 0; i < 50; i++)
        numbers[i] = i, weights[i] = 1 + i % 4;
    begin(&f, numbers, weights, 50);
    for (uint32_t i = 0; i < 50; i++)
        numbers[i] = 49 - i, weights[i] = 1 + (49 - i) % 4;
    begin(&turned, numbers, weights, 50);
    for (uint32_t key = 0; key < KEYS; key++)
        assert_int_equal(owner(&f, key), owner(&turned, key));
    end(&f);
    end(&turned);
}

/* Facts: no surviving key moves on a health flap. */
static void a_flap_moves_no_key_of_the_others(void **state)
{
    (void)state;
    enum { N = 20 };
    static uint32_t before[KEYS];
    uint32_t numbers[N], orphans[N] = { 0 }, total = 0;
    struct fixture f;
    number(numbers, N);
    begin(&f, numbers, NULL, N);
    for (uint32_t key = 0; key < KEYS; key++)
        before[key] = owner(&f, key);
    set_usable(&f, 7, false);
    set_usable(&f, 13, false);
    for (uint32_t key = 0; key < KEYS; key++) {
        uint32_t now = owner(&f, key);
        if (before[key] != 7 && before[key] != 13) {
            assert_int_equal(now, before[key]);
        } else {
            orphans[now]++;
            total++;
        }
    }
    for (uint32_t i = 0; i < N; i++) /* and theirs are spread over all others */
        if (i != 7 && i != 13)
            assert_in_range(orphans[i], total / (N - 2) * 0.8, total / (N - 2) * 1.2);
    set_usable(&f, 7, true);
    set_usable(&f, 13, true);
    for (uint32_t key = 0; key < KEYS; key++)
        assert_int_equal(owner(&f, key), before[key]);
    end(&f);
}

static void without_a_key_shares_follow_the_weights_too(void **state)
{
    (void)state;
    uint32_t numbers[3] = { 0, 1, 2 }, weights[3] = { 1, 0, 3 }, counts[3] = { 0 };
    struct fixture f;
    begin(&f, numbers, weights, 3);
    f.ctx.has_key = false;
    for (uint32_t k = 0; k < KEYS; k++)
        counts[balancer_pick(f.balancer, &f.ctx)]++;
    assert_int_equal(counts[1], 0);
    assert_in_range(counts[0], KEYS * 0.24, KEYS * 0.26);
    end(&f);
}

static void answers_the_last_one_or_none(void **state)
{
    (void)state;
    uint32_t numbers[N_MAX], weights[N_MAX];
    struct fixture f;
    number(numbers, N_MAX);
    for (uint32_t i = 0; i < N_MAX; i++)
        weights[i] = i == 200 ? 0 : 1;
    begin(&f, numbers, weights, N_MAX);
    for (uint32_t i = 0; i < N_MAX; i++)
        set_usable(&f, i, i == 99 || i == 200);
    for (uint32_t key = 0; key < 1000; key++)
        assert_int_equal(owner(&f, key), 99);
    set_usable(&f, 99, false); /* the one left is draining */
    assert_int_equal(balancer_pick(f.balancer, &f.ctx), -1);
    set_usable(&f, 200, false);
    assert_int_equal(balancer_pick(f.balancer, &f.ctx), -1);
    end(&f);

    begin(&f, NULL, NULL, 0);
    assert_int_equal(balancer_pick(f.balancer, &f.ctx), -1);
    end(&f);
}

static void servers_of_one_name_share_its_keys(void **state)
{
    (void)state;
    uint32_t numbers[] = { 5, 5, 6 }, counts[N_MAX];
    struct fixture f;
    begin(&f, numbers, NULL, 3);
    count_slots(&f, counts);
    for (uint32_t i = 0; i < 3; i++)
        assert_in_range(counts[i], 65537 / 3, 65537 / 3 + 1);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_server_moves_few_keys_of_the_others),
        cmocka_unit_test(shares_are_even),
        cmocka_unit_test(shares_follow_the_weights),
        cmocka_unit_test(a_changed_weight_moves_few_keys),
        cmocka_unit_test(the_order_of_the_configuration_does_not_matter),
        cmocka_unit_test(a_flap_moves_no_key_of_the_others),
        cmocka_unit_test(without_a_key_shares_follow_the_weights_too),
        cmocka_unit_test(answers_the_last_one_or_none),
        cmocka_unit_test(servers_of_one_name_share_its_keys),
    };
    return cmocka_run_group_tests_name("balance/maglev", tests, NULL, NULL);
}
