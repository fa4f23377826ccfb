/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observe/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/observe/metrics_text.h"

#define LISTS 1024

struct metrics {
    struct series *first, **end; /* in the order in which they came */
    struct series *lists[LISTS]; /* by hash of kind and names */
    struct metrics_plan *plans;
};

struct metrics_plan {
    struct metrics *metrics;
    struct metrics_plan *next;
    const struct plan *plan;
    uint32_t count;
    struct series *series[]; /* listeners, sites, backends */
};

static const uint32_t values_counts[] = {
    [SERIES_LISTENER] = sizeof(struct listener_counters) / sizeof(counter),
    [SERIES_SITE] = sizeof(struct site_counters) / sizeof(counter),
    [SERIES_BACKEND] = sizeof(struct backend_counters) / sizeof(counter),
    [SERIES_SERVER] = sizeof(struct server_counters) / sizeof(counter),
};

struct metrics *metrics_create(void)
{
    struct metrics *m = calloc(1, sizeof *m);
    if (m)
        m->end = &m->first;
    return m;
}

void metrics_destroy(struct metrics *m)
{
    if (!m)
        return;
    while (m->plans)
        metrics_drop_plan(m->plans);
    CHECK(!m->first);
    free(m);
}

/* ---- series ---- */

static struct series **list_of(struct metrics *m, enum series_kind kind, const char *parent,
                               const char *name)
{
    uint64_t h = hash_bytes(parent, strlen(parent), (uint64_t)kind);
    return &m->lists[hash_bytes(name, strlen(name), h) % LISTS];
}

static struct series *make_series(struct metrics *m, enum series_kind kind, const char *parent,
                                  const char *name)
{
    struct series *s = calloc(1, sizeof *s + 2 * values_counts[kind] * sizeof(uint64_t));
    if (!s)
        return NULL;
    s->kind = kind;
    s->parent = strdup(parent);
    s->name = strdup(name);
    s->kept = s->values + values_counts[kind];
    if (!s->parent || !s->name) {
        free(s->parent);
        free(s->name);
        free(s);
        return NULL;
    }
    struct series **list = list_of(m, kind, parent, name);
    s->same_hash = *list;
    *list = s;
    s->before = m->end;
    *m->end = s;
    m->end = &s->next;
    return s;
}

static struct series *take_series(struct metrics *m, enum series_kind kind, const char *parent,
                                  const char *name)
{
    struct series *s = *list_of(m, kind, parent, name);
    while (s && (s->kind != kind || strcmp(s->parent, parent) || strcmp(s->name, name)))
        s = s->same_hash;
    if (!s)
        s = make_series(m, kind, parent, name);
    if (s)
        s->users++;
    return s;
}

static void release_series(struct metrics *m, struct series *s)
{
    if (--s->users)
        return;
    struct series **at = list_of(m, s->kind, s->parent, s->name);
    while (*at != s)
        at = &(*at)->same_hash;
    *at = s->same_hash;
    *s->before = s->next;
    if (s->next)
        s->next->before = s->before;
    else
        m->end = s->before;
    free(s->parent);
    free(s->name);
    free(s);
}

/* ---- plans ---- */

/* In the order of metrics_plan.series. False without memory. */
static bool take_all(struct metrics_plan *mp)
{
    const struct config *c = mp->plan->config;
    struct metrics *m = mp->metrics;
    uint32_t total = c->listeners_count + c->sites_count + c->backends_count;
    for (uint32_t i = 0; i < c->listeners_count; i++)
        mp->series[mp->count++] = take_series(m, SERIES_LISTENER, "", c->listeners[i].name);
    for (uint32_t i = 0; i < c->sites_count; i++)
        mp->series[mp->count++] = take_series(m, SERIES_SITE, "", c->sites[i].name);
    for (uint32_t i = 0; i < c->backends_count; i++)
        mp->series[mp->count++] = take_series(m, SERIES_BACKEND, "", c->backends[i].name);
    CHECK(mp->count == total);
    for (uint32_t i = 0; i < total; i++)
        if (!mp->series[i])
            return false;
    return true;
}

/* Adds what all workers counted on a plan, to what is shown or to what is kept. */
static void add_counts(const struct metrics_plan *mp, bool keep)
{
    for (uint32_t w = 0; w < WORKERS_MAX; w++) {
        if (!mp->plan->counters[w])
            continue;
        const counter *at = (const counter *)mp->plan->counters[w]->listeners;
        for (uint32_t i = 0; i < mp->count; i++) {
            struct series *s = mp->series[i];
            uint64_t *to = keep ? s->kept : s->values;
            for (uint32_t k = 0; k < values_counts[s->kind]; k++)
                to[k] += counter_read(at++);
        }
    }
}

struct metrics_plan *metrics_add_plan(struct metrics *m, const struct plan *p)
{
    const struct config *c = p->config;
    size_t count = (size_t)c->listeners_count + c->sites_count + c->backends_count;
    struct metrics_plan *mp = calloc(1, sizeof *mp + count * sizeof mp->series[0]);
    if (!mp)
        return NULL;
    mp->metrics = m;
    mp->plan = p;
    mp->next = m->plans;
    m->plans = mp;
    if (take_all(mp))
        return mp;
    metrics_drop_plan(mp);
    return NULL;
}

void metrics_drop_plan(struct metrics_plan *mp)
{
    struct metrics *m = mp->metrics;
    struct metrics_plan **at = &m->plans;
    while (*at != mp)
        at = &(*at)->next;
    *at = mp->next;
    add_counts(mp, true);
    for (uint32_t i = 0; i < mp->count; i++)
        if (mp->series[i])
            release_series(m, mp->series[i]);
    free(mp);
}

/* ---- servers: the registry counts them ---- */

struct gathering {
    struct series *first, *last;
};

static struct series *make_server_series(struct gathering *g, const struct shared_server *from)
{
    struct series *s = calloc(1, sizeof *s + values_counts[SERIES_SERVER] * sizeof(uint64_t));
    if (!s)
        return NULL;
    s->kind = SERIES_SERVER;
    s->parent = strdup(from->backend->name);
    s->name = strdup(from->name);
    if (g->last)
        g->last->next = s;
    else
        g->first = s;
    g->last = s;
    return s;
}

/* Those of one name come one after the other: one address after a change, and the one before. */
static void gather(void *arg, struct shared_server *from)
{
    struct gathering *g = arg;
    struct series *s = g->last;
    if (!s || !s->name || !s->parent || strcmp(s->name, from->name) ||
        strcmp(s->parent, from->backend->name))
        s = make_server_series(g, from);
    if (!s)
        return;
    s->flags = shared_server_flags(from);
    for (uint32_t w = 0; w < WORKERS_MAX; w++) {
        const struct server_cell *cell =
            atomic_load_explicit(&from->cells[w], memory_order_acquire);
        const counter *at = cell ? (const counter *)&cell->counters : NULL;
        for (uint32_t k = 0; at && k < values_counts[SERIES_SERVER]; k++)
            s->values[k] += counter_read(&at[k]);
        s->inflight += cell ? atomic_load_explicit(&cell->load.own, memory_order_relaxed) : 0;
    }
}

static void gather_circuit(void *arg, struct shared_backend *b)
{
    struct metrics *m = arg;
    struct series *s = *list_of(m, SERIES_BACKEND, "", b->name);
    while (s && (s->kind != SERIES_BACKEND || strcmp(s->name, b->name)))
        s = s->same_hash;
    if (!s)
        return;
    s->flags = b->breaker.state;
    s->opened = b->breaker.opened;
}

static void free_gathered(struct gathering *g)
{
    for (struct series *s = g->first, *next; s; s = next) {
        next = s->next;
        free(s->parent);
        free(s->name);
        free(s);
    }
}

void metrics_print(struct metrics *m, const struct metrics_process *p, FILE *to)
{
    struct gathering servers = { 0 };
    for (struct series *s = m->first; s; s = s->next)
        memcpy(s->values, s->kept, values_counts[s->kind] * sizeof(uint64_t));
    for (const struct metrics_plan *mp = m->plans; mp; mp = mp->next)
        add_counts(mp, false);
    registry_each(p->registry, gather, &servers);
    registry_each_backend(p->registry, gather_circuit, m);
    *m->end = servers.first;
    metrics_text_series(m->first, to);
    *m->end = NULL;
    free_gathered(&servers);
    metrics_text_process(p, to);
}
