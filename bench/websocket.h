/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WebSocket (RFC 6455) as far as the bench needs it: the origin's echo, the load generator's
 * messages. Pure; frames of any length go through without being held in memory. */
#ifndef SLUICE_BENCH_WEBSOCKET_H
#define SLUICE_BENCH_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/out.h"

#define WEBSOCKET_KEY_BYTES 24
#define WEBSOCKET_ACCEPT_BYTES 28
#define WEBSOCKET_HEAD_MAX 14

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

/* What the server answers to a client's Sec-WebSocket-Key (RFC 6455 4.2.2). */
void websocket_accept(struct str key, char out[WEBSOCKET_ACCEPT_BYTES]);

/* Where a stream of frames is; zeroed at its begin. */
struct websocket {
    uint8_t head[WEBSOCKET_HEAD_MAX];
    uint8_t head_bytes; /* of it so far; complete when `in_payload` */
    bool in_payload;
    bool in_message; /* a message's first frame was seen, its last not yet */
    uint64_t left;   /* of the payload */
    uint8_t mask[4], mask_at;
};

enum websocket_event {
    WEBSOCKET_MORE,      /* the text is used up */
    WEBSOCKET_FULL,      /* ... or there is no room for the echo of the rest */
    WEBSOCKET_MESSAGE,   /* a message is complete */
    WEBSOCKET_OVER,      /* a close frame came (and was answered) */
    WEBSOCKET_MALFORMED, /* no frame, or not one that this side may send */
};

/* Server: takes from *text what it can, echoes it into o, pings as pongs. */
enum websocket_event websocket_echo(struct websocket *w, struct str *text, struct out *o);

/* Client: takes from *text up to the end of a message; adds its bytes to *message_bytes. */
enum websocket_event websocket_read(struct websocket *w, struct str *text, uint64_t *message_bytes);

/* Client: the head of a frame that is a whole message, of `bytes` bytes masked by the key. */
void websocket_put_head(struct out *o, uint64_t bytes, const uint8_t mask[4]);

#endif
