/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Poll through the ring, then splice(2) through a pipe, a bounded number of bytes per turn. */
#include "bench/relay.h"

#include <errno.h>
#include <poll.h>

static void finish_pipe(struct flow *f)
{
    if (f->pipe)
        splice_give(&f->relay->worker->pipes, f->pipe);
    f->pipe = NULL;
}

/* Moves what can be moved; leaves a poll in flight, or the flow ended, or the relay aborted. */
static void pump(struct flow *f)
{
    struct relay_worker *w = f->relay->worker;
    uint32_t moved = 0;
    if (!f->pipe && !(f->pipe = splice_take(&w->pipes))) {
        relay_abort(f->relay);
        return;
    }
    for (;;) {
        int32_t n;
        if (f->pipe->bytes == 0) {
            /* beyond, the other connections get their turn */
            n = moved < w->piece_bytes ? splice_in(f->pipe, f->from, w->piece_bytes) : -EAGAIN;
            w->splices++;
            if (n == -EAGAIN) {
                finish_pipe(f);
                op_poll(w->loop, &f->rx, f->from, POLLIN);
                return;
            }
            if (n == 0) {
                finish_pipe(f);
                relay_flow_ended(f);
                return;
            }
        } else {
            n = splice_out(f->pipe, f->to, false);
            w->splices++;
            if (n == -EAGAIN) {
                op_poll(w->loop, &f->tx, f->to, POLLOUT);
                return;
            }
            if (n > 0) {
                moved += (uint32_t)n;
                w->pieces++;
                w->bytes += (uint32_t)n;
                relay_burn(w);
            }
        }
        if (n < 0) {
            relay_abort(f->relay);
            return;
        }
    }
}

static void polled(struct flow *f, struct op_result result)
{
    if (f->relay->closing)
        relay_join(f->relay);
    else if (result.res < 0)
        relay_abort(f->relay);
    else
        pump(f);
}

static void readable(struct op *op, struct op_result result)
{
    polled(container_of(op, struct flow, rx), result);
}

static void writable(struct op *op, struct op_result result)
{
    polled(container_of(op, struct flow, tx), result);
}

static void start_flow(struct flow *f)
{
    splice_prepare(f->from);
    op_init(&f->rx, readable);
    op_init(&f->tx, writable);
    op_poll(f->relay->worker->loop, &f->rx, f->from, POLLIN);
}

static void start(struct relay *r)
{
    start_flow(&r->up);
    start_flow(&r->down);
}

const struct relay_strategy relay_splice = { start };
