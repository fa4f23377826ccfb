/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/ring/loop.h in virtual time. Loops run by themselves, as events: a turn comes some time
 * after a completion or when a timer is due; several loops live in one thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "tests/sim/ring_sim.h"

#define SIM_BUFFERS_MAX 4096
#define SIM_LARGE_BUFFERS_MAX 8 /* so that there may be none */
#define POISON 0xdb
#define WALL_AT_START_US UINT64_C(1767225600000000)

struct loop *loop_create(const struct loop_config *config, char *why, uint32_t why_bytes)
{
    struct ring_sim *r = ring_sim_installed();
    /* Lives as long as the world: a turn's event may come after loop_destroy(). */
    struct sim_loop *l = sim_alloc(r->sim, sizeof *l);
    uint32_t buffers = config->buffers_max ? config->buffers_max : SIM_BUFFERS_MAX;
    if (!buf_pool_init(&l->base.bufs, BUFFER_BYTES, buffers)) {
        snprintf(why, why_bytes, "out of memory");
        return NULL;
    }
    if (!buf_pool_init(&l->base.large_bufs, LARGE_BUFFER_BYTES, SIM_LARGE_BUFFERS_MAX)) {
        buf_pool_destroy(&l->base.bufs);
        snprintf(why, why_bytes, "out of memory");
        return NULL;
    }
    splice_pool_init(&l->base.pipes, 4, 0);
    l->clean = sim_alloc(r->sim, buffers * sizeof *l->clean);
    l->large_clean = sim_alloc(r->sim, SIM_LARGE_BUFFERS_MAX * sizeof *l->large_clean);
    l->ring = r;
    l->base.now_ns = r->sim->now_ns;
    l->base.wall_us = WALL_AT_START_US + r->sim->now_ns / 1000;
    l->base.rng.state = rng_next(&r->sim->rng);
    timer_wheel_init(&l->base.timers, r->sim->now_ns);
    list_init(&l->flights);
    list_init(&l->flights_free);
    l->tasks_tail = &l->tasks;
    l->tasks_next_tail = &l->tasks_next;
    l->msgs_tail = &l->msgs;
    l->turn_at_ns = TIMER_NEVER;
    sim_loop_wake(l); /* the first turn finds timers and messages set before it */
    return &l->base;
}

void loop_destroy(struct loop *loop)
{
    struct sim_loop *l = (struct sim_loop *)loop;
    CHECK(l->in_flight == 0 && list_empty(&l->flights) && l->ready_count == 0);
    CHECK(!l->tasks && !l->msgs && !l->in_turn);
    for (int level = 0; level < TIMER_LEVELS; level++)
        for (int slot = 0; slot < TIMER_SLOTS; slot++)
            CHECK(list_empty(&loop->timers.slots[level][slot])); /* else: a timer was left */
    buf_pool_destroy(&loop->large_bufs);
    buf_pool_destroy(&loop->bufs);
    splice_pool_destroy(&loop->pipes);
    l->turn_generation++;
    free(l->ready);
    free(l->running);
}

/* ---- a turn -----------------------------------------------------------------------------------
 */

static bool holds_poison(const struct buf *b)
{
    static const uint8_t poison[16] = { POISON, POISON, POISON, POISON, POISON, POISON,
                                        POISON, POISON, POISON, POISON, POISON, POISON,
                                        POISON, POISON, POISON, POISON };
    return memcmp(b->data, poison, sizeof poison) == 0;
}

/* Overwrites released buffers, so that who still reads them sees it. The newest are first in the
 * pool's stack: unless all is asked for, the first one found clean ends the walk. */
static void poison_pool(const struct buf_pool *pool, bool *clean, bool all)
{
    for (struct buf *b = pool->free; b; b = b->next) {
        if (clean[b->index] && holds_poison(b)) {
            if (!all)
                return;
            continue;
        }
        memset(b->data, POISON, b->cap);
        clean[b->index] = true;
    }
}

static void poison_released(struct sim_loop *l, bool all)
{
    poison_pool(&l->base.bufs, l->clean, all);
    poison_pool(&l->base.large_bufs, l->large_clean, all);
}

static void run_completions(struct sim_loop *l)
{
    struct sim *s = l->ring->sim;
    struct completion *collected = l->ready;
    uint32_t count = l->ready_count, max = l->ready_max;
    l->ready = l->running;
    l->ready_max = l->running_max;
    l->ready_count = 0;
    l->running = collected;
    l->running_max = max;
    while (count > 0) {
        /* Any descriptor's, but of one descriptor the earliest: there one may cause another (an
         * error that sending took is not there any more for a receive). */
        uint32_t pick = sim_below(s, count), i = 0;
        while (collected[i].f->fd != collected[pick].f->fd)
            i++;
        if (i > 0)
            sim_cover(s, COVER_REORDERED);
        struct completion c = collected[i];
        memmove(&collected[i], &collected[i + 1], (--count - i) * sizeof c);
        flight_complete(&c);
        poison_released(l, false);
    }
}

static void run_messages(struct sim_loop *l)
{
    struct msg *m = l->msgs;
    l->msgs = NULL;
    l->msgs_tail = &l->msgs;
    while (m) {
        struct msg *next = m->next;
        m->run(m, &l->base);
        m = next;
    }
}

static void run_tasks(struct sim_loop *l)
{
    while (l->tasks) {
        struct task *t = l->tasks;
        l->tasks = t->next;
        if (!l->tasks)
            l->tasks_tail = &l->tasks;
        t->queued = false;
        t->run(t);
    }
    if (l->tasks_next) {
        l->tasks = l->tasks_next;
        l->tasks_tail = l->tasks_next_tail;
        l->tasks_next = NULL;
        l->tasks_next_tail = &l->tasks_next;
    }
}

static void run_turn(struct sim_loop *l)
{
    struct sim *s = l->ring->sim;
    l->turn_at_ns = TIMER_NEVER;
    l->held_up = false;
    l->in_turn = true;
    sim_cover(s, COVER_TURNS);
    l->base.turns++;
    l->base.now_ns = s->now_ns;
    l->base.wall_us = (uint64_t)((int64_t)(WALL_AT_START_US + s->now_ns / 1000) + l->wall_jump_us);
    s->alloc_failures = l->ring->faults.alloc;
    run_completions(l);
    timer_wheel_advance(&l->base.timers, s->now_ns);
    run_messages(l);
    run_tasks(l);
    s->alloc_failures = 0;
    poison_released(l, true);
    flights_verify(l);
    flights_feed(l);
    l->in_turn = false;
    if (l->msgs || l->tasks)
        sim_loop_wake(l);
    uint64_t timer_ns = timer_wheel_next_ns(&l->base.timers);
    if (timer_ns != TIMER_NEVER)
        sim_loop_wake_at(l, timer_ns);
}

/* ---- when -------------------------------------------------------------------------------------
 */

static void on_turn(void *arg, uint64_t generation)
{
    struct sim_loop *l = arg;
    struct sim *s = l->ring->sim;
    if (l->turn_generation != generation)
        return;
    if (!l->held_up && sim_chance(s, l->ring->faults.turn_stall)) {
        /* The thread gets no CPU: completions and deadlines pile up; the wall clock may be set. */
        sim_cover(s, COVER_STALLED_TURNS);
        l->held_up = true;
        l->wall_jump_us += (int64_t)sim_below(s, 20000000) - 10000000;
        sim_after(s, sim_range(s, 0, l->ring->faults.turn_stall_max_ns), on_turn, l, generation);
        return;
    }
    run_turn(l);
}

void sim_loop_wake_at(struct sim_loop *l, uint64_t at_ns)
{
    struct sim *s = l->ring->sim;
    if (at_ns < s->now_ns)
        at_ns = s->now_ns;
    if (l->in_turn || at_ns >= l->turn_at_ns) /* a turn looks for more itself, at its end */
        return;
    l->turn_at_ns = at_ns;
    sim_at(s, at_ns, on_turn, l, ++l->turn_generation);
}

void sim_loop_wake(struct sim_loop *l)
{
    struct sim *s = l->ring->sim;
    sim_loop_wake_at(l, s->now_ns + sim_range(s, 0, l->ring->faults.turn_delay_max_ns));
}

/* ---- the rest of loop.h -----------------------------------------------------------------------
 */

void loop_turn(struct loop *loop, uint64_t wait_ns)
{
    struct sim_loop *l = (struct sim_loop *)loop;
    struct sim *s = l->ring->sim;
    uint64_t turns = loop->turns;
    if (wait_ns != TIMER_NEVER)
        sim_loop_wake_at(l, s->now_ns + wait_ns);
    while (loop->turns == turns)
        if (!sim_step(s, UINT64_MAX))
            sim_fail(s, "a loop waits, and nothing will ever happen");
}

void loop_run(struct loop *loop)
{
    struct sim_loop *l = (struct sim_loop *)loop;
    for (l->stopped = false; !l->stopped;)
        loop_turn(loop, TIMER_NEVER);
}

void loop_stop(struct loop *loop)
{
    ((struct sim_loop *)loop)->stopped = true;
}

void loop_defer(struct loop *loop, struct task *t)
{
    struct sim_loop *l = (struct sim_loop *)loop;
    if (t->queued)
        return;
    t->queued = true;
    t->next = NULL;
    *l->tasks_tail = t;
    l->tasks_tail = &t->next;
    sim_loop_wake(l);
}

void loop_defer_next(struct loop *loop, struct task *t)
{
    struct sim_loop *l = (struct sim_loop *)loop;
    if (t->queued)
        return;
    t->queued = true;
    t->next = NULL;
    *l->tasks_next_tail = t;
    l->tasks_next_tail = &t->next;
    sim_loop_wake(l);
}

void loop_post(struct loop *loop, struct msg *m)
{
    struct sim_loop *l = (struct sim_loop *)loop;
    m->next = NULL;
    *l->msgs_tail = m;
    l->msgs_tail = &m->next;
    sim_loop_wake(l);
}

uint32_t loop_ops_in_flight(const struct loop *loop)
{
    return ((const struct sim_loop *)loop)->in_flight;
}

uint64_t loop_syscalls(const struct loop *loop)
{
    return loop->turns; /* one call a turn */
}
