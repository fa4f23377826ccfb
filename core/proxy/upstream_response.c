/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server answers: heads, the body, a switch to another protocol. */
#include "core/base/check.h"
#include "core/proxy/upstream_internal.h"
#include "core/proxy/worker.h"

/* in_pump()'s reasons are a request's. */
static enum end_reason bad_body(const struct h1_in *in)
{
    switch ((enum end_reason)in->m.why) {
    case END_BAD_CHUNK:
        return END_RESPONSE_CHUNK;
    case END_BAD_TRAILER:
        return END_RESPONSE_TRAILER;
    default:
        return END_OVERLOADED;
    }
}

void upstream_pump(struct upstream *up)
{
    in_pump(&up->body_in, &up->in);
    if (!up->in.buf)
        up->in = (struct buf_slice){ 0 };
    switch (up->body_in.m.state) {
    case IN_DONE:
        if (!up->in.buf)
            transport_read(&up->t);
        upstream_received(up);
        return;
    case IN_BAD:
        upstream_break(up, bad_body(&up->body_in));
        return;
    default:
        break;
    }
    if (!up->in.buf && !up->t.reading &&
        relay_read(&up->t, &up->body_in, &up->habit, &up->w->relay))
        up->since_ns = up->t.loop->now_ns;
    upstream_arm(up);
    up->a->ops->progress(up->a);
}

void upstream_piped(struct transport *t, struct splice_pipe *pipe)
{
    struct upstream *up = container_of(t, struct upstream, t);
    CHECK(up->state == UP_BODY);
    if (!pipe) {
        counter_add(&up->w->counters->pipes_refused, 1);
        transport_read(t);
        return;
    }
    uint32_t bytes = pipe->bytes;
    up->since_ns = t->loop->now_ns;
    relay_habit_note(&up->habit, &up->w->relay, bytes, SPLICE_BYTES_MAX);
    up->body_in.m.sink->pipes->piped(up->body_in.m.sink, pipe);
    in_piped(&up->body_in, bytes);
    upstream_pump(up);
}

static void source_resume(struct body_source *s)
{
    struct upstream *up = container_of(s, struct upstream, source);
    if (up->state == UP_BODY)
        upstream_pump(up);
}

const struct body_source_ops upstream_source_ops = { source_resume };

/* A final response head. */
static void final_head(struct upstream *up, const struct http_head *h, uint32_t head_bytes)
{
    struct attempt *a = up->a;
    struct framing f;
    enum end_reason why = framing_of_response(h, a->method, &f);
    if (why != END_OK) {
        upstream_fail(up, why);
        return;
    }
    server_answered(up->server, h->status, up->t.loop->now_ns - up->request_ns);
    up->keep_alive = f.keep_alive;
    struct body_sink *sink = a->ops->respond(a, h, &f, &up->source);
    if (!sink)
        return;
    up->state = UP_BODY;
    slice_consume(&up->in, head_bytes);
    in_init(&up->body_in, a->arena, &f, sink);
    upstream_pump(up);
}

static void switch_protocols(struct upstream *up, const struct http_head *h, uint32_t head_bytes)
{
    struct attempt *a = up->a;
    enum end_reason why = up->request_sent ? a->ops->switched(a, h) : END_RESPONSE_INTERIM;
    if (why != END_OK) {
        upstream_fail(up, why);
        return;
    }
    slice_consume(&up->in, head_bytes);
    up->state = UP_SWITCHING;
    upstream_arm(up);
    if (transport_stop(&up->t))
        a->ops->switch_ready(a);
}

void upstream_stopped(struct transport *t)
{
    struct upstream *up = container_of(t, struct upstream, t);
    up->a->ops->switch_ready(up->a);
}

struct server *upstream_hand_over(struct attempt *a, struct transport *to,
                                  const struct transport_user *user, struct buf_slice *received)
{
    struct upstream *up = upstream_of(a);
    struct server *s = up->server;
    CHECK(up->state == UP_SWITCHING && out_idle(&up->out));
    upstream_detach(up);
    *received = up->in;
    timer_remove(&up->t.loop->timers, &up->timer);
    transport_move(to, &up->t, user);
    list_remove(&up->node);
    slab_give(&up->w->upstreams, up);
    return s;
}

void upstream_read_head(struct upstream *up)
{
    while (up->state == UP_HEAD && up->in.buf) {
        struct attempt *a = up->a;
        struct http_head h;
        uint32_t head_bytes = 0;
        enum end_reason why = END_RESPONSE_HEAD_BAD;
        enum h1_result r = head_collect_feed(&up->collect, a->arena, &up->in, h1_parse_response, &h,
                                             &head_bytes, &why);
        if (r == H1_PARTIAL)
            break;
        if (r == H1_ERROR) {
            upstream_fail(up, why);
            return;
        }
        if (h.status >= 200) {
            final_head(up, &h, head_bytes);
            return;
        }
        if (h.status == 101 && a->ops->switched) {
            switch_protocols(up, &h, head_bytes);
            return;
        }
        why = a->ops->interim(a, &h);
        if (why != END_OK) {
            upstream_fail(up, why);
            return;
        }
        slice_consume(&up->in, head_bytes);
        up->collect = (struct head_collect){ 0 };
        up->since_ns = up->t.loop->now_ns;
    }
    transport_read(&up->t);
    upstream_arm(up);
}
