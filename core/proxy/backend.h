/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one plan of one worker makes of the servers of a backend: a policy over the list of servers
 * that is in force, and who of them can get a request just now. */
#ifndef SLUICE_PROXY_BACKEND_H
#define SLUICE_PROXY_BACKEND_H

#include "balance/retry_budget.h"
#include "balance/tiers.h"
#include "core/proxy/queue.h"
#include "core/proxy/server.h"
#include "core/proxy/server_list.h"

struct exchange;

struct backend {
    const struct backend_config *config;
    struct tls_context *tls; /* NULL: plain HTTP */
    struct server_list *list;
    struct balancer *balancer;
    struct balance_options options;
    struct server **servers;    /* by index in the list */
    struct server_load **loads; /* theirs */
    struct backend_counters *counters;
    struct retry_budget retries; /* of this worker */
    bool capped;                 /* it or some of its servers take only so much at a time */
    struct queue queue;

    /* who can be picked, as of the shared backend's `changes` */
    uint32_t seen_changes;
    bool seen;
    uint32_t usable_count;
    uint64_t usable[SET_WORDS(SERVERS_MAX)];
    bool tiered; /* not all that is usable is of one tier */
    struct tiers tiers;
    uint64_t tier_usable[TIERS_MAX][SET_WORDS(SERVERS_MAX)];
    uint64_t ramping_until_ns; /* 0: no slow start is under way */
};

/* Takes a reference to the list and builds the balancer of worker number `worker`; on any thread.
 * False when out of memory: to be destroyed all the same. */
bool backend_init(struct backend *b, const struct backend_config *config, struct server_list *list,
                  uint32_t worker);

/* Likewise: its context for TLS, the one of another backend with the same settings if there is. */
bool backend_share_tls(struct backend *b, const struct backend *others, uint32_t others_count);

/* On the worker's thread: finds the servers that the worker knows already, makes the others. False
 * as above. */
bool backend_attach(struct backend *b, struct worker *w);

/* On the worker's thread: from now on it has these servers. The balancer was made for the list by
 * backend_make_balancer(). Takes both over. False without memory: nothing has changed, and both are
 * let go. */
bool backend_change(struct backend *b, struct worker *w, struct server_list *list,
                    struct balancer *balancer);

/* On any thread; NULL without memory. */
struct balancer *backend_make_balancer(const struct backend_config *config,
                                       const struct server_list *list, uint32_t worker);

/* On the worker's thread: its plan is in force from now on, and what it says of caps. */
void backend_in_force(struct backend *b, struct worker *w);

/* Servers that no backend lists any more lose their pooled connections, and go with their last. */
void backend_destroy(struct backend *b);

/* The server for the next attempt of an exchange: by policy, among those that are healthy, that it
 * has not tried and that are not backing off; if there is none, among those backing off. On it a
 * place is taken, and one for a new connection if none of the pooled ones would do (ex->attempt's
 * host tells): upstream_begin() is to follow. NULL: all that could get it were tried, or there is
 * none; *full becomes true if some would have got it, but have no place. */
struct server *backend_pick(struct backend *b, struct exchange *ex, bool *full);

/* The same for a connection of layer 4: who asks, and the ids of the servers that were tried. */
struct server *backend_pick_tcp(struct backend *b, struct worker *w, const struct peer_addr *client,
                                const uint64_t *tried, unsigned tries, bool *full);

#endif
