/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IORING_OP_SPLICE through a pipe of the loop's pool: no call of ours, but a kernel worker thread.
 */
#include "bench/relay.h"

static void splice_next(struct flow *f)
{
    struct relay_worker *w = f->relay->worker;
    op_splice_in(w->loop, &f->rx, f->from, w->piece_bytes);
}

static void give_pipe(struct flow *f)
{
    splice_give(&f->relay->worker->loop->pipes, f->pipe);
    f->pipe = NULL;
}

static void spliced_in(struct op *op, struct op_result result)
{
    struct flow *f = container_of(op, struct flow, rx);
    struct relay_worker *w = f->relay->worker;
    f->pipe = result.pipe;
    if (f->relay->closing || result.res < 0) {
        if (f->pipe)
            give_pipe(f);
        if (f->relay->closing)
            relay_join(f->relay);
        else
            relay_abort(f->relay);
    } else if (result.res == 0) {
        relay_flow_ended(f);
    } else {
        w->splices++;
        op_splice_out(w->loop, &f->tx, f->to, f->pipe);
    }
}

static void spliced_out(struct op *op, struct op_result result)
{
    struct flow *f = container_of(op, struct flow, tx);
    struct relay_worker *w = f->relay->worker;
    if (f->relay->closing || result.res < 0) {
        give_pipe(f);
        if (f->relay->closing)
            relay_join(f->relay);
        else
            relay_abort(f->relay);
        return;
    }
    w->splices++;
    w->pieces++;
    w->bytes += (uint32_t)result.res;
    relay_burn(w);
    if (f->pipe->bytes > 0) {
        op_splice_out(w->loop, &f->tx, f->to, f->pipe);
        return;
    }
    give_pipe(f);
    splice_next(f);
}

static void start_flow(struct flow *f)
{
    splice_prepare(f->to);
    op_init(&f->rx, spliced_in);
    op_init(&f->tx, spliced_out);
    splice_next(f);
}

static void start(struct relay *r)
{
    r->worker->loop->pipes.how = SPLICE_BY_RING;
    start_flow(&r->up);
    start_flow(&r->down);
}

const struct relay_strategy relay_ring = { start };
