/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Token buckets, and what is counted per client network by several threads at once. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/proxy/limit.h"

#define SECOND UINT64_C(1000000000)
#define START (1000 * SECOND)

static struct peer_addr ip(const char *text)
{
    struct peer_addr p = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };
    assert_int_equal(inet_pton(p.family, text, p.ip), 1);
    return p;
}

/* --- the bucket --- */

static void a_full_bucket_gives_its_burst_then_the_rate(void **state)
{
    (void)state;
    struct token_rule r = token_rule_of(10, 1000, 5);
    token_bucket b = 0;
    uint64_t wait_ns;
    assert_int_equal(token_bucket_take(&b, &r, START, 3, &wait_ns), 3);
    assert_int_equal(token_bucket_take(&b, &r, START, 3, &wait_ns), 2);
    assert_int_equal(token_bucket_take(&b, &r, START, 1, &wait_ns), 0);
    assert_in_range(wait_ns, SECOND / 10, SECOND / 10 + 1);
    assert_int_equal(token_bucket_take(&b, &r, START + SECOND / 10 - 1, 1, &wait_ns), 0);
    assert_int_equal(wait_ns, 2);
    assert_int_equal(token_bucket_take(&b, &r, START + SECOND / 10, 1, &wait_ns), 1);
    assert_int_equal(token_bucket_take(&b, &r, START + 100 * SECOND, 99, &wait_ns), 5);
}

static void what_is_given_back_can_be_taken_again(void **state)
{
    (void)state;
    struct token_rule r = token_rule_of(1, 1000, 4);
    token_bucket b = 0;
    uint64_t wait_ns;
    assert_int_equal(token_bucket_take(&b, &r, START, 4, &wait_ns), 4);
    token_bucket_give_back(&b, r.interval, 2);
    assert_int_equal(token_bucket_take(&b, &r, START, 4, &wait_ns), 2);
    token_bucket_give_back(&b, r.interval, UINT32_MAX); /* more than was ever taken: full */
    assert_int_equal(token_bucket_take(&b, &r, START, 9, &wait_ns), 4);
}

static void extreme_rules_neither_overflow_nor_divide_by_zero(void **state)
{
    (void)state;
    uint64_t wait_ns;
    struct token_rule slow = token_rule_of(1, UINT32_MAX, UINT32_MAX);
    token_bucket b = 0;
    uint32_t n = token_bucket_take(&b, &slow, START, UINT32_MAX, &wait_ns);
    assert_in_range(n, 1, UINT32_MAX);
    assert_int_equal(token_bucket_take(&b, &slow, START, 1, &wait_ns), 0);
    assert_in_range(wait_ns, UINT64_C(4294967) * SECOND, UINT64_C(4294969) * SECOND);
    struct token_rule fast = token_rule_of(UINT32_MAX, 1, 0);
    b = 0;
    assert_int_equal(token_bucket_take(&b, &fast, START, 2, &wait_ns), 1);
}

/* --- keys --- */

static void clients_of_one_network_share_a_key(void **state)
{
    (void)state;
    struct limits *l = limits_create(7);
    struct peer_addr a = ip("192.0.2.1"), b = ip("192.0.2.200"), c = ip("192.0.3.1");
    assert_true(limit_key(l, 1, &a, 24, 64) == limit_key(l, 1, &b, 24, 64));
    assert_true(limit_key(l, 1, &a, 24, 64) != limit_key(l, 1, &c, 24, 64));
    assert_true(limit_key(l, 1, &a, 32, 64) != limit_key(l, 1, &b, 32, 64));
    assert_true(limit_key(l, 1, &a, 25, 64) != limit_key(l, 1, &b, 25, 64));
    assert_true(limit_key(l, 1, &a, 24, 64) != limit_key(l, 2, &a, 24, 64));
    struct peer_addr d = ip("2001:db8::1"), e = ip("2001:db8::ffff:1"), f = ip("2001:db8:0:1::1");
    assert_true(limit_key(l, 1, &d, 32, 64) == limit_key(l, 1, &e, 32, 64));
    assert_true(limit_key(l, 1, &d, 32, 64) != limit_key(l, 1, &f, 32, 64));
    assert_true(limit_key(l, 1, &d, 32, 63) == limit_key(l, 1, &f, 32, 63));
    assert_true(limit_key(l, 1, &d, 32, 128) != limit_key(l, 1, &e, 32, 128));
    struct peer_addr unix_peer = { .family = AF_UNIX }, zero = ip("0.0.0.0");
    assert_true(limit_key(l, 1, &unix_peer, 32, 64) != limit_key(l, 1, &zero, 32, 64));
    limits_destroy(l);
}

/* --- rates --- */

static uint32_t take_all(struct limits *l, struct limit_leases *leases, uint64_t key,
                         const struct token_rule *r, uint32_t batch, uint64_t now_ns)
{
    uint64_t wait_ns;
    uint32_t n = 0;
    while (limit_take(l, leases, key, r, batch, now_ns, &wait_ns))
        n++;
    return n;
}

static void workers_share_one_burst(void **state)
{
    (void)state;
    struct limits *l = limits_create(1);
    struct limit_leases a = { 0 }, b = { 0 };
    struct token_rule r = token_rule_of(1000, 1000, 1000);
    uint32_t batch = limit_batch(&r, 2);
    assert_int_equal(batch, 25);
    uint64_t wait_ns;
    assert_true(limit_take(l, &a, 5, &r, batch, START, &wait_ns)); /* leases 25, uses 1 */
    uint32_t n = take_all(l, &b, 5, &r, batch, START);
    assert_int_equal(n, 975);
    assert_int_equal(take_all(l, &a, 5, &r, batch, START), 24);
    assert_int_equal(take_all(l, &a, 5, &r, batch, START + SECOND / 2), 500);
    limits_destroy(l);
}

static void a_lease_makes_room_for_another_and_is_given_back(void **state)
{
    (void)state;
    struct limits *l = limits_create(1);
    struct limit_leases a = { 0 }, b = { 0 };
    struct token_rule r = token_rule_of(1, 1000000, 100);
    uint64_t wait_ns;
    assert_true(limit_take(l, &a, 1, &r, 10, START, &wait_ns));
    assert_true(limit_take(l, &a, 2, &r, 10, START, &wait_ns)); /* the same place in `a` */
    assert_int_equal(take_all(l, &b, 1, &r, 10, START), 99);
    limit_give_back(l, &a, 2, &r);
    assert_int_equal(take_all(l, &a, 2, &r, 10, START), 100);
    limit_give_back(l, &b, 2, &r); /* `b` holds no lease of it: to the bucket */
    assert_int_equal(take_all(l, &a, 2, &r, 10, START), 1);
    limits_destroy(l);
}

static void a_small_burst_is_never_leased_ahead(void **state)
{
    (void)state;
    struct token_rule r = token_rule_of(5, 1000, 19);
    assert_int_equal(limit_batch(&r, 1), 1);
    assert_int_equal(limit_batch(&r, 64), 1);
    struct token_rule large = token_rule_of(5, 1000, 10000000);
    assert_int_equal(limit_batch(&large, 1), LIMIT_BATCH_MAX);
}

/* Keys of one set: what stands in it gives way in the order of how full it is. */
static void idle_buckets_give_way_first(void **state)
{
    (void)state;
    struct limits *l = limits_create(1);
    struct limit_leases none = { 0 };
    struct token_rule r = token_rule_of(1, 1000, 3);
    uint64_t step = LIMIT_BUCKET_SETS, wait_ns;
    for (uint64_t k = 1; k <= 4; k++)
        for (uint64_t n = 0; n < (k == 2 ? 1 : 3); n++)
            assert_true(limit_take(l, &none, 9 + k * step, &r, 1, START, &wait_ns));
    /* a fifth takes the place of the second, which was the nearest to full, and begins anew */
    assert_int_equal(take_all(l, &none, 9 + 5 * step, &r, 1, START), 3);
    assert_false(limit_take(l, &none, 9 + 1 * step, &r, 1, START, &wait_ns));
    assert_false(limit_take(l, &none, 9 + 3 * step, &r, 1, START, &wait_ns));
    assert_false(limit_take(l, &none, 9 + 4 * step, &r, 1, START, &wait_ns));
    /* when all are full again any may go, and comes back as it would have stayed */
    uint64_t later = START + 10 * SECOND;
    assert_int_equal(take_all(l, &none, 9 + 6 * step, &r, 1, later), 3);
    assert_int_equal(take_all(l, &none, 9 + 1 * step, &r, 1, later), 3);
    limits_destroy(l);
}

/* --- several threads --- */

#define THREADS 4
#define STEPS 40000

struct taker {
    pthread_t thread;
    struct limits *l;
    struct limit_leases leases;
    struct token_rule rule;
    uint64_t taken[2];
};

/* Offers ten times the rate for one simulated second. */
static void *take_for_a_second(void *arg)
{
    struct taker *t = arg;
    uint32_t batch = limit_batch(&t->rule, THREADS);
    for (uint64_t i = 0; i < STEPS; i++)
        for (uint64_t key = 0; key < 2; key++) {
            uint64_t wait_ns, now_ns = START + i * (SECOND / STEPS);
            t->taken[key] +=
                limit_take(t->l, &t->leases, 77 + key, &t->rule, batch, now_ns, &wait_ns);
        }
    return NULL;
}

static void threads_together_keep_the_rate_within_5_percent(void **state)
{
    (void)state;
    struct taker t[THREADS];
    struct limits *l = limits_create(3);
    for (unsigned i = 0; i < THREADS; i++)
        t[i] = (struct taker){ .l = l, .rule = token_rule_of(10000, 1000, 2000) };
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i].thread, NULL, take_for_a_second, &t[i]), 0);
    uint64_t taken[2] = { 0 };
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(t[i].thread, NULL);
        taken[0] += t[i].taken[0];
        taken[1] += t[i].taken[1];
    }
    /* What the rule allows in that second: 2000 + 10000. */
    for (unsigned k = 0; k < 2; k++)
        assert_in_range(taken[k], 12000 * 95 / 100, 12000 * 105 / 100);
    limits_destroy(l);
}

#define GUESTS 8

struct guest {
    pthread_t thread;
    struct limits *l;
    _Atomic uint32_t *inside, *most;
    uint64_t entered;
};

static void *go_in_and_out(void *arg)
{
    struct guest *g = arg;
    for (unsigned i = 0; i < STEPS; i++) {
        if (limit_enter(g->l, 99, 3) != LIMIT_ENTERED)
            continue;
        uint32_t n = atomic_fetch_add(g->inside, 1) + 1, most = atomic_load(g->most);
        while (n > most && !atomic_compare_exchange_weak(g->most, &most, n))
            continue;
        g->entered++;
        atomic_fetch_sub(g->inside, 1);
        limit_leave(g->l, 99);
    }
    return NULL;
}

static void threads_together_keep_the_number_inside(void **state)
{
    (void)state;
    struct guest g[GUESTS];
    struct limits *l = limits_create(3);
    _Atomic uint32_t inside = 0, most = 0;
    for (unsigned i = 0; i < GUESTS; i++)
        g[i] = (struct guest){ .l = l, .inside = &inside, .most = &most };
    for (unsigned i = 0; i < GUESTS; i++)
        assert_int_equal(pthread_create(&g[i].thread, NULL, go_in_and_out, &g[i]), 0);
    uint64_t entered = 0;
    for (unsigned i = 0; i < GUESTS; i++) {
        pthread_join(g[i].thread, NULL);
        entered += g[i].entered;
    }
    assert_true(entered > 0);
    /* Those who bring a network in at the same instant may be counted in two places. */
    assert_in_range(atomic_load(&most), 1, 2 * 3);
    for (unsigned i = 0; i < 3; i++) /* nobody was left inside */
        assert_int_equal(limit_enter(l, 99, 3), LIMIT_ENTERED);
    assert_int_equal(limit_enter(l, 99, 3), LIMIT_REFUSED);
    limits_destroy(l);
}

static void a_full_set_of_counts_limits_nobody_new(void **state)
{
    (void)state;
    struct limits *l = limits_create(3);
    /* the low bits choose the set, the high ones are the tag */
    for (uint64_t k = 1; k <= 8; k++)
        assert_int_equal(limit_enter(l, 5 + (k << 24), 1), LIMIT_ENTERED);
    assert_int_equal(limit_enter(l, 5 + (UINT64_C(9) << 24), 1), LIMIT_UNCOUNTED);
    assert_int_equal(limit_enter(l, 5 + (UINT64_C(3) << 24), 1), LIMIT_REFUSED);
    limit_leave(l, 5 + (UINT64_C(3) << 24));
    assert_int_equal(limit_enter(l, 5 + (UINT64_C(9) << 24), 1), LIMIT_ENTERED);
    limits_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_bucket_gives_its_burst_then_the_rate),
        cmocka_unit_test(what_is_given_back_can_be_taken_again),
        cmocka_unit_test(extreme_rules_neither_overflow_nor_divide_by_zero),
        cmocka_unit_test(clients_of_one_network_share_a_key),
        cmocka_unit_test(workers_share_one_burst),
        cmocka_unit_test(a_lease_makes_room_for_another_and_is_given_back),
        cmocka_unit_test(a_small_burst_is_never_leased_ahead),
        cmocka_unit_test(idle_buckets_give_way_first),
        cmocka_unit_test(threads_together_keep_the_rate_within_5_percent),
        cmocka_unit_test(threads_together_keep_the_number_inside),
        cmocka_unit_test(a_full_set_of_counts_limits_nobody_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
