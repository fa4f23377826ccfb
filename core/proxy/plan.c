/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/plan.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/proxy/worker.h"

void plan_free(struct plan *p)
{
    for (uint32_t i = 0; p->sites && i < p->config->sites_count; i++)
        site_routes_destroy(p->sites[i]);
    free(p->sites);
    config_free(p->config);
    free(p);
}

struct plan *plan_create(struct config *config)
{
    struct plan *p = calloc(1, sizeof *p);
    if (!p) {
        config_free(config);
        return NULL;
    }
    p->config = config;
    p->users = 1;
    p->sites = calloc(config->sites_count ? config->sites_count : 1, sizeof(struct site_routes *));
    bool made = p->sites != NULL;
    for (uint32_t i = 0; made && i < config->sites_count; i++) {
        p->sites[i] = site_routes_create(&config->sites[i]);
        made = p->sites[i] != NULL;
    }
    if (!made) {
        plan_free(p);
        return NULL;
    }
    return p;
}

void plan_use_more(struct plan *p)
{
    p->users++;
}

void plan_unuse(struct plan *p)
{
    if (!p || --p->users)
        return;
    if (p->on_unused)
        p->on_unused(p);
    else
        plan_free(p);
}

static void destroy_use(struct plan_use *u)
{
    for (uint32_t i = 0; u->backends && i < u->plan->config->backends_count; i++)
        backend_destroy(&u->backends[i]);
    free(u->backends);
    free(u);
}

struct plan_use *plan_use_create(const struct plan *p, uint32_t worker)
{
    const struct config *config = p->config;
    struct plan_use *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    *u = (struct plan_use){ .plan = p, .refs = 1 };
    u->backends = calloc(config->backends_count ? config->backends_count : 1, sizeof *u->backends);
    bool made = u->backends != NULL;
    for (uint32_t i = 0; made && i < config->backends_count; i++)
        made = backend_init(&u->backends[i], &config->backends[i], worker);
    if (!made) {
        destroy_use(u);
        return NULL;
    }
    return u;
}

bool plan_use_attach(struct plan_use *u, struct worker *w)
{
    CHECK(!u->w);
    u->w = w;
    for (uint32_t i = 0; i < u->plan->config->backends_count; i++)
        if (!backend_attach(&u->backends[i], w))
            return false;
    return true;
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
    if (w && w->on_plan_gone)
        w->on_plan_gone(w, p);
}
