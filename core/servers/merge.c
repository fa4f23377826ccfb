/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/servers/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/tiers.h"
#include "core/base/check.h"

#define ITEMS_MAX (4 * SERVERS_MAX) /* those that were removed, and names, included */
#define MEMORY_MAX ((size_t)8 << 20)

struct merging {
    struct merged *m;
    enum dns_family family;
    uint32_t items_max, notes_max;
    bool failed;
};

/* ---- Memory --------------------------------------------------------------------------------- */

static void *room(struct merging *g, size_t bytes)
{
    void *p = arena_alloc(&g->m->arena, bytes);
    if (p)
        memset(p, 0, bytes);
    else
        g->failed = true;
    return p;
}

static const char *keep(struct merging *g, const char *text)
{
    if (!text)
        return NULL;
    size_t n = strlen(text) + 1;
    char *p = room(g, n);
    return p ? memcpy(p, text, n) : "";
}

static struct str keep_str(struct merging *g, struct str text)
{
    char *p = text.len ? room(g, text.len) : NULL;
    return p ? (struct str){ memcpy(p, text.ptr, text.len), text.len } : (struct str){ 0 };
}

static void note(struct merging *g, enum merge_issue issue, const char *id, enum server_layer layer)
{
    if (g->m->notes_count < g->notes_max)
        g->m->notes[g->m->notes_count++] =
            (struct merge_note){ .issue = issue, .id = keep(g, id), .layer = layer };
}

/* ---- Servers -------------------------------------------------------------------------------- */

static bool same_addr(const struct addr *a, const struct addr *b)
{
    return a->len == b->len && a->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

/* The same id, or the same address without a name of its own. */
static bool is_there(const struct merged *m, const struct server_config *s, bool named)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (strcmp(m->items[i].config.name, s->name) == 0 ||
            (!named && same_addr(&m->items[i].config.addr, &s->addr)))
            return true;
    return false;
}

static bool is_named(const struct server_entry *e)
{
    return strcmp(e->server->name, e->server->host) != 0;
}

static void add(struct merging *g, const struct server_entry *e, const struct server_config *s,
                bool resolved)
{
    struct merged *m = g->m;
    if (is_there(m, s, is_named(e))) {
        note(g, ISSUE_DUPLICATE, s->name, e->layer);
        return;
    }
    if (m->count == g->items_max) {
        note(g, ISSUE_TOO_MANY, s->name, e->layer);
        return;
    }
    struct merged_server *to = &m->items[m->count++];
    *to = (struct merged_server){ .config = *s,
                                  .layer = resolved ? LAYER_DNS : e->layer,
                                  .named_by = e->layer,
                                  .from = resolved ? keep(g, e->server->host) : NULL,
                                  .layer_weight = s->weight,
                                  .weight_by =
                                      e->server->weight == s->weight ? e->layer : LAYER_DNS };
    to->config.name = keep(g, s->name);
    to->config.host = keep(g, s->host);
    to->config.zone = keep(g, s->zone);
    to->config.sni = keep_str(g, s->sni);
}

/* A server of its own for each address: its id is the address, behind the name that it was given.
 */
static void add_resolved(struct merging *g, const struct server_entry *e, struct server_config s,
                         const struct addr *addr)
{
    char text[ADDR_TEXT_MAX], id[ADDR_TEXT_MAX + 256];
    bool named = is_named(e);
    s.addr = *addr;
    addr_format(addr, text);
    snprintf(id, sizeof id, "%s%s%s", named ? e->server->name : "", named ? "@" : "", text);
    s.name = id;
    add(g, e, &s, true);
}

static bool is_wanted(const struct merging *g, const struct resolution *r, const struct addr *a)
{
    bool ipv4 = a->sa.sa_family == AF_INET;
    switch (g->family) {
    case DNS_BOTH:
        return true;
    case DNS_IPV4:
        return ipv4;
    case DNS_IPV6:
        return !ipv4;
    case DNS_AUTO:
        break;
    }
    for (uint32_t i = 0; i < r->count; i++)
        if (r->items[i].addr.len && r->items[i].addr.sa.sa_family == AF_INET)
            return ipv4;
    return true;
}

static uint16_t port_of(const char *host)
{
    const char *colon = strrchr(host, ':');
    return (uint16_t)(colon ? strtoul(colon + 1, NULL, 10) : 0);
}

static void add_host(struct merging *g, const struct server_entry *e)
{
    const struct resolution *r = e->resolution;
    for (uint32_t i = 0; i < r->count; i++) {
        struct addr a = r->items[i].addr;
        a.v4.sin_port = htons(port_of(e->server->host)); /* both families have it there */
        if (is_wanted(g, r, &a))
            add_resolved(g, e, *e->server, &a);
    }
}

/* Lower numbers first (RFC 2782): ranks, as far as there are priorities behind the entry's own. */
static uint32_t rank_of(const struct resolution *r, uint16_t priority)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        bool first = true;
        for (uint32_t k = 0; k < i; k++)
            first = first && r->items[k].priority != r->items[i].priority;
        rank += first && r->items[i].priority < priority;
    }
    return rank;
}

/* From 0 to 65535 to ours; 0 is "a very small chance", unless all have it. */
static uint32_t weight_of(const struct resolution *r, uint16_t weight, uint32_t of_entry)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->items[i].weight > largest)
            largest = r->items[i].weight;
    if (of_entry == 0 || largest == 0)
        return of_entry;
    uint32_t w = largest <= SERVER_WEIGHT_MAX ? weight : weight * SERVER_WEIGHT_MAX / largest;
    return w ? w : 1;
}

static void add_service(struct merging *g, const struct server_entry *e)
{
    const struct resolution *r = e->resolution;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct resolved *t = &r->items[i];
        struct server_config s = *e->server;
        char host[300];
        if (!t->addr.len || !is_wanted(g, r, &t->addr))
            continue;
        uint32_t priority = s.priority + rank_of(r, t->priority);
        s.priority = priority < TIER_PRIORITIES ? priority : TIER_PRIORITIES - 1;
        s.weight = weight_of(r, t->weight, s.weight);
        snprintf(host, sizeof host, "%s:%u", t->target, ntohs(t->addr.v4.sin_port));
        s.host = host;
        add_resolved(g, e, s, &t->addr);
    }
}

static void add_entry(struct merging *g, const struct server_entry *e)
{
    uint32_t before = g->m->count, notes = g->m->notes_count;
    if (e->resolution && e->server->kind == SERVER_NAME)
        add_host(g, e);
    else if (e->resolution && e->server->kind == SERVER_SERVICE)
        add_service(g, e);
    bool nothing = g->m->count == before && g->m->notes_count == notes;
    if (nothing && e->server->kind != SERVER_ADDRESS && e->server->addr.len)
        add_resolved(g, e, *e->server, &e->server->addr); /* found when the command line was read */
    else if (nothing)
        add(g, e, e->server, false); /* an address; or a name without one, which gets nothing */
}

/* ---- Changes -------------------------------------------------------------------------------- */

static bool is_meant(const struct merged_server *s, const char *id)
{
    return strcmp(s->config.name, id) == 0 || (s->from && strcmp(s->from, id) == 0);
}

static void change(struct merging *g, const struct server_change *c)
{
    bool found = false, conflict = false;
    for (uint32_t i = 0; i < g->m->count; i++) {
        struct merged_server *s = &g->m->items[i];
        if (!is_meant(s, c->id))
            continue;
        bool named = s->named_by != LAYER_API;
        found = true;
        conflict |= named != c->base_named || (named && s->layer_weight != c->base_weight);
        s->removed |= c->removed;
        s->weighted |= c->weighted;
        s->stated |= c->stated;
        if (c->weighted)
            s->config.weight = c->weight;
        if (c->stated)
            s->state = c->state;
    }
    if (!found || conflict)
        note(g, found ? ISSUE_CONFLICT : ISSUE_ORPHAN, c->id, LAYER_API);
}

static void look_at_all(struct merging *g)
{
    struct merged *m = g->m;
    uint32_t in_force = 0, weights = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->items[i].removed)
            continue;
        if (in_force == SERVERS_MAX) {
            note(g, ISSUE_TOO_MANY, m->items[i].config.name, m->items[i].layer);
            m->items[i].removed = true;
            continue;
        }
        in_force++;
        weights += m->items[i].config.weight;
    }
    if (in_force && !weights)
        note(g, ISSUE_WEIGHTLESS, "", LAYER_CONFIG);
}

/* ---- All of it ------------------------------------------------------------------------------ */

struct merged *merge_servers(const struct server_entry *entries, uint32_t entries_count,
                             const struct server_change *const *changes, uint32_t changes_count,
                             enum dns_family family)
{
    struct merged *m = calloc(1, sizeof *m);
    struct merging g = { .m = m, .family = family };
    if (!m)
        return NULL;
    arena_init(&m->arena, m, 0, MEMORY_MAX); /* no first block */
    for (uint32_t i = 0; i < entries_count; i++)
        g.items_max += entries[i].resolution ? 1 + entries[i].resolution->count : 1;
    g.notes_max = g.items_max + changes_count * 2 + 1;
    if (g.items_max > ITEMS_MAX)
        g.items_max = ITEMS_MAX;
    m->items = room(&g, g.items_max * sizeof *m->items);
    m->notes = room(&g, g.notes_max * sizeof *m->notes);
    for (uint32_t i = 0; i < entries_count && !g.failed; i++)
        add_entry(&g, &entries[i]);
    for (uint32_t i = 0; i < changes_count && !g.failed; i++)
        change(&g, changes[i]);
    if (!g.failed)
        look_at_all(&g);
    if (!g.failed)
        return m;
    merged_free(m);
    return NULL;
}

void merged_free(struct merged *m)
{
    if (!m)
        return;
    arena_reset(&m->arena);
    free(m);
}

uint32_t merged_in_force(const struct merged *m, struct server_config *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->count; i++)
        if (!m->items[i].removed)
            out[n++] = m->items[i].config;
    CHECK(n <= SERVERS_MAX);
    return n;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_server(const struct server_config *a, const struct server_config *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->host, b->host) == 0 &&
           a->addr.len == b->addr.len && memcmp(&a->addr.sa, &b->addr.sa, a->addr.len) == 0 &&
           a->weight == b->weight && a->priority == b->priority && a->backup == b->backup &&
           a->requests_max == b->requests_max && a->connections_max == b->connections_max &&
           same_text(a->zone, b->zone) && str_eq(a->sni, b->sni);
}

static const struct merged_server *next_in_force(const struct merged *m, uint32_t *i)
{
    while (*i < m->count && m->items[*i].removed)
        ++*i;
    return *i < m->count ? &m->items[(*i)++] : NULL;
}

bool merged_same(const struct merged *a, const struct merged *b)
{
    uint32_t i = 0, k = 0;
    for (;;) {
        const struct merged_server *p = next_in_force(a, &i), *q = next_in_force(b, &k);
        if (!p || !q)
            return p == q;
        if (!same_server(&p->config, &q->config))
            return false;
    }
}

const struct merged_server *merged_find(const struct merged *m, const char *id)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (strcmp(m->items[i].config.name, id) == 0)
            return &m->items[i];
    return NULL;
}

const struct merged_server *merged_first(const struct merged *m, const char *id)
{
    const struct merged_server *found = merged_find(m, id);
    for (uint32_t i = 0; !found && i < m->count; i++)
        if (is_meant(&m->items[i], id))
            found = &m->items[i];
    return found;
}

const char *server_layer_text(enum server_layer layer)
{
    static const char *const texts[] = { [LAYER_CONFIG] = "configuration",
                                         [LAYER_FILE] = "file",
                                         [LAYER_API] = "api",
                                         [LAYER_DNS] = "dns" };
    return texts[layer];
}

static const char *const state_texts[] = {
    [STATE_READY] = "ready", [STATE_DRAIN] = "drain", [STATE_MAINTENANCE] = "maintenance"
};

const char *server_state_text(enum server_state state)
{
    return state_texts[state];
}

bool server_state_parse(struct str text, enum server_state *out)
{
    for (size_t i = 0; i < ARRAY_LEN(state_texts); i++) {
        if (str_eq(text, str_of(state_texts[i]))) {
            *out = (enum server_state)i;
            return true;
        }
    }
    return false;
}
