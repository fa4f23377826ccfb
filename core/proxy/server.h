/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers as run-time objects of one worker: they outlive the configuration that named them, with
 * their pooled connections and their back-off. */
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
#include "core/proxy/registry.h"
#include "tls/context.h"
#include "tls/resume.h"

struct worker;

struct server {
    struct worker *w;
    struct list node;             /* in the worker's table, by id */
    struct shared_server *shared; /* what all workers know of it; a reference */
    const char *name;             /* as the following: shared's */
    const struct addr *addr;
    struct str host_name, sni;
    struct tls_context *tls; /* NULL: plain HTTP */
    struct tls_resume resume;
    uint32_t refs;         /* backends that list it */
    uint32_t users;        /* exchanges that name it */
    uint32_t connections;  /* all, until their memory goes */
    uint32_t idle_count;   /* of them: pooled */
    uint32_t active_count; /* of them: lent or being opened */
    struct list idle;      /* of struct upstream.idle_node, the most recently used first */
    struct server_counters *counters;
    struct server_load *load;
    uint64_t decay_ns; /* of its latency */
    struct backoff backoff;
    struct backoff_config backoff_config;
};

/* The worker's server, a reference more; made if it is new. tls: its context, if it speaks TLS.
 * NULL without memory. */
struct server *server_take(struct worker *w, struct shared_server *shared, struct tls_context *tls);
/* The last: its pooled connections are closed, and it goes with its last connection and user. */
void server_unref(struct server *s);

/* As long as an exchange names it. s may be NULL. */
void server_use(struct server *s);
void server_unuse(struct server *s);

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
#define server_count(server, what) counter_add(&(server)->counters->what, 1)

/* A connection's memory goes: the server may go, too. */
void server_connection_gone(struct server *s);

#endif
