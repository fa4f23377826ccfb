/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/h1_in.h"

#include <string.h>

#include "core/base/limits.h"

/* Room for what the first piece of a head usually is, twice. */
#define COLLECT_BYTES_MIN 1024

static bool collect_grow(struct head_collect *c, struct arena *arena, uint32_t need)
{
    if (need <= c->cap)
        return true;
    uint32_t cap = c->cap ? c->cap : COLLECT_BYTES_MIN;
    while (cap < need)
        cap *= 2;
    char *mem = arena_alloc(arena, cap);
    if (!mem)
        return false;
    if (c->len)
        memcpy(mem, c->mem, c->len);
    c->mem = mem;
    c->cap = cap;
    return true;
}

enum h1_result head_collect_feed(struct head_collect *c, struct arena *arena, struct buf_slice *in,
                                 head_parse_fn parse, struct http_head *h, uint32_t *head_bytes,
                                 enum end_reason *why)
{
    const char *p = (const char *)in->buf->data + in->off;
    uint32_t before = c->len;
    if (before == 0) {
        enum h1_result r = parse(p, in->len, 0, h, why);
        if (r != H1_PARTIAL) {
            *head_bytes = r == H1_DONE ? h->head_bytes : 0;
            return r;
        }
    }
    if (!collect_grow(c, arena, before + in->len)) {
        *why = END_OVERLOADED;
        return H1_ERROR;
    }
    memcpy(c->mem + before, p, in->len);
    c->len = before + in->len;
    if (before) {
        enum h1_result r = parse(c->mem, c->len, before, h, why);
        if (r != H1_PARTIAL) {
            if (r == H1_DONE) {
                CHECK(h->head_bytes > before);
                *head_bytes = h->head_bytes - before;
            }
            return r;
        }
    }
    slice_consume(in, in->len);
    return H1_PARTIAL;
}

void in_init(struct h1_in *in, struct arena *arena, const struct framing *f, struct body_sink *sink)
{
    in->m.sink = sink;
    in->arena = arena;
    in->left = f->length;
    in->m.taken_bytes = in->m.body_bytes = 0;
    in->trailers = NULL;
    in->trailers_len = 0;
    in->kind = (uint8_t)f->kind;
    in->m.state = f->kind == BODY_NONE ? IN_DONE : IN_BODY;
    in->m.why = END_OK;
    if (f->kind == BODY_CHUNKED)
        h1_chunked_init(&in->chunked);
}

static void finish(struct h1_in *in, const struct http_head *trailers)
{
    in->m.state = IN_DONE;
    if (in->m.sink)
        in->m.sink->ops->end(in->m.sink, trailers);
}

static void fail(struct h1_in *in, enum end_reason why)
{
    in->m.state = IN_BAD;
    in->m.why = (uint8_t)why;
}

static void take(struct h1_in *in, struct buf_slice *data, uint32_t n)
{
    in->m.taken_bytes += n;
    slice_consume(data, n);
}

/* Gives the sink len bytes that stand skip bytes behind the front of *data. */
static void deliver(struct h1_in *in, const struct buf_slice *data, uint32_t skip, uint32_t len)
{
    buf_ref(data->buf);
    in->m.sink->ops->data(in->m.sink, (struct buf_slice){ data->buf, data->off + skip, len });
}

/* A sink that is not there has room for everything. */
static bool has_room(const struct h1_in *in)
{
    return !in->m.sink || in->m.sink->room > 0;
}

static void pump_plain(struct h1_in *in, struct buf_slice *data)
{
    while (data->len && has_room(in)) {
        uint32_t n = data->len;
        if (in->kind == BODY_LENGTH && n > in->left)
            n = (uint32_t)in->left;
        in->m.body_bytes += n;
        if (in->m.sink)
            deliver(in, data, 0, n);
        take(in, data, n);
        if (in->kind == BODY_LENGTH && (in->left -= n) == 0) {
            finish(in, NULL);
            return;
        }
    }
}

static bool keep_trailer(struct h1_in *in, const char *p, size_t n)
{
    if (!in->trailers) {
        in->trailers = arena_alloc(in->arena, TRAILER_BYTES_MAX);
        if (!in->trailers)
            return false;
    }
    CHECK(in->trailers_len + n <= TRAILER_BYTES_MAX);
    memcpy(in->trailers + in->trailers_len, p, n);
    in->trailers_len += (uint32_t)n;
    return true;
}

static void finish_chunked(struct h1_in *in)
{
    if (in->trailers_len <= 2) { /* only the empty line */
        finish(in, NULL);
        return;
    }
    struct http_head trailers;
    enum end_reason why = END_BAD_TRAILER;
    if (h1_parse_trailers(in->trailers, in->trailers_len, &trailers, &why) != H1_DONE)
        fail(in, END_BAD_TRAILER);
    else
        finish(in, &trailers);
}

static void pump_chunked(struct h1_in *in, struct buf_slice *data)
{
    while (data->len && in->m.state == IN_BODY && has_room(in)) {
        const char *p = (const char *)data->buf->data + data->off, *piece;
        size_t used, piece_len;
        switch (h1_chunked_next(&in->chunked, p, data->len, &used, &piece, &piece_len)) {
        case CHUNK_EVENT_MORE:
            take(in, data, (uint32_t)used);
            break;
        case CHUNK_EVENT_DATA:
            in->m.body_bytes += piece_len;
            if (in->m.sink)
                deliver(in, data, (uint32_t)(piece - p), (uint32_t)piece_len);
            take(in, data, (uint32_t)used);
            break;
        case CHUNK_EVENT_TRAILER:
            if (!keep_trailer(in, piece, piece_len)) {
                fail(in, END_OVERLOADED);
                return;
            }
            take(in, data, (uint32_t)used);
            if (in->chunked.state == CHUNK_DONE)
                finish_chunked(in);
            break;
        case CHUNK_EVENT_DONE:
            if (used)
                take(in, data, (uint32_t)used);
            finish_chunked(in);
            break;
        case CHUNK_EVENT_BAD_CHUNK:
            fail(in, END_BAD_CHUNK);
            break;
        case CHUNK_EVENT_BAD_TRAILER:
            fail(in, END_BAD_TRAILER);
            break;
        }
    }
}

void in_pump(struct h1_in *in, struct buf_slice *data)
{
    if (in->m.state != IN_BODY)
        return;
    if (in->kind == BODY_CHUNKED)
        pump_chunked(in, data);
    else
        pump_plain(in, data);
}

uint64_t in_run(const struct h1_in *in)
{
    if (in->m.state != IN_BODY)
        return 0;
    switch ((enum body_kind)in->kind) {
    case BODY_LENGTH:
        return in->left;
    case BODY_CHUNKED:
        return in->chunked.state == CHUNK_DATA ? in->chunked.size_left : 0;
    case BODY_CLOSE:
        return UINT64_MAX;
    case BODY_NONE:
        break;
    }
    return 0;
}

void in_piped(struct h1_in *in, uint32_t bytes)
{
    CHECK(bytes <= in_run(in));
    in->m.taken_bytes += bytes;
    in->m.body_bytes += bytes;
    if (in->kind == BODY_CHUNKED)
        h1_chunked_skip(&in->chunked, bytes);
    else if (in->kind == BODY_LENGTH && (in->left -= bytes) == 0)
        finish(in, NULL);
}

bool in_end_of_stream(struct h1_in *in)
{
    if (in->m.state == IN_BODY && in->kind == BODY_CLOSE)
        finish(in, NULL);
    return in->m.state == IN_DONE;
}
