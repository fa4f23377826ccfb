/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layer 4: from an accepted connection to an open tunnel. TLS is ended here if the listener has
 * it; a server is chosen as for requests, the next one if it cannot be reached. */
#ifndef SLUICE_PROXY_TCP_H
#define SLUICE_PROXY_TCP_H

#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/base/end_reason.h"
#include "core/proxy/tunnel.h"

struct backend;
struct listener;

/* Takes a connected descriptor, of which `first` (buf NULL: nothing) was read already: the
 * reference becomes the tunnel's. peer: of the connection, or as the PROXY protocol says. Without
 * memory the descriptor is closed. tls: the listener's TLS, if it has any, is ended here; false:
 * whatever it is, it is passed on. */
void tcp_begin(struct listener *l, int fd, const struct peer_addr *peer, struct backend *b,
               struct buf_slice first, bool tls);

/* --- the tunnel's, until it is open --- */

uint64_t tcp_deadline(const struct tunnel *t, enum end_reason *why);
void tcp_too_late(struct tunnel *t, enum end_reason why);
void tcp_ready(struct tunnel *t, unsigned side, int err);
/* More of the ClientHello by which the backend is chosen. */
void tcp_hello(struct tunnel *t, struct buf_slice data);
/* The connection to a server that could not be reached is gone. */
void tcp_server_gone(struct tunnel *t);

#endif
