/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads one HTTP/1 message from received slices: collects its head, then takes its body out of the
 * framing and gives it to a sink as the sink has room. */
#ifndef SLUICE_PROXY_H1_IN_H
#define SLUICE_PROXY_H1_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/http/framing.h"
#include "core/http/h1_chunked.h"
#include "core/http/h1_head.h"
#include "core/proxy/message.h"

/* Drops n bytes at the front of a slice; the buffer goes with the last of them. */
static inline void slice_consume(struct buf_slice *s, uint32_t n)
{
    CHECK(n <= s->len);
    s->off += n;
    s->len -= n;
    if (s->len == 0) {
        buf_unref(s->buf);
        s->buf = NULL;
    }
}

static inline void slice_drop(struct buf_slice *s)
{
    buf_unref(s->buf);
    *s = (struct buf_slice){ 0 };
}

/* A head that comes in pieces is collected in the arena; one that comes whole is parsed where it
 * lies. */
struct head_collect {
    char *mem; /* NULL: nothing is collected */
    uint32_t len, cap;
};

typedef enum h1_result (*head_parse_fn)(const char *p, size_t n, size_t seen_bytes,
                                        struct http_head *h, enum end_reason *why);

/* Feeds *in to the parser. H1_DONE: h is filled and *head_bytes of *in belong to the head (consume
 * them when h is not needed any more, unless it was collected). H1_PARTIAL: all of *in was
 * consumed. END_OVERLOADED when the arena is full. */
enum h1_result head_collect_feed(struct head_collect *c, struct arena *arena, struct buf_slice *in,
                                 head_parse_fn parse, struct http_head *h, uint32_t *head_bytes,
                                 enum end_reason *why);

struct h1_in {
    struct message_in m;
    struct arena *arena; /* collects the trailer section */
    uint64_t left;       /* BODY_LENGTH: bytes to come */
    struct h1_chunked chunked;
    char *trailers;
    uint32_t trailers_len;
    uint8_t kind; /* enum body_kind */
};

/* Prepares for a body of that framing. BODY_NONE: the state is IN_DONE and the sink is not told. */
void in_init(struct h1_in *in, struct arena *arena, const struct framing *f,
             struct body_sink *sink);

/* Gives what it can of *data to the sink, consuming it. Left over: what the sink had no room for,
 * or what follows the message. */
void in_pump(struct h1_in *in, struct buf_slice *data);

/* How many bytes come next that are body and nothing else: UINT64_MAX until the stream ends. */
uint64_t in_run(const struct h1_in *in);

/* So many of those were given to the sink in another way. */
void in_piped(struct h1_in *in, uint32_t bytes);

/* The stream ended cleanly: completes a BODY_CLOSE body. Returns whether the body is complete. */
bool in_end_of_stream(struct h1_in *in);

#endif
