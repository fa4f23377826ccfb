/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a world is made of: a profile (a name) and the seed decide it. Chances are in a thousand. */
#ifndef SLUICE_SIM_PLAN_H
#define SLUICE_SIM_PLAN_H

#include "core/config/config.h"
#include "tests/sim/net.h"
#include "tests/sim/ring_sim.h"

/* What may happen to a request through no script of its own. */
enum tolerance {
    MAY_FAIL = 1,       /* answered 502, 503 or 504 */
    MAY_BE_CUT = 2,     /* its answer breaks off, visibly */
    MAY_BE_IGNORED = 4, /* the connection ends before its answer begins */
    MAY_BE_STALE = 8,   /* 502 if it is not to be repeated */
    MAY_TIME_OUT = 16,  /* 408: the client is as slow as that, or starved */
    MAY_BE_SHED = 32,   /* 431 or without its trailers: there is no memory for them */
};

/* What the worlds of tunnels.h have in place of requests. */
enum tunnel_kind { TUNNELS_NONE, TUNNELS_TCP, TUNNELS_UPGRADE, TUNNELS_CONNECT };

struct world_plan {
    const char *profile;
    unsigned tolerance;
    struct net_params net;
    struct ring_faults faults;
    uint32_t workers, clients, asks_per_client_max;
    uint32_t body_bytes_max;
    uint32_t backlog; /* of a listening socket of the proxy */
    bool ipv6;        /* clients and listeners */

    bool tls_clients, tls_servers; /* who speaks TLS with the proxy */
    uint32_t tls_faults;           /* connections whose bytes are broken on their way */

    /* servers */
    uint32_t servers, dead_servers;
    enum net_host dead_mode;
    uint32_t server_flaps; /* a server dies for a while, and comes back */
    uint32_t stale_close;  /* after an answer: closes the idle connection some time later */
    uint32_t slow_server;  /* a connection is read and written in dribs */

    enum tunnel_kind tunnels;
    bool cached;               /* the route has a cache; cached.h */
    uint32_t capped;           /* servers that take only so much at a time; caps.h */
    uint64_t changes_every_ns; /* other servers after at most so long; 0: never. changes.h */
    bool marks;                /* all but the first are down for a while, or drained */

    /* requests */
    uint32_t rules; /* the configuration has some (rules.h): requests that meet one of its own */
    uint32_t bad_request, http10, pipelining, expect, big_head, asks_close;
    /* answers */
    uint32_t bad_answer, cut_answer, reset_answer, stalled_answer, surplus;
    uint32_t early, closes, closes_silently, interim, delayed;
    /* clients */
    uint32_t slow_writer, slow_reader, stuck_reader, stuck_writer, vanish, half_close, idle;

    /* the end */
    uint64_t drain_at_ns;  /* 0: when all clients are done */
    bool stops;            /* worker_stop() instead */
    struct config *config; /* the workers' own, from when they are made */
};

/* profile NULL: the seed chooses. False: no such profile. */
bool plan_make(struct world_plan *p, struct sim *s, const char *profile);

/* NULL beyond the last. */
const char *plan_profile_name(uint32_t i);

#endif
