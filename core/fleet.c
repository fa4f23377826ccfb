/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/fleet.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/cache_hub.h"
#include "core/proxy/gate.h"

static void attach_all(struct fleet *f);
static void leave(struct fleet *f);

/* --- CPUs --- */

/* The CPUs this process may use, in order; as many as fit. */
static uint32_t usable_cpus(int *cpus, uint32_t max)
{
    cpu_set_t set;
    uint32_t n = 0;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int i = 0; i < CPU_SETSIZE && n < max; i++)
            if (CPU_ISSET((unsigned)i, &set))
                cpus[n++] = i;
    return n;
}

uint32_t fleet_workers_wanted(const struct config *config)
{
    int cpus[WORKERS_MAX];
    uint32_t n = usable_cpus(cpus, WORKERS_MAX);
    return config->workers ? config->workers : n ? n : 1;
}

/* --- ends of a change --- */

static void finish(struct fleet *f, bool ok)
{
    f->state = FLEET_STEADY;
    f->on_applied(f, ok, f->why);
    if (f->stopping)
        leave(f);
}

static void fail(struct fleet *f, const char *why)
{
    if (!f->failed && why != f->why)
        snprintf(f->why, sizeof f->why, "%.500s", why);
    f->failed = true;
}

static void give_up_next(struct fleet *f)
{
    plan_unuse(f->next);
    f->next = NULL;
    listen_set_close_unused(&f->listen, f->plan ? f->plan->config : NULL);
    finish(f, false);
}

static void on_discarded(struct worker_thread *t)
{
    struct fleet *f = t->fleet;
    if (--f->pending == 0)
        give_up_next(f);
}

static void discard_all(struct fleet *f)
{
    f->state = FLEET_DISCARDING;
    f->pending = 1; /* so that nothing ends before all are told */
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        struct worker_thread *t = f->threads[i];
        if (!t || t->state != THREAD_UP || !t->use)
            continue;
        f->pending++;
        worker_thread_discard(t, on_discarded);
    }
    if (--f->pending == 0)
        give_up_next(f);
}

/* --- phase two --- */

static void on_committed(struct worker_thread *t)
{
    struct fleet *f = t->fleet;
    if (t->listeners_failed)
        snprintf(f->why, sizeof f->why, "worker %u has no memory for %u listeners", t->index,
                 t->listeners_failed);
    if (t->index >= f->next_workers)
        worker_thread_drain(t, LEAVER_IDLE_MS);
    if (--f->pending)
        return;
    plan_unuse(f->plan);
    f->plan = f->next;
    f->next = NULL;
    f->workers = f->next_workers;
    cache_set_budget(f->cache->cache, f->plan->config->cache_bytes);
    listen_set_close_unused(&f->listen, f->plan->config);
    finish(f, true);
}

static void commit_all(struct fleet *f)
{
    f->state = FLEET_COMMITTING;
    f->on_committing(f);
    f->pending = 0;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        if (f->threads[i] && f->threads[i]->state == THREAD_UP)
            f->pending++;
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        struct worker_thread *t = f->threads[i];
        if (!t || t->state != THREAD_UP)
            continue;
        t->slots_count = i < f->next_workers
                             ? listen_set_slots(&f->listen, f->next->config, i, f->next_workers,
                                                t->slots, WORKER_LISTENERS_MAX)
                             : 0; /* it leaves: its sockets are others' now */
        worker_thread_commit(t, on_committed);
    }
}

/* --- phase one --- */

static void on_attached(struct worker_thread *t)
{
    struct fleet *f = t->fleet;
    if (!t->attached)
        fail(f, "out of memory");
    if (--f->pending)
        return;
    if (f->failed)
        discard_all(f);
    else
        commit_all(f);
}

static void attach_all(struct fleet *f)
{
    f->state = FLEET_ATTACHING;
    for (uint32_t i = 0; i < WORKERS_MAX && !f->failed; i++) {
        struct worker_thread *t = f->threads[i];
        if (!t || t->state != THREAD_UP)
            continue;
        t->use = plan_use_create(f->next, i);
        if (!t->use)
            fail(f, "out of memory");
        else
            plan_use_more(f->next);
    }
    f->pending = 1;
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        struct worker_thread *t = f->threads[i];
        if (!t || t->state != THREAD_UP || !t->use)
            continue;
        f->pending++;
        worker_thread_attach(t, on_attached);
    }
    if (--f->pending == 0)
        give_up_next(f);
}

/* --- threads --- */

static uint32_t alive(const struct fleet *f)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        n += f->threads[i] && f->threads[i]->state != THREAD_NONE;
    return n;
}

static void empty_if_alone(struct fleet *f)
{
    if (f->state != FLEET_LEAVING || alive(f))
        return;
    f->state = FLEET_EMPTY;
    plan_unuse(f->plan);
    f->plan = NULL;
    listen_set_close_unused(&f->listen, NULL);
    f->on_empty(f);
}

static void on_gone(struct worker_thread *t)
{
    empty_if_alone(t->fleet);
}

static void on_up(struct worker_thread *t)
{
    struct fleet *f = t->fleet;
    if (t->failed) {
        char why[sizeof t->why + 40];
        snprintf(why, sizeof why, "worker %u cannot start: %s", t->index, t->why);
        fail(f, why);
    }
    if (--f->pending)
        return;
    if (f->failed)
        give_up_next(f);
    else
        attach_all(f);
}

static bool start_thread(struct fleet *f, uint32_t i, int cpu)
{
    struct worker_thread *t = f->threads[i];
    if (!t) {
        t = f->threads[i] = worker_thread_create();
        if (!t)
            return false;
        t->fleet = f;
        t->control_loop = f->loop;
        t->on_up = on_up;
        t->on_gone = on_gone;
        t->index = i;
        t->log = f->log_port(f, t); /* without memory for it, it counts but does not log */
        t->gate = f->gate;
        t->tickets = f->tickets;
        t->cache = f->cache;
    }
    t->buffers_max = f->next->config->buffers_max;
    t->cpu = cpu;
    return worker_thread_start(t) == 0;
}

static bool start_threads(struct fleet *f)
{
    int cpus[WORKERS_MAX];
    uint32_t cpus_count = usable_cpus(cpus, WORKERS_MAX);
    for (uint32_t i = 0; i < f->next_workers; i++) {
        if (f->threads[i] && f->threads[i]->state == THREAD_UP)
            continue;
        /* With fewer workers than CPUs the scheduler places them better than we could. One that is
         * leaving since the last change cannot be had back yet. */
        int cpu = f->next_workers == cpus_count ? cpus[i] : -1;
        if ((f->threads[i] && f->threads[i]->state == THREAD_LEAVING) || !start_thread(f, i, cpu)) {
            fail(f, "a worker of before is still draining, or no thread can be had: try later");
            break;
        }
        f->pending++;
    }
    return f->pending > 0;
}

/* --- orders --- */

bool fleet_apply(struct fleet *f, struct plan *p)
{
    if (f->state != FLEET_STEADY || f->stopping) {
        plan_unuse(p);
        return false;
    }
    f->next = p;
    f->next_workers = fleet_workers_wanted(p->config);
    f->pending = 0;
    f->failed = false;
    f->why[0] = '\0';
    if (!f->gate)
        f->gate = gate_create();
    if (!f->cache)
        f->cache = cache_hub_create(p->config->cache_bytes, WORKERS_MAX);
    if (!f->cache || !f->gate || !gate_prepare(f->gate, p->config, f->next_workers)) {
        fail(f, "out of memory");
        give_up_next(f);
        return true;
    }
    if (!listen_set_open(&f->listen, p->config, f->next_workers, f->why, sizeof f->why)) {
        fail(f, f->why);
        give_up_next(f);
        return true;
    }
    f->state = FLEET_STARTING;
    if (start_threads(f))
        return true; /* on_up goes on */
    if (f->failed)
        give_up_next(f);
    else
        attach_all(f);
    return true;
}

static void leave(struct fleet *f)
{
    bool stop = f->stopping;
    if (f->state != FLEET_STEADY && f->state != FLEET_LEAVING)
        return; /* finish() comes back */
    bool again = f->state == FLEET_LEAVING;
    f->state = FLEET_LEAVING;
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        struct worker_thread *t = f->threads[i];
        if (t && stop && (t->state == THREAD_UP || t->state == THREAD_LEAVING))
            worker_thread_stop(t);
        else if (t && !again && t->state == THREAD_UP)
            worker_thread_drain(t, 0);
    }
    empty_if_alone(f);
}

void fleet_drain(struct fleet *f)
{
    if (f->state == FLEET_STEADY)
        leave(f);
    else if (f->state < FLEET_LEAVING)
        fleet_stop(f); /* in the middle of a change: rare, and told to end */
}

static void on_deafened(struct worker_thread *t)
{
    struct fleet *f = t->fleet;
    if (--f->pending == 0)
        f->on_deaf(f);
}

void fleet_deafen(struct fleet *f)
{
    CHECK(f->state == FLEET_STEADY);
    f->pending = 0;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        f->pending += f->threads[i] && f->threads[i]->state == THREAD_UP;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        if (f->threads[i] && f->threads[i]->state == THREAD_UP)
            worker_thread_deafen(f->threads[i], on_deafened);
}

void fleet_stop(struct fleet *f)
{
    if (f->stopping || f->state == FLEET_EMPTY)
        return;
    f->stopping = true;
    leave(f);
}

void fleet_destroy(struct fleet *f)
{
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        worker_thread_free(f->threads[i]);
    gate_destroy(f->gate);
    cache_hub_destroy(f->cache);
}
