/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/plan.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/resolver.h"
#include "core/proxy/worker.h"

void plan_free(struct plan *p)
{
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        free(p->counters[i]);
    for (uint32_t i = 0; p->sites && i < p->config->sites_count; i++)
        site_routes_destroy(p->sites[i]);
    free(p->sites);
    for (uint32_t i = 0; p->lists && i < p->config->backends_count; i++)
        server_list_unref(p->lists[i]);
    free(p->lists);
    config_free(p->config);
    free(p);
}

static struct server_list *make_list(struct plan *p, const struct backend_config *b,
                                     uint64_t now_ns, plan_servers_fn servers, void *arg)
{
    if (!servers)
        return server_list_create(p->registry, b, b->servers, b->servers_count, 1, now_ns);
    struct server_config *all = calloc(SERVERS_MAX, sizeof *all);
    uint32_t count = all ? servers(arg, b, all) : 0;
    struct server_list *l = all ? server_list_create(p->registry, b, all, count, 1, now_ns) : NULL;
    free(all);
    return l;
}

static bool make_lists(struct plan *p, uint64_t now_ns, plan_servers_fn servers, void *arg)
{
    const struct config *c = p->config;
    p->lists = calloc(c->backends_count ? c->backends_count : 1, sizeof(struct server_list *));
    if (!p->lists)
        return false;
    for (uint32_t i = 0; i < c->backends_count; i++) {
        p->lists[i] = make_list(p, &c->backends[i], now_ns, servers, arg);
        if (!p->lists[i])
            return false;
    }
    return true;
}

struct plan *plan_create(struct config *config, struct registry *registry, uint64_t now_ns,
                         plan_servers_fn servers, void *arg)
{
    struct plan *p = calloc(1, sizeof *p);
    if (!p) {
        config_free(config);
        return NULL;
    }
    p->config = config;
    p->registry = registry;
    p->users = 1;
    p->sites = calloc(config->sites_count ? config->sites_count : 1, sizeof(struct site_routes *));
    bool made = p->sites && make_lists(p, now_ns, servers, arg);
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
    for (uint32_t i = 0; u->tls && i < u->plan->config->listeners_count; i++)
        if (u->tls[i])
            tls_context_unref(u->tls[i]);
    free(u->tls);
    free(u->backends);
    free(u);
}

#define CACHE_LINE_BYTES 64

static uint32_t routes_count(const struct config *c)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->sites_count; i++)
        count += c->sites[i].routes_count;
    return count;
}

/* In one piece that shares no cache line with another worker's. */
static struct plan_counters *create_counters(const struct plan *p)
{
    const struct config *c = p->config;
    size_t bytes = CACHE_LINE_BYTES + c->listeners_count * sizeof(struct listener_counters) +
                   c->sites_count * sizeof(struct site_counters) +
                   c->backends_count * sizeof(struct backend_counters) +
                   routes_count(c) * sizeof(struct route_counters);
    bytes = (bytes + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
    char *mem = aligned_alloc(CACHE_LINE_BYTES, bytes);
    if (!mem)
        return NULL;
    memset(mem, 0, bytes);
    struct plan_counters *n = (struct plan_counters *)mem;
    n->listeners = (struct listener_counters *)(mem + CACHE_LINE_BYTES);
    n->sites = (struct site_counters *)(n->listeners + c->listeners_count);
    n->backends = (struct backend_counters *)(n->sites + c->sites_count);
    n->routes = (struct route_counters *)(n->backends + c->backends_count);
    return n;
}

_Static_assert(sizeof(struct plan_counters) <= CACHE_LINE_BYTES, "it is in front of them");

struct plan_use *plan_use_create(struct plan *p, uint32_t worker)
{
    CHECK(worker < WORKERS_MAX && !p->counters[worker]);
    const struct config *config = p->config;
    struct plan_use *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    *u = (struct plan_use){ .plan = p, .refs = 1 };
    u->backends = calloc(config->backends_count ? config->backends_count : 1, sizeof *u->backends);
    u->tls = calloc(config->listeners_count ? config->listeners_count : 1, sizeof *u->tls);
    u->counters = p->counters[worker] = create_counters(p);
    bool made = u->backends && u->tls && u->counters;
    for (uint32_t i = 0; made && i < config->backends_count; i++) {
        made = backend_init(&u->backends[i], &config->backends[i], p->lists[i], worker) &&
               backend_share_tls(&u->backends[i], u->backends, i);
        u->backends[i].counters = &u->counters->backends[i];
    }
    if (!made) {
        destroy_use(u);
        return NULL;
    }
    return u;
}

static void resolver_gone(void *arg)
{
    struct worker *w = arg;
    w->resolvers--;
    worker_object_gone(w);
}

void plan_use_close_resolver(struct plan_use *u)
{
    if (u->resolver)
        resolver_destroy(u->resolver, resolver_gone, u->w);
    u->resolver = NULL;
}

/* Forward proxies ask for names that no configuration knows. */
static bool open_resolver(struct plan_use *u)
{
    const struct config *c = u->plan->config;
    bool wanted = false;
    for (uint32_t i = 0; i < c->sites_count; i++)
        wanted = wanted || c->sites[i].forward;
    if (!wanted)
        return true;
    u->resolver = resolver_create(u->w->loop, &c->dns);
    u->w->resolvers += u->resolver != NULL;
    return u->resolver != NULL;
}

bool plan_use_attach(struct plan_use *u, struct worker *w)
{
    CHECK(!u->w);
    u->w = w;
    wake_port_open(registry_ports(u->plan->registry), w);
    for (uint32_t i = 0; i < u->plan->config->backends_count; i++)
        if (!backend_attach(&u->backends[i], w))
            return false;
    for (uint32_t i = 0; i < u->plan->config->listeners_count; i++) {
        const struct listener_tls *tls = u->plan->config->listeners[i].tls;
        if (tls && !(u->tls[i] = tls_context_server(&w->tls, tls->service)))
            return false;
    }
    return open_resolver(u);
}

void plan_use_in_force(struct plan_use *u)
{
    for (uint32_t i = 0; i < u->plan->config->backends_count; i++)
        backend_in_force(&u->backends[i], u->w);
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
    plan_use_close_resolver(u);
    destroy_use(u);
    if (w && w->on_plan_gone)
        w->on_plan_gone(w, p);
}
