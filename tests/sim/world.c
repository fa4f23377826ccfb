/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/cache_hub.h"
#include "core/proxy/gate.h"
#include "core/ring/sock.h"
#include "tests/sim/alloc_sim.h"
#include "tests/sim/cached.h"
#include "tests/sim/caps.h"
#include "tests/sim/changes.h"
#include "tests/sim/client.h"
#include "tests/sim/random_sim.h"
#include "tests/sim/server.h"
#include "tests/sim/tunnels.h"
#include "tls/service.h"

#define WORLD_LOG_BYTES (1024 * 1024)
#define WORLD_SECONDS_MAX 20000

struct ask *world_ask(struct world *w, uint32_t id)
{
    return id >= 1 && id <= w->asks_count ? w->asks[id - 1] : NULL;
}

/* ---- building ---------------------------------------------------------------------------------
 */

static void on_flap(void *arg, uint64_t mode)
{
    struct sim_server *host = arg;
    host->listener->mode = (enum net_host)mode;
    sim_trace(&host->world->sim, "server %u: %s", host->number,
              mode == NET_HOST_LISTENS ? "comes back" : "dies");
}

static void make_servers(struct world *w)
{
    struct sim *s = &w->sim;
    const struct world_plan *p = &w->plan;
    static const char *const names[] = { "one", "two", "three", "four" };
    for (uint32_t i = 0; i < p->servers; i++) {
        struct addr a = net_addr((uint16_t)(100 + i), 9000);
        enum net_host mode = i < p->dead_servers ? p->dead_mode : NET_HOST_LISTENS;
        if (p->tunnels)
            a = tunnels_listen(w, i);
        else if (p->cached)
            a = cached_listen(w, i);
        else
            w->servers[i] = server_make(w, i, &a, mode);
        w->server_configs[i] = (struct server_config){
            .addr = a, .name = names[i], .host = names[i], .weight = 1 + sim_below(s, 3)
        };
        caps_of_server(w, &w->server_configs[i]);
    }
    for (uint32_t i = 0; i < p->server_flaps; i++) {
        struct sim_server *host = w->servers[sim_below(s, p->servers)];
        uint64_t dies_ns = sim_range(s, 0, 5 * SIM_S);
        sim_after(s, dies_ns, on_flap, host, NET_HOST_REFUSES + sim_below(s, 3));
        sim_after(s, dies_ns + sim_range(s, 0, 20 * SIM_S), on_flap, host, NET_HOST_LISTENS);
    }
}

static void wake_log(struct log_port *port)
{
    struct world_worker *ww = container_of(port, struct world_worker, log);
    judge_log(ww);
    record_ring_ask_wake(ww->log.ring);
}

static void on_drained(struct worker *worker)
{
    struct world_worker *ww = container_of(worker, struct world_worker, worker);
    sim_trace(&ww->world->sim, "worker %u: drained", worker->index);
    ww->drained = true;
}

static void drain_worker(struct msg *m, struct loop *at)
{
    struct world_worker *ww = container_of(m, struct world_worker, drain);
    (void)at;
    if (ww->world->plan.stops && ww->world->draining)
        worker_stop(&ww->worker, on_drained);
    else
        worker_drain(&ww->worker, 0, on_drained);
}

static void on_plan_gone(struct worker *worker, const struct plan *p)
{
    (void)worker;
    plan_unuse((struct plan *)p);
}

static void on_listener_gone(struct worker *worker, int fd)
{
    (void)worker;
    sock_close(fd, false);
}

static void make_worker(struct world *w, uint16_t index)
{
    struct world_worker *ww = &w->workers[index];
    char why[200];
    ww->world = w;
    ww->loop = loop_create(&(struct loop_config){ .buffers_max = w->plan.config->buffers_max }, why,
                           sizeof why);
    CHECK(ww->loop);
    ww->log = (struct log_port){ record_ring_create(WORLD_LOG_BYTES), &ww->counters.log_dropped,
                                 wake_log };
    CHECK(ww->log.ring);
    record_ring_ask_wake(ww->log.ring);
    ww->drain.run = drain_worker;
    bool made = worker_init(&ww->worker, ww->loop, index, &ww->counters, &ww->log);
    CHECK(made);
    made = tls_worker_use_tickets(&ww->worker.tls, &w->tickets);
    CHECK(made);
    if (w->cache) {
        ww->worker.cache = &w->cache->ports[index];
        cache_port_open(ww->worker.cache, &ww->worker);
    }
    ww->listen_fd = sock_listen(&w->listen_addr, (int)w->plan.backlog, SOCK_LISTEN_REUSEPORT, NULL);
    CHECK(ww->listen_fd >= 0);
    ww->worker.gate = w->gate;
    ww->worker.on_plan_gone = on_plan_gone;
    ww->worker.on_listener_gone = on_listener_gone;
    struct plan_use *use = plan_use_create(w->run_plan, index);
    CHECK(use);
    plan_use_more(w->run_plan);
    made = plan_use_attach(use, &ww->worker);
    CHECK(made);
    struct listen_slot slot = { &w->plan.config->binds[0], ww->listen_fd };
    made = worker_commit(&ww->worker, use, &slot, 1) == 0;
    CHECK(made);
}

static void on_drain_time(void *arg, uint64_t n)
{
    (void)n;
    struct world *w = arg;
    w->draining = true;
    w->draining_early = w->clients_done < w->plan.clients;
    w->drained_from_ns = w->sim.now_ns;
    sim_trace(&w->sim, "world: %s", w->plan.stops ? "stops" : "drains");
    for (uint32_t i = 0; i < w->plan.workers; i++) {
        w->workers[i].drain_asked = true;
        loop_post(w->workers[i].loop, &w->workers[i].drain);
    }
}

/* Between turns: buffers belong to exchanges, or to TLS that begins or ends; idle connections hold
 * none. */
static void on_look(void *arg, uint64_t n)
{
    struct world *w = arg;
    for (uint32_t i = 0; i < w->plan.workers; i++) {
        struct world_worker *ww = &w->workers[i];
        const struct sim_loop *l = (const struct sim_loop *)ww->loop;
        if (!ww->drained && ww->worker.exchanges.live == 0 && list_empty(&ww->worker.tunnel_list) &&
            ww->worker.tls.sessions.live == 0 && l->ready_count == 0 &&
            ww->loop->bufs.lent + ww->loop->large_bufs.lent > 0)
            sim_fail(&w->sim, "%u buffers are held, and there is no exchange",
                     ww->loop->bufs.lent + ww->loop->large_bufs.lent);
    }
    if (w->clients_done < w->plan.clients)
        sim_after(&w->sim, sim_range(&w->sim, 1, 100 * SIM_MS), on_look, w, n);
}

/* The listener speaks TLS. */
static void serve_tls(struct world *w)
{
    struct tls_service *service = tls_service_create();
    CHECK(service);
    service->certificates = certificate_set_create();
    service->tickets = true;
    certificate_ref(w->seams.certificate);
    bool made = service->certificates &&
                certificate_set_add(service->certificates, w->seams.certificate, "sim",
                                    (struct str){ 0 }, 0) &&
                certificate_set_seal(service->certificates, NULL, NULL);
    CHECK(made);
    w->listener_tls = (struct listener_tls){ .service = service, .release = tls_service_unref };
    w->plan.config->listeners[0].tls = &w->listener_tls;
}

static void make_keys(struct world *w)
{
    struct world_plan *p = &w->plan;
    ticket_secret_random(&w->tickets, 1);
    if (!p->tls_clients && !p->tls_servers)
        return;
    seams_init(&w->seams, &w->sim);
    const struct certificate *c = w->seams.certificate;
    w->ca = (struct pem_file){ .path = "ca", .text = { c->chain, c->chain_bytes } };
    w->upstream_tls =
        (struct upstream_tls_config){ .sni = STR("sim.test"), .verify = true, .ca = &w->ca };
    config_seal_upstream_tls(&w->upstream_tls);
    if (p->tls_clients)
        serve_tls(w);
    if (p->tls_servers)
        p->config->backends[0].tls = &w->upstream_tls;
}

static void make_clients(struct world *w)
{
    w->asks_max = w->plan.clients * w->plan.asks_per_client_max;
    w->asks = sim_alloc(&w->sim, w->asks_max * sizeof(struct ask *));
    w->clients = sim_alloc(&w->sim, w->plan.clients * sizeof *w->clients);
    for (uint32_t i = 0; i < w->plan.clients; i++)
        w->clients[i] = client_make(w, i);
}

static void build(struct world *w)
{
    struct world_plan *p = &w->plan;
    net_init(&w->net, &w->sim, &p->net);
    ring_sim_init(&w->ring, &w->sim, &w->net);
    w->ring.faults = p->faults;
    ring_sim_install(&w->ring);
    w->listen_addr = p->ipv6 ? net_addr6(1, 80) : net_addr(1, 80);
    struct config *config = p->config;
    config->binds[0] = (struct bind_config){ w->listen_addr, "the proxy", &config->listeners[0] };
    config->binds_count = 1;
    make_keys(w);
    make_servers(w);
    config->backends[0].servers = w->server_configs;
    config->backends[0].servers_count = p->servers;
    /* Every exchange is logged: the judge reads it. */
    w->log_config = (struct log_config){ .name = "all", .format = LOG_JSON, .sample_ppm = 1000000 };
    config->logs = &w->log_config;
    config->logs_count = 1;
    for (uint32_t i = 0; i < config->sites_count; i++) {
        struct site_config *site = &config->sites[i];
        site->handling.log = config->logs;
        for (uint32_t k = 0; k < site->routes_count; k++)
            site->routes[k].handling.log = config->logs;
    }
    if (p->tunnels)
        tunnels_configure(w);
    if (p->cached)
        cached_configure(w);
    w->registry = registry_create();
    CHECK(w->registry);
    w->gate = gate_create();
    CHECK(w->gate && gate_prepare(w->gate, config, p->workers));
    w->run_plan = plan_create(config, w->registry, 0, NULL, NULL);
    CHECK(w->run_plan);
    for (uint16_t i = 0; i < p->workers; i++)
        make_worker(w, i);
    if (p->tunnels)
        tunnels_make(w);
    else if (p->cached)
        cached_make(w);
    else
        make_clients(w);
    alloc_watch(&w->sim);
    sim_after(&w->sim, SIM_S, on_look, w, 0);
    caps_begin(w);
    changes_begin(w);
    if (p->drain_at_ns)
        sim_after(&w->sim, p->drain_at_ns, on_drain_time, w, 0);
}

/* ---- running, ending --------------------------------------------------------------------------
 */

static void step(struct world *w, const char *awaited)
{
    if (!sim_step(&w->sim, WORLD_SECONDS_MAX * SIM_S))
        sim_fail(&w->sim, "the world stands still: %s", awaited);
}

static bool all_drained(const struct world *w)
{
    for (uint32_t i = 0; i < w->plan.workers; i++)
        if (!w->workers[i].drained)
            return false;
    return true;
}

static void end_worker(struct world_worker *ww, struct world_result *out)
{
    struct world *w = ww->world;
    judge_log(ww);
    worker_destroy(&ww->worker);
    loop_destroy(ww->loop);
    if (counter_read(&ww->counters.log_dropped))
        sim_fail(&w->sim, "log records were dropped");
    if (counter_read(&ww->counters.clients_accepted) != counter_read(&ww->counters.clients_closed))
        sim_fail(&w->sim, "the counters of clients do not match");
    if (counter_read(&ww->counters.upstream_opened) != counter_read(&ww->counters.upstream_closed))
        sim_fail(&w->sim, "the counters of upstream connections do not match");
    record_ring_destroy(ww->log.ring);
    out->retries += counter_read(&ww->counters.attempts_retried);
    for (uint32_t i = 0; i < END_REASON_COUNT; i++)
        out->ended[i] += counter_read(&ww->counters.ended[i]);
}

static uint64_t count_ended(const struct world_result *out)
{
    uint64_t ended = 0;
    for (uint32_t i = 0; i < END_REASON_COUNT; i++)
        ended += out->ended[i];
    return ended;
}

static void check_counters(struct world *w, const struct world_result *out)
{
    uint64_t ended = count_ended(out), logged = w->handshakes_logged;
    for (uint32_t i = 0; i < w->asks_count; i++)
        logged += w->asks[i]->records;
    if (ended != logged)
        sim_fail(&w->sim, "%llu exchanges are counted, %llu logged", (unsigned long long)ended,
                 (unsigned long long)logged);
}

/* The world that runs: a failure's report asks for its trace. */
static struct world *running;

void world_dump(void)
{
    if (running)
        sim_trace_dump(&running->sim);
}

bool world_run(uint64_t seed, const char *profile, bool trace, struct world_result *out)
{
    struct world *w = calloc(1, sizeof *w);
    CHECK(w);
    *out = (struct world_result){ 0 };
    sim_init(&w->sim, seed, trace);
    random_sim_seed(seed);
    if (!plan_make(&w->plan, &w->sim, profile)) {
        sim_destroy(&w->sim);
        free(w);
        return false;
    }
    running = w;
    sim_trace(&w->sim, "world: seed %llu, profile %s", (unsigned long long)seed, w->plan.profile);
    build(w);
    while (w->clients_done < w->plan.clients)
        step(w, "clients are left");
    if (!w->plan.drain_at_ns || !w->draining) {
        w->plan.stops = false;
        on_drain_time(w, 0);
    }
    while (!all_drained(w))
        step(w, "workers are left");
    while (!tunnels_over(w))
        step(w, "servers of tunnels are left");
    for (uint32_t i = 0; i < w->plan.workers; i++)
        end_worker(&w->workers[i], out);
    ring_sim_destroy(&w->ring); /* no descriptor is left */
    ring_sim_install(NULL);
    if (w->plan.tunnels) {
        tunnels_judge(w);
    } else if (w->plan.cached) {
        cached_judge(w, count_ended(out));
    } else {
        judge_asks(w);
        check_counters(w, out);
    }
    if (w->run_plan->users != 1)
        sim_fail(&w->sim, "somebody still uses the plan");
    plan_unuse(w->run_plan);
    registry_destroy(w->registry);
    gate_destroy(w->gate);
    cache_hub_destroy(w->cache); /* nothing of it is held */
    out->trace_hash = w->sim.trace_hash;
    memcpy(out->covered, w->sim.covered, sizeof out->covered);
    out->events = w->sim.events;
    out->virtual_ns = w->sim.now_ns;
    out->asks = w->plan.tunnels || w->plan.cached ? w->plan.clients : w->asks_count;
    out->profile = w->plan.profile;
    running = NULL;
    alloc_watch(NULL);
    seams_destroy(&w->seams);
    net_destroy(&w->net);
    sim_destroy(&w->sim);
    free(w);
    return true;
}
