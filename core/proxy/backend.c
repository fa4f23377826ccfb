/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/backend.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/proxy/server_tls.h"
#include "core/proxy/worker.h"

/* --- life --- */

static struct balance_options options_of(const struct backend_config *config)
{
    return (struct balance_options){ .bound = config->balance.bound_ppm / 1e6,
                                     .decay_ns = ms_to_ns(config->balance.decay_ms) };
}

struct balancer *backend_make_balancer(const struct backend_config *config,
                                       const struct server_list *list, uint32_t worker)
{
    const struct balance_policy *policy = balance_policy_find(str_of(config->balance.policy));
    const struct balance_options options = options_of(config);
    CHECK(policy);
    return policy->create(list->set, &options, worker);
}

static void let_go(struct server **servers, uint32_t count)
{
    for (uint32_t i = 0; servers && i < count; i++)
        if (servers[i])
            server_unref(servers[i]);
    free(servers);
}

static void configure(const struct backend *b, struct server *s)
{
    s->backoff_config = (struct backoff_config){ .min_ns = ms_to_ns(b->config->backoff_min_ms),
                                                 .max_ns = ms_to_ns(b->config->backoff_max_ms) };
    s->decay_ns = ms_to_ns(b->config->balance.decay_ms);
}

/* The worker's servers of a list, and their loads. False without memory: some may be taken. */
static bool take_servers(const struct backend *b, struct worker *w, const struct server_list *list,
                         struct server ***servers, struct server_load ***loads)
{
    uint32_t count = list->set->count;
    *servers = calloc(count ? count : 1, sizeof **servers);
    *loads = calloc(count ? count : 1, sizeof **loads);
    for (uint32_t i = 0; *servers && *loads && i < count; i++) {
        struct server *s = server_take(w, list->shared[i], b->tls);
        if (!s)
            return false;
        configure(b, s);
        (*servers)[i] = s;
        (*loads)[i] = s->load;
    }
    return *servers && *loads;
}

bool backend_attach(struct backend *b, struct worker *w)
{
    return take_servers(b, w, b->list, &b->servers, &b->loads);
}

bool backend_change(struct backend *b, struct worker *w, struct server_list *list,
                    struct balancer *balancer)
{
    struct server **servers;
    struct server_load **loads;
    if (!take_servers(b, w, list, &servers, &loads)) {
        let_go(servers, list->set->count);
        free(loads);
        balancer_destroy(balancer);
        server_list_unref(list);
        return false;
    }
    struct server **old_servers = b->servers;
    struct server_list *old_list = b->list;
    free(b->loads);
    balancer_destroy(b->balancer);
    b->servers = servers;
    b->loads = loads;
    b->balancer = balancer;
    b->list = list;
    b->seen = false;
    backend_in_force(b, w);
    queue_tell(w, list->backend);
    let_go(old_servers, old_list->set->count);
    server_list_unref(old_list);
    return true;
}

bool backend_share_tls(struct backend *b, const struct backend *others, uint32_t others_count)
{
    char
        ignored[256]; /* it was checked when the configuration was read: only memory can be short */
    if (!b->config->tls)
        return true;
    for (uint32_t i = 0; i < others_count && !b->tls; i++)
        if (others[i].tls && others[i].config->tls->id == b->config->tls->id) {
            b->tls = others[i].tls;
            tls_context_ref(b->tls);
        }
    if (!b->tls)
        b->tls = server_tls_context(b->config->tls, NULL, ignored, sizeof ignored);
    return b->tls;
}

static bool is_capped(const struct backend *b)
{
    bool capped = b->config->breaker.requests_max > 0;
    for (uint32_t i = 0; i < b->list->set->count; i++)
        capped = capped || b->list->caps[i].requests_max || b->list->caps[i].connections_max;
    return capped;
}

void backend_in_force(struct backend *b, struct worker *w)
{
    b->capped = is_capped(b);
    for (uint32_t i = 0; i < b->list->set->count; i++)
        server_set_caps(b->servers[i], b->list->caps[i].requests_max,
                        b->list->caps[i].connections_max);
    servers_set_cap(w, b->list->backend, b->config->breaker.requests_max);
}

bool backend_init(struct backend *b, const struct backend_config *config, struct server_list *list,
                  uint32_t worker)
{
    *b = (struct backend){ .config = config, .list = list };
    server_list_ref(list);
    queue_init(&b->queue);
    b->capped = is_capped(b);
    b->balancer = backend_make_balancer(config, list, worker);
    return b->balancer;
}

void backend_destroy(struct backend *b)
{
    if (!b->list)
        return;
    let_go(b->servers, b->list->set->count);
    balancer_destroy(b->balancer);
    server_list_unref(b->list);
    if (b->tls)
        tls_context_unref(b->tls);
    free(b->loads);
    *b = (struct backend){ 0 };
}
