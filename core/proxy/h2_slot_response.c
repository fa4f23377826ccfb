/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The response that a slot's stream carries: from the codec to the attempt and its sink. */
#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/h2_slot_internal.h"
#include "core/proxy/server.h"
#include "core/proxy/worker.h"

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
        h2_slot_touch(slot);
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
    server_answered(slot->hu->up->server, h->status, h2_slot_now(slot) - slot->request_ns);
    struct body_sink *sink = a->ops->respond(a, h, &f, &slot->source);
    if (!sink)
        return;
    slot->state = SLOT_BODY;
    slot->in.sink = sink;
    h2_slot_touch(slot);
}

bool h2_slot_section(struct h2_stream *st, struct h2_collect *c, bool end_stream)
{
    struct h2_slot *slot = h2_slot_of_stream(st);
    struct attempt *a = slot->a;
    if (!a)
        return true;
    slot->since_ns = h2_slot_now(slot);
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

void h2_slot_data(struct h2_stream *st, struct buf_slice data)
{
    struct h2_slot *slot = h2_slot_of_stream(st);
    struct body_sink *sink = slot->in.sink;
    slot->since_ns = h2_slot_now(slot);
    if (!slot->a || slot->why || slot->state != SLOT_BODY || slot->bodiless) {
        buf_unref(data.buf);
        return;
    }
    h2_slot_touch(slot);
    if (sink->room && !(slot->early && slot->early->at)) {
        sink->ops->data(sink, data);
        took(slot, data.len);
    } else if (!body_buffer_keep_early(&slot->early, slot->hu->up->w, slot->a->arena, data)) {
        buf_unref(data.buf);
        slot->why = END_OVERLOADED;
    }
}

void h2_slot_ended(struct h2_stream *st)
{
    struct h2_slot *slot = h2_slot_of_stream(st);
    if (slot->late_head)
        final_head(slot, slot->late_head);
    if (slot->a) {
        slot->body_ended = true;
        h2_slot_touch(slot);
    }
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
        h2_slot_end_badly(slot, (enum end_reason)slot->why, slot->stream.sent_bytes == 0);
        return;
    }
    if (slot->early && slot->early->at)
        pass_early(slot);
    if (h2_wants_to_send(&hu->h2)) /* windows */
        h2_upstream_flush(hu);
    if (slot->body_ended && !(slot->early && slot->early->at)) {
        if (!slot->bodiless)
            slot->in.sink->ops->end(slot->in.sink, slot->trailers);
        h2_slot_received(slot);
        return;
    }
    h2_slot_arm(slot);
    a->ops->progress(a);
}

static void source_resume(struct body_source *s)
{
    struct h2_slot *slot = container_of(s, struct h2_slot, source);
    if (slot->state != SLOT_BODY)
        return;
    slot->since_ns = h2_slot_now(slot); /* it was us who kept the server waiting */
    h2_slot_pump(slot);
}

const struct body_source_ops h2_slot_source_ops = { source_resume };
