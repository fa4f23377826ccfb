/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/h2_exchange.h"

#include <string.h>

#include "core/base/check.h"
#include "core/http/grpc.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/client.h"
#include "core/proxy/exchange.h"
#include "core/proxy/h2_client.h"
#include "core/proxy/h2_out.h"
#include "core/proxy/listener.h"
#include "core/proxy/tunnel.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

static const struct body_sink_ops sink_ops;
static void on_timer(struct timer *t, uint64_t now_ns);

void h2_side_init(struct exchange *ex, struct h2_client *hc)
{
    struct h2_side *s = &ex->h2;
    memset(s, 0, offsetof(struct h2_side, stream));
    memset(&s->hc, 0, sizeof *s - offsetof(struct h2_side, hc));
    s->m.sink.ops = &sink_ops;
    s->m.sink.bulk = true;
    s->hc = hc;
    h2_stream_init(&s->stream, &ex->arena);
    list_init(&s->node);
    list_init(&s->touched);
    timer_init(&s->timer, on_timer);
    ex->head.version_major = 2;
}

/* --- deadlines --- */

/* Whether the client could go on with its request's body and does not. Once it is answered, a call
 * of gRPC may have nothing to say for long. */
static bool body_awaited(const struct exchange *ex)
{
    const struct message_in *in = &ex->body_in;
    const struct body_buffer *early = ex->h2.early;
    if (ex->grpc && ex->state == EX_RESPONDING)
        return false;
    return in->state == IN_BODY && in->sink && in->sink->room && !(early && early->at);
}

/* Whether it can be ended by grpc-timeout: a gate or a fetch that is not its own is waited for. */
static bool may_be_late(const struct exchange *ex)
{
    return ex->h2.deadline_ns && (ex->state == EX_BUFFERING || ex->state == EX_CONNECTING ||
                                  ex->state == EX_WAITING || ex->state == EX_RESPONDING);
}

static uint64_t deadline(const struct exchange *ex, enum end_reason *why)
{
    const struct timeouts *t = &ex->handling->timeouts;
    const struct h2_side *s = &ex->h2;
    uint64_t at = TIMER_NEVER;
    if (body_awaited(ex)) {
        at = s->body_ns + ms_to_ns(t->client_body_ms);
        *why = END_CLIENT_BODY_TIMEOUT;
    }
    if (s->stream.queued_bytes && s->room_ns + ms_to_ns(t->client_write_ms) < at) {
        at = s->room_ns + ms_to_ns(t->client_write_ms);
        *why = END_CLIENT_WRITE_TIMEOUT;
    }
    if (may_be_late(ex) && s->deadline_ns < at) {
        at = s->deadline_ns;
        *why = END_DEADLINE;
    }
    return at;
}

static void arm(struct exchange *ex)
{
    enum end_reason why;
    if (ex->state == EX_ENDED)
        return;
    uint64_t at = deadline(ex, &why);
    if (at != TIMER_NEVER || ex->h2.timer.deadline_ns != TIMER_NEVER)
        loop_timer_set(ex->w->loop, &ex->h2.timer, at);
}

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct exchange *ex = container_of(timer, struct exchange, h2.timer);
    enum end_reason why = END_OK;
    if (ex->state == EX_ENDED)
        return;
    if (deadline(ex, &why) > now_ns) {
        arm(ex);
    } else if (why == END_CLIENT_BODY_TIMEOUT) {
        exchange_request_broken(ex, why);
    } else if (why == END_DEADLINE && ex->state != EX_RESPONDING) {
        if (ex->attempt.up)
            upstream_abort(&ex->attempt);
        exchange_reply(ex, why);
    } else {
        exchange_abandon(ex, why);
        h2_reset(&ex->h2.stream, NGHTTP2_CANCEL);
        h2_client_flush(ex->h2.hc);
    }
}

void h2_side_start(struct exchange *ex)
{
    ex->grpc = grpc_is_request(&ex->head);
    uint64_t timeout_ns = ex->grpc ? grpc_timeout_ns(&ex->head) : 0;
    if (timeout_ns)
        ex->h2.deadline_ns = ex->start_ns + timeout_ns;
    exchange_start(ex);
    if (timeout_ns)
        arm(ex);
}

/* --- the request's body --- */

static void took(struct exchange *ex, uint64_t bytes)
{
    ex->body_in.taken_bytes += bytes;
    ex->body_in.body_bytes += bytes;
    h2_consume(&ex->h2.stream, (uint32_t)bytes);
}

static bool may_pass(const struct exchange *ex)
{
    return ex->state >= EX_WAITING || ex->request_buffer;
}

/* Nobody wants it: so much of it is read and dropped, beyond that the client waits. */
static void drop_data(struct exchange *ex, struct buf_slice data)
{
    if (ex->h2.dropped_bytes < LINGER_BYTES_MAX)
        took(ex, data.len);
    ex->h2.dropped_bytes += data.len;
    buf_unref(data.buf);
}

/* What comes is a tunnel's, or will be once the server has switched. */
static bool is_wire(const struct exchange *ex)
{
    return ex->h2.wire.t ||
           (ex->head.extended_connect && (ex->state <= EX_WAITING || ex->state == EX_SWITCHING));
}

void h2_side_data(struct exchange *ex, struct buf_slice data)
{
    struct h2_side *s = &ex->h2;
    struct message_in *in = &ex->body_in;
    s->body_ns = ex->w->loop->now_ns;
    if (list_empty(&s->touched))
        list_push_back(&s->hc->touched, &s->touched);
    if (is_wire(ex)) {
        if (!body_buffer_keep_early(&s->early, ex->w, &ex->arena, data)) {
            buf_unref(data.buf);
            h2_reset(&s->stream, NGHTTP2_INTERNAL_ERROR);
        }
        h2_wire_wake(ex);
    } else if (ex->state == EX_ENDED || in->state != IN_BODY ||
               (!in->sink && ex->state >= EX_WAITING)) {
        drop_data(ex, data);
    } else if (may_pass(ex) && in->sink && in->sink->room && !(s->early && s->early->at)) {
        in->sink->ops->data(in->sink, data);
        took(ex, data.len);
    } else if (!body_buffer_keep_early(&s->early, ex->w, &ex->arena, data)) {
        buf_unref(data.buf);
        exchange_request_broken(ex, END_OVERLOADED);
    }
}

static void pass_early(struct exchange *ex)
{
    struct body_buffer *early = ex->h2.early;
    struct message_in *in = &ex->body_in;
    uint64_t before = early->bytes;
    if (in->sink) {
        body_buffer_give_to(early, in->sink);
        body_buffer_drain(early);
    } else {
        body_buffer_clear(early);
    }
    took(ex, before - early->bytes);
}

static void pass_body(struct exchange *ex)
{
    struct h2_side *s = &ex->h2;
    struct message_in *in = &ex->body_in;
    if (s->early && s->early->at)
        pass_early(ex);
    if (!s->body_ended || (s->early && s->early->at))
        return;
    in->state = IN_DONE;
    if (in->sink)
        in->sink->ops->end(in->sink, s->trailers);
}

void h2_side_pump(struct exchange *ex)
{
    if (ex->state == EX_ENDED || !may_pass(ex))
        return;
    struct message_in *in = &ex->body_in;
    if (in->state == IN_BODY)
        pass_body(ex);
    if (in->body_bytes > ex->handling->body_bytes_max && in->sink) {
        exchange_request_broken(ex, END_BODY_TOO_LARGE);
        return;
    }
    if (ex->request_buffer)
        body_buffer_drain(ex->request_buffer);
    arm(ex);
    if (ex->state == EX_BUFFERING)
        exchange_buffered(ex);
    else if (ex->attempt.up && ex->state >= EX_WAITING)
        upstream_flush(&ex->attempt);
    h2_client_flush(ex->h2.hc); /* windows */
}

static void down_body_begins(struct exchange *ex)
{
    struct message_in *in = &ex->body_in;
    *in = (struct message_in){ .state = ex->framing.kind == BODY_NONE ? IN_DONE : IN_BODY };
}

static void down_pump_body(struct exchange *ex)
{
    ex->h2.body_ns = ex->w->loop->now_ns;
    h2_side_pump(ex);
}

/* --- the answer --- */

static void update_room(struct h2_side *s)
{
    h2_out_update_room(&s->m, &s->stream, s->open);
}

static void sink_data(struct body_sink *sink, struct buf_slice data)
{
    struct h2_side *s = container_of(sink, struct h2_side, m.sink);
    if (s->stream.queued_bytes == 0)
        s->room_ns = s->hc->c->t.loop->now_ns;
    s->m.body_bytes += data.len;
    h2_send_data(&s->stream, data);
    update_room(s);
}

static void sink_end(struct body_sink *sink, const struct http_head *trailers)
{
    struct h2_side *s = container_of(sink, struct h2_side, m.sink);
    h2_out_end(&s->stream, trailers);
    update_room(s);
}

static void flush(struct exchange *ex)
{
    struct h2_side *s = &ex->h2;
    if (!s->stream.h || s->stream.reset)
        return;
    if (s->head.len) {
        bool fits = h2_respond(&s->stream, (char *)s->head.ptr, s->head.len, false);
        s->head = (struct str){ 0 };
        if (!fits) {
            exchange_abandon(ex, END_RESPONSE_HEAD_TOO_LARGE);
            h2_reset(&s->stream, NGHTTP2_INTERNAL_ERROR);
        }
    }
    h2_go_on(&s->stream);
    arm(ex);
    h2_client_flush(s->hc);
}

static void sink_flush(struct body_sink *sink)
{
    flush(container_of(sink, struct exchange, h2.m.sink));
}

static const struct body_sink_ops sink_ops = { sink_data, sink_end, sink_flush };

void h2_side_drained(struct exchange *ex)
{
    struct h2_side *s = &ex->h2;
    s->room_ns = ex->w->loop->now_ns;
    if (s->wire.t) {
        s->wire.t->send_progress_ns = s->room_ns;
        h2_wire_wake(ex);
        return;
    }
    update_room(s);
    arm(ex);
    if (s->m.source && s->m.sink.room)
        s->m.source->ops->resume(s->m.source);
}

static bool down_head(struct exchange *ex, struct str head, char *room_end)
{
    (void)room_end;
    struct h2_side *s = &ex->h2;
    if (head.ptr[sizeof ":status: " - 1] == '1')
        return h2_respond(&s->stream, (char *)head.ptr, head.len, true);
    s->head = head;
    return true;
}

static void down_body(struct exchange *ex, enum body_framing framing, struct body_source *source)
{
    struct h2_side *s = &ex->h2;
    s->m.source = source;
    s->open = framing != FRAME_NONE;
    update_room(s);
}

static bool down_text(struct exchange *ex, struct str body)
{
    ex->h2.room_ns = ex->w->loop->now_ns;
    ex->h2.m.body_bytes += body.len;
    return h2_send_text(&ex->h2.stream, body);
}

static bool down_take_back(struct exchange *ex)
{
    struct h2_side *s = &ex->h2;
    if (s->stream.head_out || s->stream.reset)
        return false;
    h2_drop_queue(&s->stream);
    h2_send_end(&s->stream, NULL, 0);
    s->stream.ended = false;
    s->head = (struct str){ 0 };
    s->m.source = NULL;
    s->m.body_bytes = 0;
    s->open = false;
    update_room(s);
    return true;
}

/* --- becoming a tunnel --- */

/* The stream is its own: nothing of it is in flight elsewhere. */
static void down_give_way(struct exchange *ex)
{
    exchange_switch_ready(ex);
}

static void down_hand_over(struct exchange *ex, struct tunnel *t, struct buf_slice *received)
{
    t->listener = ex->client->listener;
    t->listener->refs++;
    *received = (struct buf_slice){ 0 };
    h2_wire_open(ex, &t->t[TUNNEL_CLIENT], &tunnel_client_user);
}

/* --- going on, and ending --- */

static void down_checked(struct exchange *ex)
{
    arm(ex); /* whatever the client sends is read anyway */
}

static void down_abort(struct exchange *ex)
{
    struct h2_side *s = &ex->h2;
    s->m.sent_bytes = s->stream.sent_bytes;
    s->m.source = NULL;
    s->open = false;
    s->head = (struct str){ 0 };
    h2_drop_queue(&s->stream);
    update_room(s);
}

static void down_finished(struct exchange *ex)
{
    h2_client_finished(ex->h2.hc, ex);
}

static void down_cut(struct exchange *ex)
{
    h2_reset(&ex->h2.stream, NGHTTP2_INTERNAL_ERROR);
    h2_client_flush(ex->h2.hc);
}

void h2_side_release(struct exchange *ex)
{
    struct h2_side *s = &ex->h2;
    timer_remove(&ex->w->loop->timers, &s->timer);
    if (s->wire.t) {
        s->wire.gone = true;
        h2_wire_wake(ex);
    } else {
        body_buffer_clear(s->early);
    }
    h2_drop_queue(&s->stream);
    list_remove(&s->node);
    list_remove(&s->touched);
}

const struct downstream_ops h2_downstream_ops = {
    .body_begins = down_body_begins,
    .pump_body = down_pump_body,
    .head = down_head,
    .body = down_body,
    .text = down_text,
    .flush = flush,
    .take_back = down_take_back,
    .give_way = down_give_way,
    .hand_over = down_hand_over,
    .checked = down_checked,
    .abort = down_abort,
    .finished = down_finished,
    .cut = down_cut,
    .close = down_cut,
};
