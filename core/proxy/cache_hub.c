/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/cache_hub.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/check.h"
#include "core/proxy/cache_reader.h"
#include "core/proxy/cache_variant.h"
#include "core/proxy/fetch.h"
#include "core/proxy/worker.h"

struct cache_view {
    struct buf buf;
    struct cache_chunk *chunk;
};

/* --- life --- */

struct cache_hub *cache_hub_create(uint64_t budget_bytes, uint32_t workers)
{
    uint64_t seed;
    ssize_t n = getrandom(&seed, sizeof seed, 0);
    CHECK(n == (ssize_t)sizeof seed);
    struct cache_hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return NULL;
    hub->cache = cache_create(budget_bytes, workers, seed);
    hub->ports = aligned_alloc(_Alignof(struct cache_port), workers * sizeof *hub->ports);
    if (!hub->cache || !hub->ports) {
        cache_hub_destroy(hub);
        return NULL;
    }
    for (uint32_t i = 0; i < workers; i++)
        hub->ports[i] = (struct cache_port){ .hub = hub, .cache = hub->cache, .index = i };
    hub->ports_count = workers;
    return hub;
}

void cache_hub_destroy(struct cache_hub *hub)
{
    if (!hub)
        return;
    for (uint32_t i = 0; i < hub->ports_count; i++)
        CHECK(!atomic_load(&hub->ports[i].loop));
    cache_destroy(hub->cache);
    free(hub->ports);
    free(hub);
}

/* --- telling --- */

static void wake(struct task *t)
{
    cache_readers_go_on(container_of(t, struct cache_port, wake_task));
}

static void on_message(struct msg *m, struct loop *at)
{
    struct cache_port *p = container_of(m, struct cache_port, msg);
    atomic_store_explicit(&p->told, false, memory_order_seq_cst);
    loop_defer(at, &p->wake_task);
    worker_object_gone(p->w); /* which may have waited for this */
}

static void tell_other(struct cache_port *p)
{
    if (atomic_load_explicit(&p->following, memory_order_seq_cst) == 0)
        return;
    atomic_fetch_add_explicit(&p->tellers, 1, memory_order_seq_cst);
    struct loop *l = atomic_load_explicit(&p->loop, memory_order_seq_cst);
    if (l && !atomic_exchange_explicit(&p->told, true, memory_order_seq_cst))
        loop_post(l, &p->msg);
    atomic_fetch_sub_explicit(&p->tellers, 1, memory_order_seq_cst);
}

void cache_port_tell(struct cache_port *p)
{
    if (atomic_load_explicit(&p->following, memory_order_relaxed))
        loop_defer(p->w->loop, &p->wake_task);
    uint32_t count = atomic_load_explicit(&p->hub->used_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++)
        if (i != p->index)
            tell_other(&p->hub->ports[i]);
}

/* --- views --- */

static void take_back(struct buf *b)
{
    struct cache_view *v = container_of(b, struct cache_view, buf);
    struct cache_port *p = container_of(b->pool, struct cache_port, view_pool);
    chunk_unref(v->chunk);
    slab_give(&p->views, v);
}

struct buf *cache_view(struct cache_port *p, struct cache_chunk *chunk, const uint8_t *at,
                       uint32_t n)
{
    struct cache_view *v = slab_take(&p->views);
    if (!v)
        return NULL;
    /* Of exactly these bytes: nobody adds any behind them. */
    *v = (struct cache_view){
        .buf = { .pool = &p->view_pool, .data = (uint8_t *)(uintptr_t)at, .refs = 1, .cap = n },
        .chunk = chunk,
    };
    chunk_ref(chunk);
    return &v->buf;
}

/* --- a worker's part --- */

void cache_port_open(struct cache_port *p, struct worker *w)
{
    p->w = w;
    list_init(&p->followers);
    list_init(&p->fetch_list);
    p->wake_task = (struct task){ .run = wake };
    p->msg.run = on_message;
    p->view_pool = (struct buf_pool){ .take_back = take_back };
    slab_init(&p->fetches, sizeof(struct fetch), 0);
    slab_init(&p->views, sizeof(struct cache_view), 0);
    slab_init(&p->variants, sizeof(struct cache_variant), 0);
    fetch_ops_init(&p->fetch_ops);
    atomic_store_explicit(&p->loop, w->loop, memory_order_seq_cst);
    _Atomic uint32_t *used = &p->hub->used_count;
    uint32_t count = atomic_load_explicit(used, memory_order_relaxed);
    while (count <= p->index && !atomic_compare_exchange_weak(used, &count, p->index + 1))
        ;
}

bool cache_port_idle(struct cache_port *p)
{
    if (!list_empty(&p->followers) || p->fetches.live || p->views.live || p->variants.live)
        return false;
    /* Nobody begins to tell us from now on: there is nothing that we follow. */
    while (atomic_load_explicit(&p->tellers, memory_order_seq_cst) > 0)
        sched_yield();
    return !atomic_load_explicit(&p->told, memory_order_seq_cst) && !p->wake_task.queued;
}

void cache_port_close(struct cache_port *p)
{
    CHECK(cache_port_idle(p));
    atomic_store_explicit(&p->loop, NULL, memory_order_seq_cst);
    while (atomic_load_explicit(&p->tellers, memory_order_seq_cst) > 0)
        sched_yield();
    CHECK(!atomic_load(&p->told));
    slab_destroy(&p->fetches);
    slab_destroy(&p->views);
    slab_destroy(&p->variants);
}
