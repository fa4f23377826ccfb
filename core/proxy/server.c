/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/server.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/http/head.h"
#include "core/proxy/client.h"
#include "core/proxy/exchange.h"
#include "core/proxy/worker.h"

static struct server_set *make_set(const struct backend_config *config)
{
    struct server_info *list = calloc(config->servers_count, sizeof *list);
    if (!list)
        return NULL;
    for (uint32_t i = 0; i < config->servers_count; i++)
        list[i] = (struct server_info){ .id = i + 1,
                                        .name = str_of(config->servers[i].name),
                                        .weight = config->servers[i].weight };
    struct server_set *set = server_set_create(1, list, config->servers_count);
    free(list);
    return set;
}

bool backend_init(struct backend *b, const struct backend_config *config, uint32_t worker)
{
    CHECK(config->servers_count > 0 && config->servers_count <= SERVERS_MAX);
    *b = (struct backend){ .config = config,
                           .backoff = { .min_ns = ms_to_ns(config->backoff_min_ms),
                                        .max_ns = ms_to_ns(config->backoff_max_ms) } };
    const struct balance_policy *policy = balance_policy_find(str_of(config->policy));
    CHECK(policy);
    b->set = make_set(config);
    b->servers = calloc(config->servers_count, sizeof *b->servers);
    if (!b->set || !b->servers)
        return false;
    b->balancer = policy->create(b->set, worker);
    for (uint32_t i = 0; i < config->servers_count; i++) {
        struct server *s = &b->servers[i];
        s->config = &config->servers[i];
        s->index = (uint16_t)i;
        list_init(&s->idle);
        if (s->config->weight && s->config->addr.len) {
            b->weighted[i / 64] |= UINT64_C(1) << (i % 64);
            b->weighted_count++;
        }
    }
    return b->balancer != NULL;
}

void backend_destroy(struct backend *b)
{
    for (uint32_t i = 0; b->servers && i < b->config->servers_count; i++)
        CHECK(b->servers[i].idle_count == 0 && b->servers[i].active_count == 0);
    balancer_destroy(b->balancer);
    if (b->set)
        server_set_destroy(b->set);
    free(b->servers);
    *b = (struct backend){ 0 };
}

/* --- the key of keyed policies --- */

/* The value of one cookie (RFC 6265 4.2.1): "a=1; b=2". */
static struct str cookie_value(const struct http_head *h, struct str name)
{
    for (const struct http_field *f = head_field(h, FIELD_COOKIE); f; f = head_field_next(h, f)) {
        struct str rest = head_value(h, f);
        while (rest.len) {
            const char *semi = memchr(rest.ptr, ';', rest.len);
            size_t n = semi ? (size_t)(semi - rest.ptr) : rest.len;
            struct str pair = { rest.ptr, n };
            while (pair.len && pair.ptr[0] == ' ')
                pair = (struct str){ pair.ptr + 1, pair.len - 1 };
            if (pair.len > name.len && pair.ptr[name.len] == '=' &&
                memcmp(pair.ptr, name.ptr, name.len) == 0)
                return (struct str){ pair.ptr + name.len + 1, pair.len - name.len - 1 };
            n += semi ? 1 : 0;
            rest = (struct str){ rest.ptr + n, rest.len - n };
        }
    }
    return (struct str){ 0 };
}

static struct str header_value(const struct http_head *h, struct str name)
{
    for (uint32_t i = 0; i < h->fields_count; i++)
        if (str_eq_fold(head_str(h, h->fields[i].name), name))
            return head_value(h, &h->fields[i]);
    return (struct str){ 0 };
}

static struct str key_of(const struct backend_config *config, const struct exchange *ex)
{
    switch (config->key) {
    case KEY_CLIENT_IP:
        return (struct str){ (const char *)ex->client->peer.ip, sizeof ex->client->peer.ip };
    case KEY_HEADER:
        return header_value(&ex->head, config->key_name);
    case KEY_COOKIE:
        return cookie_value(&ex->head, config->key_name);
    case KEY_URI: /* normal form, without the query: what caches are spread by */
        return ex->target.path;
    case KEY_NONE:
        break;
    }
    return (struct str){ 0 };
}

/* --- picking --- */

static bool clear_bit(uint64_t *bits, uint32_t i)
{
    uint64_t bit = UINT64_C(1) << (i % 64);
    bool was = (bits[i / 64] & bit) != 0;
    bits[i / 64] &= ~bit;
    return was;
}

struct server *backend_pick(struct backend *b, struct exchange *ex)
{
    uint64_t usable[SET_WORDS(SERVERS_MAX)];
    size_t bytes = SET_WORDS(b->config->servers_count) * sizeof usable[0];
    memcpy(usable, b->weighted, bytes);
    struct loop *l = ex->w->loop;
    struct pick_ctx ctx = {
        .now_ns = l->now_ns, .rng = &l->rng, .usable = usable, .usable_count = b->weighted_count
    };
    if (b->balancer->policy->keyed) {
        struct str key = key_of(b->config, ex);
        ctx.has_key = key.len > 0;
        if (ctx.has_key)
            ctx.key_hash = hash_bytes(key.ptr, key.len, 0);
    }
    for (unsigned i = 0; i < ex->tries; i++)
        if (ex->tried[i] != UINT16_MAX && clear_bit(usable, ex->tried[i]))
            ctx.usable_count--;
    if (b->bad_count) {
        uint64_t untried[SET_WORDS(SERVERS_MAX)];
        uint32_t untried_count = ctx.usable_count;
        memcpy(untried, usable, bytes);
        for (uint32_t i = 0; i < b->config->servers_count; i++)
            if (!backoff_usable(&b->servers[i].backoff, ctx.now_ns) && clear_bit(usable, i))
                ctx.usable_count--;
        if (ctx.usable_count == 0) { /* better a server that may be dead than none */
            memcpy(usable, untried, bytes);
            ctx.usable_count = untried_count;
        }
    }
    int32_t i = ctx.usable_count ? balancer_pick(b->balancer, &ctx) : -1;
    return i < 0 ? NULL : &b->servers[i];
}

/* --- what connecting tells --- */

static void note_state(struct backend *b, enum backoff_state before, enum backoff_state after)
{
    if (before == BACKOFF_GOOD && after != BACKOFF_GOOD)
        b->bad_count++;
    if (before != BACKOFF_GOOD && after == BACKOFF_GOOD)
        b->bad_count--;
}

uint32_t server_connect_begin(struct server *s, uint64_t now_ns)
{
    return backoff_begin(&s->backoff, now_ns);
}

void server_connected(struct backend *b, struct server *s)
{
    enum backoff_state before = s->backoff.state;
    backoff_succeeded(&s->backoff);
    note_state(b, before, s->backoff.state);
}

void server_connect_failed(struct backend *b, struct server *s, uint32_t ticket, uint64_t now_ns,
                           struct rng *rng)
{
    enum backoff_state before = s->backoff.state;
    backoff_failed(&s->backoff, ticket, &b->backoff, now_ns, rng);
    note_state(b, before, s->backoff.state);
}

void server_connect_abandoned(struct server *s, uint32_t ticket)
{
    backoff_abandoned(&s->backoff, ticket);
}
