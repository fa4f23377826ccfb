/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Places that workers share: never more than there are, none out of reach. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "balance/cap.h"
#include "core/base/rng.h"

static uint64_t spare_of(const struct cap *c)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        n += c->leases[i] ? c->leases[i]->spare : 0;
    return n;
}

static void nobody_gets_more_than_there_are(void **state)
{
    (void)state;
    struct cap c = { 0 };
    bool leased = false;
    cap_set(&c, 100);
    cap_join(&c, 0);
    cap_join(&c, 7);
    for (unsigned i = 0; i < 100; i++)
        assert_true(cap_take(&c, i % 3 ? 0 : 7, false, &leased));
    assert_false(cap_take(&c, 0, false, &leased));
    assert_false(cap_take(&c, 7, false, &leased));
    cap_give(&c, 7, false);
    assert_true(cap_take(&c, 0, false, &leased)); /* whoever gave it back */
    cap_destroy(&c);
}

static void what_another_holds_unused_can_be_had(void **state)
{
    (void)state;
    struct cap c = { 0 };
    bool leased = false;
    cap_set(&c, 1000);
    cap_join(&c, 0);
    cap_join(&c, 1);
    assert_true(cap_take(&c, 0, false, &leased));
    assert_true(leased);
    assert_true(spare_of(&c) > 0);
    for (unsigned i = 0; i < 999; i++)
        assert_true(cap_take(&c, 1, false, &leased));
    assert_false(cap_take(&c, 1, false, &leased));
    assert_int_equal(spare_of(&c), 0);
    cap_destroy(&c);
}

static void nothing_is_held_in_advance_while_somebody_waits(void **state)
{
    (void)state;
    struct cap c = { 0 };
    bool leased = false;
    cap_set(&c, 1000);
    cap_join(&c, 0);
    assert_true(cap_take(&c, 0, true, &leased));
    assert_false(leased);
    cap_give(&c, 0, true);
    assert_int_equal(spare_of(&c), 0);
    assert_int_equal(c.free, 1000);
    cap_destroy(&c);
}

static void a_lower_limit_lets_nobody_in_until_enough_have_left(void **state)
{
    (void)state;
    struct cap c = { 0 };
    bool leased = false;
    cap_set(&c, 50);
    cap_join(&c, 0);
    for (unsigned i = 0; i < 30; i++)
        assert_true(cap_take(&c, 0, false, &leased));
    assert_false(cap_set(&c, 10));
    for (unsigned i = 0; i < 20; i++) {
        assert_false(cap_take(&c, 0, false, &leased));
        cap_give(&c, 0, false);
    }
    assert_false(cap_take(&c, 0, false, &leased));
    cap_give(&c, 0, false);
    assert_true(cap_take(&c, 0, false, &leased));
    assert_false(cap_take(&c, 0, false, &leased));
    assert_true(cap_set(&c, 11));
    assert_true(cap_take(&c, 0, false, &leased));
    cap_destroy(&c);
}

static void what_was_there_before_is_counted(void **state)
{
    (void)state;
    struct cap c = { 0 };
    bool leased = false;
    cap_set(&c, 5);
    cap_count(&c, 7);
    assert_false(cap_take(&c, 0, false, &leased));
    cap_give(&c, 0, false);
    cap_give(&c, 0, false);
    assert_false(cap_take(&c, 0, false, &leased));
    cap_give(&c, 0, false);
    assert_true(cap_take(&c, 0, false, &leased));
    cap_destroy(&c);
}

#define THREADS 4
#define ROUNDS 40000
#define MAX 37

struct crew {
    struct cap cap;
    _Atomic int inside, most;
};

struct member {
    struct crew *crew;
    uint32_t worker;
    unsigned taken;
};

static void *work(void *arg)
{
    struct member *m = arg;
    struct crew *c = m->crew;
    struct rng rng = { m->worker };
    unsigned held = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        bool leased = false, awaited = rng_below(&rng, 4) == 0;
        if (rng_below(&rng, 100) < 55 && cap_take(&c->cap, m->worker, awaited, &leased)) {
            held++;
            m->taken++;
            int now = ++c->inside, most = c->most;
            while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
                continue;
        } else if (held) {
            c->inside--;
            held--;
            cap_give(&c->cap, m->worker, awaited);
        }
        if (i % 64 == 0)
            sched_yield();
    }
    while (held--) {
        c->inside--;
        cap_give(&c->cap, m->worker, false);
    }
    return NULL;
}

static void threads_never_take_more_and_lose_none(void **state)
{
    (void)state;
    struct crew crew = { 0 };
    struct member members[THREADS];
    pthread_t threads[THREADS];
    cap_set(&crew.cap, MAX);
    for (uint32_t i = 0; i < THREADS; i++) {
        cap_join(&crew.cap, i);
        members[i] = (struct member){ &crew, i, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &members[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(members[i].taken > 0);
    }
    assert_true(crew.most <= MAX);
    assert_int_equal(crew.cap.free + (int64_t)spare_of(&crew.cap), MAX);
    cap_destroy(&crew.cap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_gets_more_than_there_are),
        cmocka_unit_test(what_another_holds_unused_can_be_had),
        cmocka_unit_test(nothing_is_held_in_advance_while_somebody_waits),
        cmocka_unit_test(a_lower_limit_lets_nobody_in_until_enough_have_left),
        cmocka_unit_test(what_was_there_before_is_counted),
        cmocka_unit_test(threads_never_take_more_and_lose_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
