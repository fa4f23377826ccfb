/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes one HTTP/1 message to a transport: raw bytes of heads, then the body as a sink, framed.
 *
 * What is queued between two sends leaves together: a head with the body that came with it, many
 * small pieces of a body as one chunk. Body bytes leave from the buffer they arrived in; only small
 * pieces are moved next to each other, so that slots do not run out. On a plain transport they may
 * also come and leave in pipes. */
#ifndef SLUICE_PROXY_H1_OUT_H
#define SLUICE_PROXY_H1_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/base/arena.h"
#include "core/http/forward.h"
#include "core/http/h1_chunked.h"
#include "core/proxy/message.h"
#include "tls/transport.h"

#define OUT_SEGMENTS 20
/* Slots that body data leaves free: for heads, and for what one receive may add. */
#define OUT_SEGMENTS_SPARE 4
/* An iovec per segment, the end of a chunk that was in a pipe, chunk header, chunk end, last
 * chunk. */
#define OUT_IOVECS (OUT_SEGMENTS + 4)

struct out_segment {
    const char *ptr;
    struct buf *buf; /* NULL: raw bytes, in the arena */
    uint32_t len;
    bool body;
};

enum out_state {
    OUT_OPEN,   /* more may be queued */
    OUT_ENDED,  /* all is queued, something is unsent */
    OUT_DONE,   /* all was taken by the kernel; on_done was called */
    OUT_FAILED, /* a send failed or out_abort() was called: what is queued is dropped */
};

struct h1_out {
    struct message_out m;
    struct transport *t;
    struct arena *arena;
    /* Everything was sent (err 0), or a send failed with -errno. Not called after out_abort(). */
    void (*on_done)(struct h1_out *out, int err);
    char *raw_room_end; /* the last segment is raw and may grow up to here; NULL: not */
    uint32_t queued_body_bytes;
    uint8_t state;
    uint8_t framing; /* enum body_framing */
    uint8_t count;   /* segments, those in flight first */
    uint8_t in_flight;
    bool sending; /* segments or what stands before the pipe, or the pipe */

    /* Body bytes in a pipe: between two segments, or after the last. Until they have left no others
     * are taken. */
    struct splice_pipe *pipe; /* NULL: none */
    uint8_t pipe_at;          /* segments before it */
    bool pipe_headed;         /* chunked: its header is sent, or being sent */
    bool pipe_sending;
    bool chunk_open; /* the end of the chunk that was in a pipe is still to be sent */
    struct out_segment segments[OUT_SEGMENTS];
    struct iovec iov[OUT_IOVECS];
    char chunk_header[H1_CHUNK_HEADER_MAX + 2];
    char pipe_header[H1_CHUNK_HEADER_MAX];
};

/* Nothing is queued and nothing in flight: as before the first out_init(), without which
 * out_idle() and out_release() may be called then. */
static inline void out_clear(struct h1_out *out)
{
    out->count = out->in_flight = 0;
    out->sending = out->pipe_sending = out->chunk_open = false;
    out->pipe = NULL;
}

/* Ready for a message; nothing may be in flight on it. arena must live until out_done. */
void out_init(struct h1_out *out, struct transport *t, struct arena *arena,
              void (*on_done)(struct h1_out *out, int err));

/* Queues raw bytes of the arena (a head). room_end: end of the memory after them that may be used
 * to append a small body; NULL: none. False when there is no slot left. */
bool out_raw(struct h1_out *out, const char *p, uint32_t len, char *room_end);

/* How the body that follows is framed; m.sink.room opens. FRAME_NONE: only end() comes. */
void out_body(struct h1_out *out, enum body_framing framing, struct body_source *source);

/* Sends what is queued unless a send is in flight (then it follows). */
void out_flush(struct h1_out *out);

/* The owner's transport callback on_sent calls this. */
void out_sent(struct h1_out *out, int err, uint64_t sent_bytes);

/* Drops all that is not in flight, takes nothing more. What is in flight keeps its buffers until
 * out_sent() or out_release(). */
void out_abort(struct h1_out *out);

/* As after out_init(), if nothing at all has left yet; false: something has. */
bool out_take_back(struct h1_out *out);

/* When the transport is closed: lets go of every buffer. */
void out_release(struct h1_out *out);

static inline bool out_idle(const struct h1_out *out)
{
    return !out->sending;
}

#endif
