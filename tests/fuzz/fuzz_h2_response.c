/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames of a server (HTTP/2), in pieces, to a client's side with requests under way: what comes
 * out of them is what the strict parser of HTTP/1 lets pass, each stream is told once how it ended,
 * and a broken connection stays broken.
 *
 * The first byte says how many requests there are, the second how the rest is cut. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/http/framing.h"
#include "core/http/h2.h"
#include "tests/fuzz/heads.h"

#define STREAMS 4

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct stream {
    struct h2_stream st;
    struct arena arena;
    uint64_t body_bytes, declared;
    bool final, has_length, ended, closed;
    _Alignas(16) char first[1024];
};

static struct stream *of(struct h2_stream *st)
{
    return container_of(st, struct stream, st);
}

static void check_response(struct stream *s, const struct http_head *h)
{
    struct framing f;
    CHECK(h->status >= 100 && h->status <= 999 && h->status != 101);
    check_fields(h);
    for (uint32_t i = 0; i < h->fields_count; i++) {
        enum http_field_id id = (enum http_field_id)h->fields[i].id;
        CHECK(id != FIELD_CONNECTION && id != FIELD_TRANSFER_ENCODING && id != FIELD_UPGRADE);
    }
    if (h->status < 200)
        return;
    s->st.head_in = s->final = true;
    if (framing_of_response(h, METHOD_GET, &f) != END_OK) {
        h2_reset(&s->st, NGHTTP2_CANCEL);
        return;
    }
    s->has_length = f.kind == BODY_LENGTH;
    s->declared = f.length;
}

static bool on_section(struct h2_stream *st, struct h2_collect *c, bool end_stream)
{
    struct stream *s = of(st);
    struct http_head h;
    enum end_reason why;
    CHECK(!s->closed && !s->ended);
    if (!h2_collect_end(c, &h, &why))
        return false;
    h.ended = end_stream;
    if (why != END_OK)
        h2_reset(st, NGHTTP2_CANCEL);
    else if (!st->head_in)
        check_response(s, &h);
    else
        check_fields(&h);
    return true;
}

static void on_data(struct h2_stream *st, struct buf_slice data)
{
    struct stream *s = of(st);
    CHECK(s->final && !s->closed && !s->ended && data.len > 0);
    s->body_bytes += data.len;
    h2_consume(st, data.len);
    buf_unref(data.buf);
}

static void on_ended(struct h2_stream *st)
{
    struct stream *s = of(st);
    CHECK(s->final && !s->ended && !s->closed);
    CHECK(!s->has_length || s->body_bytes == s->declared); /* RFC 9113 8.1.1 */
    s->ended = true;
}

static void on_closed(struct h2_stream *st, uint32_t code, bool by_peer)
{
    (void)code, (void)by_peer;
    CHECK(!of(st)->closed && !st->h);
    of(st)->closed = true;
}

static void nothing_of_stream(struct h2_stream *st)
{
    (void)st;
}

static void nothing(struct h2 *h)
{
    (void)h;
}

static void on_goaway(struct h2 *h, uint32_t code)
{
    (void)h, (void)code;
}

static const struct h2_ops ops = {
    .section = on_section,
    .data = on_data,
    .ended = on_ended,
    .sent = nothing_of_stream,
    .drained = nothing_of_stream,
    .closed = on_closed,
    .pong = nothing,
    .settings = nothing,
    .goaway = on_goaway,
};

static bool pull(struct h2 *h)
{
    struct h2_batch *b = malloc(sizeof *b);
    CHECK(b);
    h2_batch_init(b);
    bool fine = h2_pull(h, b, 1);
    h2_batch_release(b);
    free(b);
    return fine;
}

static void ask(struct h2 *h, struct stream *s)
{
    static const char lines[] =
        ":method: GET\r\n:scheme: http\r\n:authority: a\r\n:path: /\r\n\r\n";
    char *text = arena_alloc(&s->arena, sizeof lines);
    CHECK(text);
    memcpy(text, lines, sizeof lines);
    h2_send_end(&s->st, NULL, 0);
    CHECK(h2_request(h, &s->st, text, sizeof lines - 1));
}

static void receive(struct h2 *h, struct buf_pool *pool, const uint8_t *bytes, size_t len,
                    size_t piece)
{
    bool fine = true;
    while (fine && len) {
        struct buf *b = buf_take(pool);
        CHECK(b);
        size_t n = piece < len ? piece : len;
        memcpy(b->data, bytes, n);
        fine = h2_receive(h, (struct buf_slice){ b, 0, (uint32_t)n }, 1);
        buf_unref(b);
        fine = pull(h) && fine;
        bytes += n;
        len -= n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2)
        return 0;
    unsigned count = bytes[0] % STREAMS + 1;
    size_t piece = bytes[1] ? bytes[1] : BUFFER_BYTES;
    struct stream *s = calloc(STREAMS, sizeof *s);
    struct buf_pool pool;
    struct h2 h;
    const struct h2_config config = { .window_bytes = H2_WINDOW_BYTES };
    CHECK(s);
    CHECK(buf_pool_init(&pool, BUFFER_BYTES, 16));
    CHECK(h2_init(&h, &config, &ops, &pool, 1));
    for (unsigned i = 0; i < count; i++) {
        arena_init(&s[i].arena, s[i].first, sizeof s[i].first, EXCHANGE_ARENA_EXTRA_BYTES_MAX);
        h2_stream_init(&s[i].st, &s[i].arena);
        ask(&h, &s[i]);
    }
    pull(&h);
    receive(&h, &pool, bytes + 2, len - 2, piece);
    for (unsigned i = 0; i < count; i++)
        h2_forget(&s[i].st);
    h2_destroy(&h);
    for (unsigned i = 0; i < count; i++)
        arena_reset(&s[i].arena);
    buf_pool_destroy(&pool);
    free(s);
    return 0;
}
