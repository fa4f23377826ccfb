/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The timer wheel against a naive model: an array of deadlines that is looked through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/rng.h"
#include "core/ring/timer.h"

#define TICK_NS (UINT64_C(1) << 20)
#define TIMERS 300

struct world;

struct model_timer {
    struct timer timer;
    struct world *world;
    uint64_t deadline_ns; /* the model's: TIMER_NEVER when it must not fire */
    uint64_t set_ns;      /* when it was set */
    unsigned fired;
};

struct world {
    struct timer_wheel wheel;
    struct rng rng;
    uint64_t now_ns;
    bool wild; /* callbacks set, remove and free */
    bool advancing;
    struct model_timer *timers[TIMERS]; /* each its own allocation: a sanitizer sees stale use */
};

static void on_fire(struct timer *t, uint64_t now_ns);

static struct model_timer *new_timer(struct world *w)
{
    struct model_timer *m = calloc(1, sizeof *m);
    assert_non_null(m);
    timer_init(&m->timer, on_fire);
    m->world = w;
    m->deadline_ns = TIMER_NEVER;
    return m;
}

static void set(struct world *w, struct model_timer *m, uint64_t deadline_ns)
{
    m->deadline_ns = deadline_ns;
    m->set_ns = w->now_ns;
    timer_set(&w->wheel, &m->timer, deadline_ns);
}

static uint64_t random_deadline(struct world *w)
{
    uint64_t r = rng_next(&w->rng);
    switch (rng_below(&w->rng, 8)) {
    case 0:
        return w->now_ns; /* at once */
    case 1:
        return w->now_ns - r % (w->now_ns + 1); /* long ago */
    case 2:
        return TIMER_NEVER;
    case 3:
        return w->now_ns + r % (40 * 24 * UINT64_C(3600000000000)); /* beyond the wheel */
    case 4:
        return TIMER_NEVER - 1 - r % 1000; /* beyond everything */
    default:                               /* any magnitude up to some days */
        return w->now_ns + r % (UINT64_C(1) << (1 + rng_below(&w->rng, 48)));
    }
}

static void something(struct world *w)
{
    unsigned i = rng_below(&w->rng, TIMERS);
    struct model_timer *m = w->timers[i];
    switch (rng_below(&w->rng, 10)) {
    case 0:
        m->deadline_ns = TIMER_NEVER;
        timer_remove(&w->wheel, &m->timer);
        break;
    case 1:
        timer_remove(&w->wheel, &m->timer);
        free(m);
        w->timers[i] = new_timer(w);
        break;
    default:
        set(w, m, random_deadline(w));
    }
}

static void on_fire(struct timer *t, uint64_t now_ns)
{
    struct model_timer *m = (struct model_timer *)t; /* its first member */
    struct world *w = m->world;
    assert_true(w->advancing);
    assert_int_equal(now_ns, w->now_ns);
    assert_true(m->deadline_ns <= now_ns); /* never early, never when not wanted */
    assert_int_equal(t->deadline_ns, TIMER_NEVER);
    m->deadline_ns = TIMER_NEVER;
    m->fired++;
    if (w->wild)
        for (unsigned n = rng_below(&w->rng, 4); n > 0; n--)
            something(w);
}

/* Nothing that is two ticks late is left. */
static void advance(struct world *w, uint64_t now_ns)
{
    uint64_t before_ns = w->now_ns;
    w->now_ns = now_ns;
    w->advancing = true;
    timer_wheel_advance(&w->wheel, now_ns);
    w->advancing = false;
    for (unsigned i = 0; i < TIMERS; i++) {
        struct model_timer *m = w->timers[i];
        uint64_t from_ns = m->deadline_ns;
        if (from_ns == TIMER_NEVER || m->set_ns > before_ns)
            continue; /* the latter: set by a callback of this very advance */
        if (from_ns < m->set_ns)
            from_ns = m->set_ns;
        assert_true(now_ns < from_ns || now_ns - from_ns < 2 * TICK_NS);
    }
}

static uint64_t earliest(const struct world *w)
{
    uint64_t min_ns = TIMER_NEVER;
    for (unsigned i = 0; i < TIMERS; i++)
        if (w->timers[i]->deadline_ns < min_ns)
            min_ns = w->timers[i]->deadline_ns;
    return min_ns;
}

/* Whoever sleeps until next_ns wakes in time for the earliest deadline: in its tick. */
static void check_next(const struct world *w)
{
    uint64_t min_ns = earliest(w), next_ns = timer_wheel_next_ns(&w->wheel);
    if (min_ns == TIMER_NEVER)
        return;
    if (min_ns < w->now_ns)
        min_ns = w->now_ns;
    assert_true(next_ns <= min_ns || next_ns - min_ns <= TICK_NS);
}

static void world_init(struct world *w, uint64_t seed, uint64_t now_ns)
{
    *w = (struct world){ .rng = { seed }, .now_ns = now_ns };
    timer_wheel_init(&w->wheel, now_ns);
    for (unsigned i = 0; i < TIMERS; i++)
        w->timers[i] = new_timer(w);
}

/* After removing all, the wheel is empty to the last bit. */
static void world_end(struct world *w)
{
    for (unsigned i = 0; i < TIMERS; i++) {
        timer_remove(&w->wheel, &w->timers[i]->timer);
        timer_remove(&w->wheel, &w->timers[i]->timer);
        free(w->timers[i]);
    }
    assert_int_equal(timer_wheel_next_ns(&w->wheel), TIMER_NEVER);
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        assert_int_equal(w->wheel.used[level], 0);
        for (unsigned slot = 0; slot < TIMER_SLOTS; slot++)
            assert_true(list_empty(&w->wheel.slots[level][slot]));
    }
}

static uint64_t random_step(struct world *w)
{
    /* From nothing to far jumps of days, small ones more often. */
    return rng_next(&w->rng) % (UINT64_C(1) << (1 + rng_below(&w->rng, 52)));
}

static void agrees_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world w;
        /* Also close to where the levels turn over. */
        uint64_t start_ns = seed % 3 == 0 ? (TICK_NS << 30) * seed - 3 * TICK_NS : seed * 12345678;
        world_init(&w, seed, start_ns);
        w.wild = seed % 2;
        for (unsigned round = 0; round < 400; round++) {
            for (unsigned n = rng_below(&w.rng, 20); n > 0; n--)
                something(&w);
            check_next(&w);
            advance(&w, w.now_ns + random_step(&w));
        }
        world_end(&w);
    }
}

/* A loop that sleeps exactly until next_ns fires each timer in its tick. */
static void sleeping_until_next_is_enough(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 7, 999);
    uint64_t deadlines_ns[TIMERS];
    for (unsigned i = 0; i < TIMERS; i++) {
        deadlines_ns[i] = w.now_ns + rng_next(&w.rng) % (UINT64_C(1) << (10 + i % 40));
        set(&w, w.timers[i], deadlines_ns[i]);
    }
    unsigned fired = 0, wakes = 0;
    while (fired < TIMERS) {
        uint64_t next_ns = timer_wheel_next_ns(&w.wheel);
        assert_true(next_ns != TIMER_NEVER && next_ns > w.now_ns);
        advance(&w, next_ns);
        wakes++;
        for (unsigned i = 0; i < TIMERS; i++) {
            if (!w.timers[i]->fired || deadlines_ns[i] == 0)
                continue;
            assert_true(w.now_ns - deadlines_ns[i] < TICK_NS);
            deadlines_ns[i] = 0;
            fired++;
        }
    }
    assert_true(wakes <= TIMERS * TIMER_LEVELS);
    world_end(&w);
}

static void pushing_back_leaves_it_where_it_is(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1, 0);
    struct model_timer *m = w.timers[0];
    set(&w, m, 10 * TICK_NS);
    for (uint64_t i = 1; i <= 1000; i++) {
        set(&w, m, (10 + i) * TICK_NS);
        assert_int_equal(m->timer.tick, 10);
    }
    advance(&w, 1009 * TICK_NS);
    assert_int_equal(m->fired, 0);
    assert_int_equal(m->timer.tick, 1010);
    advance(&w, 1010 * TICK_NS);
    assert_int_equal(m->fired, 1);
    set(&w, m, TIMER_NEVER);
    assert_int_equal(timer_wheel_next_ns(&w.wheel), TIMER_NEVER);
    world_end(&w);
}

static void rearm_in_the_past(struct timer *t, uint64_t now_ns)
{
    struct model_timer *m = (struct model_timer *)t;
    m->fired++;
    timer_set(&m->world->wheel, t, now_ns / 2);
}

/* Or a clock that jumped by days would run it once for every tick of them. */
static void a_timer_set_in_the_past_by_its_callback_waits_for_the_next_advance(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1, 0);
    struct model_timer *m = w.timers[0];
    m->timer.fn = rearm_in_the_past;
    timer_set(&w.wheel, &m->timer, 1);
    timer_wheel_advance(&w.wheel, UINT64_C(1) << 55);
    assert_int_equal(m->fired, 1);
    timer_wheel_advance(&w.wheel, (UINT64_C(1) << 55) + TICK_NS);
    assert_int_equal(m->fired, 2);
    world_end(&w);
}

static void a_clock_going_backwards_does_nothing(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1, 100 * TICK_NS);
    set(&w, w.timers[0], 101 * TICK_NS);
    timer_wheel_advance(&w.wheel, 3 * TICK_NS);
    assert_int_equal(w.timers[0]->fired, 0);
    advance(&w, 101 * TICK_NS);
    assert_int_equal(w.timers[0]->fired, 1);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_model),
        cmocka_unit_test(sleeping_until_next_is_enough),
        cmocka_unit_test(pushing_back_leaves_it_where_it_is),
        cmocka_unit_test(a_timer_set_in_the_past_by_its_callback_waits_for_the_next_advance),
        cmocka_unit_test(a_clock_going_backwards_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
