/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/h2_pool.h"

#include "core/proxy/h2_slot.h"
#include "core/proxy/h2_upstream.h"
#include "core/proxy/upstream_internal.h"
#include "core/proxy/worker.h"

/* Connections of a server that are looked at for one with room. */
#define CONNECTIONS_LOOKED_AT 32

uint32_t h2_pool_streams_allowed(const struct h2_upstream *hu)
{
    const struct server *s = hu->up->server;
    uint32_t theirs = hu->state == H2U_OPEN ? h2_streams_allowed(&hu->h2)
                      : s->h2_streams       ? s->h2_streams
                                            : UINT32_MAX;
    return theirs < hu->streams_max ? theirs : hu->streams_max;
}

/* It may turn out to speak HTTP/1, as the last one did: then it is good for one. */
static bool may_be_http1(const struct h2_upstream *hu)
{
    return hu->state == H2U_OPENING && hu->auto_protocol && hu->up->server->h1_agreed;
}

static bool has_room(const struct h2_upstream *hu)
{
    return hu->lent < h2_pool_streams_allowed(hu) && hu->uses < hu->uses_max && !may_be_http1(hu);
}

/* The one with room and the fewest streams. Stale can only be what was used before. */
static struct h2_upstream *find(const struct server *s, const struct server_tls_name *name,
                                bool fresh_only)
{
    struct h2_upstream *best = NULL;
    const struct list *n = s->h2.next;
    for (int i = 0; n != &s->h2 && i < CONNECTIONS_LOOKED_AT; n = n->next, i++) {
        struct h2_upstream *hu = container_of(n, struct h2_upstream, node);
        if (!has_room(hu) || (fresh_only && hu->idle) || (best && best->lent <= hu->lent))
            continue;
        if (!s->tls || str_eq(transport_tls_server_name(&hu->up->t), name->text))
            best = hu;
    }
    return best;
}

static void configure(struct h2_upstream *hu, const struct attempt *a)
{
    const struct backend_config *b = a->backend;
    hu->idle_ms = a->timeouts->upstream_idle_ms;
    hu->stall_ms = a->timeouts->stall_ms;
    hu->ping_ms = b->h2_ping_ms;
    hu->ping_timeout_ms = b->h2_ping_timeout_ms;
    hu->streams_max = b->h2_streams_max;
    hu->uses_max = b->proxy_protocol ? 1 : b->pool_uses_max;
    hu->idle_max = b->pool_idle_max;
}

bool h2_pool_has_room(const struct server *s, const struct backend_config *config,
                      const struct server_tls_name *name, bool fresh_only)
{
    return !config->proxy_protocol && find(s, name, fresh_only);
}

bool h2_pool_lend(struct worker *w, struct attempt *a, struct server *s,
                  const struct server_tls_name *name, bool fresh_only)
{
    struct h2_upstream *hu = a->backend->proxy_protocol ? NULL : find(s, name, fresh_only);
    bool there = hu != NULL;
    if (!hu)
        hu = h2_upstream_create(w, a, s, name);
    struct h2_slot *slot = hu ? h2_slot_create(hu, a) : NULL;
    if (!slot) {
        if (hu && !there)
            h2_upstream_unopened(hu);
        return false;
    }
    if (there && a->opens) /* there was no room when the place was taken */
        server_untake_connection(s);
    a->reused = there && hu->state == H2U_OPEN;
    if (a->reused) {
        counter_add(&w->counters->upstream_reused, 1);
        server_count(s, reused);
    }
    h2_upstream_used(hu);
    hu->lent++;
    configure(hu, a);
    if (++hu->uses >= hu->uses_max)
        h2_upstream_leave(hu);
    return true;
}

void h2_pool_lend_again(struct worker *w, struct server *s, struct attempt *a)
{
    a->opens =
        s->connections_capped && !upstream_has_slot(s, a->backend, a->host, a->switches, false);
    bool room = !a->opens || server_take_connection(s);
    if (room && upstream_lend(w, a, s, false)) {
        upstream_go(a);
        return;
    }
    a->up = NULL;
    server_leave(s);
    a->ops->detached(a);
    a->ops->failed(a, room ? END_OVERLOADED : END_SERVER_REFUSED, true);
}

bool h2_pool_retire_idle(struct server *s)
{
    for (struct list *n = s->h2.next; n != &s->h2; n = n->next) {
        struct h2_upstream *hu = container_of(n, struct h2_upstream, node);
        if (hu->idle) {
            h2_upstream_retire(hu);
            return true;
        }
    }
    return false;
}
