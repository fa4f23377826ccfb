/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Timeouts: what a route says goes before its backend, that before the site, that before
 * `defaults`, that before sluice's own. Until here 0 meant that nothing was said. */
#include "core/base/check.h"
#include "core/config/loader.h"

#define TIMEOUTS_COUNT (sizeof(struct timeouts) / sizeof(uint32_t))

_Static_assert(sizeof(struct timeouts) % sizeof(uint32_t) == 0, "timeouts are an array of numbers");

/* Fills what is not said in t. */
static void fill(struct timeouts *t, const struct timeouts *from)
{
    uint32_t *to = (uint32_t *)t;
    const uint32_t *other = (const uint32_t *)from;
    for (size_t i = 0; i < TIMEOUTS_COUNT; i++)
        if (to[i] == 0)
            to[i] = other[i];
}

static void fill_route(struct route_config *r, const struct timeouts *site)
{
    for (uint32_t i = 0; i < r->targets_count; i++) {
        struct target_config *t = &r->targets[i];
        t->timeouts = r->handling.timeouts;
        if (t->backend)
            fill(&t->timeouts, &t->backend->timeouts);
        fill(&t->timeouts, site);
    }
    fill(&r->handling.timeouts, site);
}

void inherit_timeouts(struct loader *l)
{
    struct config *c = l->config;
    struct timeouts *defaults = &c->timeouts;
    struct timeouts own = l->defaults.handling.timeouts;
    fill(&own, defaults); /* which are sluice's own until here */
    *defaults = own;
    for (uint32_t i = 0; i < c->sites_count; i++) {
        struct site_config *s = &c->sites[i];
        fill(&s->handling.timeouts, defaults);
        for (uint32_t k = 0; k < s->routes_count; k++)
            fill_route(&s->routes[k], &s->handling.timeouts);
    }
    for (uint32_t i = 0; i < c->backends_count; i++)
        fill(&c->backends[i].timeouts, defaults);
}
