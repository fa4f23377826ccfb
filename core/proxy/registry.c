/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/registry.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/ring/loop.h"

struct registry {
    pthread_mutex_t lock; /* of lists and references; never held while waiting */
    struct list backends, servers;
    uint64_t next_id;
    struct wake_ports *ports;
};

struct registry *registry_create(void)
{
    struct registry *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->ports = aligned_alloc(_Alignof(struct wake_ports), sizeof *r->ports);
    if (!r->ports) {
        free(r);
        return NULL;
    }
    memset(r->ports, 0, sizeof *r->ports);
    pthread_mutex_init(&r->lock, NULL);
    list_init(&r->backends);
    list_init(&r->servers);
    r->next_id = 1;
    return r;
}

void registry_destroy(struct registry *r)
{
    if (!r)
        return;
    CHECK(list_empty(&r->backends) && list_empty(&r->servers));
    pthread_mutex_destroy(&r->lock);
    free(r->ports);
    free(r);
}

struct wake_ports *registry_ports(struct registry *r)
{
    return r->ports;
}

/* --- backends --- */

static void free_backend(struct shared_backend *b)
{
    CHECK(atomic_load(&b->waiting) == 0);
    cap_destroy(&b->requests);
    free((char *)b->name);
    free(b);
}

static struct shared_backend *find_backend(struct registry *r, const char *name)
{
    for (struct list *n = r->backends.next; n != &r->backends; n = n->next) {
        struct shared_backend *b = container_of(n, struct shared_backend, node);
        if (strcmp(b->name, name) == 0)
            return b;
    }
    return NULL;
}

static struct shared_backend *make_backend(struct registry *r, const char *name)
{
    struct shared_backend *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->registry = r;
    b->name = strdup(name);
    if (!b->name) {
        free_backend(b);
        return NULL;
    }
    list_push_back(&r->backends, &b->node);
    return b;
}

struct shared_backend *shared_backend_take(struct registry *r, const char *name)
{
    pthread_mutex_lock(&r->lock);
    struct shared_backend *b = find_backend(r, name);
    if (!b)
        b = make_backend(r, name);
    if (b)
        b->refs++;
    pthread_mutex_unlock(&r->lock);
    return b;
}

/* Locked. */
static void drop_backend(struct shared_backend *b)
{
    CHECK(b->refs > 0);
    if (--b->refs)
        return;
    list_remove(&b->node);
    free_backend(b);
}

void shared_backend_unref(struct shared_backend *b)
{
    if (!b)
        return;
    struct registry *r = b->registry;
    pthread_mutex_lock(&r->lock);
    drop_backend(b);
    pthread_mutex_unlock(&r->lock);
}

/* --- servers --- */

static struct str sni_of(const struct backend_config *b, const struct server_config *c)
{
    if (!b->tls)
        return (struct str){ 0 };
    return c->sni.len ? c->sni : b->tls->sni;
}

/* The name in an address that is written with one; empty: it is an IP address or a path. */
static struct str host_name_of(const struct server_config *c)
{
    const char *colon = strrchr(c->host, ':');
    struct addr addr;
    const char *why;
    if (!colon || addr_parse(str_of(c->host), false, &addr, &why))
        return (struct str){ 0 };
    return (struct str){ c->host, (size_t)(colon - c->host) };
}

static bool is_same(const struct shared_server *s, const struct shared_backend *b,
                    const struct backend_config *bc, const struct server_config *c)
{
    return s->backend == b && strcmp(s->name, c->name) == 0 && s->addr.len == c->addr.len &&
           memcmp(&s->addr.sa, &c->addr.sa, s->addr.len) == 0 &&
           s->tls_id == (bc->tls ? bc->tls->id : 0) && str_eq(s->sni, sni_of(bc, c)) &&
           str_eq(s->host_name, host_name_of(c));
}

static struct shared_server *find_server(struct shared_backend *b, const struct backend_config *bc,
                                         const struct server_config *c)
{
    const struct list *head = &b->registry->servers;
    for (struct list *n = head->next; n != head; n = n->next) {
        struct shared_server *s = container_of(n, struct shared_server, node);
        if (is_same(s, b, bc, c))
            return s;
    }
    return NULL;
}

static void free_server(struct shared_server *s)
{
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        free(atomic_load_explicit(&s->cells[i], memory_order_relaxed));
    cap_destroy(&s->requests);
    cap_destroy(&s->connections);
    free((char *)s->name);
    free((char *)s->host);
    free((char *)s->host_name.ptr);
    free((char *)s->sni.ptr);
    free(s);
}

static bool copy_str(struct str *to, struct str from)
{
    *to = (struct str){ strndup(from.ptr ? from.ptr : "", from.len), from.len };
    return to->ptr;
}

/* Behind the last of its name, else of its backend. */
static void put_in_order(struct registry *r, struct shared_server *s)
{
    struct list *at = r->servers.prev;
    bool same_name = false;
    for (struct list *n = r->servers.next; n != &r->servers; n = n->next) {
        const struct shared_server *o = container_of(n, struct shared_server, node);
        bool is_name = o->backend == s->backend && strcmp(o->name, s->name) == 0;
        if (is_name || (o->backend == s->backend && !same_name))
            at = n;
        same_name = same_name || is_name;
    }
    list_insert_after(at, &s->node);
}

static struct shared_server *make_server(struct shared_backend *b, const struct backend_config *bc,
                                         const struct server_config *c)
{
    struct shared_server *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->backend = b;
    s->addr = c->addr;
    s->tls_id = bc->tls ? bc->tls->id : 0;
    s->name = strdup(c->name);
    s->host = strdup(c->host);
    bool named = copy_str(&s->host_name, host_name_of(c)) && copy_str(&s->sni, sni_of(bc, c));
    if (!named || !s->name || !s->host) {
        free_server(s);
        return NULL;
    }
    s->flags = s->addr.len ? 0 : SERVER_UNRESOLVED;
    s->id = b->registry->next_id++;
    b->refs++;
    put_in_order(b->registry, s);
    return s;
}

struct shared_server *shared_server_take(struct shared_backend *b, const struct backend_config *bc,
                                         const struct server_config *sc, uint64_t now_ns)
{
    struct registry *r = b->registry;
    pthread_mutex_lock(&r->lock);
    struct shared_server *s = find_server(b, bc, sc);
    if (!s) {
        s = make_server(b, bc, sc);
        if (s)
            atomic_store_explicit(&s->ramp_ns, now_ns, memory_order_relaxed);
    }
    if (s)
        s->refs++;
    b->decay_ns = ms_to_ns(bc->balance.decay_ms);
    pthread_mutex_unlock(&r->lock);
    return s;
}

void shared_server_ref(struct shared_server *s)
{
    struct registry *r = s->backend->registry;
    pthread_mutex_lock(&r->lock);
    s->refs++;
    pthread_mutex_unlock(&r->lock);
}

void shared_server_unref(struct shared_server *s)
{
    if (!s)
        return;
    struct shared_backend *b = s->backend;
    struct registry *r = b->registry;
    pthread_mutex_lock(&r->lock);
    CHECK(s->refs > 0);
    if (--s->refs == 0) {
        list_remove(&s->node);
        free_server(s);
        drop_backend(b);
    }
    pthread_mutex_unlock(&r->lock);
}

struct server_cell *shared_server_cell(struct shared_server *s, uint32_t worker)
{
    struct server_cell *c = atomic_load_explicit(&s->cells[worker], memory_order_acquire);
    if (c)
        return c;
    size_t align = _Alignof(struct server_cell);
    c = aligned_alloc(align, (sizeof *c + align - 1) / align * align);
    if (!c)
        return NULL;
    memset(c, 0, sizeof *c);
    atomic_store_explicit(&s->cells[worker], c, memory_order_release);
    uint32_t count = atomic_load_explicit(&s->cells_count, memory_order_relaxed);
    while (count <= worker &&
           !atomic_compare_exchange_weak_explicit(&s->cells_count, &count, worker + 1,
                                                  memory_order_release, memory_order_relaxed))
        continue;
    return c;
}

/* --- what the control thread tells --- */

void shared_server_mark(struct shared_server *s, uint32_t set, uint32_t clear, uint64_t now_ns)
{
    uint32_t before = shared_server_flags(s), after = (before | set) & ~clear;
    if (before == after)
        return;
    if (after == 0)
        atomic_store_explicit(&s->ramp_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&s->flags, after, memory_order_relaxed);
    atomic_fetch_add(&s->backend->changes, 1);
    /* Who waits in a queue may go on with it. */
    for (uint32_t i = 0; atomic_load(&s->backend->waiting) && i < WORKERS_MAX; i++)
        if (atomic_load(&s->backend->oldest_ns[i]))
            wake_port_tell(s->backend->registry->ports, i);
}

void shared_backend_publish_circuit(struct shared_backend *b, uint32_t trials)
{
    atomic_store(&b->circuit_until_ns, b->breaker.until_ns);
    atomic_store(&b->trials, (int32_t)trials);
    atomic_store(&b->circuit, b->breaker.state);
}

static void observe(struct shared_server *s, uint64_t answered, uint64_t latency_us,
                    uint64_t now_ns, uint64_t decay_ns)
{
    struct latency l = { s->latency_at_ns, s->latency };
    if (answered)
        latency_observe(&l, (float)latency_us * 1000.0f / (float)answered, now_ns, decay_ns);
    s->latency_at_ns = l.at_ns;
    s->latency = l.ns;
}

static bool sum_server(struct shared_server *s, uint64_t now_ns)
{
    uint64_t decay_ns = s->backend->decay_ns;
    uint64_t answered = 0, latency_us = 0;
    uint32_t inflight = 0, cells = atomic_load_explicit(&s->cells_count, memory_order_acquire);
    bool changed = false;
    for (uint32_t i = 0; i < cells; i++) {
        struct server_cell *c = atomic_load_explicit(&s->cells[i], memory_order_acquire);
        if (!c)
            continue;
        struct registry_seen now = { counter_read(&c->load.answered), counter_read(&c->load.failed),
                                     counter_read(&c->load.latency_sum_us) };
        s->fresh.failed += now.failed - s->seen[i].failed;
        answered += now.answered - s->seen[i].answered;
        latency_us += now.latency_sum_us - s->seen[i].latency_sum_us;
        s->seen[i] = now;
        inflight += atomic_load_explicit(&c->load.own, memory_order_relaxed);
    }
    s->fresh.answered += answered;
    s->fresh.latency_sum_us += latency_us;
    observe(s, answered, latency_us, now_ns, decay_ns);
    struct latency all = { s->latency_at_ns, s->latency };
    float latency = latency_at(&all, now_ns, decay_ns);
    for (uint32_t i = 0; i < cells; i++) {
        struct server_cell *c = atomic_load_explicit(&s->cells[i], memory_order_acquire);
        if (!c)
            continue;
        uint32_t others = inflight - atomic_load_explicit(&c->load.own, memory_order_relaxed);
        if (others > INT32_MAX)
            others = 0; /* one ended while we summed */
        changed |= others != atomic_load_explicit(&c->load.others, memory_order_relaxed);
        atomic_store_explicit(&c->load.others, others, memory_order_relaxed);
        atomic_store_explicit(&c->load.others_latency, latency, memory_order_relaxed);
    }
    return changed || answered || s->fresh.failed;
}

bool registry_sum(struct registry *r, uint64_t now_ns)
{
    bool changed = false;
    pthread_mutex_lock(&r->lock);
    for (struct list *n = r->servers.next; n != &r->servers; n = n->next)
        changed |= sum_server(container_of(n, struct shared_server, node), now_ns);
    pthread_mutex_unlock(&r->lock);
    return changed;
}

void registry_each(struct registry *r, void (*fn)(void *arg, struct shared_server *s), void *arg)
{
    pthread_mutex_lock(&r->lock);
    for (struct list *n = r->servers.next; n != &r->servers; n = n->next)
        fn(arg, container_of(n, struct shared_server, node));
    pthread_mutex_unlock(&r->lock);
}

void registry_each_backend(struct registry *r, void (*fn)(void *arg, struct shared_backend *b),
                           void *arg)
{
    pthread_mutex_lock(&r->lock);
    for (struct list *n = r->backends.next; n != &r->backends; n = n->next)
        fn(arg, container_of(n, struct shared_backend, node));
    pthread_mutex_unlock(&r->lock);
}
