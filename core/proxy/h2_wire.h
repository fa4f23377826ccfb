/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A stream of HTTP/2 as a transport (tls/transport.h): what DATA carries is a connection's bytes.
 * So a tunnel (tunnel.h) has one as its client's side (extended CONNECT, RFC 8441). */
#ifndef SLUICE_PROXY_H2_WIRE_H
#define SLUICE_PROXY_H2_WIRE_H

#include <stdbool.h>

#include "core/proxy/body.h"

struct exchange;
struct transport;
struct transport_user;

struct h2_wire {
    struct transport *t;   /* NULL: none (yet, any more) */
    struct body_sink sink; /* takes one slice of what was received */
    struct buf_slice got;
    uint32_t sending_bytes;
    bool gone; /* the stream is: nothing more comes, nothing more leaves */
};

/* The exchange, which has ended and answered 200, lends its stream to the transport, and stays
 * until that is closed. */
void h2_wire_open(struct exchange *ex, struct transport *t, const struct transport_user *user);

/* Something came, left, or ended. Without effect when there is no transport. */
void h2_wire_wake(struct exchange *ex);

#endif
