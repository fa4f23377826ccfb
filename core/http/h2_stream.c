/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams of an HTTP/2 connection (h2.h): what they send. */
#include <string.h>

#include "core/base/check.h"
#include "core/http/h2_internal.h"

/* Up to this size a copy costs less than a part of its own. */
#define SMALL_PIECE_BYTES 1024

void h2_stream_init(struct h2_stream *st, struct arena *arena)
{
    memset(st, 0, offsetof(struct h2_stream, pieces));
    st->arena = arena;
    st->priority = priority_default();
    list_init(&st->drained_node);
}

void h2_attach(struct h2 *h, struct h2_stream *st, int32_t id)
{
    st->h = h;
    st->id = id;
    h->streams_count++;
    nghttp2_session_set_stream_user_data(h->session, id, st);
}

void h2_detach(struct h2_stream *st)
{
    struct h2 *h = st->h;
    if (h->collecting == st)
        h->collecting = NULL;
    list_remove(&st->drained_node);
    h->streams_count--;
    nghttp2_session_set_stream_user_data(h->session, st->id, NULL);
    st->h = NULL;
    h2_drop_queue(st);
}

void h2_forget(struct h2_stream *st)
{
    if (st->h)
        h2_detach(st);
}

void h2_drop_queue(struct h2_stream *st)
{
    for (unsigned i = 0; i < st->count; i++)
        buf_unref(st->pieces[i].buf);
    st->count = 0;
    st->queued_bytes = 0;
}

/* --- what is queued becomes DATA --- */

static ssize_t read_data(nghttp2_session *s, int32_t id, uint8_t *buf, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)buf, (void)user;
    struct h2_stream *st = source->ptr;
    size_t n = length < st->queued_bytes ? length : st->queued_bytes;
    if (st->reset || (n == 0 && !st->ended)) {
        st->waiting = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n < st->queued_bytes || !st->ended)
        return (ssize_t)n;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (st->trailers) {
        nghttp2_nv fields[H2_FIELDS_MAX];
        int count = h2_fields_of(st->trailers, st->trailers_bytes, fields);
        if (count > 0 && nghttp2_submit_trailer(s, id, fields, (size_t)count) == 0)
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
    return (ssize_t)n;
}

/* Puts n bytes of the queue into the batch; there is room for them. */
static void give(struct h2 *h, struct h2_stream *st, uint32_t n)
{
    unsigned i = 0;
    st->queued_bytes -= n;
    while (n) {
        struct h2_piece *p = &st->pieces[i];
        uint32_t take = p->len < n ? p->len : n;
        if (!p->buf || take <= SMALL_PIECE_BYTES) {
            bool copied = h2_batch_copy(h->batch, h->pool, p->ptr, take);
            CHECK(copied);
        } else {
            uint32_t off = (uint32_t)((const uint8_t *)p->ptr - p->buf->data);
            h2_batch_slice(h->batch, (struct buf_slice){ p->buf, off, take });
        }
        p->ptr += take;
        p->len -= take;
        n -= take;
        if (p->len == 0) {
            buf_unref(p->buf);
            i++;
        }
    }
    st->count = (uint8_t)(st->count - i);
    memmove(&st->pieces[0], &st->pieces[i], st->count * sizeof st->pieces[0]);
}

/* What of the next n bytes is copied, and in how many pieces the rest is. */
static uint32_t bytes_to_copy(const struct h2_stream *st, uint32_t n, uint32_t *slices)
{
    uint32_t copied = 0;
    *slices = 0;
    for (unsigned i = 0; n; i++) {
        const struct h2_piece *p = &st->pieces[i];
        uint32_t take = p->len < n ? p->len : n;
        if (!p->buf || take <= SMALL_PIECE_BYTES)
            copied += take;
        else
            ++*slices;
        n -= take;
    }
    return copied;
}

int h2_on_send_data(nghttp2_session *s, nghttp2_frame *frame, const uint8_t *head, size_t length,
                    nghttp2_data_source *source, void *user)
{
    (void)s, (void)frame;
    struct h2 *h = user;
    struct h2_stream *st = source->ptr;
    if (st->reset)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    uint32_t slices, copied = bytes_to_copy(st, (uint32_t)length, &slices);
    uint32_t room = 9 + copied, cap = h->pool->buffer_bytes;
    if (!h2_batch_room(h->batch, h->pool, room < cap ? room : cap, slices + 1))
        return NGHTTP2_ERR_WOULDBLOCK;
    bool fits = h2_batch_copy(h->batch, h->pool, head, 9);
    CHECK(fits);
    give(h, st, (uint32_t)length);
    if (list_empty(&st->drained_node))
        list_push_back(&h->drained, &st->drained_node);
    return 0;
}

/* --- messages --- */

static nghttp2_data_provider provider_of(struct h2_stream *st)
{
    return (nghttp2_data_provider){ .source.ptr = st, .read_callback = read_data };
}

/* Whether the head says it all. */
static bool bodiless(const struct h2_stream *st)
{
    return st->ended && st->queued_bytes == 0 && !st->trailers;
}

bool h2_request(struct h2 *h, struct h2_stream *st, char *text, size_t bytes)
{
    nghttp2_nv fields[H2_FIELDS_MAX];
    int n = h2_fields_of(text, bytes, fields);
    if (n < 0)
        return false;
    nghttp2_data_provider body = provider_of(st);
    int32_t id = nghttp2_submit_request(h->session, NULL, fields, (size_t)n,
                                        bodiless(st) ? NULL : &body, st);
    if (id < 0)
        return false;
    st->h = h; /* it was given to the session above */
    st->id = id;
    h->streams_count++;
    st->head_out = true;
    return true;
}

/* RFC 9218 8: the server behind knows better. */
static void apply_priority(struct h2_stream *st, const nghttp2_nv *fields, int count)
{
    static const struct str name = { "priority", 8 };
    for (int i = 0; i < count; i++) {
        if (fields[i].namelen != name.len || memcmp(fields[i].name, name.ptr, name.len) != 0)
            continue;
        struct http_priority p = st->priority;
        priority_merge(&p, (struct str){ (const char *)fields[i].value, fields[i].valuelen });
        nghttp2_extpri to = { p.urgency, p.incremental };
        nghttp2_session_change_extpri_stream_priority(st->h->session, st->id, &to, 0);
    }
}

bool h2_respond(struct h2_stream *st, char *text, size_t bytes, bool interim)
{
    nghttp2_nv fields[H2_FIELDS_MAX];
    int n = h2_fields_of(text, bytes, fields);
    if (!st->h || st->reset || n < 0)
        return false;
    nghttp2_session *s = st->h->session;
    if (interim)
        return nghttp2_submit_headers(s, NGHTTP2_FLAG_NONE, st->id, NULL, fields, (size_t)n,
                                      NULL) == 0;
    nghttp2_data_provider body = provider_of(st);
    st->head_out = true;
    apply_priority(st, fields, n);
    return nghttp2_submit_response(s, st->id, fields, (size_t)n, bodiless(st) ? NULL : &body) == 0;
}

void h2_send_data(struct h2_stream *st, struct buf_slice data)
{
    CHECK(st->count < H2_PIECES && !st->ended);
    st->pieces[st->count++] =
        (struct h2_piece){ (const char *)data.buf->data + data.off, data.buf, data.len };
    st->queued_bytes += data.len;
}

bool h2_send_text(struct h2_stream *st, struct str text)
{
    if (st->count == H2_PIECES)
        return false;
    st->pieces[st->count++] = (struct h2_piece){ text.ptr, NULL, (uint32_t)text.len };
    st->queued_bytes += (uint32_t)text.len;
    return true;
}

void h2_send_end(struct h2_stream *st, char *trailers, size_t bytes)
{
    st->ended = true;
    st->trailers = trailers;
    st->trailers_bytes = (uint32_t)bytes;
}

void h2_go_on(struct h2_stream *st)
{
    if (!st->waiting || !st->h || st->reset || (st->queued_bytes == 0 && !st->ended))
        return;
    st->waiting = false;
    nghttp2_session_resume_data(st->h->session, st->id);
}

uint32_t h2_window(const struct h2_stream *st)
{
    int32_t n = st->h ? nghttp2_session_get_stream_remote_window_size(st->h->session, st->id) : 0;
    return n > 0 ? (uint32_t)n : 0;
}

void h2_consume(struct h2_stream *st, uint32_t bytes)
{
    if (st->h && bytes)
        nghttp2_session_consume_stream(st->h->session, st->id, bytes);
}

void h2_reset(struct h2_stream *st, uint32_t code)
{
    if (!st->h || st->reset)
        return;
    st->reset = true;
    h2_drop_queue(st);
    nghttp2_submit_rst_stream(st->h->session, NGHTTP2_FLAG_NONE, st->id, code);
}
