/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One world: a network, the real stages as workers on it, scripted clients and servers. */
#ifndef SLUICE_SIM_WORLD_H
#define SLUICE_SIM_WORLD_H

#include "core/proxy/plan.h"
#include "core/proxy/worker.h"
#include "tests/sim/ask.h"
#include "tests/sim/seam.h"

struct sim_client;
struct sim_server;
struct sim_tunnel;
struct tunnel_peer;
struct cached;
struct cache_hub;

#define WORLD_WORKERS_MAX 3
#define WORLD_SERVERS_MAX 4

struct world_worker {
    struct world *world;
    struct loop *loop;
    struct worker worker;
    struct counters counters;
    struct log_port log;
    int listen_fd;
    struct msg drain;
    bool drain_asked, drained;
};

struct world {
    struct sim sim;
    struct world_plan plan;
    struct net net;
    struct seams seams; /* TLS worlds */
    struct ticket_secret tickets;
    struct listener_tls listener_tls;
    struct pem_file ca;
    struct upstream_tls_config upstream_tls;
    struct ring_sim ring;
    struct addr listen_addr;
    struct server_config server_configs[WORLD_SERVERS_MAX];
    struct log_config log_config;
    struct registry *registry;
    struct gate *gate;
    struct plan *run_plan; /* made of plan.config */
    struct sim_server *servers[WORLD_SERVERS_MAX];
    struct world_worker workers[WORLD_WORKERS_MAX];
    struct sim_client **clients;
    struct sim_tunnel *tunnels;         /* plan.tunnels: one for each client */
    struct tunnel_peer *tunnel_servers; /* the newest first */
    struct cached *cached;              /* plan.cached */
    struct cache_hub *cache;            /* likewise */
    struct ask **asks;                  /* by id - 1 */
    uint32_t asks_count, asks_max;
    uint32_t clients_done;
    uint32_t handshakes_logged;    /* that failed */
    bool draining, draining_early; /* early: before the clients were done */
    uint64_t drained_from_ns;
};

/* What a finished world tells. */
struct world_result {
    uint64_t trace_hash;
    uint64_t covered[COVER_COUNT];
    uint64_t ended[END_REASON_COUNT];
    uint64_t retries, events, virtual_ns;
    uint32_t asks;
    const char *profile;
};

/* Runs the world of a seed to its end and judges it. A broken invariant does not return.
 * False: no such profile. */
bool world_run(uint64_t seed, const char *profile, bool trace, struct world_result *out);

/* The trace of the world that runs, for the report of a failure. */
void world_dump(void);

struct ask *world_ask(struct world *w, uint32_t id); /* NULL: no such id */

/* Reads the workers' log; after the end: judges every request. */
void judge_log(struct world_worker *ww);
void judge_asks(struct world *w);

#endif
