/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/gate.h"

#include <stdlib.h>
#include <sys/random.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/config/networks.h"
#include "core/proxy/client.h"
#include "core/proxy/exchange.h"
#include "core/proxy/limit.h"
#include "core/proxy/listener.h"
#include "core/proxy/password.h"
#include "core/proxy/worker.h"

struct gate *gate_create(void)
{
    struct gate *g = calloc(1, sizeof *g);
    uint64_t seed;
    if (!g)
        return NULL;
    ssize_t n = getrandom(&seed, sizeof seed, 0);
    CHECK(n == (ssize_t)sizeof seed);
    n = getrandom(g->secret, sizeof g->secret, 0);
    CHECK(n == (ssize_t)sizeof g->secret);
    g->limits = limits_create(seed);
    if (!g->limits) {
        gate_destroy(g);
        return NULL;
    }
    return g;
}

void gate_destroy(struct gate *g)
{
    if (!g)
        return;
    password_pool_destroy(g->passwords);
    limits_destroy(g->limits);
    free(g);
}

static bool asks_passwords(const struct config *config)
{
    for (uint32_t i = 0; i < config->sites_count; i++) {
        const struct site_config *s = &config->sites[i];
        if (s->handling.basic_auth)
            return true;
        for (uint32_t k = 0; k < s->routes_count; k++)
            if (s->routes[k].handling.basic_auth)
                return true;
    }
    return false;
}

bool gate_prepare(struct gate *g, const struct config *config, uint32_t workers)
{
    atomic_store_explicit(&g->workers, workers, memory_order_relaxed);
    if (!g->passwords && asks_passwords(config)) {
        g->passwords = password_pool_create(PASSWORD_THREADS_MAX);
        return g->passwords != NULL;
    }
    return true;
}

static uint32_t seconds_up(uint64_t ns)
{
    uint64_t s = (ns + 999999999) / 1000000000;
    return s < 1 ? 1 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

static bool is_exempt(const struct networks *exempt, const struct peer_addr *client)
{
    return exempt->items_count && networks_has(exempt, client);
}

/* --- rates of requests --- */

/* A rule is known by where it stands and what it says: changed, it counts anew. */
static uint64_t identity_of(uint64_t id, const struct rate *rate, uint32_t burst)
{
    uint64_t what[] = { id, rate->count, rate->per_ms, burst };
    return hash_bytes(what, sizeof what, 0);
}

static uint64_t rate_key(const struct exchange *ex, const struct rate_limit_config *c)
{
    return limit_key(ex->w->gate->limits, identity_of(c->id, &c->rate, c->burst), &ex->client_addr,
                     c->ipv4_bits, c->ipv6_bits);
}

static bool take(struct exchange *ex, const struct rate_limit_config *c, uint64_t *wait_ns)
{
    struct worker *w = ex->w;
    struct token_rule r = token_rule_of(c->rate.count, c->rate.per_ms, c->burst);
    uint32_t batch = limit_batch(&r, atomic_load_explicit(&w->gate->workers, memory_order_relaxed));
    return limit_take(w->gate->limits, &w->leases, rate_key(ex, c), &r, batch, w->loop->now_ns,
                      wait_ns);
}

static void give_back(struct exchange *ex, const struct rate_limit_config *c)
{
    struct token_rule r = token_rule_of(c->rate.count, c->rate.per_ms, c->burst);
    limit_give_back(ex->w->gate->limits, &ex->w->leases, rate_key(ex, c), &r);
}

enum end_reason gate_rate(struct exchange *ex)
{
    const struct handling *h = ex->handling;
    uint64_t wait_ns = 0;
    for (uint32_t i = 0; i < h->rate_limits_count; i++) {
        const struct rate_limit_config *c = &h->rate_limits[i];
        if (is_exempt(&c->exempt, &ex->client_addr) || take(ex, c, &wait_ns))
            continue;
        /* A request that is refused costs nothing at the limits it would have passed. */
        while (i-- > 0)
            if (!is_exempt(&h->rate_limits[i].exempt, &ex->client_addr))
                give_back(ex, &h->rate_limits[i]);
        ex->retry_after_s = seconds_up(wait_ns);
        return END_RATE_LIMITED;
    }
    return END_OK;
}

/* --- connections --- */

static bool may_connect(struct client *c, const struct connection_limit_config *l)
{
    struct worker *w = c->w;
    struct limits *limits = w->gate->limits;
    uint64_t id = identity_of(l->id, &l->rate, l->concurrent_max);
    uint64_t key = limit_key(limits, id, &c->peer, l->ipv4_bits, l->ipv6_bits), wait_ns = 0;
    if (l->concurrent_max) {
        enum limit_entry entry = limit_enter(limits, key, l->concurrent_max);
        if (entry == LIMIT_REFUSED)
            return false;
        c->limit_key = entry == LIMIT_ENTERED ? key : 0;
    }
    if (l->rate.count == 0)
        return true;
    struct token_rule r = token_rule_of(l->rate.count, l->rate.per_ms, l->burst);
    if (limit_take(limits, &w->leases, key, &r, 1, w->loop->now_ns, &wait_ns))
        return true;
    gate_connection_gone(c);
    c->retry_after_s = seconds_up(wait_ns);
    return false;
}

bool gate_connection(struct client *c)
{
    const struct connection_limit_config *l = c->listener->site->connection_limit;
    c->retry_after_s = 1;
    if (is_exempt(&l->exempt, &c->peer) || may_connect(c, l))
        return true;
    if (c->w->limited_clients >= REFUSED_CLIENTS_MAX)
        return false;
    c->w->limited_clients++;
    c->limited = true;
    return true;
}

void gate_leave(struct worker *w, uint64_t key)
{
    if (key)
        limit_leave(w->gate->limits, key);
}

void gate_connection_gone(struct client *c)
{
    gate_leave(c->w, c->limit_key);
    c->limit_key = 0;
    if (c->limited)
        c->w->limited_clients--;
    c->limited = false;
}
