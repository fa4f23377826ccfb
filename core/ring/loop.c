/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/ring/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "core/base/limits.h"
#include "core/ring/internal.h"

/* The kernel names a buffer with 16 bits. */
#define BUFFERS_MAX 65536

/* Between two looks at the wall clock it is counted on: a look costs as much as the other clock. */
#define WALL_LOOK_NS UINT64_C(1000000)

static uint64_t monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void take_clock(struct ring_loop *r)
{
    struct loop *l = &r->loop;
    struct timespec t;
    l->now_ns = monotonic_ns();
    if (l->now_ns - r->wall_seen_ns >= WALL_LOOK_NS) {
        clock_gettime(CLOCK_REALTIME, &t);
        r->wall_seen_us = (uint64_t)t.tv_sec * UINT64_C(1000000) + (uint64_t)t.tv_nsec / 1000;
        r->wall_seen_ns = l->now_ns;
    }
    l->wall_us = r->wall_seen_us + (l->now_ns - r->wall_seen_ns) / 1000;
}

static uint32_t or_default(uint32_t value, uint32_t by_default)
{
    return value ? value : by_default;
}

/* What others take from the pool must not starve because all of it waits in the kernel. */
static uint32_t depth_max_of(const struct loop_config *config, uint32_t buffers_max)
{
    uint32_t depth_max = or_default(config->ring_buffers, RING_BUFFERS);
    uint32_t half = buffers_max > 1 ? buffers_max / 2 : 1;
    return depth_max < half ? depth_max : half;
}

/* A quarter of the others' bytes. */
static uint32_t large_max_of(uint32_t buffers_max)
{
    return buffers_max / (4 * (LARGE_BUFFER_BYTES / BUFFER_BYTES));
}

/* What comes after the ring itself. Names the call that failed, and undoes the others then. */
static const char *fill(struct ring_loop *r, const struct loop_config *config, int *err)
{
    uint32_t buffers_max = or_default(config->buffers_max, BUFFERS_MAX);
    CHECK(buffers_max <= BUFFERS_MAX);
    if (getrandom(&r->loop.rng, sizeof r->loop.rng, 0) != (ssize_t)sizeof r->loop.rng) {
        *err = -errno;
        return "getrandom";
    }
    if (!buf_pool_init(&r->loop.bufs, BUFFER_BYTES, buffers_max)) {
        *err = -ENOMEM;
        return "malloc";
    }
    if (!buf_pool_init(&r->loop.large_bufs, LARGE_BUFFER_BYTES, large_max_of(buffers_max))) {
        buf_pool_destroy(&r->loop.bufs);
        *err = -ENOMEM;
        return "malloc";
    }
    const char *failed = "io_uring_register (buffer ring)";
    *err = ring_buffers_init(r, depth_max_of(config, buffers_max));
    if (*err == 0) {
        failed = "eventfd";
        *err = mailbox_init(r);
        if (*err == 0)
            return NULL;
        ring_buffers_exit(r);
    }
    buf_pool_destroy(&r->loop.large_bufs);
    buf_pool_destroy(&r->loop.bufs);
    return failed;
}

struct loop *loop_create(const struct loop_config *config, char *why, uint32_t why_bytes)
{
    struct ring_loop *r = calloc(1, sizeof *r);
    if (!r) {
        ring_explain(-ENOMEM, "malloc", why, why_bytes);
        return NULL;
    }
    if (ring_setup(&r->ring, or_default(config->sq_entries, RING_SQ_ENTRIES),
                   or_default(config->cq_entries, RING_CQ_ENTRIES), why, why_bytes) < 0) {
        free(r);
        return NULL;
    }
    r->tasks_end = &r->tasks;
    r->tasks_next_end = &r->tasks_next;
    r->done_end = &r->done;
    splice_pool_init(&r->loop.pipes, SPLICE_PIPES_KEPT, SPLICE_PIPE_BYTES);
    take_clock(r);
    timer_wheel_init(&r->loop.timers, r->loop.now_ns);
    int err = 0;
    const char *failed = fill(r, config, &err);
    if (failed) {
        ring_explain(err, failed, why, why_bytes);
        io_uring_queue_exit(&r->ring);
        free(r);
        return NULL;
    }
    return &r->loop;
}

void loop_destroy(struct loop *l)
{
    struct ring_loop *r = ring_of(l);
    CHECK(loop_ops_in_flight(l) == 0 && !r->tasks && !r->in_turn);
    op_cancel(l, &r->mailbox.wake);
    while (op_busy(&r->mailbox.wake)) {
        io_uring_submit_and_wait(&r->ring, 1);
        ring_run_completions(r);
    }
    mailbox_exit(&r->mailbox);
    ring_buffers_exit(r);
    io_uring_queue_exit(&r->ring);
    buf_pool_destroy(&l->large_bufs);
    buf_pool_destroy(&l->bufs);
    splice_pool_destroy(&l->pipes);
    free(r);
}

/* What an enter may answer besides success; the rest would be a broken ring. */
static void check_entered(int rc)
{
    CHECK(rc >= 0 || rc == -ETIME || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY);
}

void ring_submit(struct ring_loop *r)
{
    r->enters++;
    check_entered(io_uring_submit(&r->ring));
}

/* Submits and waits in one call of the kernel. */
static void enter(struct ring_loop *r, uint64_t wait_ns)
{
    int rc;
    r->enters++;
    if (wait_ns == 0) {
        rc = io_uring_submit_and_get_events(&r->ring);
    } else if (wait_ns == TIMER_NEVER) {
        rc = io_uring_submit_and_wait(&r->ring, 1);
    } else {
        struct io_uring_cqe *first;
        struct __kernel_timespec ts = {
            .tv_sec = (int64_t)(wait_ns / UINT64_C(1000000000)),
            .tv_nsec = (int64_t)(wait_ns % UINT64_C(1000000000)),
        };
        rc = io_uring_submit_and_wait_timeout(&r->ring, &first, 1, &ts, NULL);
    }
    check_entered(rc);
}

/* How long this turn may sleep. */
static uint64_t wait_limit(const struct ring_loop *r, uint64_t wait_ns)
{
    bool hungry = r->starved && r->lent; /* not all of them were started: see feed_starved() */
    if (r->tasks || r->done || r->starved_cancelled || hungry || io_uring_cq_ready(&r->ring))
        return 0;
    uint64_t next_ns = timer_wheel_next_ns(&r->loop.timers);
    if (next_ns == TIMER_NEVER)
        return wait_ns;
    uint64_t left_ns = next_ns > r->loop.now_ns ? next_ns - r->loop.now_ns : 0;
    return left_ns < wait_ns ? left_ns : wait_ns;
}

static void run_tasks(struct ring_loop *r)
{
    while (r->tasks) {
        struct task *t = r->tasks;
        r->tasks = t->next;
        if (!r->tasks)
            r->tasks_end = &r->tasks;
        t->queued = false;
        t->run(t);
    }
    if (unlikely(r->tasks_next)) {
        r->tasks = r->tasks_next;
        r->tasks_end = r->tasks_next_end;
        r->tasks_next = NULL;
        r->tasks_next_end = &r->tasks_next;
    }
}

void loop_turn(struct loop *l, uint64_t wait_ns)
{
    struct ring_loop *r = ring_of(l);
    CHECK(!r->in_turn);
    r->in_turn = true;
    l->turns++;
    ring_buffers_refill(r);
    enter(r, wait_limit(r, wait_ns));
    take_clock(r);
    ring_run_completions(r);
    timer_wheel_advance(&l->timers, l->now_ns);
    mailbox_run(r);
    ring_run_done(r);
    run_tasks(r);
    if (l->turn_times)
        histogram_add(l->turn_times, (monotonic_ns() - l->now_ns) / 100);
    r->in_turn = false;
}

void loop_run(struct loop *l)
{
    struct ring_loop *r = ring_of(l);
    while (!r->stopping)
        loop_turn(l, TIMER_NEVER);
    r->stopping = false;
}

void loop_stop(struct loop *l)
{
    ring_of(l)->stopping = true;
}

static void queue_task(struct task *t, struct task ***end)
{
    if (t->queued)
        return;
    t->queued = true;
    t->next = NULL;
    **end = t;
    *end = &t->next;
}

void loop_defer(struct loop *l, struct task *t)
{
    queue_task(t, &ring_of(l)->tasks_end);
}

void loop_defer_next(struct loop *l, struct task *t)
{
    queue_task(t, &ring_of(l)->tasks_next_end);
}

uint32_t loop_ops_in_flight(const struct loop *l)
{
    const struct ring_loop *r = (const struct ring_loop *)l;
    return r->ops_in_flight - op_busy(&r->mailbox.wake);
}

uint64_t loop_syscalls(const struct loop *l)
{
    return ((const struct ring_loop *)l)->enters;
}
