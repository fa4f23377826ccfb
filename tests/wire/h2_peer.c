/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/wire/h2_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- saying --- */

/* Gives its length. */
static size_t put_frame(uint8_t *out, uint8_t type, uint8_t flags, int32_t stream,
                        const void *payload, size_t len)
{
    const uint8_t head[9] = { (uint8_t)(len >> 16),
                              (uint8_t)(len >> 8),
                              (uint8_t)len,
                              type,
                              flags,
                              (uint8_t)(stream >> 24),
                              (uint8_t)(stream >> 16),
                              (uint8_t)(stream >> 8),
                              (uint8_t)stream };
    memcpy(out, head, 9);
    if (len)
        memcpy(out + 9, payload, len);
    return 9 + len;
}

void h2_say(struct h2_peer *p, uint8_t type, uint8_t flags, int32_t stream, const void *payload,
            size_t len)
{
    uint8_t *frame = wire_alloc(p->w, 9 + len);
    say_bytes(p->c, frame, put_frame(frame, type, flags, stream, payload, len));
}

static size_t put_string(uint8_t *out, const char *s, size_t len)
{
    size_t n = 0;
    if (len < 127) {
        out[n++] = (uint8_t)len;
    } else {
        size_t rest = len - 127;
        out[n++] = 127;
        for (; rest >= 128; rest >>= 7)
            out[n++] = (uint8_t)(rest | 128);
        out[n++] = (uint8_t)rest;
    }
    memcpy(out + n, s, len);
    return n + len;
}

/* RFC 7541 6.2.2: literal without indexing, new name. */
size_t h2_encode(const char *lines, uint8_t *out, size_t max)
{
    size_t n = 0;
    while (*lines) {
        const char *colon = strstr(lines + 1, ": "), *end = strchr(lines, '\n');
        assert_true(colon && end && colon < end);
        assert_true(n + (size_t)(end - lines) + 16 < max);
        out[n++] = 0;
        n += put_string(out + n, lines, (size_t)(colon - lines));
        n += put_string(out + n, colon + 2, (size_t)(end - colon - 2));
        lines = end + 1;
    }
    return n;
}

void h2_head(struct h2_peer *p, int32_t stream, uint8_t flags, const char *lines)
{
    size_t max = strlen(lines) * 8 + 64; /* each line costs some */
    uint8_t *block = wire_alloc(p->w, max);
    size_t n = h2_encode(lines, block, max);
    h2_say(p, NGHTTP2_HEADERS, flags | NGHTTP2_FLAG_END_HEADERS, stream, block, n);
}

void h2_get(struct h2_peer *p, int32_t stream, const char *path)
{
    h2_head(
        p, stream, NGHTTP2_FLAG_END_STREAM,
        wire_text(p->w, ":method: GET\n:scheme: http\n:authority: a.example\n:path: %s\n", path));
}

void h2_data(struct h2_peer *p, int32_t stream, uint8_t flags, const char *text)
{
    h2_say(p, NGHTTP2_DATA, flags, stream, text, strlen(text));
}

void h2_u32(struct h2_peer *p, uint8_t type, int32_t stream, uint32_t value)
{
    uint8_t v[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                     (uint8_t)value };
    h2_say(p, type, 0, stream, v, 4);
}

/* Memory of the wire: it goes with it. */
static void *mem_malloc(size_t size, void *w)
{
    size_t *p = wire_alloc(w, 16 + size);
    *p = size;
    return p + 2;
}

static void mem_free(void *p, void *w)
{
    (void)p, (void)w;
}

static void *mem_calloc(size_t n, size_t size, void *w)
{
    return mem_malloc(n * size, w);
}

static void *mem_realloc(void *p, size_t size, void *w)
{
    void *more = mem_malloc(size, w);
    if (p)
        memcpy(more, p, ((size_t *)p)[-2] < size ? ((size_t *)p)[-2] : size);
    return more;
}

struct h2_peer *h2_on(struct conn *c)
{
    struct h2_peer *p = wire_alloc(c->w, sizeof *p);
    *p = (struct h2_peer){ .w = c->w, .c = c };
    nghttp2_mem *mem = wire_alloc(c->w, sizeof *mem);
    *mem = (nghttp2_mem){ c->w, mem_malloc, mem_free, mem_calloc, mem_realloc };
    assert_int_equal(nghttp2_hd_inflate_new2(&p->inflater, mem), 0);
    return p;
}

void h2_greet(struct h2_peer *p)
{
    say(p->c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    h2_say(p, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

struct h2_peer *h2_dial(struct wire *w)
{
    struct h2_peer *p = h2_on(client_dial(w));
    h2_greet(p);
    return p;
}

/* --- hearing --- */

static const char *decode(struct h2_peer *p, const uint8_t *block, size_t len)
{
    struct text t = { 0 };
    int flags;
    do {
        nghttp2_nv nv;
        flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(p->inflater, &nv, &flags, block, len, 1);
        if (n < 0)
            wire_fail(p->w, "a head that HPACK does not know");
        block += n;
        len -= (size_t)n;
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            text_add(&t, nv.name, nv.namelen);
            text_add(&t, ": ", 2);
            text_add(&t, nv.value, nv.valuelen);
            text_add(&t, "\n", 1);
        }
    } while (!(flags & NGHTTP2_HD_INFLATE_FINAL));
    nghttp2_hd_inflate_end_headers(p->inflater);
    char *copy = wire_text(p->w, "%s", t.p ? t.p : "");
    free(t.p);
    return copy;
}

bool h2_hear(struct h2_peer *p, struct h2_heard *f)
{
    while (p->c->in_len < 9)
        if (!conn_receive(p->c))
            return false;
    const uint8_t *h = (const uint8_t *)p->c->in;
    uint32_t len = (uint32_t)h[0] << 16 | (uint32_t)h[1] << 8 | h[2];
    while (p->c->in_len < 9 + len)
        if (!conn_receive(p->c))
            return false;
    h = (const uint8_t *)p->c->in;
    *f = (struct h2_heard){ .type = h[3], .flags = h[4], .len = len, .fields = "" };
    f->stream =
        (int32_t)(((uint32_t)h[5] << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8]) &
                  INT32_MAX);
    uint8_t *copy = wire_alloc(p->w, len + 1);
    memcpy(copy, h + 9, len);
    f->payload = copy;
    conn_consume(p->c, 9 + len);
    wire_note(p->w, "    frame type %u flags %#x stream %d, %u bytes", f->type, f->flags, f->stream,
              f->len);
    if (f->type == NGHTTP2_HEADERS) {
        if (!(f->flags & NGHTTP2_FLAG_END_HEADERS))
            wire_fail(p->w, "a head in several frames: the harness does not know that");
        f->fields = decode(p, f->payload, len);
    }
    return true;
}

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void be_polite(struct h2_peer *p, const struct h2_heard *f)
{
    if (f->type == NGHTTP2_SETTINGS && !(f->flags & NGHTTP2_FLAG_ACK) && !p->mute)
        h2_say(p, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
}

struct h2_heard h2_hear_type(struct h2_peer *p, uint8_t type, int32_t stream)
{
    struct h2_heard f;
    while (h2_hear(p, &f)) {
        if (f.type == type && f.stream == stream)
            return f;
        be_polite(p, &f);
    }
    wire_fail(p->w, "%s: the end in place of a frame of type %u on stream %d", p->c->who, type,
              stream);
}

struct h2_answer h2_hear_answer(struct h2_peer *p, int32_t stream)
{
    struct h2_answer a = { .fields = "", .trailers = "", .interim = "", .body = "" };
    struct text body = { 0 };
    struct h2_heard f;
    bool done = false;
    while (!done) {
        if (!h2_hear(p, &f))
            wire_fail(p->w, "%s: the end in place of an answer on stream %d", p->c->who, stream);
        be_polite(p, &f);
        if (f.stream != stream)
            continue;
        if (f.type == NGHTTP2_HEADERS && a.status) {
            a.trailers = f.fields;
        } else if (f.type == NGHTTP2_HEADERS) {
            int status = atoi(strstr(f.fields, ":status: ") + 9);
            if (status >= 200) {
                a.status = status;
                a.fields = f.fields;
            } else {
                a.interim = wire_text(p->w, "%s%s", a.interim, f.fields);
            }
        } else if (f.type == NGHTTP2_DATA) {
            text_add(&body, f.payload, f.len);
            if (f.len) {
                h2_u32(p, NGHTTP2_WINDOW_UPDATE, 0, f.len);
                if (!(f.flags & NGHTTP2_FLAG_END_STREAM))
                    h2_u32(p, NGHTTP2_WINDOW_UPDATE, stream, f.len);
            }
        } else if (f.type == NGHTTP2_RST_STREAM) {
            a.reset = true;
            a.code = u32_at(f.payload);
        }
        done = a.reset || ((f.type == NGHTTP2_HEADERS || f.type == NGHTTP2_DATA) &&
                           f.flags & NGHTTP2_FLAG_END_STREAM);
    }
    if (body.len) {
        char *copy = wire_alloc(p->w, body.len + 1);
        memcpy(copy, body.p, body.len + 1);
        a.body = copy;
        a.body_len = body.len;
    }
    free(body.p);
    return a;
}

void h2_answered(struct h2_peer *p, int32_t stream, int status, const char *body)
{
    struct h2_answer a = h2_hear_answer(p, stream);
    if (a.reset || a.status != status || strcmp(a.body, body) != 0)
        wire_fail(p->w, "stream %d: status %d, reset %d (%u), body '%s'; not %d '%s'", stream,
                  a.status, a.reset, a.code, a.body, status, body);
}

void h2_hear_reset(struct h2_peer *p, int32_t stream, uint32_t code)
{
    struct h2_heard f = h2_hear_type(p, NGHTTP2_RST_STREAM, stream);
    if (u32_at(f.payload) != code)
        wire_fail(p->w, "stream %d: reset with %u, not %u", stream, u32_at(f.payload), code);
}

void h2_hear_goaway(struct h2_peer *p, uint32_t code)
{
    struct h2_heard f = h2_hear_type(p, NGHTTP2_GOAWAY, 0);
    if (u32_at(f.payload + 4) != code)
        wire_fail(p->w, "GOAWAY with %u, not %u", u32_at(f.payload + 4), code);
    while (h2_hear(p, &f))
        continue;
}

void h2_has(struct h2_peer *p, const char *fields, const char *line)
{
    if (!strstr(wire_text(p->w, "\n%s", fields), wire_text(p->w, "\n%s\n", line)))
        wire_fail(p->w, "no line '%s' in:\n%s", line, fields);
}

/* --- as a server --- */

struct h2_peer *h2_serve_on(struct conn *c, const uint32_t (*settings)[2], size_t count)
{
    struct h2_peer *p = h2_on(c);
    hear(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    uint8_t *payload = wire_alloc(c->w, 6 * count + 1);
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = payload + 6 * i;
        uint32_t id = settings[i][0], v = settings[i][1];
        const uint8_t bytes[6] = { (uint8_t)(id >> 8), (uint8_t)id,       (uint8_t)(v >> 24),
                                   (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
        memcpy(at, bytes, 6);
    }
    h2_say(p, NGHTTP2_SETTINGS, 0, 0, payload, 6 * count);
    return p;
}

struct h2_peer *h2_accept_with(struct origin *o, const uint32_t (*settings)[2], size_t count)
{
    return h2_serve_on(origin_accept(o), settings, count);
}

struct h2_peer *h2_accept(struct origin *o)
{
    return h2_accept_with(o, NULL, 0);
}

static void next(struct h2_peer *p, struct h2_heard *f)
{
    if (!h2_hear(p, f))
        wire_fail(p->w, "%s: the end in place of a request", p->c->who);
    be_polite(p, f);
}

struct h2_request h2_hear_head(struct h2_peer *p)
{
    struct h2_heard f;
    do
        next(p, &f);
    while (f.type != NGHTTP2_HEADERS);
    return (struct h2_request){ .stream = f.stream,
                                .fields = f.fields,
                                .trailers = f.flags & NGHTTP2_FLAG_END_STREAM ? NULL : "",
                                .body = "" };
}

void h2_hear_rest(struct h2_peer *p, struct h2_request *r)
{
    struct text body = { 0 };
    struct h2_heard f;
    bool done = !r->trailers; /* the head was all */
    r->trailers = "";
    while (!done) {
        next(p, &f);
        if (f.stream != r->stream)
            continue;
        if (f.type == NGHTTP2_HEADERS) {
            r->trailers = f.fields;
        } else if (f.type == NGHTTP2_DATA) {
            text_add(&body, f.payload, f.len);
            if (f.len) {
                h2_u32(p, NGHTTP2_WINDOW_UPDATE, 0, f.len);
                if (!(f.flags & NGHTTP2_FLAG_END_STREAM))
                    h2_u32(p, NGHTTP2_WINDOW_UPDATE, r->stream, f.len);
            }
        } else if (f.type == NGHTTP2_RST_STREAM) {
            r->reset = true;
            r->code = u32_at(f.payload);
        }
        done = r->reset || ((f.type == NGHTTP2_HEADERS || f.type == NGHTTP2_DATA) &&
                            f.flags & NGHTTP2_FLAG_END_STREAM);
    }
    if (body.len) {
        char *copy = wire_alloc(p->w, body.len + 1);
        memcpy(copy, body.p, body.len + 1);
        r->body = copy;
        r->body_len = body.len;
    }
    free(body.p);
}

struct h2_request h2_hear_request(struct h2_peer *p)
{
    struct h2_request r = h2_hear_head(p);
    h2_hear_rest(p, &r);
    return r;
}

/* In one piece: who has heard enough of it may be gone before a second one. */
void h2_reply(struct h2_peer *p, int32_t stream, int status, const char *body)
{
    size_t len = strlen(body), n = 0;
    uint8_t block[256], *frames = wire_alloc(p->w, 9 + sizeof block + 9 + len);
    size_t head = h2_encode(wire_text(p->w, ":status: %d\ncontent-length: %zu\n", status, len),
                            block, sizeof block);
    n += put_frame(frames, NGHTTP2_HEADERS,
                   NGHTTP2_FLAG_END_HEADERS | (len ? 0 : NGHTTP2_FLAG_END_STREAM), stream, block,
                   head);
    if (len)
        n += put_frame(frames + n, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, stream, body, len);
    say_bytes(p->c, frames, n);
}

void h2_say_goaway(struct h2_peer *p, int32_t last, uint32_t code)
{
    const uint8_t payload[8] = { (uint8_t)(last >> 24), (uint8_t)(last >> 16),
                                 (uint8_t)(last >> 8),  (uint8_t)last,
                                 (uint8_t)(code >> 24), (uint8_t)(code >> 16),
                                 (uint8_t)(code >> 8),  (uint8_t)code };
    h2_say(p, NGHTTP2_GOAWAY, 0, 0, payload, 8);
}

void h2_hear_farewell(struct h2_peer *p)
{
    h2_hear_goaway(p, NGHTTP2_NO_ERROR);
}
