/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/plan.h"

#include <string.h>

#include "balance/balance.h"

#include "core/base/check.h"
#include "tests/sim/rules.h"

/* ---- what all worlds have in common -----------------------------------------------------------
 */

/* Who gets a request may depend on all of them. */
#define POLICIES 8

/* A handshake is some packets to and fro: on the worst of networks it would take longer than it
 * may. */
static void suit_tls(struct world_plan *p)
{
    if (p->net.latency_max_ns > 20 * SIM_MS)
        p->net.latency_max_ns = 20 * SIM_MS;
    if (p->net.window_min < 2000)
        p->net.window_min = 2000;
    if (p->net.window_max < p->net.window_min)
        p->net.window_max = p->net.window_min;
}

static void base(struct world_plan *p, struct sim *s)
{
    static const uint32_t windows[] = { 300, 2000, 16000, 65536, 200000 };
    static const uint64_t latencies_ns[] = { 5 * SIM_US, 200 * SIM_US, 20 * SIM_MS, 150 * SIM_MS };
    *p = (struct world_plan){
        .workers = 1 + sim_below(s, 3),
        .clients = 10 + sim_below(s, 40),
        .asks_per_client_max = 1 + sim_below(s, 8),
        .body_bytes_max = sim_chance(s, 100) ? 300000 : 70000,
        .servers = 1 + sim_below(s, 3),
        .http10 = 60,
        .pipelining = 250,
        .expect = 100,
        .big_head = 30,
        .asks_close = 60,
        .early = 30,
        .closes = 60,
        .interim = 60,
        .delayed = 100,
        .slow_server = 100,
        .slow_writer = 150,
        .slow_reader = 150,
    };
    p->backlog = sim_chance(s, 200) ? 1 : 64;
    p->ipv6 = sim_chance(s, 300);
    p->net.latency_min_ns = SIM_US;
    p->net.latency_max_ns = latencies_ns[sim_below(s, 4)];
    p->net.window_max = windows[sim_below(s, 5)];
    p->net.window_min = p->net.window_max / 4;
    if (p->net.window_max < 2000)
        p->big_head = 0; /* it could take longer than it may */
    p->faults.short_recv = sim_below(s, 600);
    p->faults.short_send = sim_below(s, 600);
    p->faults.enobufs = sim_chance(s, 500) ? sim_below(s, 100) : 0;
    p->faults.no_pipe = sim_chance(s, 300) ? sim_below(s, 500) : 0;
    p->faults.accept_end = sim_below(s, 300);
    p->faults.accept_error = sim_chance(s, 300) ? sim_below(s, 300) : 0;
    p->faults.turn_stall = sim_chance(s, 300) ? sim_below(s, 20) : 0;
    p->faults.turn_stall_max_ns = 900 * SIM_MS;
    p->faults.op_delay_max_ns = sim_range(s, 0, 30 * SIM_US);
    p->faults.turn_delay_max_ns = sim_range(s, 0, 200 * SIM_US);
    p->tls_clients = sim_chance(s, 250);
    p->tls_servers = sim_chance(s, 250);
    if (p->tls_clients || p->tls_servers)
        suit_tls(p);
    p->config = config_new_proxy();
    CHECK(p->config);
    /* From a few bytes on, and by any strategy: bodies are small here. */
    p->config->relay.strategy = (enum relay_strategy)sim_below(s, 4);
    p->config->relay.splice_bytes = 1 + sim_below(s, sim_chance(s, 500) ? 1000 : 100000);
    struct handling *handling = &p->config->sites[0].routes[0].handling;
    struct backend_config *backend = &p->config->backends[0];
    if (p->tls_servers)
        p->config->sites[0].routes[0].targets[0].timeouts.connect_ms = 20000;
    handling->via = sim_chance(s, 300);
    handling->forwarded = sim_chance(s, 300);
    backend->balance.policy =
        sim_chance(s, 500) ? "round_robin" : balance_policy_at(sim_below(s, POLICIES))->name;
    backend->balance.key = KEY_CLIENT_IP;
    if (sim_chance(s, 300))
        backend->pool_idle_max = sim_below(s, 3);
    if (sim_chance(s, 300))
        backend->pool_uses_max = 1 + sim_below(s, 4);
}

/* ---- profiles ---------------------------------------------------------------------------------
 */

/* Nothing is wrong: every request gets its very answer. */
static void clean(struct world_plan *p, struct sim *s)
{
    (void)s;
    p->half_close = 100;
}

/* One server of several is dead, in one of three ways: nobody notices. */
static void one_dead(struct world_plan *p, struct sim *s)
{
    p->servers = 2 + sim_below(s, 2);
    p->dead_servers = 1;
    p->dead_mode = NET_HOST_REFUSES + sim_below(s, 3);
}

/* All are dead. */
static void all_dead(struct world_plan *p, struct sim *s)
{
    p->dead_servers = p->servers;
    p->dead_mode = NET_HOST_REFUSES + sim_below(s, 3);
    p->tolerance = MAY_FAIL;
    p->asks_per_client_max = 2;
}

/* Servers come and go, and sockets are short. */
static void flapping(struct world_plan *p, struct sim *s)
{
    p->server_flaps = 1 + sim_below(s, 6);
    p->faults.open_error = sim_below(s, 200);
    p->tolerance = MAY_FAIL;
}

/* Servers close connections that the proxy keeps. */
static void stale(struct world_plan *p, struct sim *s)
{
    p->stale_close = 500;
    p->closes = 200;
    p->closes_silently = 500;
    p->asks_per_client_max = 8;
    p->net.reset_discards = sim_chance(s, 500);
    p->tolerance = MAY_BE_STALE;
}

static void bad_requests(struct world_plan *p, struct sim *s)
{
    p->bad_request = 400;
    p->net.reset_discards = sim_chance(s, 500);
    p->pipelining = 500;
}

static void bad_answers(struct world_plan *p, struct sim *s)
{
    (void)s;
    p->bad_answer = 300;
    p->surplus = 100;
    p->cut_answer = 100;
}

/* Answers break off, stall, come early. */
static void broken_answers(struct world_plan *p, struct sim *s)
{
    p->cut_answer = 150;
    p->reset_answer = 150;
    p->stalled_answer = 60;
    p->early = 300;
    p->net.reset_discards = sim_chance(s, 500);
    p->net.reset_overtakes_permille = sim_chance(s, 500) ? 500 : 0;
    p->tolerance = MAY_BE_CUT | MAY_BE_STALE;
}

static void rude_clients(struct world_plan *p, struct sim *s)
{
    p->vanish = 300;
    p->half_close = 100;
    p->stuck_reader = 60;
    p->stuck_writer = 60;
    p->idle = 60;
    p->slow_reader = p->slow_writer = 300;
    p->net.reset_discards = sim_chance(s, 500);
    p->net.reset_overtakes_permille = sim_chance(s, 500) ? 500 : 0;
}

/* Bytes of TLS connections are broken on their way, mostly in the handshake. */
static void tls_faults(struct world_plan *p, struct sim *s)
{
    p->tls_clients = sim_chance(s, 600);
    p->tls_servers = !p->tls_clients || sim_chance(s, 500);
    suit_tls(p);
    p->tls_faults = 150;
    p->tolerance = MAY_FAIL | MAY_BE_CUT | MAY_BE_STALE;
}

/* Hardly any buffers, readers that keep them. */
static void starved(struct world_plan *p, struct sim *s)
{
    p->config->buffers_max = 2 + sim_below(s, 12);
    p->faults.enobufs = 200;
    p->slow_reader = 500;
    p->stuck_reader = 50;
    p->body_bytes_max = 100000;
    p->tolerance = MAY_FAIL | MAY_BE_CUT | MAY_BE_IGNORED | MAY_TIME_OUT;
}

/* Memory runs out. */
static void no_memory(struct world_plan *p, struct sim *s)
{
    p->faults.alloc = 100 + sim_below(s, 500);
    p->big_head *= 10;
    p->body_bytes_max = 3000;
    p->tolerance = MAY_FAIL | MAY_BE_CUT | MAY_BE_IGNORED | MAY_BE_SHED;
}

/* Requests meet rules: they are changed, answered by the proxy itself, limited, buffered. */
static void rules(struct world_plan *p, struct sim *s)
{
    p->rules = 600;
    p->asks_per_client_max = 4 + sim_below(s, 12);
    config_free(p->config);
    p->config = rules_config(s);
}

static void rules_broken(struct world_plan *p, struct sim *s)
{
    rules(p, s);
    broken_answers(p, s);
}

static void rules_rude(struct world_plan *p, struct sim *s)
{
    rules(p, s);
    rude_clients(p, s);
}

static void rules_no_memory(struct world_plan *p, struct sim *s)
{
    rules(p, s);
    no_memory(p, s);
}

/* Servers take only so much at a time: all others wait, and all are served. */
static void capped(struct world_plan *p, struct sim *s)
{
    p->capped = 700;
    p->marks = sim_chance(s, 500);
    p->clients = 20 + sim_below(s, 60);
    p->config->backends[0].queue_max = CAP_MAX;
    p->config->sites[0].routes[0].targets[0].timeouts.queue_ms = 3600 * 1000;
    if (sim_chance(s, 200))
        p->config->backends[0].breaker.requests_max = 1 + sim_below(s, 4);
    if (sim_chance(s, 300))
        p->config->backends[0].slow_start_ms = 1 + sim_below(s, 2000);
}

/* ... and some are too many, or wait for too long. */
static void capped_tight(struct world_plan *p, struct sim *s)
{
    capped(p, s);
    p->config->backends[0].queue_max = sim_below(s, 8);
    p->config->sites[0].routes[0].targets[0].timeouts.queue_ms = 1 + sim_below(s, 300);
    p->tolerance = MAY_FAIL;
}

static void capped_flapping(struct world_plan *p, struct sim *s)
{
    capped(p, s);
    flapping(p, s);
}

static void capped_broken(struct world_plan *p, struct sim *s)
{
    capped(p, s);
    broken_answers(p, s);
}

static void capped_rude(struct world_plan *p, struct sim *s)
{
    capped(p, s);
    rude_clients(p, s);
}

static void capped_no_memory(struct world_plan *p, struct sim *s)
{
    capped(p, s);
    no_memory(p, s);
}

/* The workers are told to end in the middle of it. */
static void draining(struct world_plan *p, struct sim *s)
{
    p->drain_at_ns = sim_range(s, 0, 5 * SIM_S);
    p->slow_reader = p->slow_writer = 300;
    p->delayed = 400;
    p->tolerance = MAY_BE_IGNORED;
}

static void capped_draining(struct world_plan *p, struct sim *s)
{
    capped(p, s);
    draining(p, s);
    p->stops = sim_chance(s, 500);
    p->tolerance = MAY_BE_CUT | MAY_BE_IGNORED | MAY_FAIL;
}

static void stopping(struct world_plan *p, struct sim *s)
{
    draining(p, s);
    p->stops = true;
    p->tolerance = MAY_BE_CUT | MAY_BE_IGNORED | MAY_FAIL;
}

/* Servers come and go, and nobody notices. */
static void changing(struct world_plan *p, struct sim *s)
{
    p->changes_every_ns = sim_range(s, SIM_MS, 2 * SIM_S);
    p->clients = 10 + sim_below(s, 40);
    p->delayed = 300;
}

static void changing_broken(struct world_plan *p, struct sim *s)
{
    changing(p, s);
    broken_answers(p, s);
}

static void changing_draining(struct world_plan *p, struct sim *s)
{
    changing(p, s);
    draining(p, s);
}

static void changing_no_memory(struct world_plan *p, struct sim *s)
{
    changing(p, s);
    no_memory(p, s);
}

/* Layer 4, upgrades, CONNECT: all passes, both ways. */
static void tunnels(struct world_plan *p, struct sim *s)
{
    p->tunnels = TUNNELS_TCP + sim_below(s, 3);
    p->tls_clients = p->tls_servers = false;
    p->clients = 20 + sim_below(s, 60);
}

static void tunnels_rude(struct world_plan *p, struct sim *s)
{
    tunnels(p, s);
    p->vanish = 300;
    p->net.reset_discards = sim_chance(s, 500);
    p->net.reset_overtakes_permille = sim_chance(s, 500) ? 500 : 0;
}

static void tunnels_starved(struct world_plan *p, struct sim *s)
{
    starved(p, s);
    tunnels_rude(p, s);
}

static void tunnels_no_memory(struct world_plan *p, struct sim *s)
{
    no_memory(p, s);
    tunnels_rude(p, s);
}

/* The route has a cache, several ask for the same. */
static void cached(struct world_plan *p, struct sim *s)
{
    p->cached = true;
    p->tls_clients = p->tls_servers = false;
    p->clients = 20 + sim_below(s, 60);
    p->delayed = 300;
    if (p->net.window_max < 2000)
        p->body_bytes_max = 5000;
}

static void cached_broken(struct world_plan *p, struct sim *s)
{
    cached(p, s);
    broken_answers(p, s);
    p->tolerance = 0;
}

static void cached_rude(struct world_plan *p, struct sim *s)
{
    cached(p, s);
    p->vanish = 300;
    p->slow_reader = 300;
    p->net.reset_discards = sim_chance(s, 500);
    p->net.reset_overtakes_permille = sim_chance(s, 500) ? 500 : 0;
}

static void cached_rude_broken(struct world_plan *p, struct sim *s)
{
    cached_broken(p, s);
    cached_rude(p, s);
}

static void cached_starved(struct world_plan *p, struct sim *s)
{
    starved(p, s);
    cached_rude(p, s);
}

static void cached_no_memory(struct world_plan *p, struct sim *s)
{
    no_memory(p, s);
    cached_rude_broken(p, s);
    p->tolerance = MAY_FAIL | MAY_BE_CUT | MAY_BE_IGNORED | MAY_BE_SHED;
}

static void cached_draining(struct world_plan *p, struct sim *s)
{
    draining(p, s);
    cached_rude_broken(p, s);
    p->drain_at_ns = sim_range(s, 0, 20 * SIM_S);
    p->stops = sim_chance(s, 500);
}

/* Everything at once. */
static void chaos(struct world_plan *p, struct sim *s)
{
    rude_clients(p, s);
    broken_answers(p, s);
    p->bad_request = 60;
    p->bad_answer = 60;
    p->stale_close = 200;
    p->closes_silently = 200;
    p->server_flaps = sim_below(s, 4);
    p->changes_every_ns = sim_chance(s, 300) ? sim_range(s, SIM_MS, 20 * SIM_S) : 0;
    p->tls_faults = 50;
    p->faults.open_error = sim_chance(s, 300) ? 50 : 0;
    p->faults.turn_stall_max_ns = 20 * SIM_S;
    if (sim_chance(s, 300))
        p->config->buffers_max = 4 + sim_below(s, 40);
    if (sim_chance(s, 300))
        p->config->clients_max = 2 + sim_below(s, 20);
    if (sim_chance(s, 300))
        p->drain_at_ns = sim_range(s, 0, 60 * SIM_S);
    p->stops = sim_chance(s, 500);
    p->faults.alloc = sim_chance(s, 300) ? 100 : 0;
    p->tolerance =
        MAY_BE_SHED | MAY_FAIL | MAY_BE_CUT | MAY_BE_IGNORED | MAY_BE_STALE | MAY_TIME_OUT;
}

static const struct {
    const char *name;
    void (*make)(struct world_plan *p, struct sim *s);
} profiles[] = {
    { "clean", clean },
    { "one_dead", one_dead },
    { "all_dead", all_dead },
    { "flapping", flapping },
    { "stale", stale },
    { "bad_requests", bad_requests },
    { "bad_answers", bad_answers },
    { "broken_answers", broken_answers },
    { "rude_clients", rude_clients },
    { "tls_faults", tls_faults },
    { "starved", starved },
    { "no_memory", no_memory },
    { "rules", rules },
    { "rules_broken", rules_broken },
    { "rules_rude", rules_rude },
    { "rules_no_memory", rules_no_memory },
    { "capped", capped },
    { "capped_tight", capped_tight },
    { "capped_flapping", capped_flapping },
    { "capped_broken", capped_broken },
    { "capped_rude", capped_rude },
    { "capped_no_memory", capped_no_memory },
    { "capped_draining", capped_draining },
    { "changing", changing },
    { "changing_broken", changing_broken },
    { "changing_draining", changing_draining },
    { "changing_no_memory", changing_no_memory },
    { "draining", draining },
    { "stopping", stopping },
    { "chaos", chaos },
    { "tunnels", tunnels },
    { "tunnels_rude", tunnels_rude },
    { "tunnels_starved", tunnels_starved },
    { "tunnels_no_memory", tunnels_no_memory },
    /* By name only, see below. */
    { "cached", cached },
    { "cached_broken", cached_broken },
    { "cached_rude", cached_rude },
    { "cached_rude_broken", cached_rude_broken },
    { "cached_starved", cached_starved },
    { "cached_no_memory", cached_no_memory },
    { "cached_draining", cached_draining },
};

/* So many at the end are made when they are asked for by name alone: they still find that an object
 * which comes slowly is joined at any age (cache_stage.c, use_stored()). */
#define PROFILES_BY_NAME 7

const char *plan_profile_name(uint32_t i)
{
    return i < ARRAY_LEN(profiles) ? profiles[i].name : NULL;
}

bool plan_make(struct world_plan *p, struct sim *s, const char *profile)
{
    uint32_t i = sim_below(s, ARRAY_LEN(profiles) - PROFILES_BY_NAME);
    if (profile)
        for (i = 0; i < ARRAY_LEN(profiles) && strcmp(profiles[i].name, profile) != 0; i++) {
        }
    if (i == ARRAY_LEN(profiles))
        return false;
    base(p, s);
    profiles[i].make(p, s);
    p->profile = profiles[i].name;
    return true;
}
