/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/probe_h2.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/http/h2.h"

struct probe_h2 {
    struct h2 h2;
    struct h2_stream stream;
    struct h2_batch batch; /* being sent, while the transport is */
    struct probe *probe;
    const struct probe_h2_ops *ops;
    struct arena arena;
    char *head; /* the request's: h2_request() changes it */
    char question[PROBE_H2_BODY_BYTES_MAX];
    uint32_t received;
    char answer[HEALTH_BODY_BYTES_MAX];
    _Alignas(16) char first[4096];
};

/* --- the answer --- */

static struct probe *probe_of(struct h2_stream *st)
{
    return container_of(st, struct probe_h2, stream)->probe;
}

static struct str body_of(const struct probe_h2 *c)
{
    return (struct str){ c->answer, c->received };
}

static bool on_section(struct h2_stream *st, struct h2_collect *collect, bool end_stream)
{
    struct probe *p = probe_of(st);
    struct http_head h;
    enum end_reason why;
    bool trailers = st->head_in;
    if (!h2_collect_end(collect, &h, &why))
        return false;
    if (p->state != PROBE_ASKING || (!trailers && h.status < 200))
        return true;
    st->head_in = true;
    if (why != END_OK) {
        probe_result(p, "its answer's head is too large");
        return true;
    }
    if (!trailers)
        p->h2->ops->head(p, &h);
    if (end_stream && p->state == PROBE_ASKING)
        p->h2->ops->end(p, body_of(p->h2), &h);
    return true;
}

static void on_body(struct h2_stream *st, struct buf_slice data)
{
    struct probe *p = probe_of(st);
    struct probe_h2 *c = p->h2;
    uint32_t room = (uint32_t)sizeof c->answer - c->received;
    uint32_t n = data.len < room ? data.len : room;
    memcpy(c->answer + c->received, data.buf->data + data.off, n);
    c->received += n;
    h2_consume(st, data.len);
    buf_unref(data.buf);
    if (p->state == PROBE_ASKING)
        c->ops->body(p, body_of(c), data.len > room);
}

static void on_ended(struct h2_stream *st)
{
    struct probe *p = probe_of(st);
    if (p->state == PROBE_ASKING)
        p->h2->ops->end(p, body_of(p->h2), NULL);
}

static void on_stream_closed(struct h2_stream *st, uint32_t code, bool by_peer)
{
    (void)code, (void)by_peer;
    struct probe *p = probe_of(st);
    if (p->state == PROBE_ASKING)
        probe_result(p, "it reset the request");
}

static void nothing_of_stream(struct h2_stream *st)
{
    (void)st;
}

static void nothing(struct h2 *h)
{
    (void)h;
}

static struct h2_stream *no_request(struct h2 *h)
{
    (void)h;
    return NULL;
}

static void on_goaway(struct h2 *h, uint32_t code)
{
    (void)h, (void)code; /* the stream's end tells */
}

static const struct h2_ops codec_ops = {
    .begin = no_request,
    .section = on_section,
    .data = on_body,
    .ended = on_ended,
    .sent = nothing_of_stream,
    .drained = nothing_of_stream,
    .closed = on_stream_closed,
    .pong = nothing,
    .settings = nothing,
    .goaway = on_goaway,
};

/* --- the connection --- */

static void send_some(struct probe *p)
{
    struct probe_h2 *c = p->h2;
    if (p->state != PROBE_ASKING || p->t.sending)
        return;
    if (!h2_wants_to_send(&c->h2)) {
        if (h2_is_over(&c->h2)) /* its end has been told, with why */
            probe_result(p, "it does not speak HTTP/2");
        return;
    }
    if (!h2_pull(&c->h2, &c->batch, p->prober->loop->now_ns)) {
        if (p->state == PROBE_ASKING)
            probe_result(p, "it breaks HTTP/2");
        return;
    }
    if (c->batch.parts && p->state == PROBE_ASKING)
        transport_send(&p->t, c->batch.iov, c->batch.parts);
}

static bool request(struct probe_h2 *c, struct str body)
{
    CHECK(body.len <= sizeof c->question);
    if (body.len) {
        memcpy(c->question, body.ptr, body.len);
        if (!h2_send_text(&c->stream, (struct str){ c->question, body.len }))
            return false;
    }
    h2_send_end(&c->stream, NULL, 0);
    return h2_request(&c->h2, &c->stream, c->head, strlen(c->head));
}

void probe_h2_begin(struct probe *p, const struct probe_h2_ops *ops, char *head, struct str body)
{
    const struct h2_config config = { .streams_max = 1, .window_bytes = H2_WINDOW_BYTES };
    struct loop *l = p->prober->loop;
    struct probe_h2 *c = head ? malloc(sizeof *c) : NULL;
    if (c && !h2_init(&c->h2, &config, &codec_ops, &l->bufs, l->now_ns)) {
        free(c);
        c = NULL;
    }
    p->h2 = c;
    if (!c) {
        free(head);
        probe_result(p, PROBE_NO_MEMORY);
        return;
    }
    c->probe = p;
    c->ops = ops;
    c->head = head;
    c->received = 0;
    h2_batch_init(&c->batch);
    arena_init(&c->arena, c->first, sizeof c->first, EXCHANGE_ARENA_EXTRA_BYTES_MAX);
    h2_stream_init(&c->stream, &c->arena);
    if (!request(c, body)) {
        probe_result(p, PROBE_NO_MEMORY);
        return;
    }
    transport_read(&p->t);
    send_some(p);
}

void probe_h2_data(struct probe *p, struct buf_slice data)
{
    bool good = h2_receive(&p->h2->h2, data, p->prober->loop->now_ns);
    buf_unref(data.buf);
    if (p->state != PROBE_ASKING)
        return;
    if (!good) {
        probe_result(p, "it does not speak HTTP/2");
        return;
    }
    transport_read(&p->t);
    send_some(p);
}

void probe_h2_end(struct probe *p, int err)
{
    (void)err;
    probe_result(p, "it closed the connection");
}

void probe_h2_sent(struct probe *p)
{
    h2_batch_release(&p->h2->batch);
    send_some(p);
}

void probe_h2_drop(struct probe *p)
{
    struct probe_h2 *c = p->h2;
    p->h2 = NULL;
    if (!c)
        return;
    h2_batch_release(&c->batch);
    if (c->stream.h)
        h2_forget(&c->stream);
    h2_destroy(&c->h2);
    h2_drop_queue(&c->stream);
    arena_reset(&c->arena);
    free(c->head);
    free(c);
}
