/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/worker.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/key_log.h"
#include "core/proxy/cache_hub.h"
#include "core/proxy/listener.h"
#include "core/ring/sock.h"

/* --- orders --- */

static void run_back(struct msg *m, struct worker_thread *t, size_t order_offset)
{
    (void)m;
    struct order *o = (struct order *)((char *)t + order_offset);
    o->on_answer(t);
}

static void run_attach(struct msg *m, struct loop *at)
{
    (void)at;
    struct worker_thread *t = container_of(m, struct worker_thread, attach.there);
    t->attached = plan_use_attach(t->use, &t->worker);
    loop_post(t->control_loop, &t->attach.back);
}

static void attach_answered(struct msg *m, struct loop *at)
{
    (void)at;
    run_back(m, container_of(m, struct worker_thread, attach.back),
             offsetof(struct worker_thread, attach));
}

static void answer_if_closed(struct worker_thread *t)
{
    struct order *o = t->closing;
    if (!o)
        return;
    for (uint32_t i = 0; i < t->worker.listeners_count; i++)
        if (t->worker.listeners[i]->state == LISTENER_CLOSING)
            return;
    t->closing = NULL;
    loop_post(t->control_loop, &o->back);
}

static void run_commit(struct msg *m, struct loop *at)
{
    (void)at;
    struct worker_thread *t = container_of(m, struct worker_thread, commit.there);
    t->listeners_failed = worker_commit(&t->worker, t->use, t->slots, t->slots_count);
    t->use = NULL;
    t->closing = &t->commit;
    answer_if_closed(t);
}

static void commit_answered(struct msg *m, struct loop *at)
{
    (void)at;
    run_back(m, container_of(m, struct worker_thread, commit.back),
             offsetof(struct worker_thread, commit));
}

static void run_deafen(struct msg *m, struct loop *at)
{
    (void)at;
    struct worker_thread *t = container_of(m, struct worker_thread, deafen.there);
    worker_deafen(&t->worker);
    t->closing = &t->deafen;
    answer_if_closed(t);
}

static void deafen_answered(struct msg *m, struct loop *at)
{
    (void)at;
    run_back(m, container_of(m, struct worker_thread, deafen.back),
             offsetof(struct worker_thread, deafen));
}

static void run_discard(struct msg *m, struct loop *at)
{
    (void)at;
    struct worker_thread *t = container_of(m, struct worker_thread, discard.there);
    plan_use_unref(t->use);
    t->use = NULL;
    loop_post(t->control_loop, &t->discard.back);
}

static void discard_answered(struct msg *m, struct loop *at)
{
    (void)at;
    run_back(m, container_of(m, struct worker_thread, discard.back),
             offsetof(struct worker_thread, discard));
}

static void give(struct worker_thread *t, struct order *o,
                 void (*on_answer)(struct worker_thread *t))
{
    CHECK(t->state == THREAD_UP);
    o->on_answer = on_answer;
    loop_post(t->loop, &o->there);
}

void worker_thread_attach(struct worker_thread *t, void (*on_answer)(struct worker_thread *t))
{
    give(t, &t->attach, on_answer);
}

void worker_thread_commit(struct worker_thread *t, void (*on_answer)(struct worker_thread *t))
{
    give(t, &t->commit, on_answer);
}

void worker_thread_discard(struct worker_thread *t, void (*on_answer)(struct worker_thread *t))
{
    give(t, &t->discard, on_answer);
}

void worker_thread_deafen(struct worker_thread *t, void (*on_answer)(struct worker_thread *t))
{
    give(t, &t->deafen, on_answer);
}

/* --- from the worker --- */

static void on_listener_gone(struct worker *w, int fd)
{
    /* With the last plan the socket ends, too: who connects is refused and need not wait. */
    if (w->state != WORKER_RUNNING && !w->queue_stays)
        sock_shutdown(fd);
    answer_if_closed(container_of(w, struct worker_thread, worker));
}

static void on_plan_gone(struct worker *w, const struct plan *p)
{
    (void)w;
    plan_unuse((struct plan *)p);
}

static void on_drained(struct worker *w)
{
    struct worker_thread *t = container_of(w, struct worker_thread, worker);
    loop_post(t->control_loop, &t->gone);
}

/* --- life --- */

static void run_drain(struct msg *m, struct loop *at)
{
    (void)at;
    struct worker_thread *t = container_of(m, struct worker_thread, drain);
    if (t->worker.state == WORKER_RUNNING)
        worker_drain(&t->worker, t->idle_ms, on_drained);
}

static void run_stop(struct msg *m, struct loop *at)
{
    (void)at;
    struct worker_thread *t = container_of(m, struct worker_thread, stop);
    worker_stop(&t->worker, on_drained);
}

static void run_exit(struct msg *m, struct loop *at)
{
    (void)m;
    loop_stop(at);
}

static void run_up(struct msg *m, struct loop *at)
{
    (void)at;
    struct worker_thread *t = container_of(m, struct worker_thread, up);
    if (t->failed) {
        pthread_join(t->thread, NULL);
        t->state = THREAD_NONE;
    } else {
        t->state = THREAD_UP;
    }
    t->on_up(t);
}

static void run_gone(struct msg *m, struct loop *at)
{
    (void)at;
    struct worker_thread *t = container_of(m, struct worker_thread, gone);
    loop_post(t->loop, &t->exit);
    pthread_join(t->thread, NULL);
    t->state = THREAD_NONE;
    t->on_gone(t);
}

static void pin(int cpu)
{
    if (cpu < 0)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    /* Only a hint: a worker runs anywhere. */
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static bool set_up(struct worker_thread *t)
{
    struct loop_config lc = { .buffers_max = t->buffers_max };
    t->loop = loop_create(&lc, t->why, sizeof t->why);
    if (!t->loop)
        return false;
    if (!worker_init(&t->worker, t->loop, (uint16_t)t->index, &t->counters, t->log)) {
        snprintf(t->why, sizeof t->why, "out of memory");
        loop_destroy(t->loop);
        return false;
    }
    if (!tls_worker_use_tickets(&t->worker.tls, t->tickets)) {
        snprintf(t->why, sizeof t->why, "out of memory");
        worker_discard(&t->worker);
        loop_destroy(t->loop);
        return false;
    }
    t->worker.tls.key_log = key_log_of_environment(t->index == 0);
    t->worker.gate = t->gate;
    t->worker.cache = &t->cache->ports[t->index];
    cache_port_open(t->worker.cache, &t->worker);
    t->loop->turn_times = &t->counters.turns;
    t->worker.on_plan_gone = on_plan_gone;
    t->worker.on_listener_gone = on_listener_gone;
    return true;
}

static void *thread_main(void *arg)
{
    struct worker_thread *t = arg;
    char name[16];
    snprintf(name, sizeof name, "sluice/%u", t->index % 1000);
    pthread_setname_np(pthread_self(), name);
    pin(t->cpu);
    t->failed = !set_up(t);
    bool failed = t->failed;
    loop_post(t->control_loop, &t->up);
    if (failed)
        return NULL;
    loop_run(t->loop);
    int key_log = t->worker.tls.key_log;
    worker_destroy(&t->worker);
    if (key_log >= 0)
        close(key_log);
    loop_destroy(t->loop);
    return NULL;
}

struct worker_thread *worker_thread_create(void)
{
    struct worker_thread *t = aligned_alloc(_Alignof(struct worker_thread), sizeof *t);
    if (!t)
        return NULL;
    memset(t, 0, sizeof *t);
    t->slots = calloc(WORKER_LISTENERS_MAX, sizeof *t->slots);
    if (!t->slots) {
        free(t);
        return NULL;
    }
    t->up.run = run_up;
    t->gone.run = run_gone;
    t->drain.run = run_drain;
    t->stop.run = run_stop;
    t->exit.run = run_exit;
    t->attach.there.run = run_attach;
    t->attach.back.run = attach_answered;
    t->commit.there.run = run_commit;
    t->commit.back.run = commit_answered;
    t->discard.there.run = run_discard;
    t->discard.back.run = discard_answered;
    t->deafen.there.run = run_deafen;
    t->deafen.back.run = deafen_answered;
    return t;
}

void worker_thread_free(struct worker_thread *t)
{
    if (!t)
        return;
    CHECK(t->state == THREAD_NONE);
    free(t->slots);
    free(t);
}

int worker_thread_start(struct worker_thread *t)
{
    CHECK(t->state == THREAD_NONE);
    t->state = THREAD_STARTING;
    t->stop_told = false;
    int err = pthread_create(&t->thread, NULL, thread_main, t);
    if (err)
        t->state = THREAD_NONE;
    return err;
}

void worker_thread_drain(struct worker_thread *t, uint32_t idle_ms)
{
    CHECK(t->state == THREAD_UP);
    t->idle_ms = idle_ms;
    t->state = THREAD_LEAVING;
    loop_post(t->loop, &t->drain);
}

void worker_thread_stop(struct worker_thread *t)
{
    CHECK(t->state == THREAD_UP || t->state == THREAD_LEAVING);
    t->state = THREAD_LEAVING;
    if (t->stop_told)
        return;
    t->stop_told = true;
    loop_post(t->loop, &t->stop);
}
