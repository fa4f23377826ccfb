/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/queue.h"

#include "core/base/check.h"
#include "core/proxy/backend.h"
#include "core/proxy/exchange.h"
#include "core/proxy/plan.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

/* --- who waits, as all workers know it --- */

/* Since when a worker's first waits, in shared_backend.oldest: 0: nobody waits there. Its last bit:
 * only such wait as not every server may have, and whom nobody has to wait for. */
#define CHOOSY 1u

static bool is_choosy(const struct exchange *ex)
{
    return ex->tries > 0;
}

static uint64_t oldest_of(const struct worker *w, const struct shared_backend *sb)
{
    uint64_t oldest = 0;
    for (const struct list *n = w->queues.next; n != &w->queues; n = n->next) {
        const struct queue *q = container_of(n, struct queue, node);
        const struct backend *b = container_of(q, struct backend, queue);
        if (b->list->backend != sb)
            continue;
        for (const struct list *k = q->waiting.next; k != &q->waiting; k = k->next) {
            const struct exchange *ex = container_of(k, struct exchange, queue_node);
            uint64_t since =
                is_choosy(ex) ? ex->queue_ns | CHOOSY : ex->queue_ns & ~(uint64_t)CHOOSY;
            if (!oldest || (oldest & CHOOSY) > (since & CHOOSY) ||
                ((oldest & CHOOSY) == (since & CHOOSY) && since < oldest))
                oldest = since;
            if (!is_choosy(ex))
                break;
        }
    }
    return oldest;
}

static void publish(struct worker *w, struct shared_backend *sb)
{
    atomic_store(&sb->oldest_ns[w->index], oldest_of(w, sb));
}

static struct wake_ports *ports_of(const struct shared_backend *sb)
{
    return registry_ports(sb->registry);
}

/* Another worker whose first waits the longest, and since when; WORKERS_MAX: there is none. */
static uint32_t oldest_other(const struct worker *w, struct shared_backend *sb, uint64_t *since)
{
    uint32_t count = atomic_load(&ports_of(sb)->used_count), found = WORKERS_MAX;
    *since = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t ns = i == w->index ? 0 : atomic_load(&sb->oldest_ns[i]);
        if (ns && !(ns & CHOOSY) && ns < *since) {
            *since = ns;
            found = i;
        }
    }
    return found;
}

static void tell_others(struct worker *w, struct shared_backend *sb)
{
    uint64_t since;
    uint32_t other = oldest_other(w, sb, &since);
    if (other < WORKERS_MAX) {
        wake_port_tell(ports_of(sb), other);
        return;
    }
    uint32_t count = atomic_load(&ports_of(sb)->used_count);
    for (uint32_t i = 0; i < count; i++)
        if (i != w->index && atomic_load(&sb->oldest_ns[i]))
            wake_port_tell(ports_of(sb), i);
}

void queue_tell(struct worker *w, struct shared_backend *sb)
{
    if (likely(atomic_load(&sb->waiting) == 0))
        return;
    if (atomic_load(&sb->oldest_ns[w->index]))
        queue_look(w); /* which goes on to tell others, if their turn is before ours */
    else
        tell_others(w, sb);
}

/* --- connections that others hold without need --- */

static bool holds_idle(struct shared_server *s, uint32_t worker)
{
    const struct server_cell *c = atomic_load_explicit(&s->cells[worker], memory_order_acquire);
    return c && counter_read(&c->counters.pooled) != counter_read(&c->counters.unpooled);
}

static void close_idle_of(struct server *s)
{
    if (s->idle_count && atomic_exchange(&s->shared->connection_wanted, false))
        server_close_idle(s);
}

static bool others_wait(const struct worker *w, struct shared_backend *sb)
{
    uint32_t count = atomic_load(&ports_of(sb)->used_count);
    for (uint32_t i = 0; i < count; i++)
        if (i != w->index && atomic_load(&sb->oldest_ns[i]))
            return true;
    return false;
}

/* Servers whose connections are all there, some of them perhaps idle: one of these makes room. */
static void ask_for_connections(struct worker *w, const struct backend *b)
{
    struct wake_ports *ports = ports_of(b->list->backend);
    uint32_t count = atomic_load(&ports->used_count);
    for (uint32_t i = 0; i < b->list->set->count; i++) {
        struct server *s = b->servers[i];
        if (!s->connections_short)
            continue;
        s->connections_short = false;
        atomic_store(&s->shared->connection_wanted, true);
        close_idle_of(s); /* one that was made for another name */
        for (uint32_t k = 0; k < count; k++)
            if (k != w->index && holds_idle(s->shared, k))
                wake_port_tell(ports, k);
    }
}

static void give_idle_connections(struct worker *w)
{
    for (uint32_t i = 0; i < WORKER_SERVER_LISTS; i++)
        for (struct list *n = w->servers[i].next; n != &w->servers[i]; n = n->next) {
            struct server *s = container_of(n, struct server, node);
            if (s->connections_capped && atomic_load(&s->shared->connection_wanted) &&
                others_wait(w, s->shared->backend))
                close_idle_of(s);
        }
}

/* --- waiting --- */

static void on_timer(struct timer *t, uint64_t now_ns);

void queue_init(struct queue *q)
{
    *q = (struct queue){ 0 };
    list_init(&q->waiting);
    list_init(&q->node);
    timer_init(&q->timer, on_timer);
}

bool queue_is_behind(const struct backend *b)
{
    return b->capped && atomic_load(&b->list->backend->waiting) > 0;
}

static uint32_t seconds_up(uint64_t ms)
{
    return ms <= 1000 ? 1 : (uint32_t)((ms + 999) / 1000);
}

void queue_enter(struct exchange *ex, enum end_reason none)
{
    struct backend *b = ex->backend;
    struct queue *q = &b->queue;
    struct shared_backend *sb = b->list->backend;
    struct worker *w = ex->w;
    uint32_t timeout_ms = ex->attempt.timeouts->queue_ms;
    if (atomic_fetch_add(&sb->waiting, 1) >= b->config->queue_max) {
        atomic_fetch_sub(&sb->waiting, 1);
        ex->retry_after_s = 1;
        exchange_reply(ex, END_QUEUE_FULL);
        return;
    }
    if (!ex->queue_until_ns) /* of all its attempts together */
        ex->queue_until_ns = w->loop->now_ns + ms_to_ns(timeout_ms);
    ex->state = EX_QUEUED;
    ex->queue_none = (uint8_t)none;
    ex->queue_ns = w->loop->now_ns;
    counter_add(&b->counters->queued, 1);
    q->w = w;
    list_push_back(&q->waiting, &ex->queue_node);
    if (q->count++ == 0)
        list_push_back(&w->queues, &q->node);
    publish(w, sb);
    uint64_t look_ns = w->loop->now_ns + QUEUE_LOOK_NS;
    uint64_t at_ns = ex->queue_until_ns < look_ns ? ex->queue_until_ns : look_ns;
    if (q->timer.deadline_ns == TIMER_NEVER || at_ns < q->timer.deadline_ns)
        loop_timer_set(w->loop, &q->timer, at_ns);
    queue_look(w);
    ex->down->pump_body(ex); /* that a client goes away is seen while it waits */
}

static void leave(struct exchange *ex)
{
    struct backend *b = ex->backend;
    struct queue *q = &b->queue;
    struct worker *w = ex->w;
    CHECK(ex->state == EX_QUEUED);
    uint64_t waited_ns = w->loop->now_ns - ex->queue_ns;
    ex->waited_ns += waited_ns ? waited_ns : 1; /* that it did is logged in any case */
    counter_add(&b->counters->unqueued, 1);
    histogram_add(&b->counters->queue, waited_ns / 1000);
    list_remove(&ex->queue_node);
    ex->state = EX_HEAD;
    if (--q->count == 0) {
        list_remove(&q->node);
        timer_remove(&w->loop->timers, &q->timer);
    }
    atomic_fetch_sub(&b->list->backend->waiting, 1);
    publish(w, b->list->backend);
}

void queue_leave(struct exchange *ex)
{
    leave(ex);
    /* It may have been told of a place that it does not need any more. */
    queue_tell(ex->w, ex->backend->list->backend);
}

/* --- going on --- */

static bool is_first(struct worker *w, struct shared_backend *sb, const struct exchange *ex)
{
    uint64_t since;
    return is_choosy(ex) || oldest_other(w, sb, &since) == WORKERS_MAX ||
           ex->queue_ns <= since + QUEUE_SKEW_NS;
}

/* Lets all go on that can. */
static void serve(struct queue *q)
{
    struct backend *b = container_of(q, struct backend, queue);
    struct worker *w = q->w;
    struct shared_backend *sb = b->list->backend;
    struct plan_use *use = container_of(q->waiting.next, struct exchange, queue_node)->use;
    struct list tried;
    bool short_of_places = false;
    list_init(&tried);
    plan_use_ref(use); /* with it the queue stays */
    while (!list_empty(&q->waiting)) {
        struct exchange *ex = container_of(q->waiting.next, struct exchange, queue_node);
        bool full = false;
        if (!is_first(w, sb, ex))
            break;
        struct server *s = exchange_is_refused(ex) ? NULL : backend_pick(b, ex, &full);
        if (!s && full) {
            list_remove(&ex->queue_node);
            list_push_back(&tried, &ex->queue_node);
            if (is_choosy(ex))
                continue;
            short_of_places = true;
            break;
        }
        leave(ex);
        exchange_dequeued(ex, s);
    }
    while (!list_empty(&tried)) {
        struct list *n = tried.prev;
        list_remove(n);
        list_push_front(&q->waiting, n);
    }
    publish(w, sb);
    if (q->count)
        ask_for_connections(w, b);
    if (!short_of_places && atomic_load(&sb->waiting))
        tell_others(w, sb); /* what we were told of may still be there */
    plan_use_unref(use);
}

void queue_look_now(struct worker *w)
{
    struct list now;
    list_init(&now);
    while (!list_empty(&w->queues)) {
        struct list *n = w->queues.next;
        list_remove(n);
        list_push_back(&now, n);
    }
    while (!list_empty(&now)) {
        struct queue *q = container_of(now.next, struct queue, node);
        list_remove(&q->node);
        list_push_back(&w->queues, &q->node);
        serve(q);
    }
    give_idle_connections(w);
    worker_object_gone(w);
}

void queue_look(struct worker *w)
{
    loop_defer(w->loop, &w->queue_task);
}

static void on_timer(struct timer *t, uint64_t now_ns)
{
    struct queue *q = container_of(t, struct queue, timer);
    struct worker *w = q->w;
    struct plan_use *use = container_of(q->waiting.next, struct exchange, queue_node)->use;
    uint64_t next_ns = now_ns + QUEUE_LOOK_NS;
    struct list later;
    list_init(&later);
    plan_use_ref(use);
    while (!list_empty(&q->waiting)) {
        struct exchange *ex = container_of(q->waiting.next, struct exchange, queue_node);
        if (ex->queue_until_ns <= now_ns) {
            ex->retry_after_s = seconds_up(ex->attempt.timeouts->queue_ms);
            exchange_reply(ex, END_QUEUE_TIMEOUT);
            continue;
        }
        next_ns = ex->queue_until_ns < next_ns ? ex->queue_until_ns : next_ns;
        list_remove(&ex->queue_node);
        list_push_back(&later, &ex->queue_node);
    }
    while (!list_empty(&later)) {
        struct list *n = later.prev;
        list_remove(n);
        list_push_front(&q->waiting, n);
    }
    if (q->count) {
        loop_timer_set(w->loop, &q->timer, next_ns);
        publish(w, container_of(q, struct backend, queue)->list->backend);
        queue_look(w);
    }
    plan_use_unref(use);
}
