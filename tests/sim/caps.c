/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/caps.h"

#include <string.h>

#include "core/base/check.h"
#include "core/proxy/exchange.h"
#include "core/proxy/queue.h"
#include "tests/sim/server.h"

void caps_of_server(struct world *w, struct server_config *c)
{
    struct sim *s = &w->sim;
    if (sim_chance(s, w->plan.capped))
        c->requests_max = 1 + sim_below(s, 3);
    if (sim_chance(s, w->plan.capped / 2))
        c->connections_max = 1 + sim_below(s, 3);
}

/* --- no more than it takes --- */

/* As the proxy sees it: what it has closed may still be open for the server. */
static uint32_t connections_to(const struct world *w, const struct addr *a)
{
    uint32_t n = 0;
    for (const struct list *i = w->net.ends.next; i != &w->net.ends; i = i->next) {
        const struct net_end *e = container_of(i, struct net_end, node);
        n += (e->state == NET_OPEN || e->state == NET_CONNECTING) && net_addr_eq(&e->remote, a);
    }
    return n;
}

void caps_check_server(struct world *w, uint32_t server, uint32_t requests)
{
    const struct server_config *c = &w->server_configs[server];
    uint32_t connections = connections_to(w, &c->addr);
    if (c->connections_max && connections > c->connections_max)
        sim_fail(&w->sim, "server %u has %u connections of at most %u", server, connections,
                 c->connections_max);
    if (c->requests_max && requests > c->requests_max)
        sim_fail(&w->sim, "server %u has %u requests of at most %u", server, requests,
                 c->requests_max);
}

/* --- nobody waits for what is there --- */

static int64_t places_of(const struct cap *c)
{
    int64_t n = c->free;
    for (uint32_t i = 0; i < c->leases_count; i++)
        n += c->leases[i] ? c->leases[i]->spare : 0;
    return n;
}

/* Whether a message or a task that makes a worker look is on its way. */
static bool is_told(const struct world *w)
{
    const struct wake_ports *ports = registry_ports(w->registry);
    for (uint32_t i = 0; i < w->plan.workers; i++)
        if (ports->of[i].told || w->workers[i].worker.queue_task.queued)
            return true;
    return false;
}

static void check_server(struct world *w, const struct server *s)
{
    const struct shared_server *shared = s->shared;
    uint64_t ramped_ns = shared->ramp_ns + ms_to_ns(w->plan.config->backends[0].slow_start_ms);
    bool has_room = shared_server_flags(shared) == 0 && s->requests_capped &&
                    w->sim.now_ns > ramped_ns + QUEUE_LOOK_NS && !s->connections_capped &&
                    !s->backend_capped && s->backoff.state == BACKOFF_GOOD &&
                    places_of(&shared->requests) > 0;
    if (has_room && !is_told(w))
        sim_fail(&w->sim, "%u requests wait, server %s has room, and nobody is told",
                 shared->backend->waiting, shared->name);
}

/* Those that were tried elsewhere may wait for another server than the one that has room. */
static bool all_may_go_anywhere(const struct world *w)
{
    for (uint32_t i = 0; i < w->plan.workers; i++) {
        const struct worker *worker = &w->workers[i].worker;
        for (const struct list *n = worker->queues.next; n != &worker->queues; n = n->next) {
            const struct queue *q = container_of(n, struct queue, node);
            for (const struct list *k = q->waiting.next; k != &q->waiting; k = k->next)
                if (container_of(k, struct exchange, queue_node)->tries)
                    return false;
        }
    }
    return true;
}

static void check_queues(struct world *w)
{
    bool waits = false;
    for (uint32_t i = 0; i < w->plan.workers; i++)
        waits = waits || !list_empty(&w->workers[i].worker.queues);
    if (!waits || !all_may_go_anywhere(w))
        return;
    sim_cover(&w->sim, COVER_QUEUES);
    const struct worker *worker = &w->workers[0].worker;
    for (uint32_t i = 0; i < WORKER_SERVER_LISTS; i++)
        for (const struct list *n = worker->servers[i].next; n != &worker->servers[i]; n = n->next)
            check_server(w, container_of(n, struct server, node));
}

/* --- the control thread --- */

static void mark(void *arg, struct shared_server *s)
{
    static const uint32_t flags[] = { SERVER_UNHEALTHY, SERVER_EJECTED, SERVER_DRAINING,
                                      SERVER_MAINTENANCE };
    struct world *w = arg;
    uint32_t flag = flags[sim_below(&w->sim, ARRAY_LEN(flags))];
    if (strcmp(s->name, w->server_configs[0].name) == 0 || !sim_chance(&w->sim, 50))
        return;
    bool set = !(shared_server_flags(s) & flag);
    sim_cover(&w->sim, COVER_MARKS);
    shared_server_mark(s, set ? flag : 0, set ? 0 : flag, w->sim.now_ns);
}

static void on_control(void *arg, uint64_t n)
{
    struct world *w = arg;
    check_queues(w);
    registry_sum(w->registry, w->sim.now_ns);
    if (w->plan.marks)
        registry_each(w->registry, mark, w);
    if (w->clients_done < w->plan.clients)
        sim_after(&w->sim, sim_range(&w->sim, 1, 20 * SIM_MS), on_control, w, n);
}

void caps_begin(struct world *w)
{
    if (w->plan.capped)
        sim_after(&w->sim, SIM_MS, on_control, w, 0);
}
