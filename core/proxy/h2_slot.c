/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/h2_slot.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/http/forward.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/h2_upstream.h"
#include "core/proxy/server.h"
#include "core/proxy/worker.h"

static const struct slot_ops slot_ops;
static const struct body_sink_ops sink_ops;
static const struct body_source_ops source_ops;
static void on_timer(struct timer *t, uint64_t now_ns);

static struct h2_slot *slot_of(const struct attempt *a)
{
    return container_of(a->up, struct h2_slot, slot);
}

static struct h2_slot *slot_of_stream(struct h2_stream *st)
{
    return container_of(st, struct h2_slot, stream);
}

static uint64_t now(const struct h2_slot *slot)
{
    return h2_upstream_now(slot->hu);
}

static void touch(struct h2_slot *slot)
{
    if (list_empty(&slot->touched))
        list_push_back(&slot->hu->touched, &slot->touched);
}

/* --- deadlines --- */

static bool waits_for_room(const struct h2_slot *slot)
{
    return !slot->in.sink || slot->in.sink->room == 0 || (slot->early && slot->early->at);
}

static uint64_t deadline(const struct h2_slot *slot, enum end_reason *why)
{
    const struct attempt *a = slot->a;
    uint64_t at = TIMER_NEVER;
    *why = END_OK;
    if (slot->state == SLOT_HEAD && slot->request_sent) {
        at = slot->since_ns + ms_to_ns(a->timeouts->first_byte_ms);
        *why = END_SERVER_FIRST_BYTE_TIMEOUT;
    } else if (slot->state == SLOT_BODY && !waits_for_room(slot)) {
        at = slot->since_ns + ms_to_ns(a->timeouts->stall_ms);
        *why = END_SERVER_STALL;
    }
    if (a->deadline_ns && a->deadline_ns < at) {
        at = a->deadline_ns;
        *why = END_SERVER_FIRST_BYTE_TIMEOUT;
    }
    uint64_t write_at = slot->room_ns + ms_to_ns(a->timeouts->stall_ms);
    if (slot->stream.queued_bytes && write_at < at) {
        at = write_at;
        *why = END_SERVER_WRITE_TIMEOUT;
    }
    return at;
}

static void arm(struct h2_slot *slot)
{
    enum end_reason why;
    uint64_t at = deadline(slot, &why);
    if (at != TIMER_NEVER || slot->timer.deadline_ns != TIMER_NEVER)
        loop_timer_set(slot->hu->up->t.loop, &slot->timer, at);
}

/* --- taking and giving back --- */

struct h2_slot *h2_slot_create(struct h2_upstream *hu, struct attempt *a)
{
    struct h2_slot *slot = slab_take(&hu->up->w->h2_slots);
    if (!slot)
        return NULL;
    memset(slot, 0, offsetof(struct h2_slot, stream));
    slot->slot.ops = &slot_ops;
    slot->hu = hu;
    slot->a = a;
    slot->state = SLOT_WAITING;
    slot->m.sink.ops = &sink_ops;
    slot->source.ops = &source_ops;
    list_init(&slot->touched);
    timer_init(&slot->timer, on_timer);
    h2_stream_init(&slot->stream, a->arena);
    list_push_back(&hu->waiting, &slot->node);
    a->up = &slot->slot;
    return slot;
}

void h2_slot_free(struct h2_slot *slot)
{
    CHECK(!slot->a && !slot->stream.h);
    if (slot->held)
        slot->held->ops->release(slot->held);
    list_remove(&slot->node);
    slab_give(&slot->hu->up->w->h2_slots, slot);
}

struct attempt *h2_slot_empty(struct h2_slot *slot)
{
    struct attempt *a = slot->a;
    CHECK(slot->state == SLOT_WAITING);
    timer_remove(&slot->hu->up->t.loop->timers, &slot->timer);
    slot->a = NULL;
    h2_slot_free(slot);
    return a;
}

/* Takes it back from its attempt. The memory goes now, or when the codec lets go of the stream. */
static struct attempt *detach(struct h2_slot *slot)
{
    struct h2_upstream *hu = slot->hu;
    struct attempt *a = slot->a;
    CHECK(a && a->up == &slot->slot);
    a->up = NULL;
    slot->a = NULL;
    server_leave(hu->up->server);
    timer_remove(&hu->up->t.loop->timers, &slot->timer);
    list_remove(&slot->touched);
    body_buffer_clear(slot->early);
    slot->early = NULL;
    slot->in.sink = NULL;
    slot->m.source = NULL;
    slot->head = (struct str){ 0 };
    slot->late_head = NULL;
    a->ops->detached(a);
    if (hu->state == H2U_CLOSING)
        h2_forget(&slot->stream);
    if (!slot->stream.h) {
        h2_drop_queue(&slot->stream);
        h2_slot_free(slot);
        return a;
    }
    slot->state = SLOT_LEFT;
    slot->held = a;
    a->ops->hold(a);
    h2_reset(&slot->stream, NGHTTP2_CANCEL);
    h2_upstream_flush(hu);
    return a;
}

/* Says nothing about how well the server does. */
static bool is_no_failure(enum end_reason why)
{
    return why == END_SERVER_STALE || why == END_OVERLOADED || why == END_SERVER_REFUSED;
}

void h2_slot_fail(struct h2_slot *slot, enum end_reason why, bool untouched)
{
    struct h2_upstream *hu = slot->hu;
    struct attempt *a = detach(slot);
    if (!is_no_failure(why))
        server_failed(hu->up->server);
    h2_upstream_slot_back(hu);
    a->ops->failed(a, why, untouched);
}

static void break_off(struct h2_slot *slot, enum end_reason why)
{
    struct h2_upstream *hu = slot->hu;
    struct attempt *a = detach(slot);
    h2_upstream_slot_back(hu);
    a->ops->broken(a, why);
}

/* Of a slot that has a stream, or is to get one. */
static void end_badly(struct h2_slot *slot, enum end_reason why, bool untouched)
{
    if (slot->state == SLOT_BODY)
        break_off(slot, why);
    else
        h2_slot_fail(slot, why, untouched);
}

void h2_slot_lost(struct h2_slot *slot, enum end_reason why)
{
    const struct h2_upstream *hu = slot->hu;
    bool untouched = slot->state == SLOT_WAITING || slot->stream.sent_bytes == 0;
    if (slot->state == SLOT_BODY && why == END_SERVER_RESET)
        why = END_RESPONSE_CUT_BODY;
    else if (slot->state == SLOT_HEAD && why == END_SERVER_RESET && slot->a->reused &&
             hu->heard_ns < slot->request_ns)
        why = END_SERVER_STALE;
    end_badly(slot, why, untouched);
}

static void received(struct h2_slot *slot)
{
    struct h2_upstream *hu = slot->hu;
    struct attempt *a = detach(slot);
    h2_upstream_slot_back(hu);
    a->ops->received(a);
}

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct h2_slot *slot = container_of(timer, struct h2_slot, timer);
    struct h2_upstream *hu = slot->hu;
    enum end_reason why;
    if (deadline(slot, &why) > now_ns) {
        arm(slot);
        return;
    }
    if (slot->state == SLOT_HEAD && hu->heard_ns < slot->request_ns)
        h2_upstream_suspect(hu);
    end_badly(slot, why, slot->stream.sent_bytes == 0);
}

/* --- what the attempt does --- */

void h2_slot_begin(struct h2_slot *slot)
{
    struct h2_upstream *hu = slot->hu;
    struct attempt *a = slot->a;
    list_remove(&slot->node);
    list_push_back(&hu->streams, &slot->node);
    slot->state = SLOT_HEAD;
    slot->since_ns = slot->request_ns = now(slot);
    a->http2 = true;
    a->ops->connected(a);
}

static void slot_go(struct attempt *a)
{
    struct h2_slot *slot = slot_of(a);
    if (slot->hu->state == H2U_OPEN) {
        h2_slot_begin(slot);
        return;
    }
    if (a->deadline_ns)
        arm(slot);
    h2_upstream_open(slot->hu, a);
}

static void slot_abort(struct attempt *a)
{
    struct h2_slot *slot = slot_of(a);
    struct h2_upstream *hu = slot->hu;
    detach(slot);
    h2_upstream_slot_back(hu);
}

/* --- the request --- */

/* As much as the server takes of this stream, within bounds. */
static void update_room(struct h2_slot *slot)
{
    struct h2_stream *st = &slot->stream;
    uint32_t max = 0;
    if (slot->open && !st->ended && !st->reset && !h2_queue_full(st)) {
        max = st->head_out ? h2_window(st) : BODY_WINDOW_BYTES;
        max = max < BUFFER_BYTES ? BUFFER_BYTES : max > BODY_WINDOW_BYTES ? BODY_WINDOW_BYTES : max;
    }
    slot->m.sink.room = max > st->queued_bytes ? max - st->queued_bytes : 0;
}

static void sink_data(struct body_sink *sink, struct buf_slice data)
{
    struct h2_slot *slot = container_of(sink, struct h2_slot, m.sink);
    if (slot->stream.queued_bytes == 0)
        slot->room_ns = now(slot);
    slot->m.body_bytes += data.len;
    h2_send_data(&slot->stream, data);
    update_room(slot);
}

/* Trailers as lines, in the arena. Empty: there are none that may be passed on. */
static struct str write_trailers(struct arena *arena, const struct http_head *trailers)
{
    size_t bytes = 8 + 2 * (size_t)TRAILER_BYTES_MAX;
    char *mem = trailers && trailers->fields_count ? arena_alloc(arena, bytes) : NULL;
    if (!mem)
        return (struct str){ 0 };
    struct out o = out_into(mem, bytes);
    forward_trailers(&o, trailers);
    CHECK(!o.full);
    arena_trim(arena, mem + bytes, o.at);
    size_t empty_line = 2;
    return out_len(&o) > empty_line ? (struct str){ mem, out_len(&o) } : (struct str){ 0 };
}

static void sink_end(struct body_sink *sink, const struct http_head *trailers)
{
    struct h2_slot *slot = container_of(sink, struct h2_slot, m.sink);
    struct str lines = write_trailers(slot->a->arena, trailers);
    h2_send_end(&slot->stream, (char *)lines.ptr, lines.len);
    update_room(slot);
}

static void flush(struct h2_slot *slot)
{
    struct h2_upstream *hu = slot->hu;
    if (slot->head.len) {
        bool fits = h2_request(&hu->h2, &slot->stream, (char *)slot->head.ptr, slot->head.len);
        slot->head = (struct str){ 0 };
        if (!fits) { /* the caller is not to be called back from here */
            slot->why = END_OVERLOADED;
            touch(slot);
        }
    }
    h2_go_on(&slot->stream);
    arm(slot);
    h2_upstream_flush(hu);
}

static void sink_flush(struct body_sink *sink)
{
    flush(container_of(sink, struct h2_slot, m.sink));
}

static const struct body_sink_ops sink_ops = { sink_data, sink_end, sink_flush };

static struct body_sink *slot_send(struct attempt *a, struct str head, enum body_framing framing,
                                   struct body_source *body)
{
    struct h2_slot *slot = slot_of(a);
    slot->head = head;
    slot->m.source = body;
    slot->open = framing != FRAME_NONE;
    update_room(slot);
    if (framing == FRAME_NONE) {
        h2_send_end(&slot->stream, NULL, 0);
        flush(slot);
    }
    return &slot->m.sink;
}

static void slot_flush(struct attempt *a)
{
    flush(slot_of(a));
}

static const struct slot_ops slot_ops = { slot_go, slot_send, slot_flush, slot_abort };

void h2_slot_sent(struct h2_stream *st)
{
    struct h2_slot *slot = slot_of_stream(st);
    if (!slot->a)
        return;
    slot->request_sent = true;
    slot->since_ns = slot->a->request_taken_ns = now(slot);
    arm(slot);
}

void h2_slot_drained(struct h2_stream *st)
{
    struct h2_slot *slot = slot_of_stream(st);
    slot->room_ns = now(slot);
    update_room(slot);
    arm(slot);
    if (slot->m.source && slot->m.sink.room)
        slot->m.source->ops->resume(slot->m.source);
}

/* --- the response --- */

static bool trailers(struct h2_slot *slot, struct h2_collect *c)
{
    enum end_reason why;
    struct http_head *h = arena_alloc(slot->a->arena, sizeof *h);
    if (!h)
        slot->why = END_OVERLOADED;
    else if (!h2_collect_end(c, h, &why))
        return false;
    else if (why != END_OK)
        slot->why = END_RESPONSE_TRAILER;
    else
        slot->trailers = h;
    if (slot->why)
        touch(slot);
    return true;
}

/* An answer without a body is through with its head: who asked gets it when that is so. */
static void keep_head(struct h2_slot *slot, const struct http_head *h)
{
    slot->late_head = arena_alloc(slot->a->arena, sizeof *h);
    if (slot->late_head)
        *slot->late_head = *h;
    else
        h2_slot_fail(slot, END_OVERLOADED, false);
}

static void final_head(struct h2_slot *slot, const struct http_head *h)
{
    struct attempt *a = slot->a;
    struct framing f;
    enum end_reason why = framing_of_response(h, a->method, &f);
    if (why != END_OK) {
        h2_slot_fail(slot, why, false);
        return;
    }
    f.keep_alive = true;
    slot->stream.head_in = true;
    slot->bodiless = f.kind == BODY_NONE;
    if (slot->bodiless && !slot->stream.remote_ended) {
        keep_head(slot, h);
        return;
    }
    server_answered(slot->hu->up->server, h->status, now(slot) - slot->request_ns);
    struct body_sink *sink = a->ops->respond(a, h, &f, &slot->source);
    if (!sink)
        return;
    slot->state = SLOT_BODY;
    slot->in.sink = sink;
    touch(slot);
}

bool h2_slot_section(struct h2_stream *st, struct h2_collect *c, bool end_stream)
{
    struct h2_slot *slot = slot_of_stream(st);
    struct attempt *a = slot->a;
    if (!a)
        return true;
    slot->since_ns = now(slot);
    if (!a->first_byte_ns)
        a->first_byte_ns = slot->since_ns;
    if (st->head_in)
        return trailers(slot, c);
    struct http_head h;
    enum end_reason why;
    if (!h2_collect_end(c, &h, &why))
        return false;
    h.ended = end_stream;
    if (why == END_OK && h.status >= 200) {
        final_head(slot, &h);
        return true;
    }
    if (why == END_OK)
        why = a->ops->interim(a, &h);
    if (why != END_OK)
        h2_slot_fail(slot, why, false);
    return true;
}

static void took(struct h2_slot *slot, uint64_t bytes)
{
    slot->in.taken_bytes += bytes;
    slot->in.body_bytes += bytes;
    h2_consume(&slot->stream, (uint32_t)bytes);
}

static bool keep_early(struct h2_slot *slot, struct buf_slice data)
{
    if (!slot->early) {
        slot->early = body_buffer_create(slot->hu->up->w, slot->a->arena, UINT32_MAX);
        if (!slot->early)
            return false;
        slot->early->keep = false;
    }
    if (slot->early->sink.room == 0)
        return false;
    slot->early->sink.ops->data(&slot->early->sink, data);
    return true;
}

void h2_slot_data(struct h2_stream *st, struct buf_slice data)
{
    struct h2_slot *slot = slot_of_stream(st);
    struct body_sink *sink = slot->in.sink;
    slot->since_ns = now(slot);
    if (!slot->a || slot->why || slot->state != SLOT_BODY || slot->bodiless) {
        buf_unref(data.buf);
        return;
    }
    touch(slot);
    if (sink->room && !(slot->early && slot->early->at)) {
        sink->ops->data(sink, data);
        took(slot, data.len);
    } else if (!keep_early(slot, data)) {
        buf_unref(data.buf);
        slot->why = END_OVERLOADED;
    }
}

void h2_slot_ended(struct h2_stream *st)
{
    struct h2_slot *slot = slot_of_stream(st);
    if (slot->late_head)
        final_head(slot, slot->late_head);
    if (slot->a) {
        slot->body_ended = true;
        touch(slot);
    }
}

/* Why the stream is over although there is more to come. */
static enum end_reason reason_of(const struct h2_slot *slot, uint32_t code, bool by_peer)
{
    if (slot->state == SLOT_BODY)
        return END_RESPONSE_CUT_BODY;
    if (code == NGHTTP2_REFUSED_STREAM) /* or it was not among those that its GOAWAY named */
        return by_peer ? END_SERVER_REFUSED : END_SERVER_STALE;
    return by_peer ? END_SERVER_RESET : END_RESPONSE_HEAD_BAD;
}

void h2_slot_closed(struct h2_stream *st, uint32_t code, bool by_peer)
{
    struct h2_slot *slot = slot_of_stream(st);
    if (!slot->a)
        h2_slot_free(slot);
    else if (!slot->body_ended && !slot->why)
        end_badly(slot, reason_of(slot, code, by_peer), code == NGHTTP2_REFUSED_STREAM);
}

static void pass_early(struct h2_slot *slot)
{
    struct body_buffer *early = slot->early;
    uint64_t before = early->bytes;
    body_buffer_give_to(early, slot->in.sink);
    body_buffer_drain(early);
    took(slot, before - early->bytes);
}

void h2_slot_pump(struct h2_slot *slot)
{
    struct attempt *a = slot->a;
    struct h2_upstream *hu = slot->hu;
    if (slot->why) {
        end_badly(slot, (enum end_reason)slot->why, slot->stream.sent_bytes == 0);
        return;
    }
    if (slot->early && slot->early->at)
        pass_early(slot);
    if (h2_wants_to_send(&hu->h2)) /* windows */
        h2_upstream_flush(hu);
    if (slot->body_ended && !(slot->early && slot->early->at)) {
        if (!slot->bodiless)
            slot->in.sink->ops->end(slot->in.sink, slot->trailers);
        received(slot);
        return;
    }
    arm(slot);
    a->ops->progress(a);
}

static void source_resume(struct body_source *s)
{
    struct h2_slot *slot = container_of(s, struct h2_slot, source);
    if (slot->state != SLOT_BODY)
        return;
    slot->since_ns = now(slot); /* it was us who kept the server waiting */
    h2_slot_pump(slot);
}

static const struct body_source_ops source_ops = { source_resume };
