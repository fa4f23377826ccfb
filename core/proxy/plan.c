/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/plan.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/proxy/worker.h"

struct plan *plan_create(struct config *config)
{
    struct plan *p = calloc(1, sizeof *p);
    if (!p) {
        config_free(config);
        return NULL;
    }
    p->config = config;
    p->sites = calloc(config->sites_count, sizeof(struct site_routes *));
    bool made = p->sites != NULL;
    for (uint32_t i = 0; made && i < config->sites_count; i++) {
        p->sites[i] = site_routes_create(&config->sites[i]);
        made = p->sites[i] != NULL;
    }
    if (!made) {
        plan_destroy(p);
        return NULL;
    }
    return p;
}

void plan_destroy(struct plan *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; p->sites && i < p->config->sites_count; i++)
        site_routes_destroy(p->sites[i]);
    free(p->sites);
    config_free(p->config);
    free(p);
}

static void destroy_use(struct plan_use *u)
{
    for (uint32_t i = 0; u->backends && i < u->plan->config->backends_count; i++)
        backend_destroy(&u->backends[i]);
    free(u->backends);
    free(u);
}

struct plan_use *plan_use_create(struct worker *w, const struct plan *p)
{
    const struct config *config = p->config;
    struct plan_use *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    *u = (struct plan_use){ .w = w, .plan = p, .refs = 1 };
    u->backends = calloc(config->backends_count, sizeof *u->backends);
    bool made = u->backends != NULL;
    for (uint32_t i = 0; made && i < config->backends_count; i++)
        made = backend_init(&u->backends[i], w, &config->backends[i]);
    if (!made) {
        destroy_use(u);
        return NULL;
    }
    return u;
}

void plan_use_ref(struct plan_use *u)
{
    u->refs++;
}

void plan_use_unref(struct plan_use *u)
{
    if (!u)
        return;
    CHECK(u->refs > 0);
    if (--u->refs)
        return;
    struct worker *w = u->w;
    const struct plan *p = u->plan;
    destroy_use(u);
    if (w->on_plan_gone)
        w->on_plan_gone(w, p);
}
