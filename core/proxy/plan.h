/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configuration made ready to run. What all workers share is immutable (struct plan); what each
 * worker adds - balancers over its own servers - is its use of the plan (struct plan_use). A reload
 * makes a new plan; exchanges end on the one they began with, and the last of them lets it go. */
#ifndef SLUICE_PROXY_PLAN_H
#define SLUICE_PROXY_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/counters.h"
#include "core/base/limits.h"
#include "core/config/config.h"
#include "core/proxy/backend.h"
#include "core/proxy/route.h"

struct resolver;
struct tls_context;
struct worker;

/* What one worker counted while it was on a plan. Written by that worker; whoever frees the plan
 * has read them. */
struct plan_counters {
    struct listener_counters *listeners; /* by index in the configuration, as the others */
    struct site_counters *sites;
    struct route_counters *routes; /* of all sites, one after the other: plan_route_index() */
    struct backend_counters *backends;
};

struct plan {
    struct config *config; /* owned */
    struct registry *registry;
    struct site_routes **sites; /* by index of the site */
    _Atomic uint32_t users;     /* its maker, and each worker that has not let it go */
    struct server_list **lists; /* by index of the backend: those in force; the maker's thread */
    struct plan_counters *counters[WORKERS_MAX]; /* NULL: that worker never had the plan */
    uint16_t log_first;                          /* what records of its first log say (record.h) */
    /* NULL: the last user frees it. Else that is told instead, on the user's thread: plan_free()
     * comes from elsewhere, later. */
    void (*on_unused)(struct plan *p);
    void *owner; /* for on_unused */
};

/* What a backend's servers are at first: writes them, gives how many. */
typedef uint32_t (*plan_servers_fn)(void *arg, const struct backend_config *bc,
                                    struct server_config out[SERVERS_MAX]);

/* Takes the configuration over, even on failure: NULL without memory. registry: where the servers
 * are; outlives the plan. now_ns: of the slow start of new servers; 0: none. servers: NULL: those
 * of the configuration. */
struct plan *plan_create(struct config *config, struct registry *registry, uint64_t now_ns,
                         plan_servers_fn servers, void *arg);

/* One user more or less; from any thread. p may be NULL to plan_unuse(). */
void plan_use_more(struct plan *p);
void plan_unuse(struct plan *p);

/* Nobody uses it. */
void plan_free(struct plan *p);

static inline const struct site_routes *plan_routes(const struct plan *p,
                                                    const struct site_config *site)
{
    return p->sites[site - p->config->sites];
}

struct plan_use {
    struct worker *w; /* NULL: not attached yet */
    const struct plan *plan;
    uint32_t refs;             /* the worker while it is current, its listeners, exchanges */
    struct backend *backends;  /* by index of the backend */
    struct tls_context **tls;  /* by index of the listener; NULL: it speaks plain HTTP */
    struct resolver *resolver; /* NULL: no listener is a forward proxy */
    struct plan_counters *counters;
};

/* Builds the balancers and counters of worker number `worker`, once; the thread that made the plan
 * does it, as it takes a while. One reference, the caller's. NULL without memory. */
struct plan_use *plan_use_create(struct plan *p, uint32_t worker);

/* On the worker's thread: gives it the worker's servers. False without memory (then only
 * plan_use_unref() may follow). */
bool plan_use_attach(struct plan_use *u, struct worker *w);

/* On the worker's thread: from now on it is the worker's. */
void plan_use_in_force(struct plan_use *u);
void plan_use_ref(struct plan_use *u);

/* Nothing is resolved any more: w->resolvers counts until it is closed. */
void plan_use_close_resolver(struct plan_use *u);

/* On the worker's thread once attached. The last one tells the worker's on_plan_gone. u may be
 * NULL. */
void plan_use_unref(struct plan_use *u);

static inline struct backend *plan_backend(const struct plan_use *u,
                                           const struct backend_config *config)
{
    return &u->backends[config - u->plan->config->backends];
}

/* NULL: the listener speaks plain HTTP. */
static inline struct tls_context *plan_tls(const struct plan_use *u,
                                           const struct listener_config *config)
{
    return u->tls[config - u->plan->config->listeners];
}

/* Of a route among those of all sites. */
static inline uint32_t plan_route_index(const struct config *c, const struct site_config *site,
                                        const struct route_config *route)
{
    uint32_t index = (uint32_t)(route - site->routes);
    for (const struct site_config *s = c->sites; s < site; s++)
        index += s->routes_count;
    return index;
}

static inline struct site_counters *plan_site_counters(const struct plan_use *u,
                                                       const struct site_config *site)
{
    return &u->counters->sites[site - u->plan->config->sites];
}

#endif
