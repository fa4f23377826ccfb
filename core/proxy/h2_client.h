/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A client connection that speaks HTTP/2: many exchanges at once, each on a stream of its own. All
 * that a turn of the loop has to say leaves in one send, at its end.
 *
 * A struct client becomes one by ALPN, by the preface in clear, or by Upgrade: h2c; from then on
 * the transport calls here. */
#ifndef SLUICE_PROXY_H2_CLIENT_H
#define SLUICE_PROXY_H2_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/list.h"
#include "core/http/h2.h"
#include "core/ring/loop.h"

struct client;
struct exchange;

enum h2_client_state {
    H2C_OPEN,     /* requests are taken */
    H2C_NOTICED,  /* told that no more are wanted, and a PING follows; those that come are taken */
    H2C_DRAINING, /* the last stream was named; ends with the last exchange */
    H2C_ENDING,   /* everything is said; what is queued leaves, then our side is shut */
    H2C_LINGER,   /* shut; what comes is dropped until the client closes, or the deadline */
    H2C_CLOSING,  /* transport_close() was called; exchanges wait for their memory */
};

struct h2_client {
    struct h2 h2;
    struct client *c;
    struct list exchanges;  /* of exchange.h2.node: those with a stream */
    struct list leaving;    /* likewise: whose last bytes are in the batch that is being sent */
    struct list touched;    /* of exchange.h2.touched: whose body got more in this delivery */
    struct h2_batch *batch; /* being sent; NULL: none */
    struct task flush;
    uint64_t idle_ns;          /* when the last exchange ended */
    uint64_t head_ns;          /* when the head that is being received began; 0: none is */
    uint32_t last_words_bytes; /* of the GOAWAY that goes out in place of all else */
    uint8_t state;             /* enum h2_client_state */
    bool switching;            /* the 101 is still to go out, before all else */
    bool resting;              /* idle for a while: memory was given back */
    bool ping_due; /* behind the notice, in the next batch: nghttp2 would put it before */
    bool broken;   /* the codec is not to be called any more */
    char last_words[H2_LAST_WORDS_BYTES];
};

/* The connection speaks HTTP/2 from its next byte on (TLS), or from the first byte of `first`
 * (preface in clear), of which it takes over the reference. False without memory: nothing was
 * done. */
bool h2_client_begin(struct client *c, struct buf_slice first);

/* The first bytes of a connection in clear, in c->in: whether they are HTTP/2's preface, or can
 * become it (RFC 9113 3.4); then all is seen to. False: they are to be read as HTTP/1. */
bool h2_preface_expected(struct client *c);

/* A request of HTTP/1.1, understood and not started, in c->ex: if it asks for Upgrade: h2c and may,
 * the connection speaks HTTP/2 from now on, the exchange is its stream 1, and all is seen to.
 * False: it is to be answered as it is. */
bool h2_upgrade_asked(struct client *c);

/* The second half of that, with the payload of HTTP2-Settings. False: nothing was done. */
bool h2_client_upgrade(struct client *c, const uint8_t *settings, size_t bytes);

/* As client.h says of a client. */
void h2_client_drain(struct h2_client *hc);
void h2_client_stop(struct h2_client *hc);

#endif
