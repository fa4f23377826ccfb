/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two connections that pass on to each other whatever comes: after an upgrade of HTTP/1, for
 * layer 4, for TLS that is passed through. Either side may end its direction (half-close) while the
 * other goes on; a side that breaks resets the other.
 *
 * Bytes go by way of one buffer, and one more that is received meanwhile; a direction that proves
 * bulky goes through pipes where both sides can (relay.h). An idle tunnel holds neither buffer nor
 * pipe: it costs this struct. */
#ifndef SLUICE_PROXY_TUNNEL_H
#define SLUICE_PROXY_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/base/end_reason.h"
#include "core/base/limits.h"
#include "core/base/list.h"
#include "core/proxy/relay.h"
#include "core/ring/timer.h"
#include "tls/transport.h"

struct backend;
struct listener;
struct log_config;
struct plan_use;
struct route_config;
struct server;
struct site_config;
struct worker;

enum tunnel_state {
    TUNNEL_HANDSHAKE,  /* tcp.c: TLS is being agreed with the client, or its ClientHello is awaited
                        */
    TUNNEL_CONNECTING, /* tcp.c: a server's connection is being opened; the client is not read */
    TUNNEL_OPEN,       /* bytes pass both ways */
    TUNNEL_CLOSING,    /* transport_close() was called for each side that there was */
};

/* Servers that a connection of layer 4 is offered to. */
#define TUNNEL_ATTEMPTS_MAX 3

enum { TUNNEL_CLIENT, TUNNEL_SERVER, TUNNEL_SIDES };

/* What comes from one side and goes to the other. */
struct tunnel_way {
    struct buf_slice sending, waiting; /* buf NULL: none */
    struct splice_pipe *pipe;          /* being sent, or waiting to be; NULL: none */
    struct iovec iov;
    uint64_t bytes; /* taken by the kernel of the other side */
    struct relay_habit habit;
    bool pipe_sending;
    bool end_seen; /* no more comes */
    bool ended;    /* ... and that was passed on */
};

/* Of CONNECT, for the log. */
struct tunnel_label {
    const char *rule; /* the plan's */
    uint16_t destination_len, user_len;
    char text[]; /* both, one after the other */
};

struct tunnel {
    struct transport t[TUNNEL_SIDES];
    struct tunnel_way way[TUNNEL_SIDES]; /* by the side it comes from */
    struct worker *w;
    struct list node;
    struct timer timer;

    /* whose connections these are; each is given back at the end */
    struct listener *listener;
    struct server *server; /* NULL: none (yet) */
    struct plan_use *use;
    uint64_t limit_key; /* of the client's network, where connections are counted; 0: not */

    /* for the log, names of the plan */
    const struct log_config *log;     /* NULL: none */
    const struct site_config *site;   /* NULL: layer 4 */
    const struct route_config *route; /* likewise */
    struct backend *backend;          /* NULL: a forward proxy's */
    struct tunnel_label *label;       /* what CONNECT asked for; NULL: it is another's */
    uint64_t id_hi, id_lo;
    uint64_t connection;
    uint64_t start_wall_us, start_ns;
    uint64_t since_ns; /* last progress; HANDSHAKE, CONNECTING: since when */
    uint32_t request;
    uint32_t connect_us; /* UINT32_MAX: not connected */
    uint32_t idle_ms, client_write_ms, server_write_ms;
    struct peer_addr peer, client;

    /* tcp.c */
    uint32_t ticket;                     /* of the server's back-off */
    uint64_t tried[TUNNEL_ATTEMPTS_MAX]; /* ids of servers */
    uint8_t tries;

    uint8_t state;  /* enum tunnel_state */
    uint8_t reason; /* enum end_reason: CLOSING */
    uint8_t open_sides;
};

_Static_assert(sizeof(struct tunnel) <= 976,
               "idle tunnels: at most 1 KiB of memory each, the allocator's "
               "share included");

/* A zeroed one in the worker's list, with neither side; NULL without memory. */
struct tunnel *tunnel_create(struct worker *w);

/* What the log will say of it; left out without memory. */
void tunnel_set_label(struct tunnel *t, struct str destination, struct str user, const char *rule);

/* Frees one that was never begun. */
void tunnel_discard(struct tunnel *t);

/* Both sides are there, open, with nothing in flight (transport_move()), the rest is filled in:
 * bytes pass from now on. What had been received already goes first; the references become the
 * tunnel's. Logs that it opened. */
void tunnel_begin(struct tunnel *t, struct buf_slice from_client, struct buf_slice from_server);

/* Ends it, with a reset unless everything was passed on; logs why. */
void tunnel_close(struct tunnel *t, enum end_reason why);

/* The worker stops. */
void tunnel_stop(struct tunnel *t);

/* For transport_move() and tcp.c: the users of either side. */
extern const struct transport_user tunnel_client_user, tunnel_server_user;

/* After something changed that a deadline depends on. */
void tunnel_arm(struct tunnel *t);

#endif
