/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who gets a request: the policy's choice among those that can have it. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/http/cookie.h"
#include "core/proxy/backend.h"
#include "core/proxy/client.h"
#include "core/proxy/exchange.h"
#include "core/proxy/sticky.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

/* --- the key of keyed policies --- */

static struct str header_value(const struct http_head *h, struct str name)
{
    const struct http_field *f = head_field_named(h, name);
    return f ? head_value(h, f) : (struct str){ 0 };
}

/* The first bits of the client's address, in `into`. */
static struct str network_of(const struct balance_config *config, const struct peer_addr *client,
                             unsigned char into[16])
{
    uint32_t bits = client->family == AF_INET    ? config->ipv4_bits
                    : client->family == AF_INET6 ? config->ipv6_bits
                                                 : 128;
    memcpy(into, client->ip, 16);
    for (uint32_t i = 0; i < 16; i++)
        if (bits < 8 * (i + 1))
            into[i] &= bits > 8 * i ? (unsigned char)(0xff00 >> (bits - 8 * i)) : 0;
    return (struct str){ (const char *)into, 16 };
}

static struct str client_sni(const struct exchange *ex)
{
    struct tls_facts facts;
    return transport_tls_facts(&ex->client->t, &facts) ? facts.server_name : (struct str){ 0 };
}

static struct str key_of(const struct balance_config *config, const struct exchange *ex,
                         unsigned char room[16])
{
    struct str value = { 0 };
    switch (config->key) {
    case KEY_CLIENT_IP:
        return network_of(config, &ex->client_addr, room);
    case KEY_HEADER:
        return header_value(&ex->head, config->key_name);
    case KEY_COOKIE:
        return http_cookie(&ex->head, config->key_name);
    case KEY_PATH:
        return ex->target.path;
    case KEY_ARGUMENT:
        query_argument(ex->target.query, config->key_name, &value);
        return value;
    case KEY_SNI:
        return client_sni(ex);
    case KEY_NONE:
        break;
    }
    return value;
}

/* --- who can be picked --- */

static bool clear_bit(uint64_t *bits, uint32_t i)
{
    uint64_t bit = UINT64_C(1) << (i % 64);
    bool was = (bits[i / 64] & bit) != 0;
    bits[i / 64] &= ~bit;
    return was;
}

/* Whether too few of the servers that are in service are healthy. */
static bool is_panic(const struct backend *b)
{
    uint64_t in_service = 0, healthy = 0;
    for (uint32_t i = 0; i < b->list->set->count; i++) {
        uint32_t flags = shared_server_flags(b->list->shared[i]);
        bool serves =
            b->list->set->servers[i].weight && !(flags & (SERVER_DRAINING | SERVER_MAINTENANCE));
        in_service += serves;
        healthy += serves && !flags;
    }
    return healthy * 1000000 < in_service * b->config->panic_ppm;
}

static void note_ramp(struct backend *b, const struct shared_server *s)
{
    uint64_t since = atomic_load_explicit(&s->ramp_ns, memory_order_relaxed);
    uint64_t until = since + ms_to_ns(b->config->slow_start_ms);
    if (since && b->config->slow_start_ms && until > b->ramping_until_ns)
        b->ramping_until_ns = until;
}

static uint32_t sum_of(const uint32_t weights[TIERS_MAX])
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < TIERS_MAX; i++)
        sum += weights[i];
    return sum;
}

static void refresh(struct backend *b)
{
    const struct server_set *set = b->list->set;
    const uint32_t ignored = is_panic(b) ? SERVER_UNHEALTHY | SERVER_EJECTED : 0;
    uint32_t usable[TIERS_MAX] = { 0 }, all[TIERS_MAX] = { 0 };
    memset(b->usable, 0, sizeof b->usable);
    memset(b->tier_usable, 0, sizeof b->tier_usable);
    b->usable_count = 0;
    b->ramping_until_ns = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        uint8_t tier = b->list->tiers[i];
        uint64_t bit = UINT64_C(1) << (i % 64);
        all[tier] += set->servers[i].weight;
        if (set->servers[i].weight == 0 || (shared_server_flags(b->list->shared[i]) & ~ignored))
            continue;
        usable[tier] += set->servers[i].weight;
        b->usable[i / 64] |= bit;
        b->tier_usable[tier][i / 64] |= bit;
        b->usable_count++;
        note_ramp(b, b->list->shared[i]);
    }
    tiers_share(&b->tiers, usable, all, b->config->balance.spill_ppm);
    b->tiered = b->tiers.count > 0 && usable[b->tiers.tier[0]] < sum_of(usable);
}

static inline void refresh_if_changed(struct backend *b)
{
    uint32_t now = atomic_load_explicit(&b->list->backend->changes, memory_order_acquire);
    if (likely(b->seen && now == b->seen_changes))
        return;
    b->seen = true;
    b->seen_changes = now;
    refresh(b);
}

static uint32_t count_bits(const uint64_t *bits, uint32_t words)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < words; i++)
        n += (uint32_t)__builtin_popcountll(bits[i]);
    return n;
}

/* Of what is usable only the tier whose turn it is, unless nothing of that is left. */
static void choose_tier(const struct backend *b, uint64_t *usable, struct pick_ctx *ctx)
{
    uint64_t mine[SET_WORDS(SERVERS_MAX)];
    uint32_t words = SET_WORDS(b->list->set->count);
    uint64_t r = ctx->has_key ? ctx->key_hash * UINT64_C(0x9e3779b97f4a7c15) : rng_next(ctx->rng);
    uint32_t tier = tiers_pick(&b->tiers, (uint32_t)(r >> 32));
    for (uint32_t i = 0; i < words; i++)
        mine[i] = usable[i] & b->tier_usable[tier][i];
    uint32_t count = count_bits(mine, words);
    if (!count)
        return;
    memcpy(usable, mine, words * sizeof mine[0]);
    ctx->usable_count = count;
}

/* Facts: share <= weight * t/T. By the key, so that a key that came over stays. */
static bool may_take(const struct backend *b, const struct pick_ctx *ctx, uint32_t i)
{
    const struct shared_server *s = b->list->shared[i];
    uint64_t since = atomic_load_explicit(&s->ramp_ns, memory_order_relaxed);
    uint64_t whole = ms_to_ns(b->config->slow_start_ms);
    if (!since || ctx->now_ns >= since + whole)
        return true;
    uint64_t r =
        ctx->has_key ? (ctx->key_hash ^ s->id) * UINT64_C(0xbf58476d1ce4e5b9) : rng_next(ctx->rng);
    uint64_t passed = ctx->now_ns > since ? ctx->now_ns - since : 0;
    return (double)(r >> 32) * (double)whole < (double)passed * 0x1p32;
}

struct asker {
    struct worker *w;
    const uint64_t *tried; /* ids; 0: none */
    unsigned tries;
    struct str key;  /* len 0: none */
    struct str host; /* for TLS: which pooled connections would do */
    bool switches;   /* likewise */
    bool *opens;     /* set: a place for a connection was taken; NULL: that is known */
    bool fresh_only; /* none would */
};

static void take_out_tried(const struct backend *b, const struct asker *asker, uint64_t *usable,
                           struct pick_ctx *ctx)
{
    const struct server_set *set = b->list->set;
    for (unsigned k = 0; k < asker->tries; k++)
        for (uint32_t i = 0; asker->tried[k] && i < set->count; i++)
            if (set->servers[i].id == asker->tried[k] && clear_bit(usable, i))
                ctx->usable_count--;
}

static void take_out_resting(const struct backend *b, uint64_t *usable, size_t bytes,
                             struct pick_ctx *ctx)
{
    uint64_t before[SET_WORDS(SERVERS_MAX)];
    uint32_t count = ctx->usable_count;
    memcpy(before, usable, bytes);
    for (uint32_t i = 0; i < b->list->set->count; i++)
        if (!backoff_usable(&b->servers[i]->backoff, ctx->now_ns) && clear_bit(usable, i))
            ctx->usable_count--;
    if (ctx->usable_count == 0) { /* better a server that may be dead than none */
        memcpy(usable, before, bytes);
        ctx->usable_count = count;
    }
}

/* The places that a request, and its connection, need on a server. */
static bool enter(const struct backend *b, const struct asker *asker, struct server *s)
{
    bool opens = s->connections_capped &&
                 !upstream_has_slot(s, b->config, asker->host, asker->switches, asker->fresh_only);
    if (opens && !server_take_connection(s))
        return false;
    if (asker->opens)
        *asker->opens = opens;
    if (likely(server_enter(s)))
        return true;
    if (opens)
        server_untake_connection(s);
    return false;
}

/* By policy, of those that are usable: one that slow start lets take it; -1: none. */
static int32_t choose(const struct backend *b, uint64_t *usable, struct pick_ctx *ctx)
{
    int32_t i = ctx->usable_count ? balancer_pick(b->balancer, ctx) : -1;
    while (unlikely(ctx->now_ns < b->ramping_until_ns) && i >= 0 && ctx->usable_count > 1 &&
           !may_take(b, ctx, (uint32_t)i)) {
        clear_bit(usable, (uint32_t)i);
        ctx->usable_count--;
        i = balancer_pick(b->balancer, ctx);
    }
    return i;
}

/* What is left when the tier whose turn it was is full: the others, but for backup servers, which
 * are for when nobody is healthy. */
static void widen(const struct backend *b, const uint64_t *before, uint64_t *usable,
                  struct pick_ctx *ctx)
{
    uint32_t words = SET_WORDS(b->list->set->count);
    for (uint32_t i = 0; i < words; i++)
        usable[i] = before[i] & ~b->tier_usable[TIER_BACKUP][i];
    ctx->usable_count = count_bits(usable, words);
}

/* The servers of ctx are gone through until one has room. *full: one had not. */
static struct server *enter_one(struct backend *b, const struct asker *asker, uint64_t *usable,
                                struct pick_ctx *ctx, bool *full)
{
    uint64_t before[SET_WORDS(SERVERS_MAX)];
    uint32_t words = SET_WORDS(b->list->set->count);
    bool tiered = b->tiered;
    if (unlikely(tiered)) {
        memcpy(before, usable, words * sizeof before[0]);
        choose_tier(b, usable, ctx);
    }
    for (;;) {
        int32_t i = choose(b, usable, ctx);
        if (i < 0 && tiered && *full) {
            tiered = false;
            widen(b, before, usable, ctx);
            continue;
        }
        if (i < 0 || likely(enter(b, asker, b->servers[i])))
            return i < 0 ? NULL : b->servers[i];
        *full = true;
        ctx->usable_count -= clear_bit(usable, (uint32_t)i);
        if (tiered)
            clear_bit(before, (uint32_t)i);
    }
}

static struct server *pick(struct backend *b, const struct asker *asker, bool *full)
{
    uint64_t usable[SET_WORDS(SERVERS_MAX)];
    const struct server_set *set = b->list->set;
    size_t bytes = SET_WORDS(set->count) * sizeof usable[0];
    refresh_if_changed(b);
    memcpy(usable, b->usable, bytes);
    struct loop *l = asker->w->loop;
    struct pick_ctx ctx = { .now_ns = l->now_ns,
                            .rng = &l->rng,
                            .usable = usable,
                            .usable_count = b->usable_count,
                            .loads = b->loads };
    if (b->balancer->policy->bounded)
        for (uint32_t i = 0; i < set->count; i++)
            ctx.inflight += server_load_inflight(b->loads[i]);
    ctx.has_key = asker->key.len > 0;
    if (ctx.has_key)
        ctx.key_hash = hash_bytes(asker->key.ptr, asker->key.len, 0);
    if (asker->tries)
        take_out_tried(b, asker, usable, &ctx);
    if (asker->w->servers_bad)
        take_out_resting(b, usable, bytes, &ctx);
    return enter_one(b, asker, usable, &ctx, full);
}

/* The server that the client's cookie names, if it can get requests of those who know it. */
static struct server *find_sticky(const struct backend *b, const struct exchange *ex)
{
    const struct server_list *l = b->list;
    struct siphash tag;
    if (ex->tries || !sticky_read(http_cookie(&ex->head, b->config->sticky.cookie), &tag))
        return NULL;
    for (uint32_t i = 0; i < l->set->count; i++) {
        struct server *s = b->servers[i];
        if (l->tags[i].lo != tag.lo || l->tags[i].hi != tag.hi)
            continue;
        bool good = !(shared_server_flags(s->shared) & ~(uint32_t)SERVER_DRAINING) &&
                    s->addr->len && backoff_usable(&s->backoff, ex->w->loop->now_ns);
        return good ? s : NULL;
    }
    return NULL;
}

struct server *backend_pick(struct backend *b, struct exchange *ex, bool *full)
{
    struct asker asker = { .w = ex->w,
                           .tried = ex->tried,
                           .tries = ex->tries,
                           .host = ex->attempt.host,
                           .switches = ex->attempt.switches,
                           .opens = &ex->attempt.opens,
                           .fresh_only = ex->fresh_only };
    struct server *known = b->list->tags ? find_sticky(b, ex) : NULL;
    if (known && enter(b, &asker, known))
        return known;
    unsigned char room[16];
    if (b->balancer->policy->keyed)
        asker.key = key_of(&b->config->balance, ex, room);
    return pick(b, &asker, full);
}

struct server *backend_pick_tcp(struct backend *b, struct worker *w, const struct peer_addr *client,
                                const uint64_t *tried, unsigned tries, bool *full)
{
    const struct balance_config *config = &b->config->balance;
    struct asker asker = { .w = w, .tried = tried, .tries = tries, .fresh_only = true };
    unsigned char room[16];
    if (b->balancer->policy->keyed && config->key == KEY_CLIENT_IP)
        asker.key = network_of(config, client, room);
    return pick(b, &asker, full);
}
