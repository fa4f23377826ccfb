/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thread's event loop: a ring, its buffers, its timers, its clock, its mailbox.
 *
 * A turn: submit and wait -> take the clock -> run completions -> run due timers -> run the
 * mailbox -> run deferred tasks. Nothing is nested: ops started in a turn complete in a later one.
 */
#ifndef SLUICE_RING_LOOP_H
#define SLUICE_RING_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/counters.h"
#include "core/base/rng.h"
#include "core/ring/op.h"
#include "core/ring/splice.h"
#include "core/ring/timer.h"

/* What users of a loop may touch directly; an implementation embeds it first. */
struct loop {
    uint64_t now_ns;  /* CLOCK_MONOTONIC of this turn */
    uint64_t wall_us; /* CLOCK_REALTIME of this turn, since the epoch */
    struct timer_wheel timers;
    struct buf_pool bufs;       /* BUFFER_BYTES each; op_recv takes from here, anyone may */
    struct buf_pool large_bufs; /* LARGE_BUFFER_BYTES each: op_recv_large's */
    struct splice_pool pipes;   /* op_splice_in takes from here; who has one gives it back */
    struct rng rng;
    uint64_t turns;
    struct histogram *turn_times; /* their length without the wait, in tenths of us; NULL: not asked
                                     for */
};

/* Run once, at the end of the turn in which it was deferred, before anything is submitted. */
struct task {
    struct task *next;
    void (*run)(struct task *t);
    bool queued;
};

/* Sent to another loop from any thread; embedded in its owner, which keeps it until run. */
struct msg {
    struct msg *next;
    void (*run)(struct msg *m, struct loop *at);
};

struct loop_config {
    uint32_t sq_entries;   /* 0: RING_SQ_ENTRIES */
    uint32_t cq_entries;   /* 0: RING_CQ_ENTRIES */
    uint32_t buffers_max;  /* pool limit; 0: as memory allows (65536) */
    uint32_t ring_buffers; /* lent to the kernel at a time, at most; 0: RING_BUFFERS */
};

/* Creates a loop for the calling thread, which alone may use it (but for loop_post). On failure
 * NULL, and why (of why_bytes) says the cause AND the remedy in words: io_uring refused by
 * kernel.io_uring_disabled, by seccomp, or missing (kernel too old), RLIMIT_MEMLOCK, ... */
struct loop *loop_create(const struct loop_config *config, char *why, uint32_t why_bytes);

/* CHECKs that no op is in flight and no buffer lent. */
void loop_destroy(struct loop *l);

/* Runs turns until loop_stop(). */
void loop_run(struct loop *l);

/* One turn; waits for at most wait_ns (0: does not wait; TIMER_NEVER: until something happens). */
void loop_turn(struct loop *l, uint64_t wait_ns);

/* loop_run() returns after this turn. From the loop's own thread. */
void loop_stop(struct loop *l);

/* Deferring a queued task again is without effect. */
void loop_defer(struct loop *l, struct task *t);

/* The same, for the next turn, which then does not wait: work that is cut into pieces lets others
 * have their turn in between. A queued task stays where it is. */
void loop_defer_next(struct loop *l, struct task *t);

/* From any thread: m->run(m, l) on l's thread, in the order posted by one thread. The loop may be
 * destroyed once every message was run. */
void loop_post(struct loop *l, struct msg *m);

/* Ops not idle: for tests and for a clean stop. */
uint32_t loop_ops_in_flight(const struct loop *l);

/* Calls of io_uring_enter(2) so far. */
uint64_t loop_syscalls(const struct loop *l);

static inline void loop_timer_set(struct loop *l, struct timer *t, uint64_t deadline_ns)
{
    timer_set(&l->timers, t, deadline_ns);
}

static inline uint64_t ms_to_ns(uint64_t ms)
{
    return ms * UINT64_C(1000000);
}

#endif
