/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of core/ring share; nobody else includes it (nor liburing.h). */
#ifndef SLUICE_RING_INTERNAL_H
#define SLUICE_RING_INTERNAL_H

#include <liburing.h>
#include <stdatomic.h>

#include "core/base/check.h"
#include "core/ring/loop.h"

/* Messages from any thread: a stack that is taken whole and turned around. An eventfd, read
 * through the ring, wakes the loop when the stack was empty before. */
struct mailbox {
    _Atomic(struct msg *) newest;
    _Atomic uint32_t posting; /* threads inside loop_post() */
    int event_fd;
    uint64_t event_count; /* what wake reads into */
    struct op wake;       /* in flight as long as the loop lives; not counted in ops_in_flight */
};

struct ring_loop {
    struct loop loop;                    /* first: a struct loop * is a struct ring_loop * */
    uint64_t wall_seen_ns, wall_seen_us; /* both clocks at the last look at the wall clock */
    struct io_uring ring;
    uint64_t enters;
    uint32_t ops_in_flight;
    bool stopping;
    bool in_turn;

    /* buffers.c: the kernel's ring of buffers to receive into */
    struct io_uring_buf_ring *buf_ring;
    uint32_t buf_ring_entries; /* its size: a power of two */
    uint32_t depth, depth_max; /* it is filled up to depth, as far as the pool gives */
    uint32_t filled;           /* after the last refill */
    uint32_t used_most;        /* by a turn, lately */
    uint32_t lent;             /* in it now, each holding one reference */
    struct op *starved;        /* receives that wait for a buffer, oldest first */
    struct op **starved_end;
    uint32_t starved_cancelled; /* of them */

    struct op *done; /* they succeeded as soon as they were started; oldest first */
    struct op **done_end;

    struct task *tasks; /* deferred, oldest first */
    struct task **tasks_end;
    struct task *tasks_next; /* deferred to the next turn, oldest first */
    struct task **tasks_next_end;

    struct mailbox mailbox;
};

static inline struct ring_loop *ring_of(struct loop *l)
{
    return (struct ring_loop *)l;
}

/* probe.c: a ring made with the best flags this kernel takes, and the operations we need. 0, or
 * -errno with the cause and the remedy in why. */
int ring_setup(struct io_uring *ring, uint32_t sq_entries, uint32_t cq_entries, char *why,
               uint32_t why_bytes);
void ring_explain(int err, const char *call, char *why, uint32_t why_bytes);

/* buffers.c */
int ring_buffers_init(struct ring_loop *r, uint32_t depth_max);
void ring_buffers_exit(struct ring_loop *r);
/* Fills the kernel's ring from the pool and starts again what waited for that. */
void ring_buffers_refill(struct ring_loop *r);
/* Puts a receive that found no buffer in the queue of those that wait. */
void ring_starve(struct ring_loop *r, struct op *op);
/* Completes the waiting receives that were cancelled. */
void ring_finish_starved_cancelled(struct ring_loop *r);

/* ops.c */
/* Hands an op in flight to the kernel: the first time or again. */
void ring_issue(struct ring_loop *r, struct op *op);
/* Runs the completions that are there now; what they start completes in a later turn. */
void ring_run_completions(struct ring_loop *r);
void ring_finish(struct ring_loop *r, struct op *op, struct op_result result);
struct io_uring_sqe *ring_sqe(struct ring_loop *r);

/* op.flags: the descriptor is non-blocking and had nothing; a poll stands in for the operation,
 * which is started again when it fires. */
#define FLAG_POLLS_FIRST 1

/* The kernel has not answered a cancellation yet. */
#define FLAG_CANCEL_UNANSWERED 2

/* The last receive left the socket empty, so the next one had better wait before it tries
 * (measured: some 3 % of a small request's cost). Kept from one start to the next; only a hint. */
#define FLAG_DRAINED 4

/* An IORING_OP_SPLICE is in flight; else a poll before it. */
#define FLAG_SPLICES 8

/* An idle op is known to the ring from now on. */
static inline void ring_begin(struct ring_loop *r, struct op *op, enum op_kind kind, int fd,
                              void *mem, uint32_t len)
{
    CHECK(op->state == OP_IDLE);
    op->kind = kind;
    op->state = OP_IN_FLIGHT;
    op->cancelled = 0;
    op->flags &= FLAG_DRAINED;
    op->fd = fd;
    op->mem = mem;
    op->len = len;
    r->ops_in_flight++;
}

/* ops_splice.c */
static inline bool ring_op_splices(const struct op *op)
{
    return op->kind >= OP_SPLICE_IN;
}
/* Its poll, or IORING_OP_SPLICE. */
void ring_splice_completed(struct ring_loop *r, struct op *op, int32_t res);
/* Completes what succeeded at once in this turn. */
void ring_run_done(struct ring_loop *r);

/* loop.c */
/* Hands what is queued to the kernel now, to make room in the submission queue. */
void ring_submit(struct ring_loop *r);

/* mailbox.c */
int mailbox_init(struct ring_loop *r);
/* Before the ring goes; the wake op has completed. */
void mailbox_exit(struct mailbox *m);
bool mailbox_empty(struct mailbox *m);
void mailbox_run(struct ring_loop *r);

#endif
