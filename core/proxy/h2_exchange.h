/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an exchange has of HTTP/2: the part of it that is in a union with h1_out. */
#ifndef SLUICE_PROXY_H2_EXCHANGE_H
#define SLUICE_PROXY_H2_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/list.h"
#include "core/http/h2.h"
#include "core/proxy/h2_wire.h"
#include "core/proxy/message.h"
#include "core/ring/timer.h"

struct body_buffer;
struct downstream_ops;
struct exchange;
struct h2_client;

struct h2_side {
    struct message_out m;
    struct h2_stream stream;
    struct h2_client *hc;
    struct list node, touched;
    struct h2_wire wire;       /* EX_ENDED: the stream goes on as a tunnel's side */
    struct timer timer;        /* the client owes bytes of its body, or takes none of its answer */
    struct body_buffer *early; /* body bytes that nobody takes yet; NULL: there were none */
    const struct http_head *trailers; /* of the request; NULL: none */
    struct str head;                  /* the final one, not yet given to the codec; empty: none */
    uint64_t body_ns;                 /* when the last bytes of the request came */
    uint64_t room_ns;                 /* when the client last took of the answer */
    uint64_t deadline_ns;             /* of all of it: grpc-timeout; 0: none */
    uint32_t dropped_bytes;
    bool body_ended; /* END_STREAM was received */
    bool open;       /* the sink takes a body */
};

extern const struct downstream_ops h2_downstream_ops;

/* A new exchange's side; its stream is the codec's then. */
void h2_side_init(struct exchange *ex, struct h2_client *hc);

/* The head is understood: exchange_start(), and the deadline that it names. */
void h2_side_start(struct exchange *ex);

/* What the codec tells of a stream. */
void h2_side_data(struct exchange *ex, struct buf_slice data);
void h2_side_drained(struct exchange *ex);

/* Passes on what waits of the request's body; after a delivery, once. */
void h2_side_pump(struct exchange *ex);

/* Lets go of what it holds of bodies. */
void h2_side_release(struct exchange *ex);

/* h2_client.c: something was queued for the connection. */
void h2_client_flush(struct h2_client *hc);
/* ... the exchange is over, its memory may go when its stream has. */
void h2_client_finished(struct h2_client *hc, struct exchange *ex);

#endif
