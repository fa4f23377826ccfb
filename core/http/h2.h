/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 (RFC 9113) as a codec: bytes in, events and bytes out; nghttp2 keeps the state. Pure: no
 * I/O, no clock, memory for messages is the owner's.
 *
 * Bodies go by credit, stream by stream: what is received counts against the stream's window until
 * h2_consume(), what is queued to be sent waits in its stream until the peer's window lets it go. A
 * stalled stream stalls nobody else: the connection's window is given back at once.
 *
 * Callbacks come from h2_receive() and h2_pull() only; in them everything but these two and
 * h2_destroy() may be called. */
#ifndef SLUICE_HTTP_H2_H
#define SLUICE_HTTP_H2_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/list.h"
#include "core/http/h2_batch.h"
#include "core/http/h2_budget.h"
#include "core/http/h2_closed.h"
#include "core/http/h2_head.h"
#include "core/http/h2_memory.h"
#include "core/http/priority.h"

struct h2;
struct h2_stream;

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define H2_PREFACE_BYTES 24

struct h2_config {
    bool server;
    uint32_t streams_max;  /* that the peer may open at a time */
    uint32_t window_bytes; /* of each stream, towards us */
};

struct h2_ops {
    /* Server: a request begins. Gives a stream (h2_stream_init() was called), and lends its
     * arena to the head; NULL: it is refused unprocessed. */
    struct h2_stream *(*begin)(struct h2 *h);
    /* A field section is complete: h2_collect_end() reads it. END_STREAM with it: ended follows.
     * False: it is malformed, the stream is reset. */
    bool (*section)(struct h2_stream *st, struct h2_collect *c, bool end_stream);
    /* Bytes of the body, with one reference. They count until h2_consume(). */
    void (*data)(struct h2_stream *st, struct buf_slice data);
    /* The peer's message is complete. */
    void (*ended)(struct h2_stream *st);
    /* The last of our message went into the batch of this h2_pull(). Server: the stream is
     * forgotten, whatever may still come. */
    void (*sent)(struct h2_stream *st);
    /* What was queued got less. */
    void (*drained)(struct h2_stream *st);
    /* The stream is over before that (or, for a client, after both are through) and forgotten:
     * an error code of RFC 9113 7. by_peer: it said so. The last call about a stream. */
    void (*closed)(struct h2_stream *st, uint32_t code, bool by_peer);
    /* The answer to h2_ping(). */
    void (*pong)(struct h2 *h);
    /* The peer's first SETTINGS are here, or new ones. */
    void (*settings)(struct h2 *h);
    /* The peer opens, or takes, no more streams. */
    void (*goaway)(struct h2 *h, uint32_t code);
};

#define H2_PIECES 20
/* Pieces that bodies leave free, for what one receive may add. */
#define H2_PIECES_SPARE 4

struct h2_piece {
    const char *ptr;
    struct buf *buf; /* NULL: the owner's memory, copied when it goes */
    uint32_t len;
};

/* One stream, embedded in whoever it belongs to. */
struct h2_stream {
    struct h2 *h; /* NULL: not known to the codec (yet, any more) */
    int32_t id;
    struct arena *arena; /* for heads and trailers */
    struct list drained_node;
    uint32_t queued_bytes; /* of the pieces */
    uint32_t trailers_bytes;
    char *trailers; /* lines (h2_fields_of()); NULL: none */
    bool ended;     /* nothing more will be queued */
    bool head_out;  /* the (final) head was submitted */
    bool head_in;   /* the (final) head was received: trailers may follow */
    bool remote_ended;
    bool tunnel;  /* a direction that ends says nothing of the other: closed() is the end */
    bool waiting; /* the codec asked for data and there was none */
    bool reset_by_peer;
    struct http_priority priority; /* server: that the client asked for */
    bool reset;                    /* h2_reset() was called: no more of it is sent or told */
    uint8_t count;
    uint64_t sent_bytes; /* given to batches, framing included */
    struct h2_piece pieces[H2_PIECES];
};

struct h2 {
    nghttp2_session *session;
    struct h2_memory memory;
    const struct h2_ops *ops;
    struct buf_pool *pool;
    struct h2_stream *collecting; /* whose field section is being received; NULL: nobody's */
    struct h2_collect collect;
    struct list drained;    /* during h2_pull(): streams */
    struct buf *in;         /* during h2_receive(): what is being read */
    struct h2_batch *batch; /* during h2_pull() */
    uint64_t now_ns;        /* of that call */
    struct h2_budget budget;
    uint32_t streams_count; /* known to the codec */
    uint32_t head_bytes;    /* of the field section that is being received, out of HPACK */
    bool server;
    bool settings_seen;
    uint32_t error; /* of RFC 9113 7: what the peer broke, where the codec does not say it itself */
    struct h2_closed closed;
    bool named_last; /* h2_goaway() was called: later streams are not processed */
    bool in_head;    /* a field section is being received, of whomever */
    uint8_t abuse;   /* enum h2_abuse + 1, once it was too much; 0: not */
};

/* The peer's first bytes may be given to it; h stays where it is. False: no memory. */
bool h2_init(struct h2 *h, const struct h2_config *config, const struct h2_ops *ops,
             struct buf_pool *pool, uint64_t now_ns);

/* Nothing will be sent or received for a while: gives memory back. Without effect while there are
 * streams, or something to be sent. */
void h2_rest(struct h2 *h);

/* No stream is known any more. */
void h2_destroy(struct h2 *h);

/* Reads all of it; the reference stays the caller's. False: the connection is broken beyond saving;
 * h->abuse says whether it was too much of something, h->error what else. What h2_pull() gives then
 * is not needed: h2_last_words(). */
bool h2_receive(struct h2 *h, struct buf_slice data, uint64_t now_ns);

/* Server: the stream's request came by HTTP/1.1 and Upgrade: h2c (RFC 7540 3.2), all of it; it is
 * stream 1 from now on. settings: the payload that HTTP2-Settings stood for. Before anything is
 * received. False: they are no valid settings, or there is no memory; nothing was done to the
 * stream, and the codec is not to be used. */
bool h2_upgrade(struct h2 *h, struct h2_stream *st, const uint8_t *settings, size_t bytes,
                bool head_request);

/* Adds what can be sent. False: broken, as above. */
bool h2_pull(struct h2 *h, struct h2_batch *b, uint64_t now_ns);

/* Whether anything is there to be pulled. */
bool h2_wants_to_send(const struct h2 *h);
/* The connection has nothing more to say or to hear. */
bool h2_is_over(const struct h2 *h);

/* A GOAWAY for a connection that ends now. */
#define H2_LAST_WORDS_BYTES 17
void h2_last_words(const struct h2 *h, uint32_t code, char out[H2_LAST_WORDS_BYTES]);

/* Client: how many streams the server takes at a time, as far as it said. */
uint32_t h2_streams_allowed(const struct h2 *h);

/* First: that no streams are wanted any more; then, when the peer must have seen it, that later
 * ones are not processed. */
void h2_shutdown_notice(struct h2 *h);
void h2_goaway(struct h2 *h, uint32_t code);

/* ops->pong comes. */
void h2_ping(struct h2 *h);

/* --- streams --- */

/* The owner lets it go, without a word to the peer: before h2_destroy(). */
void h2_forget(struct h2_stream *st);

void h2_stream_init(struct h2_stream *st, struct arena *arena);

/* Client: opens it with a request. text: lines, in the arena (they are changed). False: it cannot
 * be (no stream numbers are left, no memory, too many fields). */
bool h2_request(struct h2 *h, struct h2_stream *st, char *text, size_t bytes);

/* Server: an interim head, or the final one, whose Priority goes before the client's (RFC 9218 8);
 * END_STREAM goes with it if nothing was queued and h2_send_end() was called. False: as above. */
bool h2_respond(struct h2_stream *st, char *text, size_t bytes, bool interim);

/* Queues a piece of the body, one reference with it; there must be a free one. */
void h2_send_data(struct h2_stream *st, struct buf_slice data);
/* ... of memory that stays until it was sent or the stream is forgotten. False: no free one. */
bool h2_send_text(struct h2_stream *st, struct str text);
/* The end; trailers: lines, in the arena; or NULL. */
void h2_send_end(struct h2_stream *st, char *trailers, size_t bytes);
/* After something was queued. */
void h2_go_on(struct h2_stream *st);
/* Drops what is queued. */
void h2_drop_queue(struct h2_stream *st);

static inline bool h2_queue_full(const struct h2_stream *st)
{
    return st->count >= H2_PIECES - H2_PIECES_SPARE;
}

/* What the peer would take now, as far as this stream's window goes. */
uint32_t h2_window(const struct h2_stream *st);

/* Bytes of the body were passed on: the peer may send as many. */
void h2_consume(struct h2_stream *st, uint32_t bytes);

/* Ends it; ops->closed tells when that has left, not before: what was queued of heads may still be
 * read from the arena. Without effect on one that is not known. */
void h2_reset(struct h2_stream *st, uint32_t code);

#endif
