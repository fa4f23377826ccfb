/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers as run-time objects of one worker: they outlive the configuration that named them, with
 * their pooled connections and their back-off. A backend is what one plan makes of some of them: a
 * policy over an immutable server_set. */
#ifndef SLUICE_PROXY_SERVER_H
#define SLUICE_PROXY_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "balance/backoff.h"
#include "balance/balance.h"
#include "core/base/counters.h"
#include "core/base/limits.h"
#include "core/base/list.h"
#include "core/config/config.h"
#include "tls/context.h"
#include "tls/resume.h"

struct exchange;
struct worker;

struct server {
    struct worker *w;
    struct list node; /* in the worker's table, by hash of its identity */
    uint64_t hash;
    struct addr addr;
    const char *backend_name, *name; /* its identity; owned */
    struct str host_name, sni;       /* owned; see upstream_tls_config, server_tls.h */
    uint64_t tls_id;                 /* belongs to the identity, too; 0: plain HTTP */
    struct tls_context *tls;         /* NULL: plain HTTP */
    struct tls_resume resume;
    uint32_t refs;         /* backends that list it */
    uint32_t connections;  /* all, until their memory goes */
    uint32_t idle_count;   /* of them: pooled */
    uint32_t active_count; /* of them: lent or being opened */
    struct list idle;      /* of struct upstream.idle_node, the most recently used first */
    struct server_counters *counters; /* in the plan that was committed last of those that list it;
                                         NULL: none lists it (yet, any more) */
    struct server_load *load;
    uint64_t decay_ns; /* of its latency */
    struct backoff backoff;
    struct backoff_config backoff_config;
};

struct backend {
    const struct backend_config *config;
    struct tls_context *tls; /* NULL: plain HTTP */
    struct server_set *set;
    struct balancer *balancer;
    struct balance_options options;
    struct server **servers;    /* by index in the set */
    struct server_load **loads; /* theirs */
    struct backend_counters *counters;
    struct server_counters *server_counters; /* by index in the set */
    uint32_t weighted_count;
    uint64_t weighted[SET_WORDS(SERVERS_MAX)]; /* servers with an address and weight > 0 */
};

/* Builds set and balancer of worker number `worker`; on any thread. False when out of memory: to be
 * destroyed all the same. */
bool backend_init(struct backend *b, const struct backend_config *config, uint32_t worker);

/* Likewise: its context for TLS, the one of another backend with the same settings if there is. */
bool backend_share_tls(struct backend *b, const struct backend *others, uint32_t others_count);

/* On the worker's thread: finds the servers that the worker knows already, makes the others. False
 * as above. */
bool backend_attach(struct backend *b, struct worker *w);

/* Its plan was committed: from now on its servers count there. */
void backend_commit(struct backend *b);

/* Servers that no backend lists any more lose their pooled connections, and go with their last. */
void backend_destroy(struct backend *b);

/* The server for the next attempt of an exchange: by policy, among those it has not tried and that
 * are not backing off; if there is none, among those backing off. Gives its index, or -1: all with
 * weight were tried, or there is none. */
int32_t backend_pick(struct backend *b, struct exchange *ex);

/* Opening a connection begins. The ticket (balance/backoff.h) is kept by the attempt and given back
 * with its outcome: exactly one of the three calls below. */
uint32_t server_connect_begin(struct server *s, uint64_t now_ns);
void server_connected(struct server *s);
void server_connect_failed(struct server *s, uint32_t ticket);
void server_connect_abandoned(struct server *s, uint32_t ticket);

/* It answered with such a status, so long after the request was begun; or it did not. */
void server_answered(struct server *s, uint16_t status, uint64_t latency_ns);
void server_failed(struct server *s);

/* One more of a thing that servers count. */
#define server_count(server, what)                                                                 \
    do {                                                                                           \
        if ((server)->counters)                                                                    \
            counter_add(&(server)->counters->what, 1);                                             \
    } while (0)

/* A connection's memory goes: the server may go, too. */
void server_connection_gone(struct server *s);

#endif
