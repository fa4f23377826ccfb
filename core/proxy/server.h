/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The servers of a backend as one worker sees them: pooled connections and back-off, beside the
 * immutable server_set that the policies read. */
#ifndef SLUICE_PROXY_SERVER_H
#define SLUICE_PROXY_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "balance/backoff.h"
#include "balance/balance.h"
#include "core/base/limits.h"
#include "core/base/list.h"
#include "core/config/config.h"

struct exchange;

struct server {
    const struct server_config *config;
    uint16_t index;        /* in the set */
    uint32_t idle_count;   /* pooled connections */
    uint32_t active_count; /* lent ones and those being opened */
    struct list idle;      /* of struct upstream.idle_node, the most recently used first */
    struct backoff backoff;
};

struct backend {
    const struct backend_config *config;
    struct server_set *set;
    struct balancer *balancer;
    struct server *servers;
    struct backoff_config backoff;
    uint32_t bad_count; /* servers whose backoff is not GOOD */
    uint32_t weighted_count;
    uint64_t weighted[SET_WORDS(SERVERS_MAX)]; /* servers with weight > 0 */
};

/* worker: its number, so that workers begin their rounds at different places. False when out of
 * memory. */
bool backend_init(struct backend *b, const struct backend_config *config, uint32_t worker);

/* CHECKs that no connection is left. A backend whose init failed may be destroyed too. */
void backend_destroy(struct backend *b);

/* The server for the next attempt of an exchange: by policy, among those it has not tried and that
 * are not backing off; if there is none, among those backing off. NULL: all with weight were
 * tried, or there is none. */
struct server *backend_pick(struct backend *b, struct exchange *ex);

/* Opening a connection begins. The ticket (balance/backoff.h) is kept by the attempt and given back
 * with its outcome: exactly one of the three calls below. */
uint32_t server_connect_begin(struct server *s, uint64_t now_ns);
void server_connected(struct backend *b, struct server *s);
void server_connect_failed(struct backend *b, struct server *s, uint32_t ticket, uint64_t now_ns,
                           struct rng *rng);
void server_connect_abandoned(struct server *s, uint32_t ticket);

#endif
