/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/h1_out.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"

/* Pieces up to this size are moved next to what is queued already. */
#define SMALL_PIECE_BYTES 1024

static const struct body_sink_ops sink_ops;
static const struct body_pipe_ops pipe_ops;

void out_init(struct h1_out *out, struct transport *t, struct arena *arena,
              void (*on_done)(struct h1_out *out, int err))
{
    out->m.sink = (struct body_sink){ .ops = &sink_ops, .pipes = &pipe_ops };
    out->t = t;
    out->arena = arena;
    out->m.source = NULL;
    out->on_done = on_done;
    out->m.sent_bytes = out->m.body_bytes = 0;
    out->raw_room_end = NULL;
    out->queued_body_bytes = 0;
    out->state = OUT_OPEN;
    out->framing = FRAME_NONE;
    out_clear(out);
}

static void update_room(struct h1_out *out)
{
    bool open = out->state == OUT_OPEN && out->framing != FRAME_NONE && !out->pipe &&
                out->count < OUT_SEGMENTS - OUT_SEGMENTS_SPARE &&
                out->queued_body_bytes < BODY_WINDOW_BYTES;
    out->m.sink.room = open ? BODY_WINDOW_BYTES - out->queued_body_bytes : 0;
}

static struct out_segment *last_unsent(struct h1_out *out)
{
    return out->count > out->in_flight ? &out->segments[out->count - 1] : NULL;
}

bool out_raw(struct h1_out *out, const char *p, uint32_t len, char *room_end)
{
    if (out->state == OUT_FAILED)
        return true; /* dropped like all that is queued */
    CHECK(out->state == OUT_OPEN);
    struct out_segment *last = last_unsent(out);
    out->raw_room_end = room_end;
    if (last && !last->body && last->ptr + last->len == p) {
        last->len += len;
        return true;
    }
    if (out->count == OUT_SEGMENTS)
        return false;
    out->segments[out->count++] = (struct out_segment){ .ptr = p, .len = len };
    return true;
}

void out_body(struct h1_out *out, enum body_framing framing, struct body_source *source)
{
    out->framing = (uint8_t)framing;
    out->m.source = source;
    update_room(out);
}

/* Whether a piece may move down in its buffer, over what is between it and the last one: that can
 * be the body of another stream (HTTP/2), whoever holds it, so nobody may but these two. */
static bool may_close_gap(const struct buf *b, const char *end, const uint8_t *src)
{
    const uint8_t *to = (const uint8_t *)end;
    return to == src || (to < src && b->refs <= 2);
}

/* Adds a small piece behind the last unsent segment: behind a head in the arena when no chunk
 * header must come between, or behind body bytes in a buffer that nobody else reads. */
static bool append_small(struct h1_out *out, struct buf_slice data)
{
    struct out_segment *last = last_unsent(out);
    if (!last)
        return false;
    const uint8_t *src = data.buf->data + data.off;
    char *end = (char *)last->ptr + last->len;
    if (last->body) {
        if (!last->buf)
            return false;
        const char *cap_end = (const char *)last->buf->data + last->buf->cap;
        bool same = last->buf == data.buf;
        if (same ? !may_close_gap(data.buf, end, src)
                 : last->buf->refs > 1 || data.len > (size_t)(cap_end - end))
            return false;
    } else if (out->framing == FRAME_CHUNKED || !out->raw_room_end ||
               data.len > (size_t)(out->raw_room_end - end)) {
        return false;
    }
    memmove(end, src, data.len);
    last->len += data.len;
    if (last->body)
        out->queued_body_bytes += data.len;
    return true;
}

static void sink_data(struct body_sink *s, struct buf_slice data)
{
    struct h1_out *out = container_of(s, struct h1_out, m.sink);
    CHECK(out->state == OUT_OPEN && data.len > 0 && s->room > 0);
    out->m.body_bytes += data.len;
    if (data.len <= SMALL_PIECE_BYTES && append_small(out, data)) {
        buf_unref(data.buf);
    } else {
        CHECK(out->count < OUT_SEGMENTS);
        out->segments[out->count++] = (struct out_segment){
            .ptr = (const char *)data.buf->data + data.off,
            .buf = data.buf,
            .len = data.len,
            .body = true,
        };
        out->queued_body_bytes += data.len;
    }
    update_room(out);
}

static const struct body_sink_ops sink_ops;

/* The end of a chunked body, in the arena: last chunk, trailers, empty line. */
static void queue_last_chunk(struct h1_out *out, const struct http_head *trailers)
{
    static const char plain[] = "0\r\n\r\n";
    const char *p = plain;
    size_t len = sizeof plain - 1;
    if (trailers && trailers->fields_count) {
        size_t bytes = 8 + 2 * (size_t)TRAILER_BYTES_MAX;
        char *mem = arena_alloc(out->arena, bytes);
        if (mem) {
            struct out o = out_into(mem, bytes);
            out_lit(&o, "0\r\n");
            forward_trailers(&o, trailers);
            CHECK(!o.full);
            p = mem;
            len = out_len(&o);
            arena_trim(out->arena, mem + bytes, o.at);
        }
    }
    CHECK(out->count < OUT_SEGMENTS);
    out->segments[out->count++] = (struct out_segment){ .ptr = p, .len = (uint32_t)len };
}

static void sink_end(struct body_sink *s, const struct http_head *trailers)
{
    struct h1_out *out = container_of(s, struct h1_out, m.sink);
    CHECK(out->state == OUT_OPEN);
    if (out->framing == FRAME_CHUNKED)
        queue_last_chunk(out, trailers);
    out->state = OUT_ENDED;
    update_room(out);
}

static bool pipe_possible(const struct body_sink *s)
{
    const struct h1_out *out = container_of(s, struct h1_out, m.sink);
    return transport_can_splice(out->t);
}

static void pipe_piped(struct body_sink *s, struct splice_pipe *pipe)
{
    struct h1_out *out = container_of(s, struct h1_out, m.sink);
    CHECK(out->state == OUT_OPEN && !out->pipe && pipe->bytes > 0);
    out->m.body_bytes += pipe->bytes;
    out->pipe = pipe;
    out->pipe_at = out->count;
    out->pipe_headed = out->framing != FRAME_CHUNKED;
    update_room(out);
}

static const struct body_pipe_ops pipe_ops = { pipe_possible, pipe_piped };

static void drop_pipe(struct h1_out *out)
{
    if (out->pipe)
        splice_give(&out->t->loop->pipes, out->pipe);
    out->pipe = NULL;
}

static void sink_flush(struct body_sink *s)
{
    out_flush(container_of(s, struct h1_out, m.sink));
}

static const struct body_sink_ops sink_ops = { sink_data, sink_end, sink_flush };

static void add_iov(struct h1_out *out, unsigned *n, const void *p, size_t len)
{
    out->iov[(*n)++] = (struct iovec){ (void *)p, len };
}

static unsigned gather_raw(struct h1_out *out, unsigned *n, unsigned i, unsigned end)
{
    for (; i < end && !out->segments[i].body; i++)
        add_iov(out, n, out->segments[i].ptr, out->segments[i].len);
    return i;
}

/* The first `count` segments: those with body leave as one chunk: [header] segments [CRLF]. Raw
 * segments stand before (heads) or after them (the last chunk), never between. Then the header of
 * the pipe's chunk, if that is next. */
static unsigned gather(struct h1_out *out, unsigned count)
{
    unsigned n = 0;
    uint64_t body_bytes = 0;
    for (unsigned j = 0; j < count; j++)
        if (out->segments[j].body)
            body_bytes += out->segments[j].len;
    if (out->chunk_open)
        add_iov(out, &n, "\r\n", 2);
    out->chunk_open = false;
    unsigned i = gather_raw(out, &n, 0, count);
    if (out->framing == FRAME_CHUNKED && body_bytes) {
        size_t len = h1_chunk_header(out->chunk_header, body_bytes);
        add_iov(out, &n, out->chunk_header, len);
    }
    for (; i < count && out->segments[i].body; i++)
        add_iov(out, &n, out->segments[i].ptr, out->segments[i].len);
    if (out->framing == FRAME_CHUNKED && body_bytes)
        add_iov(out, &n, "\r\n", 2);
    i = gather_raw(out, &n, i, count);
    CHECK(i == count);
    if (out->pipe && !out->pipe_headed) {
        size_t len = h1_chunk_header(out->pipe_header, out->pipe->bytes);
        add_iov(out, &n, out->pipe_header, len);
        out->pipe_headed = true;
    }
    return n;
}

static void finish(struct h1_out *out, int err)
{
    out->state = err ? OUT_FAILED : OUT_DONE;
    update_room(out);
    out->on_done(out, err);
}

void out_flush(struct h1_out *out)
{
    if (out->sending || out->state == OUT_FAILED || out->state == OUT_DONE || out->t->closing)
        return;
    unsigned count = out->pipe ? out->pipe_at : out->count;
    if (count == 0 && out->pipe && out->pipe_headed) {
        out->sending = out->pipe_sending = true;
        transport_send_pipe(out->t, out->pipe);
        return;
    }
    if (count == 0 && !out->pipe) {
        if (out->state == OUT_ENDED)
            finish(out, 0);
        return;
    }
    unsigned n = gather(out, count);
    out->in_flight = (uint8_t)count;
    out->sending = true;
    out->raw_room_end = NULL;
    transport_send(out->t, out->iov, n);
}

static void drop_segments(struct h1_out *out, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++) {
        struct out_segment *s = &out->segments[i];
        if (s->body) {
            out->queued_body_bytes -= s->len;
            buf_unref(s->buf);
        }
    }
    unsigned rest = out->count - from - count;
    memmove(&out->segments[from], &out->segments[from + count], rest * sizeof out->segments[0]);
    out->count = (uint8_t)(out->count - count);
}

void out_sent(struct h1_out *out, int err, uint64_t sent_bytes)
{
    out->sending = false;
    if (out->pipe_sending) {
        drop_pipe(out);
        out->pipe_sending = false;
        out->chunk_open = out->framing == FRAME_CHUNKED;
    } else {
        out->pipe_at = (uint8_t)(out->pipe ? out->pipe_at - out->in_flight : 0);
        drop_segments(out, 0, out->in_flight);
        out->in_flight = 0;
    }
    out->m.sent_bytes += sent_bytes;
    if (out->state == OUT_FAILED)
        return;
    if (err) {
        drop_segments(out, 0, out->count);
        drop_pipe(out);
        finish(out, err);
        return;
    }
    bool was_full = out->m.sink.room == 0;
    update_room(out);
    /* What waited leaves first: the source then adds to the next send. If that was the end, the
     * owner of `out` may be gone now. */
    bool open = out->state == OUT_OPEN;
    out_flush(out);
    if (open && out->m.source && out->m.sink.room && (was_full || !out->sending))
        out->m.source->ops->resume(out->m.source);
}

void out_abort(struct h1_out *out)
{
    drop_segments(out, out->in_flight, out->count - out->in_flight);
    if (!out->pipe_sending)
        drop_pipe(out);
    out->state = OUT_FAILED;
    out->m.source = NULL;
    update_room(out);
}

bool out_take_back(struct h1_out *out)
{
    if (out->sending || out->m.sent_bytes || out->state == OUT_FAILED)
        return false;
    drop_segments(out, 0, out->count);
    drop_pipe(out);
    out_init(out, out->t, out->arena, out->on_done);
    return true;
}

void out_release(struct h1_out *out)
{
    drop_segments(out, 0, out->count);
    drop_pipe(out);
    out->in_flight = 0;
    out->sending = out->pipe_sending = false;
    out->state = OUT_FAILED;
    out->m.source = NULL;
    update_room(out);
}
