/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/worker.h"

#include <sched.h>
#include <stdio.h>

#include "core/base/check.h"
#include "core/ring/sock.h"

static void on_drained(struct worker *w)
{
    struct worker_thread *t = container_of(w, struct worker_thread, worker);
    loop_post(t->control_loop, &t->gone);
}

static void run_drain(struct msg *m, struct loop *at)
{
    (void)at;
    struct worker_thread *t = container_of(m, struct worker_thread, drain);
    if (t->worker.state == WORKER_RUNNING)
        worker_drain(&t->worker, on_drained);
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
    t->state = t->failed ? THREAD_GONE : THREAD_UP;
    t->on_up(t);
}

static void run_gone(struct msg *m, struct loop *at)
{
    (void)at;
    struct worker_thread *t = container_of(m, struct worker_thread, gone);
    t->state = THREAD_GONE;
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
    struct loop_config lc = { .buffers_max = t->config->buffers_max };
    t->loop = loop_create(&lc, t->why, sizeof t->why);
    if (!t->loop)
        return false;
    if (!worker_init(&t->worker, t->loop, t->config, (uint16_t)t->index, &t->counters, t->log)) {
        snprintf(t->why, sizeof t->why, "out of memory");
        loop_destroy(t->loop);
        return false;
    }
    if (t->tls && !worker_use_tls(&t->worker, t->tls, t->why, sizeof t->why)) {
        worker_discard(&t->worker);
        loop_destroy(t->loop);
        return false;
    }
    for (uint32_t i = 0; i < t->config->listeners_count; i++)
        CHECK(worker_listen(&t->worker, &t->config->listeners[i], t->listen_fds[i]));
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
    worker_destroy(&t->worker);
    loop_destroy(t->loop);
    return NULL;
}

int worker_thread_start(struct worker_thread *t)
{
    t->up.run = run_up;
    t->gone.run = run_gone;
    t->drain.run = run_drain;
    t->stop.run = run_stop;
    t->exit.run = run_exit;
    t->state = THREAD_STARTING;
    return pthread_create(&t->thread, NULL, thread_main, t);
}

void worker_thread_drain(struct worker_thread *t)
{
    CHECK(t->state == THREAD_UP);
    loop_post(t->loop, &t->drain);
}

void worker_thread_stop(struct worker_thread *t)
{
    CHECK(t->state == THREAD_UP);
    loop_post(t->loop, &t->stop);
}

void worker_thread_join(struct worker_thread *t)
{
    CHECK(t->state == THREAD_GONE);
    if (!t->failed)
        loop_post(t->loop, &t->exit);
    pthread_join(t->thread, NULL);
}
