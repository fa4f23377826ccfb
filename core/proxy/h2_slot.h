/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A slot of a connection that speaks HTTP/2 with a server: one stream, which carries one attempt
 * (attempt.h). The counterpart of h2_exchange.h. */
#ifndef SLUICE_PROXY_H2_SLOT_H
#define SLUICE_PROXY_H2_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/list.h"
#include "core/http/h2.h"
#include "core/proxy/attempt.h"
#include "core/proxy/message.h"
#include "core/proxy/upstream.h"
#include "core/ring/timer.h"

struct body_buffer;
struct h2_upstream;

enum h2_slot_state {
    SLOT_WAITING, /* a != NULL; in hu->waiting: the connection is not ready; there is no stream */
    SLOT_HEAD,    /* a != NULL; in hu->streams: the request is being sent, the final head awaited */
    SLOT_BODY,    /* a != NULL; in hu->streams: the final head is through, body bytes are to come */
    SLOT_LEFT,    /* a == NULL; in hu->streams: it was reset, the codec still knows it */
};

struct h2_slot {
    struct slot slot;
    struct h2_upstream *hu;
    struct attempt *a;    /* whose slot this is */
    struct attempt *held; /* SLOT_LEFT: its arena may still be sent from */
    struct list node;     /* in one of the connection's two lists */
    struct list touched;  /* in the connection's list: to be looked at with the end of a delivery */
    struct timer timer;
    struct message_out m;             /* the request */
    struct message_in in;             /* the response's body */
    struct body_source source;        /* of it */
    struct body_buffer *early;        /* what its sink had no room for; NULL: there was none */
    const struct http_head *trailers; /* of the response; NULL: none */
    struct http_head *late_head;      /* of a response without a body, whose end is still to come */
    struct str head;     /* of the request, not yet given to the codec; empty: it was */
    uint64_t request_ns; /* when the request was begun to be sent */
    uint64_t since_ns;   /* start of the current wait: first byte, next bytes */
    uint64_t room_ns;    /* when the server last took of the request's body */
    uint8_t state;       /* enum h2_slot_state */
    uint8_t why;         /* enum end_reason: to fail with, at the next look; END_OK */
    bool open;           /* the sink takes a body */
    bool request_sent;   /* all of it */
    bool bodiless;       /* the response has no body, whatever comes */
    bool body_ended;     /* END_STREAM was received */
    struct h2_stream stream;
};

/* A slot for an attempt on a connection that lends one more: a->up is set, a->ops are not called.
 * NULL without memory. */
struct h2_slot *h2_slot_create(struct h2_upstream *hu, struct attempt *a);
/* SLOT_WAITING: takes the attempt out, which is told nothing and needs another slot. */
struct attempt *h2_slot_empty(struct h2_slot *slot);

/* SLOT_WAITING: the connection is ready. May call back in any way. */
void h2_slot_begin(struct h2_slot *slot);

/* Ends the attempt; the stream, if there is one, is reset. */
void h2_slot_fail(struct h2_slot *slot, enum end_reason why, bool untouched);
/* As fits its state: the connection broke. */
void h2_slot_lost(struct h2_slot *slot, enum end_reason why);

/* For the codec (h2.h); stream: of a slot. */
bool h2_slot_section(struct h2_stream *st, struct h2_collect *c, bool end_stream);
void h2_slot_data(struct h2_stream *st, struct buf_slice data);
void h2_slot_ended(struct h2_stream *st);
void h2_slot_sent(struct h2_stream *st);
void h2_slot_drained(struct h2_stream *st);
void h2_slot_closed(struct h2_stream *st, uint32_t code, bool by_peer);

/* With the end of a delivery: passes on what waits. The slot may be gone then. */
void h2_slot_pump(struct h2_slot *slot);

/* The codec was told to forget it: the memory goes. */
void h2_slot_free(struct h2_slot *slot);

#endif
