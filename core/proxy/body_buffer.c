/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/body_buffer.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/proxy/worker.h"

/* A piece of this size may pin the buffer it came in; smaller ones are moved together. */
#define OWN_BUFFER_BYTES (BUFFER_BYTES / 2)

static const struct body_sink_ops sink_ops;
static const struct body_source_ops source_ops;

static struct body_piece *take_piece(struct body_buffer *b)
{
    if (b->own_used)
        return slab_take(&b->w->body_pieces);
    b->own_used = true;
    return &b->own;
}

static void give_piece(struct body_buffer *b, struct body_piece *p)
{
    if (p == &b->own)
        b->own_used = false;
    else
        slab_give(&b->w->body_pieces, p);
}

/* Room is said only with the memory for one more piece in hand: so taking it never fails. */
static void update_room(struct body_buffer *b)
{
    const struct buf_pool *pool = &b->w->loop->bufs;
    uint64_t room = b->bytes < b->bytes_max ? b->bytes_max - b->bytes : 0;
    if (b->w->buffered >= pool->count_max / 2)
        room = b->at ? 0 : BUFFER_BYTES;
    if (room && !b->spare && !b->ended && !b->closed)
        b->spare = take_piece(b);
    if (b->ended || b->closed || !b->spare)
        room = 0;
    b->sink.room = room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
}

struct body_buffer *body_buffer_create(struct worker *w, struct arena *arena, uint64_t bytes_max)
{
    struct body_buffer *b = arena_alloc(arena, sizeof *b);
    if (!b)
        return NULL;
    *b = (struct body_buffer){ .sink.ops = &sink_ops,
                               .source.ops = &source_ops,
                               .w = w,
                               .arena = arena,
                               .bytes_max = bytes_max,
                               .keep = true };
    update_room(b);
    return b;
}

bool body_buffer_keep_early(struct body_buffer **b, struct worker *w, struct arena *arena,
                            struct buf_slice data)
{
    if (!*b) {
        *b = body_buffer_create(w, arena, UINT32_MAX);
        if (!*b)
            return false;
        (*b)->keep = false;
    }
    if ((*b)->sink.room == 0)
        return false;
    (*b)->sink.ops->data(&(*b)->sink, data);
    return true;
}

static void drop_first(struct body_buffer *b)
{
    struct body_piece *p = b->first;
    b->first = p->next;
    if (!b->first)
        b->last = NULL;
    b->bytes -= p->data.len;
    b->w->buffered--;
    buf_unref(p->data.buf);
    give_piece(b, p);
}

static void drop_given(struct body_buffer *b)
{
    while (b->first != b->at)
        drop_first(b);
}

void body_buffer_clear(struct body_buffer *b)
{
    if (!b)
        return;
    b->at = NULL;
    drop_given(b);
    b->from = NULL;
    b->to = NULL;
    b->closed = true;
    if (b->spare)
        give_piece(b, b->spare);
    b->spare = NULL;
    update_room(b);
}

void body_buffer_give_to(struct body_buffer *b, struct body_sink *to)
{
    b->to = to;
    if (!b->given) {
        b->at = b->first;
        b->end_given = false;
    }
}

void body_buffer_forget(struct body_buffer *b)
{
    b->keep = false;
    b->given = true;
    drop_given(b);
    update_room(b);
}

/* Behind the last piece, if its buffer is ours and has room, or into a buffer of our own. */
static bool append_copy(struct body_buffer *b, struct buf_slice data)
{
    struct body_piece *last = b->at ? b->last : NULL;
    if (!last || !last->ours || last->data.buf->refs > 1 ||
        last->data.off + last->data.len + data.len > last->data.buf->cap)
        return false;
    memcpy(last->data.buf->data + last->data.off + last->data.len, data.buf->data + data.off,
           data.len);
    last->data.len += data.len;
    return true;
}

static void append(struct body_buffer *b, struct buf_slice data)
{
    struct body_piece *p = b->spare;
    b->spare = NULL;
    struct buf *own = data.len < OWN_BUFFER_BYTES ? buf_take(&b->w->loop->bufs) : NULL;
    *p = (struct body_piece){ .data = data, .ours = own != NULL };
    if (own) {
        memcpy(own->data, data.buf->data + data.off, data.len);
        p->data = (struct buf_slice){ own, 0, data.len };
    } else {
        buf_ref(data.buf);
    }
    if (b->last)
        b->last->next = p;
    else
        b->first = p;
    b->last = p;
    if (!b->at)
        b->at = p;
    b->w->buffered++;
}

static void sink_data(struct body_sink *s, struct buf_slice data)
{
    struct body_buffer *b = container_of(s, struct body_buffer, sink);
    CHECK(s->room > 0 && !b->ended);
    if (!append_copy(b, data))
        append(b, data);
    b->bytes += data.len;
    buf_unref(data.buf);
    update_room(b);
}

/* The trailers' bytes are in an arena that stays; their table is the caller's. */
static const struct http_head *keep_trailers(struct body_buffer *b, const struct http_head *t)
{
    struct http_head *copy = t ? arena_alloc(b->arena, sizeof *copy) : NULL;
    if (copy)
        *copy = *t;
    return copy;
}

static void sink_end(struct body_sink *s, const struct http_head *trailers)
{
    struct body_buffer *b = container_of(s, struct body_buffer, sink);
    b->trailers = keep_trailers(b, trailers);
    b->ended = true;
    update_room(b);
}

void body_buffer_drain(struct body_buffer *b)
{
    if (!b->to)
        return; /* full is full: who fills it has stopped, and begins with what there is */
    while (b->at && b->to && b->to->room > 0) {
        struct body_piece *p = b->at;
        b->at = p->next;
        p->ours = false; /* it is read from now on */
        buf_ref(p->data.buf);
        b->to->ops->data(b->to, p->data);
        if (!b->keep) {
            b->given = true;
            drop_given(b);
        }
    }
    if (!b->at && b->ended && b->to && !b->end_given) {
        b->end_given = true;
        b->to->ops->end(b->to, b->trailers);
    }
    update_room(b);
}

static void sink_flush(struct body_sink *s)
{
    struct body_buffer *b = container_of(s, struct body_buffer, sink);
    body_buffer_drain(b);
    if (b->to)
        b->to->ops->flush(b->to);
}

/* The sink has room again. What waits leaves first: it may have been the last, then b is gone. */
static void source_resume(struct body_source *s)
{
    struct body_buffer *b = container_of(s, struct body_buffer, source);
    body_buffer_drain(b);
    bool more = b->from && b->sink.room > 0;
    b->to->ops->flush(b->to);
    if (more)
        b->from->ops->resume(b->from);
}

static const struct body_sink_ops sink_ops = { sink_data, sink_end, sink_flush };
static const struct body_source_ops source_ops = { source_resume };
