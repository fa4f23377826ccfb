/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/server_list.h"

#include <stdlib.h>
#include <string.h>

#include "balance/tiers.h"
#include "core/base/check.h"
#include "core/proxy/sticky.h"

/* Two of each priority: the own zone, the others. */
static uint32_t tier_of(const struct backend_config *bc, const struct server_config *s)
{
    const char *zone = bc->balance.zone;
    bool far = zone && (!s->zone || strcmp(s->zone, zone) != 0);
    uint32_t tier = 2 * s->priority + far;
    CHECK(tier < TIER_BACKUP);
    return s->backup ? TIER_BACKUP : tier;
}

static bool fill(struct server_list *l, const struct backend_config *bc,
                 const struct server_config *servers, uint32_t count, uint64_t version,
                 uint64_t now_ns)
{
    struct server_info *infos = calloc(count ? count : 1, sizeof *infos);
    bool made = infos != NULL;
    for (uint32_t i = 0; made && i < count; i++) {
        l->tiers[i] = (uint8_t)tier_of(bc, &servers[i]);
        l->caps[i] = (struct server_caps){ servers[i].requests_max, servers[i].connections_max };
        l->shared[i] = shared_server_take(l->backend, bc, &servers[i], now_ns);
        made = l->shared[i] != NULL;
        if (made && l->tags)
            l->tags[i] = sticky_tag(&bc->sticky, bc->name, l->shared[i]->name);
        /* Where to it cannot be said, nothing goes. */
        if (made)
            infos[i] =
                (struct server_info){ .id = l->shared[i]->id,
                                      .name = str_of(l->shared[i]->name),
                                      .weight = servers[i].addr.len ? servers[i].weight : 0 };
    }
    l->set = made ? server_set_create(version, infos, count) : NULL;
    if (!l->set)
        for (uint32_t i = 0; i < count; i++)
            shared_server_unref(l->shared[i]);
    free(infos);
    return l->set;
}

struct server_list *server_list_create(struct registry *r, const struct backend_config *bc,
                                       const struct server_config *servers, uint32_t count,
                                       uint64_t version, uint64_t now_ns)
{
    CHECK(count <= SERVERS_MAX);
    struct server_list *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->refs = 1;
    l->backend = shared_backend_take(r, bc->name);
    l->shared = calloc(count ? count : 1, sizeof(struct shared_server *));
    l->tiers = calloc(count ? count : 1, sizeof l->tiers[0]);
    l->caps = calloc(count ? count : 1, sizeof l->caps[0]);
    if (bc->sticky.secret.len)
        l->tags = calloc(count ? count : 1, sizeof l->tags[0]);
    bool tagged = l->tags || !bc->sticky.secret.len;
    if (l->backend && l->shared && l->tiers && l->caps && tagged &&
        fill(l, bc, servers, count, version, now_ns))
        return l;
    shared_backend_unref(l->backend);
    free(l->shared);
    free(l->tiers);
    free(l->caps);
    free(l->tags);
    free(l);
    return NULL;
}

void server_list_ref(struct server_list *l)
{
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
}

void server_list_unref(struct server_list *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t i = 0; i < l->set->count; i++)
        shared_server_unref(l->shared[i]);
    shared_backend_unref(l->backend);
    server_set_destroy(l->set);
    free(l->shared);
    free(l->tiers);
    free(l->caps);
    free(l->tags);
    free(l);
}
