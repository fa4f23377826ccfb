/* SPDX-License-Identifier: GPL-3.0-or-later */
/* op_splice_in() and op_splice_out(): started -> [a poll is in flight] -> it fires: splice(2), or
 * [an IORING_OP_SPLICE is in flight] -> finished; or polled again if there was nothing to be done.
 * Moving out by splice(2) is tried at once: mostly there is room. */
#include <errno.h>

#include "core/ring/internal.h"

static void finish(struct ring_loop *r, struct op *op, int32_t res)
{
    struct op_result result = { .res = res };
    if (op->kind == OP_SPLICE_IN && op->mem) {
        if (res > 0)
            result.pipe = op->mem;
        else
            splice_give(&r->loop.pipes, op->mem);
    }
    ring_finish(r, op, result);
}

/* What moving answered; the pipe's count is right. */
static void moved(struct ring_loop *r, struct op *op, int32_t res)
{
    if ((res != -EAGAIN && res != -EINTR) || op->cancelled) {
        finish(r, op, res == -EAGAIN || res == -EINTR ? -ECANCELED : res);
        return;
    }
    if (op->kind == OP_SPLICE_IN) {
        splice_give(&r->loop.pipes, op->mem);
        op->mem = NULL;
    }
    ring_issue(r, op);
}

static void issue_splice(struct ring_loop *r, struct op *op)
{
    const struct splice_pipe *p = op->mem;
    bool in = op->kind == OP_SPLICE_IN;
    struct io_uring_sqe *sqe = ring_sqe(r);
    op->flags |= FLAG_SPLICES;
    if (in)
        io_uring_prep_splice(sqe, op->fd, -1, p->write_fd, -1, op->len, SPLICE_F_MOVE);
    else
        io_uring_prep_splice(sqe, p->read_fd, -1, op->fd, -1, p->bytes, SPLICE_F_MOVE);
    io_uring_sqe_set_data(sqe, op);
}

/* The descriptor is ready. */
static void move(struct ring_loop *r, struct op *op)
{
    bool in = op->kind == OP_SPLICE_IN;
    if (in && !(op->mem = splice_take(&r->loop.pipes))) {
        finish(r, op, -EMFILE);
        return;
    }
    if (r->loop.pipes.how == SPLICE_BY_RING)
        issue_splice(r, op);
    else
        moved(r, op, in ? splice_in(op->mem, op->fd, op->len) : splice_out(op->mem, op->fd, false));
}

void ring_splice_completed(struct ring_loop *r, struct op *op, int32_t res)
{
    if (op->flags & FLAG_SPLICES) {
        struct splice_pipe *p = op->mem;
        op->flags &= (uint8_t)~FLAG_SPLICES;
        if (res > 0)
            p->bytes = op->kind == OP_SPLICE_IN ? (uint32_t)res : p->bytes - (uint32_t)res;
        moved(r, op, res);
    } else if (op->cancelled) {
        finish(r, op, -ECANCELED);
    } else if (res == -EINTR || res == -EAGAIN) {
        ring_issue(r, op);
    } else if (res < 0) {
        finish(r, op, res);
    } else {
        move(r, op);
    }
}

void op_splice_in(struct loop *l, struct op *op, int fd, uint32_t max)
{
    CHECK(max > 0);
    struct ring_loop *r = ring_of(l);
    ring_begin(r, op, OP_SPLICE_IN, fd, NULL, max < SPLICE_BYTES_MAX ? max : SPLICE_BYTES_MAX);
    ring_issue(r, op);
}

void op_splice_out(struct loop *l, struct op *op, int fd, struct splice_pipe *pipe)
{
    CHECK(pipe->bytes > 0);
    struct ring_loop *r = ring_of(l);
    ring_begin(r, op, OP_SPLICE_OUT, fd, pipe, 0);
    if (l->pipes.how == SPLICE_BY_RING) {
        issue_splice(r, op);
        return;
    }
    int32_t res = splice_out(pipe, fd, false);
    if (res == -EAGAIN) {
        ring_issue(r, op);
        return;
    }
    op->state = OP_DONE;
    op->len = (uint32_t)res;
    op->next = NULL;
    *r->done_end = op;
    r->done_end = &op->next;
}

void ring_run_done(struct ring_loop *r)
{
    struct op *op = r->done;
    r->done = NULL;
    r->done_end = &r->done;
    while (op) {
        struct op *next = op->next;
        ring_finish(r, op, (struct op_result){ .res = (int32_t)op->len });
        op = next;
    }
}
