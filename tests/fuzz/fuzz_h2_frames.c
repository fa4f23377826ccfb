/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever frames a client sends behind its preface, in two pieces: the codec (core/http/h2.h)
 * keeps count of streams and buffers, calls each back in order, and gives frames of valid sizes.
 * Requests are answered, in one of a few ways that their stream's number chooses. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/http/h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct peer {
    struct h2_stream stream;
    struct arena arena;
    struct peer *next;
    bool head_seen, ended, over;
    char block[512];
};

static struct peer *peers; /* of the input that is being tried */

static struct peer *peer_of(struct h2_stream *st)
{
    return container_of(st, struct peer, stream);
}

static struct h2_stream *on_begin(struct h2 *h)
{
    if (h->streams_count == 8)
        return NULL;
    struct peer *p = calloc(1, sizeof *p);
    CHECK(p);
    arena_init(&p->arena, p->block, sizeof p->block, 64 * 1024);
    h2_stream_init(&p->stream, &p->arena);
    p->next = peers;
    peers = p;
    return &p->stream;
}

static void answer(struct h2_stream *st)
{
    static const char head[] = ":status: 200\r\nA: b\r\nPriority: u=1\r\n\r\n";
    static const char body[] = "0123456789abcdef";
    struct peer *p = peer_of(st);
    char *text = arena_alloc(&p->arena, sizeof head);
    CHECK(text);
    memcpy(text, head, sizeof head);
    switch (st->id / 2 % 4) {
    case 0:
        h2_send_end(st, NULL, 0);
        break;
    case 1:
        CHECK(h2_send_text(st, (struct str){ body, sizeof body }));
        h2_send_end(st, NULL, 0);
        break;
    case 2:
        CHECK(h2_send_text(st, (struct str){ body, sizeof body }));
        break; /* never ends */
    default:
        h2_reset(st, NGHTTP2_CANCEL);
        return;
    }
    CHECK(h2_respond(st, text, sizeof head - 1, false));
}

static bool on_section(struct h2_stream *st, struct h2_collect *c, bool end_stream)
{
    struct peer *p = peer_of(st);
    struct http_head *h = arena_alloc(&p->arena, sizeof *h);
    enum end_reason why;
    (void)end_stream;
    CHECK(!p->over && !p->ended);
    if (!h || !h2_collect_end(c, h, &why))
        return false;
    if (!p->head_seen)
        answer(st);
    p->head_seen = st->head_in = true;
    return true;
}

static void on_data(struct h2_stream *st, struct buf_slice data)
{
    CHECK(peer_of(st)->head_seen && !peer_of(st)->ended && !peer_of(st)->over);
    h2_consume(st, data.len);
    buf_unref(data.buf);
}

static void on_ended(struct h2_stream *st)
{
    CHECK(!peer_of(st)->ended && !peer_of(st)->over);
    peer_of(st)->ended = true;
}

static void on_sent(struct h2_stream *st)
{
    CHECK(!peer_of(st)->over);
    peer_of(st)->over = true;
}

static void on_closed(struct h2_stream *st, uint32_t code, bool by_peer)
{
    (void)code, (void)by_peer;
    on_sent(st);
}

static void on_stream(struct h2_stream *st)
{
    CHECK(!peer_of(st)->over);
}

static void on_connection(struct h2 *h)
{
    (void)h;
}

static void on_goaway(struct h2 *h, uint32_t code)
{
    (void)h, (void)code;
}

static const struct h2_ops ops = {
    .begin = on_begin,
    .section = on_section,
    .data = on_data,
    .ended = on_ended,
    .sent = on_sent,
    .drained = on_stream,
    .closed = on_closed,
    .pong = on_connection,
    .settings = on_connection,
    .goaway = on_goaway,
};

/* What is said is whole frames of at most 16 KiB. */
static void check_said(const uint8_t *p, size_t n)
{
    while (n) {
        CHECK(n >= 9);
        size_t frame = 9 + ((size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2]);
        CHECK(frame <= 9 + 16384 && frame <= n);
        p += frame;
        n -= frame;
    }
}

static bool pull(struct h2 *h, struct buf_pool *pool)
{
    static uint8_t said[H2_BATCH_BYTES_MAX + 64 * 1024];
    bool fine = true;
    for (unsigned rounds = 0; fine && rounds < 8; rounds++) {
        struct h2_batch b;
        h2_batch_init(&b);
        fine = h2_pull(h, &b, 1);
        size_t n = 0;
        for (uint32_t i = 0; i < b.parts; i++) {
            memcpy(said + n, b.iov[i].iov_base, b.iov[i].iov_len);
            n += b.iov[i].iov_len;
        }
        if (fine)
            check_said(said, n);
        h2_batch_release(&b);
        if (n == 0)
            break;
    }
    (void)pool;
    return fine;
}

static bool receive(struct h2 *h, struct buf_pool *pool, const uint8_t *p, size_t n)
{
    bool fine = true;
    while (fine && n) {
        struct buf *buf = buf_take(pool);
        CHECK(buf);
        uint32_t part = n < buf->cap ? (uint32_t)n : buf->cap;
        memcpy(buf->data, p, part);
        fine = h2_receive(h, (struct buf_slice){ buf, 0, part }, 1);
        buf_unref(buf);
        p += part;
        n -= part;
        fine = fine && pull(h, pool);
    }
    return fine;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct buf_pool pool;
    struct h2 h;
    struct h2_config config = { .server = true, .streams_max = 100, .window_bytes = 65536 };
    CHECK(buf_pool_init(&pool, BUFFER_BYTES, 64));
    CHECK(h2_init(&h, &config, &ops, &pool, 0));
    peers = NULL;
    size_t cut = len ? bytes[0] * len / 256 : 0;
    bool fine = receive(&h, &pool, (const uint8_t *)H2_PREFACE, H2_PREFACE_BYTES);
    CHECK(fine);
    if (receive(&h, &pool, bytes, cut))
        receive(&h, &pool, bytes + cut, len - cut);
    for (struct peer *p = peers; p; p = p->next)
        h2_forget(&p->stream);
    CHECK(h.streams_count == 0);
    h2_destroy(&h);
    while (peers) {
        struct peer *p = peers;
        peers = p->next;
        h2_drop_queue(&p->stream);
        arena_reset(&p->arena);
        free(p);
    }
    CHECK(pool.lent == 0);
    buf_pool_destroy(&pool);
    return 0;
}
