/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A virtual network: stream connections with bounded buffers, latency, half-close and reset,
 * between listeners and those who connect. Both the simulated ring and the scripted clients and
 * servers live on it. It behaves as Linux TCP does where that can hurt:
 *  - closing with unread bytes, and bytes that reach a closed end, answer with RST;
 *  - a reset is reported once, then reading says end of stream and writing EPIPE;
 *  - a full accept queue drops the connection attempt, which is repeated later.
 * Callbacks come from events only, never from inside a call made on the network. */
#ifndef SLUICE_SIM_NET_H
#define SLUICE_SIM_NET_H

#include "core/base/addr.h"
#include "core/base/list.h"
#include "tests/sim/sim.h"

struct net_params {
    uint64_t latency_min_ns, latency_max_ns;
    uint32_t window_min, window_max;   /* bytes on the way or unread, per direction */
    bool reset_discards;               /* RST loses what had arrived and was not read */
    uint32_t reset_overtakes_permille; /* RST loses what is still on the way */
};

enum net_state {
    NET_CONNECTING, /* no peer yet */
    NET_OPEN,       /* has a peer; either direction may have ended */
    NET_FAILED,     /* could not connect: error says why */
    NET_CLOSED,     /* closed by its owner */
};

struct net_end;
typedef void (*net_end_fn)(struct net_end *e, void *user);

/* What one end sends to the other: positions only grow. */
struct net_way {
    uint8_t *bytes; /* a ring of `window` bytes */
    uint32_t window;
    uint64_t written; /* by the sender */
    uint64_t arrived; /* readable up to here */
    uint64_t taken;   /* read */
    uint64_t fin_at;  /* position of the FIN; UINT64_MAX: not sent */
    bool fin_arrived;
    uint64_t last_arrival_ns; /* nothing overtakes */
};

struct net_end {
    struct net *net;
    struct list node; /* of net->ends */
    struct net_end *peer;
    enum net_state state;
    int error;        /* NET_FAILED: errno */
    bool reset;       /* RST arrived */
    bool reset_told;  /* ... and was reported */
    bool read_closed; /* by its owner's shutdown */
    bool whole_reads; /* the owner reads all there is: no short receives (see server scripts) */
    struct net_way out;
    uint64_t refused_at_ns; /* bytes of it first arrived at a closed end; UINT64_MAX: never */
    struct addr local, remote;
    uint64_t latency_ns;
    net_end_fn on_change; /* something became possible: read, write, or an end */
    void *user;
    uint32_t number; /* of the connection, for the trace */
};

enum net_host {
    NET_HOST_LISTENS,
    NET_HOST_REFUSES,
    NET_HOST_SILENT,      /* connects are neither accepted nor refused */
    NET_HOST_UNREACHABLE, /* EHOSTUNREACH after a while */
};

struct net_listener {
    struct net *net;
    struct list node;
    struct addr addr;
    enum net_host mode;
    struct net_end **queue; /* connected, not yet accepted: `backlog` places */
    uint32_t queued, backlog;
    void (*on_pending)(struct net_listener *l, void *user);
    void *user;
    bool closed;
};

struct net {
    struct sim *sim;
    struct net_params params;
    struct list ends;
    struct list listeners;
    uint32_t connections;
};

void net_init(struct net *n, struct sim *s, const struct net_params *params);
void net_destroy(struct net *n);

/* Several may listen on one address: connections are dealt out among them. */
struct net_listener *net_listen(struct net *n, const struct addr *a, uint32_t backlog,
                                void (*on_pending)(struct net_listener *l, void *user), void *user);
struct net_end *net_accept(struct net_listener *l); /* NULL: none waits */
void net_listener_close(struct net_listener *l);    /* resets what waits */

/* on_change comes when it is open or has failed, and after. */
struct net_end *net_connect(struct net *n, const struct addr *from, const struct addr *to,
                            net_end_fn on_change, void *user);

/* Bytes, 0 at the end of the stream, -EAGAIN, or -ECONNRESET once. */
int net_read(struct net_end *e, void *bytes, uint32_t len);
/* Bytes taken, -EAGAIN, -ECONNRESET once, -EPIPE. */
int net_write(struct net_end *e, const void *bytes, uint32_t len);

/* Whether net_read() and net_write() would answer other than -EAGAIN. */
bool net_readable(const struct net_end *e);
bool net_writable(const struct net_end *e);

void net_shutdown_write(struct net_end *e);
void net_shutdown(struct net_end *e);
void net_close(struct net_end *e, bool reset);

bool net_addr_eq(const struct addr *a, const struct addr *b);

/* 10.0.HOST:PORT */
struct addr net_addr(uint16_t host, uint16_t port);
/* [fd00::HOST]:PORT */
struct addr net_addr6(uint16_t host, uint16_t port);

#endif
