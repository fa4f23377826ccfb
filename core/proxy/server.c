/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/server.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/http/cookie.h"
#include "core/proxy/client.h"
#include "core/proxy/exchange.h"
#include "core/proxy/server_tls.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

/* --- the worker's servers --- */

static void free_if_unused(struct server *s)
{
    if (s->refs || s->connections)
        return;
    if (s->backoff.state != BACKOFF_GOOD)
        s->w->servers_bad--;
    list_remove(&s->node);
    s->w->servers_count--;
    tls_resume_clear(&s->resume);
    if (s->tls)
        tls_context_unref(s->tls);
    free((char *)s->backend_name);
    free((char *)s->name);
    free((char *)s->host_name.ptr);
    free((char *)s->sni.ptr);
    free(s->load);
    free(s);
}

static struct str sni_of(const struct backend_config *b, const struct server_config *c)
{
    if (!b->tls)
        return (struct str){ 0 };
    return c->sni.len ? c->sni : b->tls->sni;
}

/* The name in an address that is written with one; empty: it is an IP address or a path. */
static struct str host_name_of(const struct server_config *c)
{
    const char *colon = strrchr(c->host, ':');
    struct addr addr;
    const char *why;
    if (!colon || addr_parse(str_of(c->host), false, &addr, &why))
        return (struct str){ 0 };
    return (struct str){ c->host, (size_t)(colon - c->host) };
}

static uint64_t identity_hash(const struct backend_config *b, const struct server_config *c)
{
    return hash_bytes(c->name, strlen(c->name), hash_bytes(b->name, strlen(b->name), 0));
}

static bool is_same(const struct server *s, const struct backend_config *b,
                    const struct server_config *c)
{
    return strcmp(s->backend_name, b->name) == 0 && strcmp(s->name, c->name) == 0 &&
           s->addr.len == c->addr.len && memcmp(&s->addr.sa, &c->addr.sa, s->addr.len) == 0 &&
           s->tls_id == (b->tls ? b->tls->id : 0) && str_eq(s->sni, sni_of(b, c)) &&
           str_eq(s->host_name, host_name_of(c));
}

static struct server *find(struct worker *w, uint64_t hash, const struct backend_config *b,
                           const struct server_config *c)
{
    struct list *head = &w->servers[hash % WORKER_SERVER_LISTS];
    for (struct list *n = head->next; n != head; n = n->next) {
        struct server *s = container_of(n, struct server, node);
        if (s->hash == hash && is_same(s, b, c))
            return s;
    }
    return NULL;
}

static bool copy_name(struct str *to, struct str from)
{
    *to = (struct str){ strndup(from.ptr ? from.ptr : "", from.len), from.len };
    return to->ptr;
}

static bool set_names(struct server *s, const struct backend_config *b,
                      const struct server_config *c)
{
    s->backend_name = strdup(b->name);
    s->name = strdup(c->name);
    return copy_name(&s->host_name, host_name_of(c)) && copy_name(&s->sni, sni_of(b, c)) &&
           s->backend_name && s->name;
}

static struct server *make(struct worker *w, uint64_t hash, const struct backend *backend,
                           const struct server_config *c)
{
    const struct backend_config *b = backend->config;
    struct server *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->w = w;
    s->hash = hash;
    s->addr = c->addr;
    if (b->tls) {
        s->tls_id = b->tls->id;
        s->tls = backend->tls;
        tls_context_ref(s->tls);
    }
    s->load = aligned_alloc(_Alignof(struct server_load), sizeof *s->load);
    if (s->load)
        memset(s->load, 0, sizeof *s->load);
    bool named = set_names(s, b, c);
    list_init(&s->idle);
    list_push_back(&w->servers[hash % WORKER_SERVER_LISTS], &s->node);
    w->servers_count++;
    if (named && s->load)
        return s;
    free_if_unused(s);
    return NULL;
}

void server_connection_gone(struct server *s)
{
    server_count(s, closed);
    s->connections--;
    free_if_unused(s);
}

static void server_unref(struct server *s)
{
    CHECK(s->refs > 0);
    if (--s->refs)
        return;
    while (!list_empty(&s->idle))
        upstream_close_idle(container_of(s->idle.next, struct upstream, idle_node));
    /* Connections that are still open count as closed: nobody will ask for them any more. */
    if (s->counters)
        counter_add(&s->counters->closed, s->connections);
    s->counters = NULL;
    free_if_unused(s);
}

/* --- backends --- */

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

static bool take_server(struct backend *b, struct worker *w, uint32_t i)
{
    const struct server_config *c = &b->config->servers[i];
    uint64_t hash = identity_hash(b->config, c);
    struct server *s = find(w, hash, b->config, c);
    if (!s)
        s = make(w, hash, b, c);
    if (!s)
        return false;
    s->refs++;
    s->backoff_config = (struct backoff_config){ .min_ns = ms_to_ns(b->config->backoff_min_ms),
                                                 .max_ns = ms_to_ns(b->config->backoff_max_ms) };
    s->decay_ns = ms_to_ns(b->config->balance.decay_ms);
    b->servers[i] = s;
    b->loads[i] = s->load;
    return true;
}

bool backend_attach(struct backend *b, struct worker *w)
{
    for (uint32_t i = 0; i < b->config->servers_count; i++)
        if (!take_server(b, w, i))
            return false;
    return true;
}

void backend_commit(struct backend *b)
{
    for (uint32_t i = 0; i < b->config->servers_count; i++)
        b->servers[i]->counters = &b->server_counters[i];
}

bool backend_share_tls(struct backend *b, const struct backend *others, uint32_t others_count)
{
    char
        ignored[256]; /* it was checked when the configuration was read: only memory can be short */
    if (!b->config->tls)
        return true;
    for (uint32_t i = 0; i < others_count && !b->tls; i++)
        if (others[i].tls && others[i].config->tls->id == b->config->tls->id) {
            b->tls = others[i].tls;
            tls_context_ref(b->tls);
        }
    if (!b->tls)
        b->tls = server_tls_context(b->config->tls, ignored, sizeof ignored);
    return b->tls;
}

bool backend_init(struct backend *b, const struct backend_config *config, uint32_t worker)
{
    CHECK(config->servers_count > 0 && config->servers_count <= SERVERS_MAX);
    *b = (struct backend){ .config = config };
    const struct balance_policy *policy = balance_policy_find(str_of(config->balance.policy));
    CHECK(policy);
    b->options = (struct balance_options){ .bound = config->balance.bound_ppm / 1e6,
                                           .decay_ns = ms_to_ns(config->balance.decay_ms) };
    for (uint32_t i = 0; i < config->servers_count; i++)
        if (config->servers[i].weight && config->servers[i].addr.len) {
            b->weighted[i / 64] |= UINT64_C(1) << (i % 64);
            b->weighted_count++;
        }
    b->servers = calloc(config->servers_count, sizeof *b->servers);
    b->loads = calloc(config->servers_count, sizeof *b->loads);
    b->set = make_set(config);
    b->balancer = b->set ? policy->create(b->set, &b->options, worker) : NULL;
    return b->servers && b->loads && b->balancer;
}

void backend_destroy(struct backend *b)
{
    for (uint32_t i = 0; b->servers && i < b->config->servers_count; i++)
        if (b->servers[i])
            server_unref(b->servers[i]);
    balancer_destroy(b->balancer);
    if (b->set)
        server_set_destroy(b->set);
    if (b->tls)
        tls_context_unref(b->tls);
    free(b->servers);
    free(b->loads);
    *b = (struct backend){ 0 };
}

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

/* --- picking --- */

static bool clear_bit(uint64_t *bits, uint32_t i)
{
    uint64_t bit = UINT64_C(1) << (i % 64);
    bool was = (bits[i / 64] & bit) != 0;
    bits[i / 64] &= ~bit;
    return was;
}

int32_t backend_pick(struct backend *b, struct exchange *ex)
{
    uint64_t usable[SET_WORDS(SERVERS_MAX)];
    size_t bytes = SET_WORDS(b->config->servers_count) * sizeof usable[0];
    memcpy(usable, b->weighted, bytes);
    struct loop *l = ex->w->loop;
    struct pick_ctx ctx = {
        .now_ns = l->now_ns, .rng = &l->rng, .usable = usable, .usable_count = b->weighted_count
    };
    ctx.loads = b->loads;
    if (b->balancer->policy->bounded)
        for (uint32_t i = 0; i < b->config->servers_count; i++)
            ctx.inflight += server_load_inflight(b->loads[i]);
    if (b->balancer->policy->keyed) {
        unsigned char room[16];
        struct str key = key_of(&b->config->balance, ex, room);
        ctx.has_key = key.len > 0;
        if (ctx.has_key)
            ctx.key_hash = hash_bytes(key.ptr, key.len, 0);
    }
    for (unsigned i = 0; i < ex->tries; i++)
        if (ex->tried[i] != UINT16_MAX && clear_bit(usable, ex->tried[i]))
            ctx.usable_count--;
    if (ex->w->servers_bad) {
        uint64_t untried[SET_WORDS(SERVERS_MAX)];
        uint32_t untried_count = ctx.usable_count;
        memcpy(untried, usable, bytes);
        for (uint32_t i = 0; i < b->config->servers_count; i++)
            if (!backoff_usable(&b->servers[i]->backoff, ctx.now_ns) && clear_bit(usable, i))
                ctx.usable_count--;
        if (ctx.usable_count == 0) { /* better a server that may be dead than none */
            memcpy(usable, untried, bytes);
            ctx.usable_count = untried_count;
        }
    }
    return ctx.usable_count ? balancer_pick(b->balancer, &ctx) : -1;
}

/* --- what connecting tells --- */

static void note_state(struct server *s, enum backoff_state before)
{
    if (before == BACKOFF_GOOD && s->backoff.state != BACKOFF_GOOD)
        s->w->servers_bad++;
    if (before != BACKOFF_GOOD && s->backoff.state == BACKOFF_GOOD)
        s->w->servers_bad--;
}

uint32_t server_connect_begin(struct server *s, uint64_t now_ns)
{
    return backoff_begin(&s->backoff, now_ns);
}

void server_connected(struct server *s)
{
    enum backoff_state before = s->backoff.state;
    backoff_succeeded(&s->backoff);
    note_state(s, before);
}

void server_connect_failed(struct server *s, uint32_t ticket)
{
    enum backoff_state before = s->backoff.state;
    struct loop *l = s->w->loop;
    backoff_failed(&s->backoff, ticket, &s->backoff_config, l->now_ns, &l->rng);
    server_count(s, failed);
    note_state(s, before);
}

void server_answered(struct server *s, uint16_t status, uint64_t latency_ns)
{
    if (status < 500)
        server_load_answered(s->load, latency_ns, s->w->loop->now_ns, s->decay_ns);
    else
        server_load_failed(s->load);
}

void server_failed(struct server *s)
{
    server_load_failed(s->load);
}

void server_connect_abandoned(struct server *s, uint32_t ticket)
{
    backoff_abandoned(&s->backoff, ticket);
}
