/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the codec tells of a client's connection and of its streams. */
#include "core/proxy/client.h"
#include "core/proxy/exchange.h"
#include "core/proxy/h2_client_internal.h"
#include "core/proxy/worker.h"

static struct exchange *exchange_of(struct h2_stream *st)
{
    return container_of(st, struct exchange, h2.stream);
}

static uint64_t now(const struct h2_client *hc)
{
    return hc->c->t.loop->now_ns;
}

static struct h2_stream *on_begin(struct h2 *h)
{
    struct h2_client *hc = container_of(h, struct h2_client, h2);
    hc->head_ns = now(hc);
    if (hc->state >= H2C_ENDING)
        return NULL;
    struct exchange *ex = exchange_create(hc->c, &h2_downstream_ops);
    if (!ex)
        return NULL;
    h2_side_init(ex, hc);
    list_push_back(&hc->exchanges, &ex->h2.node);
    return &ex->h2.stream;
}

static bool trailers(struct exchange *ex, struct h2_collect *c)
{
    enum end_reason why;
    struct http_head *h = arena_alloc(&ex->arena, sizeof *h);
    if (!h2_collect_end(c, h, &why))
        return false;
    if (why != END_OK)
        exchange_request_broken(ex, why);
    else
        ex->h2.trailers = h;
    return true;
}

static bool on_section(struct h2_stream *st, struct h2_collect *c, bool end_stream)
{
    struct exchange *ex = exchange_of(st);
    struct h2_client *hc = ex->h2.hc;
    hc->head_ns = 0;
    if (st->head_in)
        return ex->state == EX_ENDED || trailers(ex, c);
    enum end_reason why;
    if (!h2_collect_end(c, &ex->head, &why))
        return false;
    st->head_in = true;
    ex->head.ended = end_stream || ex->head.extended_connect; /* a tunnel's bytes are no body */
    ex->bytes_in = c->text.len;
    if (why == END_OK)
        h2_side_start(ex);
    else
        exchange_refuse(ex, why);
    return true;
}

static void on_stream_data(struct h2_stream *st, struct buf_slice data)
{
    h2_side_data(exchange_of(st), data);
}

static void on_ended(struct h2_stream *st)
{
    struct exchange *ex = exchange_of(st);
    ex->h2.body_ended = true;
    h2_wire_wake(ex);
    if (ex->body_in.state == IN_BODY && list_empty(&ex->h2.touched))
        list_push_back(&ex->h2.hc->touched, &ex->h2.touched);
}

static void on_sent_end(struct h2_stream *st)
{
    struct exchange *ex = exchange_of(st);
    list_remove(&ex->h2.node);
    list_push_back(&ex->h2.hc->leaving, &ex->h2.node);
}

static void on_drained(struct h2_stream *st)
{
    h2_side_drained(exchange_of(st));
}

static void on_stream_closed(struct h2_stream *st, uint32_t code, bool by_peer)
{
    (void)code;
    struct exchange *ex = exchange_of(st);
    exchange_abandon(ex, by_peer ? END_CLIENT_CANCELLED : END_HTTP2_ERROR);
    h2_client_release(ex->h2.hc, ex);
}

static void on_pong(struct h2 *h)
{
    struct h2_client *hc = container_of(h, struct h2_client, h2);
    if (hc->state == H2C_NOTICED)
        h2_client_name_last(hc);
}

static void on_settings(struct h2 *h)
{
    struct h2_client *hc = container_of(h, struct h2_client, h2);
    hc->idle_ns = now(hc);
}

static void on_goaway(struct h2 *h, uint32_t code)
{
    (void)h, (void)code; /* it opens no more streams: nothing changes for those that there are */
}

const struct h2_ops h2_client_codec_ops = {
    .begin = on_begin,
    .section = on_section,
    .data = on_stream_data,
    .ended = on_ended,
    .sent = on_sent_end,
    .drained = on_drained,
    .closed = on_stream_closed,
    .pong = on_pong,
    .settings = on_settings,
    .goaway = on_goaway,
};
