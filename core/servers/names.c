/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/servers/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

#define SPREAD_PART 10 /* lookups come so much of their time sooner, at random: not all at once */

/* ---- Answers -------------------------------------------------------------------------------- */

static int by_address(const void *pa, const void *pb)
{
    const struct resolved *a = pa, *b = pb;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    if (a->addr.len != b->addr.len)
        return a->addr.len < b->addr.len ? -1 : 1;
    int c = memcmp(&a->addr.sa, &b->addr.sa, a->addr.len);
    return c ? c : strcmp(a->target, b->target);
}

static bool same_resolution(const struct resolution *a, const struct resolution *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (by_address(&a->items[i], &b->items[i]) != 0 || a->items[i].weight != b->items[i].weight)
            return false;
    return true;
}

static bool has(const struct dns_answers *answers, const struct resolved *r)
{
    for (uint32_t i = 0; i < answers->count; i++) {
        const struct dns_answer *a = &answers->items[i];
        if (a->addr.len == r->addr.len && memcmp(&a->addr.sa, &r->addr.sa, r->addr.len) == 0)
            return true;
    }
    return false;
}

/* What the answer leaves out because it could not be found out this time. */
static bool stays(const struct watched_name *w, const struct dns_answers *answers,
                  const struct resolved *r)
{
    bool ipv4 = r->addr.sa.sa_family == AF_INET, named = w->kind == LOOKUP_ADDRESSES;
    for (uint32_t i = 0; !named && i < answers->count; i++)
        named = strcmp(answers->items[i].target, r->target) == 0;
    return named && (ipv4 ? answers->ipv4_missing : answers->ipv6_missing) && !has(answers, r);
}

/* The answer as it is kept, with what an answer that is only a part of it leaves out. */
static bool take(const struct watched_name *w, const struct dns_answers *answers,
                 struct resolution *out, char **targets)
{
    const struct resolution *before = &w->resolution;
    uint32_t kept = answers->partial ? before->count : 0;
    size_t texts = 1;
    for (uint32_t i = 0; i < answers->count; i++)
        texts += strlen(answers->items[i].target) + 1;
    for (uint32_t i = 0; i < kept; i++)
        texts += strlen(before->items[i].target) + 1;
    *out = (struct resolution){ .items = calloc(answers->count + kept + 1, sizeof *out->items) };
    char *at = *targets = malloc(texts);
    if (!out->items || !at) {
        free(out->items);
        free(at);
        return false;
    }
    for (uint32_t i = 0; i < answers->count; i++) {
        const struct dns_answer *a = &answers->items[i];
        if (!a->addr.len)
            continue;
        out->items[out->count++] = (struct resolved){ a->addr, at, a->priority, a->weight };
        at = stpcpy(at, a->target) + 1;
    }
    for (uint32_t i = 0; i < kept; i++) {
        if (!stays(w, answers, &before->items[i]))
            continue;
        out->items[out->count] = before->items[i];
        out->items[out->count++].target = at;
        at = stpcpy(at, before->items[i].target) + 1;
    }
    qsort(out->items, out->count, sizeof *out->items, by_address);
    return true;
}

static void ask_in(struct watched_name *w, uint64_t ns)
{
    struct loop *l = w->all->loop;
    uint64_t sooner = ns / SPREAD_PART ? rng_next(&l->rng) % (ns / SPREAD_PART) : 0;
    loop_timer_set(l, &w->timer, l->now_ns + ns - sooner);
}

static void ask_when_old(struct watched_name *w, uint32_t ttl_s)
{
    const struct dns_config *d = &w->all->dns;
    uint64_t ms = (uint64_t)ttl_s * 1000;
    if (ttl_s == UINT32_MAX)
        return; /* of this machine: the next configuration asks again */
    if (ms < d->ttl_min_ms)
        ms = d->ttl_min_ms;
    if (ms > d->ttl_max_ms)
        ms = d->ttl_max_ms;
    ask_in(w, ms_to_ns(ms));
}

/* Only what changes is told. */
static void tell_status(const struct watched_name *w, enum lookup_status before)
{
    if (w->status == LOOKUP_OK && w->asked && before != LOOKUP_OK)
        fprintf(stderr, "sluice: '%s' resolves again\n", w->name);
    else if (w->status != LOOKUP_OK && (!w->asked || before == LOOKUP_OK))
        fprintf(stderr, "sluice: '%s' does not resolve: %s; %s\n", w->name,
                lookup_status_text(w->status),
                w->resolution.count ? "its servers stay" : "it gives no servers until it does");
}

static void on_done(struct lookup *k, enum lookup_status status, const struct dns_answers *answers)
{
    struct watched_name *w = container_of(k, struct watched_name, lookup);
    struct resolution fresh = { 0 };
    char *targets = NULL;
    bool changed = !w->asked;
    enum lookup_status before = w->status;
    w->status = status;
    tell_status(w, before);
    w->asked = true;
    if (status == LOOKUP_OK && take(w, answers, &fresh, &targets)) {
        changed |= !same_resolution(&w->resolution, &fresh);
        free(w->resolution.items);
        free(w->targets);
        w->resolution = fresh;
        w->targets = targets;
        w->answered_ns = w->all->loop->now_ns;
        ask_when_old(w, answers->ttl_s);
    } else {
        ask_in(w, ms_to_ns(w->all->dns.retry_ms));
    }
    if (changed)
        w->all->changed(w->all, w);
}

static void ask(struct watched_name *w)
{
    struct names_of_servers *n = w->all;
    timer_remove(&n->loop->timers, &w->timer);
    if (!n->resolver || !lookup_start(n->resolver, &w->lookup, w->kind, str_of(w->name)))
        ask_in(w, ms_to_ns(n->dns.retry_ms ? n->dns.retry_ms : DNS_RETRY_MS));
}

static void on_timer(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    ask(container_of(t, struct watched_name, timer));
}

/* ---- Which names ---------------------------------------------------------------------------- */

/* The name in "app.internal:9000" or "srv:_http._tcp.internal". */
static struct str name_of(const struct server_config *s)
{
    struct str host = str_of(s->host);
    if (s->kind == SERVER_SERVICE)
        return (struct str){ host.ptr + 4, host.len - 4 };
    const char *colon = strrchr(s->host, ':');
    CHECK(colon);
    return (struct str){ s->host, (size_t)(colon - s->host) };
}

static void forget(struct watched_name *w)
{
    lookup_cancel(&w->lookup);
    timer_remove(&w->all->loop->timers, &w->timer);
    list_remove(&w->node);
    free(w->resolution.items);
    free(w->targets);
    free(w->name);
    free(w);
}

struct watched_name *names_want(struct names_of_servers *n, const struct server_config *s)
{
    struct str name = name_of(s);
    enum lookup_kind kind = s->kind == SERVER_SERVICE ? LOOKUP_SERVICE : LOOKUP_ADDRESSES;
    for (struct list *i = n->names.next; i != &n->names; i = i->next) {
        struct watched_name *w = container_of(i, struct watched_name, node);
        if (w->kind == kind && str_eq_fold(str_of(w->name), name)) {
            w->wanted_as = n->marked_as;
            return w;
        }
    }
    struct watched_name *w = calloc(1, sizeof *w);
    if (!w || !(w->name = strndup(name.ptr, name.len))) {
        free(w);
        return NULL;
    }
    w->all = n;
    w->kind = kind;
    w->lookup.done = on_done;
    w->wanted_as = n->marked_as;
    timer_init(&w->timer, on_timer);
    list_push_back(&n->names, &w->node);
    ask(w);
    return w;
}

void names_begin(struct names_of_servers *n)
{
    n->marked_as++;
}

void names_end(struct names_of_servers *n)
{
    for (struct list *i = n->names.next, *next; i != &n->names; i = next) {
        next = i->next;
        struct watched_name *w = container_of(i, struct watched_name, node);
        if (w->wanted_as != n->marked_as)
            forget(w);
    }
}

bool names_all_asked(const struct names_of_servers *n)
{
    for (const struct list *i = n->names.next; i != &n->names; i = i->next)
        if (!container_of(i, struct watched_name, node)->asked)
            return false;
    return true;
}

/* ---- All of it ------------------------------------------------------------------------------ */

static void on_resolver_gone(void *arg)
{
    struct names_of_servers *n = arg;
    if (--n->resolvers == 0 && n->on_none)
        n->on_none(n->arg);
}

void names_start(struct names_of_servers *n, struct loop *l,
                 void (*changed)(struct names_of_servers *n, struct watched_name *w))
{
    *n = (struct names_of_servers){ .loop = l, .changed = changed, .marked_as = 1 };
    list_init(&n->names);
}

void names_use(struct names_of_servers *n, const struct dns_config *dns)
{
    struct resolver *old = n->resolver, *fresh = resolver_create(n->loop, dns);
    if (!fresh)
        return; /* no memory: the one before will do */
    n->resolvers++;
    n->resolver = fresh;
    n->dns = (struct dns_config){ .ttl_min_ms = dns->ttl_min_ms,
                                  .ttl_max_ms = dns->ttl_max_ms,
                                  .retry_ms = dns->retry_ms,
                                  .family = dns->family };
    for (struct list *i = n->names.next; i != &n->names; i = i->next) {
        struct watched_name *w = container_of(i, struct watched_name, node);
        lookup_cancel(&w->lookup);
        ask(w);
    }
    if (old)
        resolver_destroy(old, on_resolver_gone, n);
}

void names_stop(struct names_of_servers *n, void (*on_none)(void *arg), void *arg)
{
    n->marked_as++;
    names_end(n);
    n->on_none = on_none;
    n->arg = arg;
    if (n->resolver)
        resolver_destroy(n->resolver, on_resolver_gone, n);
    else if (n->resolvers == 0)
        on_none(arg);
    n->resolver = NULL;
}
