/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/h2_wire.h"

#include <errno.h>

#include "core/base/check.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/exchange.h"
#include "core/proxy/worker.h"
#include "tls/transport.h"

static struct exchange *exchange_of(struct transport *t)
{
    return t->stream;
}

static void take_slice(struct body_sink *sink, struct buf_slice data)
{
    struct h2_wire *wire = container_of(sink, struct h2_wire, sink);
    wire->got = data;
    sink->room = 0;
}

static const struct body_sink_ops sink_ops = { .data = take_slice };

/* What waits is delivered a slice at a time; only then the client may send as much again. */
static bool next_slice(struct exchange *ex)
{
    struct h2_side *s = &ex->h2;
    if (!s->early || !s->early->at)
        return false;
    s->wire.sink.room = 1;
    body_buffer_give_to(s->early, &s->wire.sink);
    body_buffer_drain(s->early);
    if (!s->wire.gone) {
        h2_consume(&s->stream, s->wire.got.len);
        h2_client_flush(s->hc);
    }
    return true;
}

static void finish(struct transport *t)
{
    struct exchange *ex = exchange_of(t);
    ex->h2.wire.t = NULL;
    body_buffer_clear(ex->h2.early);
    ex->h2.early = NULL;
    t->user->on_closed(t);
    exchange_unref(ex);
}

static void tell_sent(struct transport *t)
{
    struct h2_wire *wire = &exchange_of(t)->h2.wire;
    t->sending = false;
    t->user->on_sent(t, wire->gone ? -EPIPE : 0, wire->gone ? 0 : wire->sending_bytes);
}

static void tell_end(struct transport *t)
{
    t->reading = false;
    t->ended = true;
    t->user->on_end(t, exchange_of(t)->h2.body_ended ? 0 : -ECONNRESET);
}

/* One callback a turn: each may close it. */
static void run(struct task *task)
{
    struct transport *t = container_of(task, struct transport, task);
    struct exchange *ex = exchange_of(t);
    struct h2_side *s = &ex->h2;
    if (t->closing) {
        finish(t);
        return;
    }
    if (t->sending && (s->wire.gone || s->stream.queued_bytes == 0)) {
        loop_defer(t->loop, task);
        tell_sent(t);
    } else if (t->reading && next_slice(ex)) {
        struct buf_slice got = s->wire.got;
        s->wire.got = (struct buf_slice){ 0 };
        t->reading = false;
        t->user->on_data(t, got);
    } else if (t->reading && (s->body_ended || s->wire.gone)) {
        tell_end(t);
    }
}

static void wire_read(struct transport *t)
{
    CHECK(!t->closing && !t->ended);
    t->reading = true;
    loop_defer(t->loop, &t->task);
}

/* The stream's queue points to the user's memory until it has left. */
static void wire_send(struct transport *t, struct iovec *iov, unsigned count)
{
    struct h2_side *s = &exchange_of(t)->h2;
    CHECK(!t->closing && !t->sending);
    t->sending = true;
    t->send_progress_ns = t->loop->now_ns;
    s->wire.sending_bytes = 0;
    for (unsigned i = 0; i < count; i++)
        s->wire.sending_bytes += (uint32_t)iov[i].iov_len;
    if (s->wire.gone || s->stream.reset) {
        loop_defer(t->loop, &t->task);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        bool fits = h2_send_text(&s->stream, (struct str){ iov[i].iov_base, iov[i].iov_len });
        CHECK(fits);
    }
    h2_go_on(&s->stream);
    h2_client_flush(s->hc);
}

static void wire_shutdown_write(struct transport *t)
{
    struct h2_side *s = &exchange_of(t)->h2;
    CHECK(!t->closing && !t->sending);
    if (s->wire.gone)
        return;
    h2_send_end(&s->stream, NULL, 0);
    h2_go_on(&s->stream);
    h2_client_flush(s->hc);
}

/* RFC 8441 5: what would be a reset of a connection is one of the stream, with CANCEL. */
static void wire_close(struct transport *t, bool reset)
{
    struct h2_side *s = &exchange_of(t)->h2;
    CHECK(!t->closing);
    t->closing = true;
    t->reset = reset;
    if (!s->wire.gone && reset) {
        h2_reset(&s->stream, NGHTTP2_CANCEL);
        h2_client_flush(s->hc);
    }
    loop_defer(t->loop, &t->task);
}

static const struct transport_ops wire_ops = {
    .read = wire_read,
    .send = wire_send,
    .shutdown_write = wire_shutdown_write,
    .close = wire_close,
};

void h2_wire_open(struct exchange *ex, struct transport *t, const struct transport_user *user)
{
    struct h2_wire *wire = &ex->h2.wire;
    *t = (struct transport){ .ops = &wire_ops, .user = user, .loop = ex->w->loop, .fd = -1 };
    t->streamed = true;
    t->stream = ex;
    t->task.run = run;
    *wire = (struct h2_wire){ .t = t, .sink.ops = &sink_ops };
    ex->h2.stream.tunnel = true;
    exchange_ref(ex);
}

void h2_wire_wake(struct exchange *ex)
{
    struct transport *t = ex->h2.wire.t;
    if (t)
        loop_defer(t->loop, &t->task);
}
