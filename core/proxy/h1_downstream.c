/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client's side of an exchange (downstream.h) on an HTTP/1 connection. */
#include "core/proxy/client.h"

#include <string.h>

#include "core/proxy/exchange.h"
#include "core/proxy/h1_out.h"

static void answer_sent(struct h1_out *out, int err)
{
    struct exchange *ex = container_of(out, struct exchange, h1_out);
    struct client *c = ex->client;
    if (err) {
        exchange_abandon(ex, END_CLIENT_RESET);
        client_close(c, true);
        return;
    }
    exchange_finished(ex);
}

void h1_downstream_init(struct exchange *ex)
{
    out_init(&ex->h1_out, &ex->client->t, &ex->arena, answer_sent);
}

bool h1_keep_head(struct exchange *ex, const struct buf_slice *in)
{
    struct http_head *h = &ex->head;
    if (h->base != (const char *)in->buf->data + in->off)
        return true; /* it was collected there */
    char *mem = arena_alloc(&ex->arena, h->head_bytes);
    if (!mem)
        return false;
    memcpy(mem, h->base, h->head_bytes);
    h->base = mem;
    return true;
}

void h1_keep_request_line(struct exchange *ex)
{
    struct http_head *h = &ex->head;
    size_t n = h->target.len ? h->target.off + h->target.len : 0;
    char *mem = n ? arena_alloc(&ex->arena, n) : NULL;
    if (mem)
        memcpy(mem, h->base, n);
    else
        h->method = h->target = (struct http_span){ 0, 0 };
    h->base = mem ? mem : "";
    h->fields_count = 0;
    memset(h->first, 0, sizeof h->first);
}

static void down_body_begins(struct exchange *ex)
{
    in_init(&ex->h1_in, &ex->arena, &ex->framing, NULL);
}

static void down_pump_body(struct exchange *ex)
{
    client_pump_body(ex->client);
}

static bool down_head(struct exchange *ex, struct str head, char *room_end)
{
    return out_raw(&ex->h1_out, head.ptr, (uint32_t)head.len, room_end);
}

static void down_body(struct exchange *ex, enum body_framing framing, struct body_source *source)
{
    out_body(&ex->h1_out, framing, source);
}

static bool down_text(struct exchange *ex, struct str body)
{
    if (!out_raw(&ex->h1_out, body.ptr, (uint32_t)body.len, NULL))
        return false;
    ex->out.body_bytes += body.len;
    return true;
}

static void down_flush(struct exchange *ex)
{
    struct client *c = ex->client; /* the flush may end the exchange */
    out_flush(&ex->h1_out);
    client_arm(c);
}

static bool down_take_back(struct exchange *ex)
{
    return out_take_back(&ex->h1_out);
}

static void down_checked(struct exchange *ex)
{
    client_checked(ex->client);
}

static void down_give_way(struct exchange *ex)
{
    client_give_way(ex->client);
}

static void down_hand_over(struct exchange *ex, struct tunnel *t, struct buf_slice *received)
{
    client_hand_over(ex->client, t, received);
}

static void down_abort(struct exchange *ex)
{
    out_abort(&ex->h1_out);
}

/* A reset where the end of the connection would read as the end of the body. */
static void down_cut(struct exchange *ex)
{
    client_close(ex->client, ex->h1_out.framing == FRAME_CLOSE);
}

static void down_finished(struct exchange *ex)
{
    client_exchange_finished(ex->client);
}

static void down_close(struct exchange *ex)
{
    client_close(ex->client, true);
}

const struct downstream_ops h1_downstream_ops = {
    .body_begins = down_body_begins,
    .pump_body = down_pump_body,
    .head = down_head,
    .body = down_body,
    .text = down_text,
    .flush = down_flush,
    .take_back = down_take_back,
    .checked = down_checked,
    .give_way = down_give_way,
    .hand_over = down_hand_over,
    .abort = down_abort,
    .finished = down_finished,
    .cut = down_cut,
    .close = down_close,
};
