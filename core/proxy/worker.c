/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/worker.h"

#include <string.h>

#include "core/base/check.h"
#include "core/proxy/auth_basic.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/cache_hub.h"
#include "core/proxy/client.h"
#include "core/proxy/destination.h"
#include "core/proxy/exchange.h"
#include "core/proxy/fetch.h"
#include "core/proxy/h2_client.h"
#include "core/proxy/h2_slot.h"
#include "core/proxy/h2_upstream.h"
#include "core/proxy/intake.h"
#include "core/proxy/listener.h"
#include "core/proxy/plan.h"
#include "core/proxy/queue.h"
#include "core/proxy/route.h"
#include "core/proxy/tunnel.h"
#include "core/proxy/upstream.h"
#include "core/proxy/wake.h"

static void on_drain_deadline(struct timer *t, uint64_t now_ns);
static void run_drained(struct task *t);
static void run_queues(struct task *t);

bool worker_init(struct worker *w, struct loop *l, uint16_t index, struct counters *counters,
                 struct log_port *log)
{
    *w = (struct worker){ .loop = l,
                          .counters = counters,
                          .log = log,
                          .index = index,
                          .state = WORKER_RUNNING,
                          .date_s = UINT64_MAX };
    slab_init(&w->clients, sizeof(struct client), 0);
    slab_init(&w->exchanges, sizeof(struct exchange), 0);
    slab_init(&w->upstreams, sizeof(struct upstream), 0);
    slab_init(&w->tunnels, sizeof(struct tunnel), 0);
    slab_init(&w->intakes, sizeof(struct intake), 0);
    slab_init(&w->body_pieces, sizeof(struct body_piece), 0);
    slab_init(&w->h2_clients, sizeof(struct h2_client), 0);
    slab_init(&w->h2_batches, sizeof(struct h2_batch), 0);
    slab_init(&w->h2_upstreams, sizeof(struct h2_upstream), 0);
    slab_init(&w->h2_slots, sizeof(struct h2_slot), 0);
    coders_init(&w->coders, CODER_BYTES);
    tls_worker_init(&w->tls, l);
    list_init(&w->client_list);
    list_init(&w->intake_list);
    list_init(&w->tunnel_list);
    list_init(&w->upstream_list);
    for (size_t i = 0; i < WORKER_SERVER_LISTS; i++)
        list_init(&w->servers[i]);
    timer_init(&w->drain_timer, on_drain_deadline);
    w->drained_task.run = run_drained;
    list_init(&w->queues);
    w->queue_task.run = run_queues;
    w->scratch = route_scratch_create();
    return w->scratch != NULL;
}

static const struct listen_slot *find_slot(const struct listen_slot *slots, uint32_t count, int fd)
{
    for (uint32_t i = 0; i < count; i++)
        if (slots[i].fd == fd)
            return &slots[i];
    return NULL;
}

static struct listener *find_listener(const struct worker *w, int fd)
{
    for (uint32_t i = 0; i < w->listeners_count; i++)
        if (w->listeners[i]->fd == fd && w->listeners[i]->state != LISTENER_CLOSING)
            return w->listeners[i];
    return NULL;
}

static bool add_listener(struct worker *w, const struct listen_slot *slot)
{
    struct listener *l = w->listeners_count < WORKER_LISTENERS_MAX
                             ? listener_start(w->use, slot->bind, slot->fd)
                             : NULL;
    if (l)
        w->listeners[w->listeners_count++] = l;
    return l != NULL;
}

uint32_t worker_commit(struct worker *w, struct plan_use *use, const struct listen_slot *slots,
                       uint32_t slots_count)
{
    struct plan_use *old = w->use;
    w->use = use;
    plan_use_in_force(use);
    w->relay = use->plan->config->relay;
    relay_configure(w->loop, &w->relay);
    w->coders.pool.bytes_max = use->plan->config->coder_bytes;
    for (uint32_t i = w->listeners_count; i-- > 0;) {
        struct listener *l = w->listeners[i];
        const struct listen_slot *slot = find_slot(slots, slots_count, l->fd);
        if (!slot)
            listener_close(l);
        else if (l->state != LISTENER_CLOSING)
            listener_assign(l, use, slot->bind);
    }
    uint32_t failed = 0;
    for (uint32_t i = 0; i < slots_count; i++)
        if (!find_listener(w, slots[i].fd) && !add_listener(w, &slots[i]))
            failed++;
    plan_use_unref(old);
    return failed;
}

/* Calls a function that may close, not free, for every element. */
#define FOR_EACH(list_head, type, member, call)                                                    \
    do {                                                                                           \
        struct list *n_ = (list_head)->next;                                                       \
        while (n_ != (list_head)) {                                                                \
            struct list *next_ = n_->next;                                                         \
            call(container_of(n_, type, member));                                                  \
            n_ = next_;                                                                            \
        }                                                                                          \
    } while (0)

static void close_listeners(struct worker *w)
{
    for (uint32_t i = w->listeners_count; i-- > 0;)
        listener_close(w->listeners[i]);
}

void worker_deafen(struct worker *w)
{
    w->queue_stays = true;
    close_listeners(w);
}

void worker_drain(struct worker *w, uint32_t idle_ms, void (*on_drained)(struct worker *w))
{
    CHECK(w->state == WORKER_RUNNING);
    w->state = WORKER_DRAINING;
    w->idle_until_ns = w->loop->now_ns + ms_to_ns(idle_ms);
    w->on_drained = on_drained;
    close_listeners(w);
    FOR_EACH(&w->client_list, struct client, node, client_drain);
    FOR_EACH(&w->upstream_list, struct upstream, node, upstream_retire);
    loop_timer_set(w->loop, &w->drain_timer,
                   w->loop->now_ns +
                       ms_to_ns(w->use ? w->use->plan->config->timeouts.drain_ms : 0));
    worker_object_gone(w);
}

void worker_stop(struct worker *w, void (*on_drained)(struct worker *w))
{
    if (w->state >= WORKER_STOPPING)
        return;
    w->state = WORKER_STOPPING;
    w->on_drained = on_drained;
    close_listeners(w);
    FOR_EACH(&w->client_list, struct client, node, client_stop);
    FOR_EACH(&w->intake_list, struct intake, node, intake_stop);
    FOR_EACH(&w->tunnel_list, struct tunnel, node, tunnel_stop);
    if (w->cache)
        FOR_EACH(&w->cache->fetch_list, struct fetch, node, fetch_abandon);
    FOR_EACH(&w->upstream_list, struct upstream, node, upstream_retire);
    worker_object_gone(w);
}

static void on_drain_deadline(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    struct worker *w = container_of(t, struct worker, drain_timer);
    worker_stop(w, w->on_drained);
}

void worker_object_gone(struct worker *w)
{
    /* Deferred: the object that went may be in the middle of telling so. */
    if (w->state == WORKER_DRAINING || w->state == WORKER_STOPPING)
        loop_defer(w->loop, &w->drained_task);
}

void worker_listener_gone(struct worker *w, struct listener *l)
{
    for (uint32_t i = 0; i < w->listeners_count; i++)
        if (w->listeners[i] == l)
            w->listeners[i] = w->listeners[--w->listeners_count];
    if (w->on_listener_gone)
        w->on_listener_gone(w, l->fd);
    worker_object_gone(w);
}

static void run_queues(struct task *t)
{
    queue_look_now(container_of(t, struct worker, queue_task));
}

/* Nobody tells it to look at its queues any more. */
static bool is_deaf(struct worker *w)
{
    return !w->queue_task.queued && (!w->wake || wake_port_close(w->wake, w->index));
}

static void run_drained(struct task *t)
{
    struct worker *w = container_of(t, struct worker, drained_task);
    if (w->state == WORKER_DRAINED || w->listeners_count || w->clients.live || w->upstreams.live ||
        w->tunnels.live || w->intakes.live || auth_basic_pending(w) ||
        (w->cache && !cache_port_idle(w->cache)) || !is_deaf(w))
        return;
    if (w->use)
        plan_use_close_resolver(w->use);
    if (w->resolvers)
        return;
    if (w->cache)
        cache_port_close(w->cache);
    w->state = WORKER_DRAINED;
    timer_remove(&w->loop->timers, &w->drain_timer);
    struct plan_use *use = w->use;
    w->use = NULL;
    plan_use_unref(use);
    CHECK(w->servers_count == 0);
    if (w->on_drained)
        w->on_drained(w);
}

void worker_destroy(struct worker *w)
{
    CHECK(w->state == WORKER_DRAINED);
    worker_discard(w);
}

void worker_discard(struct worker *w)
{
    CHECK(w->listeners_count == 0 && w->exchanges.live == 0);
    auth_basic_destroy(w);
    destinations_destroy(w);
    if (w->cache && atomic_load(&w->cache->loop))
        cache_port_close(w->cache);
    if (w->wake) {
        bool closed = wake_port_close(w->wake, w->index);
        CHECK(closed);
    }
    tls_worker_destroy(&w->tls);
    slab_destroy(&w->clients);
    slab_destroy(&w->exchanges);
    slab_destroy(&w->upstreams);
    slab_destroy(&w->tunnels);
    slab_destroy(&w->intakes);
    slab_destroy(&w->body_pieces);
    slab_destroy(&w->h2_clients);
    slab_destroy(&w->h2_batches);
    slab_destroy(&w->h2_upstreams);
    slab_destroy(&w->h2_slots);
    coders_destroy(&w->coders);
    route_scratch_destroy(w->scratch);
}

struct str worker_date(struct worker *w)
{
    uint64_t s = w->loop->wall_us / 1000000;
    if (s != w->date_s) {
        http_date(w->date, s);
        w->date_s = s;
    }
    return (struct str){ w->date, sizeof w->date };
}
