/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of many bytes: one end sends them from a child process while the test hears the other. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/rng.h"
#include "tests/wire/wire.h"

#define PIECE_BYTES (64 * 1024)

/* ---- the bytes ---- */

struct stream {
    struct rng rng;
    uint64_t word;
    unsigned left; /* bytes of the word not yet given */
};

static struct stream stream_of(uint64_t seed)
{
    return (struct stream){ .rng = { seed } };
}

static void stream_fill(struct stream *s, char *p, size_t n)
{
    for (size_t i = 0; i < n; i++, s->left--, s->word >>= 8) {
        if (s->left == 0) {
            s->word = rng_next(&s->rng);
            s->left = 8;
        }
        p[i] = (char)s->word;
    }
}

/* ---- sending ---- */

struct sender {
    uint64_t seed, bytes;
    enum coding coding;
};

static bool send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool send_piece(int fd, enum coding coding, const char *p, size_t n)
{
    char header[32];
    int len = snprintf(header, sizeof header, "%zx\r\n", n);
    if (coding != BY_CHUNKS)
        return send_all(fd, p, n);
    return send_all(fd, header, (size_t)len) && send_all(fd, p, n) && send_all(fd, "\r\n", 2);
}

static int run_sender(int fd, const void *arg)
{
    const struct sender *s = arg;
    static char piece[PIECE_BYTES];
    struct stream stream = stream_of(s->seed);
    struct rng sizes = { s->seed + 1 };
    for (uint64_t left = s->bytes; left;) {
        /* Chunks of any size, small ones more often. */
        size_t n = s->coding == BY_CHUNKS
                       ? (size_t)(rng_next(&sizes) >> (48 + rng_next(&sizes) % 16)) + 1
                       : sizeof piece;
        if (n > left)
            n = (size_t)left;
        if (n > sizeof piece)
            n = sizeof piece;
        stream_fill(&stream, piece, n);
        if (!send_piece(fd, s->coding, piece, n))
            return 1;
        left -= n;
    }
    return s->coding == BY_CHUNKS && !send_all(fd, "0\r\n\r\n", 5);
}

void stream_send(struct conn *c, uint64_t seed, uint64_t bytes, enum coding coding)
{
    struct wire *w = c->w;
    struct sender s = { seed, bytes, coding };
    assert_true(w->children_count < sizeof w->children / sizeof w->children[0]);
    wire_note(w, "%s > %llu bytes", c->who, (unsigned long long)bytes);
    w->children[w->children_count++] = wire_fork(w, run_sender, c->fd, &s);
}

void streams_sent(struct wire *w)
{
    while (w->children_count) {
        pid_t pid = w->children[w->children_count - 1];
        int code = wire_join(w, pid);
        w->children_count--;
        if (code)
            wire_fail(w, "a stream could not be sent");
    }
}

void streams_cut(struct wire *w)
{
    while (w->children_count) {
        int code = wire_join(w, w->children[w->children_count - 1]);
        w->children_count--;
        if (code != 1)
            wire_fail(w, "a stream was sent to its end");
    }
}

/* ---- hearing ---- */

/* The bytes themselves are not noted. */
static void hear_run(struct conn *c, struct stream *s, uint64_t from, uint64_t bytes)
{
    static char wanted[PIECE_BYTES];
    struct text *notes = &c->w->notes;
    size_t notes_len = notes->len;
    for (uint64_t left = bytes; left; notes->len = notes_len) {
        if (c->in_len == 0 && !conn_receive(c))
            wire_fail(c->w, "%s: the stream ends after %llu bytes", c->who,
                      (unsigned long long)(from + bytes - left));
        size_t n = c->in_len < left ? c->in_len : (size_t)left;
        if (n > sizeof wanted)
            n = sizeof wanted;
        stream_fill(s, wanted, n);
        if (memcmp(c->in, wanted, n) != 0)
            wire_fail(c->w, "%s: the stream is wrong between bytes %llu and %llu", c->who,
                      (unsigned long long)(from + bytes - left),
                      (unsigned long long)(from + bytes - left + n));
        conn_consume(c, n);
        left -= n;
    }
}

void stream_check(struct wire *w, uint64_t seed, const char *p, size_t n)
{
    struct stream s = stream_of(seed);
    char *want = wire_alloc(w, n + 1);
    stream_fill(&s, want, n);
    for (size_t i = 0; i < n; i++)
        if (p[i] != want[i])
            wire_fail(w, "byte %zu of %zu is another", i, n);
}

void stream_hear(struct conn *c, uint64_t seed, uint64_t bytes, enum coding coding)
{
    struct stream s = stream_of(seed);
    uint64_t at = 0;
    while (coding == BY_CHUNKS) {
        uint64_t n = strtoull(hear_until(c, "\r\n"), NULL, 16);
        if (n == 0) {
            hear(c, "\r\n");
            break;
        }
        if (n > bytes - at)
            wire_fail(c->w, "%s: the stream is longer than %llu bytes", c->who,
                      (unsigned long long)bytes);
        hear_run(c, &s, at, n);
        at += n;
        hear(c, "\r\n");
    }
    if (coding != BY_CHUNKS)
        hear_run(c, &s, 0, at = bytes);
    if (at < bytes)
        wire_fail(c->w, "%s: the stream ends after %llu bytes", c->who, (unsigned long long)at);
    if (coding == BY_CLOSE)
        hear_end(c);
    wire_note(c->w, "%s < %llu bytes", c->who, (unsigned long long)bytes);
}
