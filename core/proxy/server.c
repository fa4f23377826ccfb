/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/server.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

/* --- the worker's servers --- */

static void free_if_unused(struct server *s)
{
    if (s->refs || s->connections || s->users)
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
    free_if_unused(s);
}

void server_unref(struct server *s)
{
    CHECK(s->refs > 0);
    if (--s->refs)
        return;
    while (!list_empty(&s->idle))
        upstream_close_idle(container_of(s->idle.next, struct upstream, idle_node));
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
