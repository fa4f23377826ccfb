/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/changes.h"

#include "core/base/check.h"

/* Some of them, in any order, with any weights. */
static uint32_t choose(struct world *w, struct server_config *out)
{
    struct sim *s = &w->sim;
    uint32_t count = w->plan.servers, kept = 1 + sim_below(s, count);
    for (uint32_t i = 0; i < count; i++)
        out[i] = w->server_configs[i];
    for (uint32_t i = 0; i < kept; i++) {
        uint32_t k = i + sim_below(s, count - i);
        struct server_config c = out[k];
        out[k] = out[i];
        out[i] = c;
        out[i].weight = 1 + sim_below(s, 3);
    }
    return kept;
}

static void change_worker(struct world *w, uint32_t index, struct server_list *list)
{
    struct worker *worker = &w->workers[index].worker;
    struct balancer *b = backend_make_balancer(&w->plan.config->backends[0], list, index);
    if (!worker->use || !b) {
        balancer_destroy(b);
        return;
    }
    server_list_ref(list);
    (void)backend_change(&worker->use->backends[0], worker, list, b);
}

static void on_change(void *arg, uint64_t version)
{
    struct world *w = arg;
    struct server_config servers[WORLD_SERVERS_MAX];
    uint32_t count = choose(w, servers);
    struct server_list *list =
        server_list_create(w->registry, &w->plan.config->backends[0], servers, count, version,
                           sim_chance(&w->sim, 500) ? w->sim.now_ns : 0);
    for (uint32_t i = 0; list && i < w->plan.workers; i++)
        if (!w->workers[i].drained)
            change_worker(w, i, list);
    server_list_unref(list);
    sim_trace(&w->sim, "servers: %u of %u now", count, w->plan.servers);
    if (w->clients_done < w->plan.clients)
        sim_after(&w->sim, sim_range(&w->sim, 1, w->plan.changes_every_ns), on_change, w,
                  version + 1);
}

void changes_begin(struct world *w)
{
    if (w->plan.changes_every_ns)
        sim_after(&w->sim, sim_range(&w->sim, 1, w->plan.changes_every_ns), on_change, w, 2);
}
