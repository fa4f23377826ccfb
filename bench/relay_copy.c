/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Receive into a buffer, send from the same buffer, while the next one may already fill. */
#include "bench/relay.h"

#include "core/ring/sock.h"

static void send_rest(struct flow *f)
{
    const struct buf_slice *s = &f->sending;
    op_send(f->relay->worker->loop, &f->tx, f->to, s->buf->data + s->off, s->len);
}

/* Sends a slice and asks for what comes after it: there is more when its buffer was filled. */
static void pass_on(struct flow *f, struct buf_slice slice)
{
    struct loop *l = f->relay->worker->loop;
    f->sending = slice;
    send_rest(f);
    if (slice.len == slice.buf->cap)
        op_recv_large(l, &f->rx, f->from);
    else
        op_recv(l, &f->rx, f->from);
}

static void received(struct op *op, struct op_result result)
{
    struct flow *f = container_of(op, struct flow, rx);
    struct relay_worker *w = f->relay->worker;
    struct buf_slice slice = { result.buf, 0, (uint32_t)result.res };
    if (f->relay->closing) {
        buf_unref(result.buf);
        relay_join(f->relay);
    } else if (result.res < 0) {
        relay_abort(f->relay);
    } else if (result.res == 0) {
        f->end_seen = true;
        if (!f->sending.buf)
            relay_flow_ended(f);
    } else {
        w->pieces++;
        w->bytes += slice.len;
        relay_burn(w);
        if (f->sending.buf)
            f->waiting = slice;
        else
            pass_on(f, slice);
    }
}

static void drop(struct buf_slice *s)
{
    buf_unref(s->buf);
    s->buf = NULL;
}

static void sent(struct op *op, struct op_result result)
{
    struct flow *f = container_of(op, struct flow, tx);
    if (f->relay->closing || result.res < 0) {
        drop(&f->sending);
        drop(&f->waiting);
        if (f->relay->closing)
            relay_join(f->relay);
        else
            relay_abort(f->relay);
        return;
    }
    f->sending.off += (uint32_t)result.res;
    f->sending.len -= (uint32_t)result.res;
    if (f->sending.len > 0) {
        send_rest(f);
        return;
    }
    drop(&f->sending);
    if (f->waiting.buf) {
        struct buf_slice slice = f->waiting;
        f->waiting.buf = NULL;
        pass_on(f, slice);
    } else if (f->end_seen) {
        relay_flow_ended(f);
    }
}

static void start_flow(struct flow *f)
{
    op_init(&f->rx, received);
    op_init(&f->tx, sent);
    op_recv(f->relay->worker->loop, &f->rx, f->from);
}

static void start(struct relay *r)
{
    start_flow(&r->up);
    start_flow(&r->down);
}

const struct relay_strategy relay_copy = { start };
