/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers as run-time objects of one worker: they outlive the configuration that named them, with
 * their pooled connections and their back-off. */
#ifndef SLUICE_PROXY_SERVER_H
#define SLUICE_PROXY_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "balance/backoff.h"
#include "balance/balance.h"
#include "core/base/check.h"
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
    struct shared_server *shared; /* what all workers know of it; a reference. NULL: no
                                     configuration names it (destination.h) */
    uint64_t id;                  /* shared's; 0: it has none */
    const char *name;             /* as the following: shared's */
    const struct addr *addr;
    const struct addr *source; /* where connections come from; NULL: the kernel chooses */
    struct str host_name, sni;
    struct tls_context *tls; /* NULL: plain HTTP */
    struct tls_resume resume;
    uint32_t refs;        /* backends that list it */
    uint32_t users;       /* exchanges that name it */
    uint32_t connections; /* all, until their memory goes */
    uint32_t idle_count;  /* of them: pooled */
    uint32_t *idle_sum;   /* the same of all servers that share a bound */
    uint32_t idle_sum_max;
    uint32_t active_count; /* of them: lent or being opened */
    struct list idle;      /* of struct upstream.idle_node, the most recently used first */
    /* whether what is taken of the shared caps is counted: caps that a configuration knows */
    bool requests_capped, connections_capped, backend_capped;
    bool connections_short; /* somebody waits as it may have no more connections */
    struct list h2;         /* of struct h2_upstream.node: those that take more requests */
    uint32_t h2_streams;    /* at a time, as the last of them was told; 0: not known */
    bool h1_agreed;         /* with `auto`: the last connection turned out to speak HTTP/1 */
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

/* --- places (balance/cap.h) --- */

/* What a configuration in force says of it; 0: no limit. What the worker has on the server is
 * counted from now on, or not any more. */
void server_set_caps(struct server *s, uint32_t requests_max, uint32_t connections_max);

/* Likewise of all servers of a backend together. */
void servers_set_cap(struct worker *w, struct shared_backend *sb, uint32_t requests_max);

bool server_enter_capped(struct server *s);
void server_leave_capped(struct server *s);

/* One more request in flight on it. False: its max_requests, or its backend's. */
static inline bool server_enter(struct server *s)
{
    if (unlikely(s->requests_capped || s->backend_capped) && !server_enter_capped(s))
        return false;
    server_load_begin(s->load);
    return true;
}

/* It has ended. */
static inline void server_leave(struct server *s)
{
    server_load_end(s->load);
    if (unlikely(s->requests_capped || s->backend_capped))
        server_leave_capped(s);
}

/* A request that is in flight goes over to another owner, who leaves in its place: call this before
 * the old one leaves. */
void server_enter_beside(struct server *s);

/* A place for one more connection, which is to be opened now; server_connection_gone() gives it
 * back, or this. False: its max_connections. */
bool server_take_connection(struct server *s);
void server_give_connection(struct server *s);

/* The same when nothing came of it: there was a place before, nobody needs to be told. */
void server_untake_connection(struct server *s);

/* One of its connections has become idle: another worker may want its place. */
void server_has_idle(struct server *s);
/* Closes the one that was idle the longest, if there is one. */
void server_close_idle(struct server *s);

/* --- what connecting tells --- */

/* Opening a connection begins. The ticket (balance/backoff.h) is kept by the attempt and given back
 * with its outcome: exactly one of the three calls below. */
uint32_t server_connect_begin(struct server *s, uint64_t now_ns);
void server_connected(struct server *s);
void server_connect_failed(struct server *s, uint32_t ticket);
void server_connect_abandoned(struct server *s, uint32_t ticket);

/* It answered with such a status, so long after the request was begun; or it did not. */
void server_answered(struct server *s, uint16_t status, uint64_t latency_ns);
void server_failed(struct server *s);

/* A connection begins (1) or ends (-1) to wait for its next use. */
static inline void server_idle_add(struct server *s, int32_t more)
{
    s->idle_count += (uint32_t)more;
    *s->idle_sum += (uint32_t)more;
}

/* One more of a thing that servers count. */
#define server_count(server, what) counter_add(&(server)->counters->what, 1)

/* A connection's memory goes: the server may go, too. */
void server_connection_gone(struct server *s);

#endif
