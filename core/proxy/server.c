/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/server.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/destination.h"
#include "core/proxy/h2_pool.h"
#include "core/proxy/h2_upstream.h"
#include "core/proxy/queue.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

/* --- the worker's servers --- */

static void free_if_unused(struct server *s)
{
    if (s->connections || s->users)
        return;
    if (!s->shared) {
        destination_free(s);
        return;
    }
    if (s->refs)
        return;
    if (s->backoff.state != BACKOFF_GOOD)
        s->w->servers_bad--;
    list_remove(&s->node);
    s->w->servers_count--;
    tls_resume_clear(&s->resume);
    if (s->tls)
        tls_context_unref(s->tls);
    shared_server_unref(s->shared);
    free(s);
}

static struct list *list_of(struct worker *w, const struct shared_server *shared)
{
    return &w->servers[shared->id % WORKER_SERVER_LISTS];
}

static struct server *find(struct worker *w, const struct shared_server *shared)
{
    struct list *head = list_of(w, shared);
    for (struct list *n = head->next; n != head; n = n->next) {
        struct server *s = container_of(n, struct server, node);
        if (s->shared == shared)
            return s;
    }
    return NULL;
}

static struct server *make(struct worker *w, struct shared_server *shared, struct tls_context *tls)
{
    struct server_cell *cell = shared_server_cell(shared, w->index);
    struct server *s = cell ? calloc(1, sizeof *s) : NULL;
    if (!s)
        return NULL;
    s->w = w;
    s->shared = shared;
    shared_server_ref(shared);
    s->id = shared->id;
    s->idle_sum = &w->idle_upstreams;
    s->idle_sum_max = UINT32_MAX;
    s->name = shared->name;
    s->addr = &shared->addr;
    s->host_name = shared->host_name;
    s->sni = shared->sni;
    s->tls = tls;
    if (tls)
        tls_context_ref(tls);
    s->load = &cell->load;
    s->counters = &cell->counters;
    list_init(&s->idle);
    list_init(&s->h2);
    list_push_back(list_of(w, shared), &s->node);
    w->servers_count++;
    return s;
}

struct server *server_take(struct worker *w, struct shared_server *shared, struct tls_context *tls)
{
    struct server *s = find(w, shared);
    if (!s)
        s = make(w, shared, tls);
    if (s)
        s->refs++;
    return s;
}

void server_connection_gone(struct server *s)
{
    server_count(s, closed);
    s->connections--;
    server_give_connection(s);
    free_if_unused(s);
}

void server_unref(struct server *s)
{
    CHECK(s->refs > 0);
    if (--s->refs)
        return;
    while (!list_empty(&s->idle))
        upstream_retire(container_of(s->idle.next, struct upstream, idle_node));
    while (!list_empty(&s->h2))
        h2_upstream_retire(container_of(s->h2.next, struct h2_upstream, node));
    free_if_unused(s);
}

void server_use(struct server *s)
{
    if (s)
        s->users++;
}

void server_unuse(struct server *s)
{
    if (!s)
        return;
    s->users--;
    free_if_unused(s);
}

/* --- places --- */

/* Whether a worker's part of a cap is counted becomes what `on` says. */
static void count_in(struct cap *c, uint32_t worker, bool *counted, bool on, uint32_t taken)
{
    if (on && !*counted) {
        cap_join(c, worker);
        cap_count(c, taken);
    } else if (!on && *counted) {
        cap_count(c, -(int64_t)taken);
    }
    *counted = on;
}

void server_set_caps(struct server *s, uint32_t requests_max, uint32_t connections_max)
{
    struct shared_server *shared = s->shared;
    const uint32_t in_flight = atomic_load_explicit(&s->load->own, memory_order_relaxed);
    bool more = cap_set(&shared->requests, requests_max);
    more |= cap_set(&shared->connections, connections_max);
    count_in(&shared->requests, s->w->index, &s->requests_capped, requests_max, in_flight);
    count_in(&shared->connections, s->w->index, &s->connections_capped, connections_max,
             s->connections);
    if (more)
        queue_tell(s->w, shared->backend);
}

void servers_set_cap(struct worker *w, struct shared_backend *sb, uint32_t requests_max)
{
    bool more = cap_set(&sb->requests, requests_max);
    for (uint32_t i = 0; i < WORKER_SERVER_LISTS; i++)
        for (struct list *n = w->servers[i].next; n != &w->servers[i]; n = n->next) {
            struct server *s = container_of(n, struct server, node);
            if (s->shared->backend == sb)
                count_in(&sb->requests, w->index, &s->backend_capped, requests_max,
                         atomic_load_explicit(&s->load->own, memory_order_relaxed));
        }
    if (more)
        queue_tell(w, sb);
}

static bool take(struct server *s, struct cap *c)
{
    struct shared_backend *sb = s->shared->backend;
    bool leased = false, taken = cap_take(c, s->w->index, atomic_load(&sb->waiting) > 0, &leased);
    if (leased)
        queue_tell(s->w, sb);
    return taken;
}

static void give(struct server *s, struct cap *c)
{
    cap_give(c, s->w->index, atomic_load(&s->shared->backend->waiting) > 0);
}

bool server_enter_capped(struct server *s)
{
    if (s->backend_capped && !take(s, &s->shared->backend->requests))
        return false;
    if (!s->requests_capped || take(s, &s->shared->requests))
        return true;
    if (s->backend_capped)
        give(s, &s->shared->backend->requests);
    return false;
}

void server_leave_capped(struct server *s)
{
    if (s->backend_capped)
        give(s, &s->shared->backend->requests);
    if (s->requests_capped)
        give(s, &s->shared->requests);
    queue_tell(s->w, s->shared->backend);
}

void server_enter_beside(struct server *s)
{
    server_load_begin(s->load);
    if (s->backend_capped)
        cap_count(&s->shared->backend->requests, 1);
    if (s->requests_capped)
        cap_count(&s->shared->requests, 1);
}

bool server_take_connection(struct server *s)
{
    if (!s->connections_capped || take(s, &s->shared->connections))
        return true;
    s->connections_short = true;
    return false;
}

void server_untake_connection(struct server *s)
{
    if (s->connections_capped)
        give(s, &s->shared->connections);
}

void server_give_connection(struct server *s)
{
    if (!s->connections_capped)
        return;
    give(s, &s->shared->connections);
    queue_tell(s->w, s->shared->backend);
}

void server_has_idle(struct server *s)
{
    if (likely(!s->connections_capped))
        return;
    /* Who sets it then looks for idle ones. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&s->shared->connection_wanted))
        queue_look(s->w);
}

void server_close_idle(struct server *s)
{
    if (!list_empty(&s->idle))
        upstream_retire(container_of(s->idle.prev, struct upstream, idle_node));
    else
        h2_pool_retire_idle(s);
}

/* --- what connecting tells --- */

static void note_state(struct server *s, enum backoff_state before)
{
    if (before == BACKOFF_GOOD && s->backoff.state != BACKOFF_GOOD)
        s->w->servers_bad++;
    if (before != BACKOFF_GOOD && s->backoff.state == BACKOFF_GOOD)
        s->w->servers_bad--;
}

uint32_t server_connect_begin(struct server *s, uint64_t now_ns)
{
    return backoff_begin(&s->backoff, now_ns);
}

void server_connected(struct server *s)
{
    enum backoff_state before = s->backoff.state;
    backoff_succeeded(&s->backoff);
    note_state(s, before);
}

void server_connect_failed(struct server *s, uint32_t ticket)
{
    if (!s->shared) { /* whoever asks for it, asks for it */
        server_count(s, failed);
        return;
    }
    enum backoff_state before = s->backoff.state;
    struct loop *l = s->w->loop;
    backoff_failed(&s->backoff, ticket, &s->backoff_config, l->now_ns, &l->rng);
    server_count(s, failed);
    note_state(s, before);
}

void server_answered(struct server *s, uint16_t status, uint64_t latency_ns)
{
    if (status < 500)
        server_load_answered(s->load, latency_ns, s->w->loop->now_ns, s->decay_ns);
    else
        server_load_failed(s->load);
}

void server_failed(struct server *s)
{
    server_load_failed(s->load);
}

void server_connect_abandoned(struct server *s, uint32_t ticket)
{
    backoff_abandoned(&s->backoff, ticket);
}
