/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/destination.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/proxy/server.h"
#include "core/proxy/worker.h"

#define LISTS 1024

struct destinations {
    uint32_t count;
    uint32_t idle_count; /* pooled connections to all of them */
    struct list lists[LISTS];
};

struct destination {
    struct server server;
    struct server_load load;
    struct server_counters counters;
    struct addr addr, source;
    char name[ADDR_TEXT_MAX];
};

static struct list *list_of(struct destinations *d, const struct addr *to)
{
    struct peer_addr key = peer_addr_of(to);
    return &d->lists[hash_bytes(key.ip, sizeof key.ip, key.port) % LISTS];
}

static bool same(const struct addr *a, const struct addr *b)
{
    return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

static struct destinations *destinations_of(struct worker *w)
{
    if (!w->destinations) {
        w->destinations = calloc(1, sizeof *w->destinations);
        for (size_t i = 0; w->destinations && i < LISTS; i++)
            list_init(&w->destinations->lists[i]);
    }
    return w->destinations;
}

static struct server *make(struct worker *w, struct destinations *all, const struct addr *to,
                           const struct addr *source)
{
    struct destination *d = aligned_alloc(_Alignof(struct destination), sizeof *d);
    if (!d)
        return NULL;
    memset(d, 0, sizeof *d);
    d->addr = *to;
    d->source = *source;
    addr_format(to, d->name);
    d->server = (struct server){
        .w = w,
        .name = d->name,
        .addr = &d->addr,
        .source = source->len ? &d->source : NULL,
        .refs = 1, /* what is taken may be pooled */
        .idle_sum = &all->idle_count,
        .idle_sum_max = FORWARD_IDLE_ALL_MAX,
        .counters = &d->counters,
        .load = &d->load,
    };
    list_init(&d->server.idle);
    list_init(&d->server.h2);
    list_push_front(list_of(all, to), &d->server.node);
    all->count++;
    return &d->server;
}

struct server *destination_take(struct worker *w, const struct addr *to, const struct addr *source)
{
    static const struct addr none;
    struct destinations *all = destinations_of(w);
    if (!all)
        return NULL;
    if (!source)
        source = &none;
    struct list *head = list_of(all, to);
    for (struct list *n = head->next; n != head; n = n->next) {
        struct destination *d =
            container_of(container_of(n, struct server, node), struct destination, server);
        if (same(&d->addr, to) && same(&d->source, source))
            return &d->server;
    }
    return make(w, all, to, source);
}

void destination_free(struct server *s)
{
    CHECK(list_empty(&s->idle) && s->w->destinations->count > 0);
    s->w->destinations->count--;
    list_remove(&s->node);
    free(container_of(s, struct destination, server));
}

void destinations_destroy(struct worker *w)
{
    CHECK(!w->destinations || w->destinations->count == 0);
    free(w->destinations);
    w->destinations = NULL;
}
