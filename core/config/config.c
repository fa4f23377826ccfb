/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "core/config/values.h"

struct config *config_new(size_t memory_max)
{
    struct config *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    arena_init(&c->arena, c, 0, memory_max); /* no first block */
    c->request_id = (struct request_id_config){ STR("X-Request-Id"), TRUST_PROXIES };
    c->relay = (struct relay_config){ RELAY_AUTO, RELAY_SPLICE_BYTES, SPLICE_PIPE_BYTES };
    config_default_timeouts(&c->timeouts);
    config_default_dns(&c->dns);
    return c;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    regex_free_all(c->regexes);
    for (const struct pem_file *f = c->pem_files; f; f = f->next)
        explicit_bzero((char *)f->text.ptr, f->text.len);
    for (uint32_t i = 0; i < c->listeners_count; i++) {
        const struct listener_tls *tls = c->listeners[i].tls;
        if (tls && tls->service)
            tls->release(tls->service);
    }
    arena_reset(&c->arena);
    free(c);
}

void *config_alloc(struct config *c, size_t bytes)
{
    void *p = arena_alloc(&c->arena, bytes);
    if (p)
        memset(p, 0, bytes);
    return p;
}

struct str config_str(struct config *c, struct str s)
{
    char *p = arena_alloc(&c->arena, s.len + 1);
    if (!p)
        return (struct str){ 0 };
    if (s.len)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return (struct str){ p, s.len };
}

/* One of each, which point to each other. */
struct proxy_parts {
    struct listener_config listener;
    struct site_config site;
    struct route_config route;
    struct target_config target;
    struct backend_config backend;
    struct bind_config binds[LISTENERS_MAX];
};

struct config *config_new_proxy(void)
{
    struct config *c = config_new(CONFIG_MEMORY_BYTES_MAX);
    struct proxy_parts *p = c ? config_alloc(c, sizeof *p) : NULL;
    if (!p) {
        config_free(c);
        return NULL;
    }
    config_default_backend(&p->backend);
    config_default_site(&p->site);
    p->backend.name = p->site.name = p->listener.name = p->route.name = "default";
    p->target = (struct target_config){ &p->backend, 1, c->timeouts };
    p->route.targets = &p->target;
    p->route.targets_count = 1;
    p->route.handling = p->site.handling;
    p->site.routes = &p->route;
    p->site.routes_count = 1;
    p->listener.site = &p->site;
    p->listener.http2 = true;
    c->binds = p->binds;
    c->listeners = &p->listener;
    c->sites = &p->site;
    c->backends = &p->backend;
    c->listeners_count = c->sites_count = c->backends_count = 1;
    return c;
}
