/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The servers of a backend as one worker sees them: stable identity, pooled connections, back-off.
 * Policies see only the immutable server_set and a bitmap of who may be picked. */
#ifndef SLUICE_PROXY_SERVER_H
#define SLUICE_PROXY_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "balance/backoff.h"
#include "balance/balance.h"
#include "core/base/list.h"
#include "core/config/config.h"
#include "core/http/head.h"

struct exchange;
struct worker;

#define SERVER_WORDS ((SERVERS_MAX + 63) / 64)

struct server {
    const struct server_config *config;
    uint16_t index;       /* in the set */
    uint32_t idle_count;  /* pooled connections */
    uint32_t active_count; /* lent ones and those being opened */
    struct list idle;      /* of struct upstream.idle_node, the most recently used first */
    struct backoff backoff;
};

struct backend {
    const struct backend_config *config;
    struct server_set *set;
    const struct balance_policy *policy;
    void *policy_state;
    struct server *servers;
    uint32_t servers_count;
    uint32_t backing_off; /* servers whose backoff is not clear */
    uint64_t weighted[SERVER_WORDS]; /* servers with weight > 0 */
};

/* seed: makes the workers' round robin start at different places. False when out of memory. */
bool backend_init(struct backend *b, const struct backend_config *config, uint64_t seed);

/* CHECKs that no connection is left. */
void backend_destroy(struct backend *b);

/* The server for the next attempt of an exchange: by policy, among those not tried and not backing
 * off; if there is none, among those backing off; NULL: all were tried or have no weight. */
struct server *backend_pick(struct worker *w, struct exchange *ex);

/* What became of opening a connection. */
void server_connected(struct worker *w, struct server *s);
void server_connect_failed(struct worker *w, struct server *s);

#endif
