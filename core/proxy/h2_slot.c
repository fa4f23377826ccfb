/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/h2_slot.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/h2_out.h"
#include "core/proxy/h2_slot_internal.h"
#include "core/proxy/server.h"
#include "core/proxy/worker.h"

static const struct slot_ops slot_ops;
static const struct body_sink_ops sink_ops;
static void on_timer(struct timer *t, uint64_t now_ns);

static struct h2_slot *slot_of(const struct attempt *a)
{
    return container_of(a->up, struct h2_slot, slot);
}

void h2_slot_touch(struct h2_slot *slot)
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

void h2_slot_arm(struct h2_slot *slot)
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
    slot->source.ops = &h2_slot_source_ops;
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
void h2_slot_end_badly(struct h2_slot *slot, enum end_reason why, bool untouched)
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
    h2_slot_end_badly(slot, why, untouched);
}

void h2_slot_received(struct h2_slot *slot)
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
        h2_slot_arm(slot);
        return;
    }
    if (slot->state == SLOT_HEAD && hu->heard_ns < slot->request_ns)
        h2_upstream_leave(hu);
    h2_slot_end_badly(slot, why, slot->stream.sent_bytes == 0);
}

/* --- what the attempt does --- */

void h2_slot_begin(struct h2_slot *slot)
{
    struct h2_upstream *hu = slot->hu;
    struct attempt *a = slot->a;
    list_remove(&slot->node);
    list_push_back(&hu->streams, &slot->node);
    slot->state = SLOT_HEAD;
    slot->since_ns = slot->request_ns = h2_slot_now(slot);
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
        h2_slot_arm(slot);
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

static void update_room(struct h2_slot *slot)
{
    h2_out_update_room(&slot->m, &slot->stream, slot->open);
}

static void sink_data(struct body_sink *sink, struct buf_slice data)
{
    struct h2_slot *slot = container_of(sink, struct h2_slot, m.sink);
    if (slot->stream.queued_bytes == 0)
        slot->room_ns = h2_slot_now(slot);
    slot->m.body_bytes += data.len;
    h2_send_data(&slot->stream, data);
    update_room(slot);
}

static void sink_end(struct body_sink *sink, const struct http_head *trailers)
{
    struct h2_slot *slot = container_of(sink, struct h2_slot, m.sink);
    h2_out_end(&slot->stream, trailers);
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
            h2_slot_touch(slot);
        }
    }
    h2_go_on(&slot->stream);
    h2_slot_arm(slot);
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
    struct h2_slot *slot = h2_slot_of_stream(st);
    if (!slot->a)
        return;
    slot->request_sent = true;
    slot->since_ns = slot->a->request_taken_ns = h2_slot_now(slot);
    h2_slot_arm(slot);
}

void h2_slot_drained(struct h2_stream *st)
{
    struct h2_slot *slot = h2_slot_of_stream(st);
    slot->room_ns = h2_slot_now(slot);
    update_room(slot);
    h2_slot_arm(slot);
    if (slot->m.source && slot->m.sink.room)
        slot->m.source->ops->resume(slot->m.source);
}

/* --- the end of the stream --- */

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
    struct h2_slot *slot = h2_slot_of_stream(st);
    if (!slot->a)
        h2_slot_free(slot);
    else if (!slot->body_ended && !slot->why)
        h2_slot_end_badly(slot, reason_of(slot, code, by_peer), code == NGHTTP2_REFUSED_STREAM);
}
