/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configuration made ready to run. What all workers share is immutable (struct plan); what each
 * worker adds - balancers over its own servers - is its use of the plan (struct plan_use). A reload
 * makes a new plan; exchanges end on the one they began with, and the last of them lets it go. */
#ifndef SLUICE_PROXY_PLAN_H
#define SLUICE_PROXY_PLAN_H

#include <stdint.h>

#include "core/config/config.h"
#include "core/proxy/route.h"
#include "core/proxy/server.h"

struct worker;

struct plan {
    struct config *config;      /* owned */
    struct site_routes **sites; /* by index of the site */
};

/* Takes the configuration over, even on failure: NULL without memory. */
struct plan *plan_create(struct config *config);
void plan_destroy(struct plan *p);

static inline const struct site_routes *plan_routes(const struct plan *p,
                                                    const struct site_config *site)
{
    return p->sites[site - p->config->sites];
}

struct plan_use {
    struct worker *w;
    const struct plan *plan;
    uint32_t refs;            /* the worker while it is current, its listeners, exchanges */
    struct backend *backends; /* by index of the backend */
};

/* One reference, the caller's. NULL without memory; nothing is changed then. */
struct plan_use *plan_use_create(struct worker *w, const struct plan *p);
void plan_use_ref(struct plan_use *u);

/* The last one tells the worker's on_plan_gone. u may be NULL. */
void plan_use_unref(struct plan_use *u);

static inline struct backend *plan_backend(const struct plan_use *u,
                                           const struct backend_config *config)
{
    return &u->backends[config - u->plan->config->backends];
}

#endif
