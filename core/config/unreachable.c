/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Routes that no request can meet, because earlier ones take everything. Only what is sure is said:
 * what a regular expression takes is not worked out.
 *
 * A route is a set of pairs of a host and a path pattern. Each pair is looked for in a table of the
 * earlier ones, under every pattern that would take it: so the time does not grow with the square
 * of the routes. */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/config/loader.h"

#define PAIRS_MAX 64      /* of a route; one with more is left out */
#define CANDIDATES_MAX 32 /* equal patterns that are looked at */
#define SEGMENTS_MAX 64   /* of a path */
#define NETWORKS_MAX 256  /* lists that are longer are not compared */

static const struct text_match any = { .kind = MATCH_ANY };

/* ---- Whether one covers the other ----------------------------------------------------------- */

static bool has_method(const struct strings *list, struct str method)
{
    for (uint32_t i = 0; i < list->items_count; i++)
        if (str_eq(list->items[i], method))
            return true;
    return false;
}

static bool methods_cover(const struct strings *a, const struct strings *b)
{
    if (a->items_count == 0)
        return true;
    for (uint32_t i = 0; i < b->items_count; i++)
        if (!has_method(a, b->items[i]))
            return false;
    return b->items_count > 0;
}

static bool same_pattern(const struct text_match *a, const struct text_match *b)
{
    return a->kind == b->kind && (a->kind == MATCH_REGEX ? str_eq(a->regex->text, b->regex->text)
                                                         : str_eq(a->text, b->text));
}

/* Whether what all of b ask for includes what all of a ask for. */
static bool fields_cover(const struct field_match *a, uint32_t a_count, const struct field_match *b,
                         uint32_t b_count)
{
    for (uint32_t i = 0; i < a_count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < b_count && !found; k++)
            found = str_eq(a[i].name, b[k].name) &&
                    (a[i].value.kind == MATCH_ANY || same_pattern(&a[i].value, &b[k].value));
        if (!found)
            return false;
    }
    return true;
}

static bool network_in(const struct network *n, const struct networks *list)
{
    for (uint32_t i = 0; i < list->items_count; i++) {
        const struct network *a = &list->items[i];
        unsigned whole = a->bits / 8, rest = a->bits % 8;
        if (a->family == n->family && a->bits <= n->bits && memcmp(a->ip, n->ip, whole) == 0 &&
            (rest == 0 || ((a->ip[whole] ^ n->ip[whole]) >> (8 - rest)) == 0))
            return true;
    }
    return false;
}

static bool networks_cover(const struct networks *a, const struct networks *b)
{
    if (a->items_count == 0)
        return true;
    if (a->items_count > NETWORKS_MAX || b->items_count > NETWORKS_MAX)
        return false;
    for (uint32_t i = 0; i < b->items_count; i++)
        if (!network_in(&b->items[i], a))
            return false;
    return b->items_count > 0;
}

/* Everything but host and path. */
static bool rest_covers(const struct match_config *a, const struct match_config *b)
{
    return methods_cover(&a->methods, &b->methods) &&
           fields_cover(a->headers, a->headers_count, b->headers, b->headers_count) &&
           fields_cover(a->arguments, a->arguments_count, b->arguments, b->arguments_count) &&
           networks_cover(&a->clients, &b->clients);
}

/* ---- The table ------------------------------------------------------------------------------ */

struct pair {
    uint64_t hash; /* 0: empty */
    uint32_t route;
};

struct table {
    struct pair *pairs;
    uint32_t mask;
    const struct site_config *site;
};

static uint64_t hash_pattern(enum match_kind kind, struct str text, uint64_t seed)
{
    uint64_t h = hash_bytes(text.ptr ? text.ptr : "", text.len, seed + kind + 1);
    return h ? h : 1;
}

static struct str pattern_text(const struct text_match *m)
{
    return m->kind == MATCH_REGEX ? m->regex->text : m->text;
}

static uint64_t hash_pair(const struct text_match *host, const struct text_match *path)
{
    return hash_pattern(path->kind, pattern_text(path),
                        hash_pattern(host->kind, pattern_text(host), 0));
}

static void put(struct table *t, uint64_t hash, uint32_t route)
{
    uint32_t i = (uint32_t)hash & t->mask;
    while (t->pairs[i].hash)
        i = (i + 1) & t->mask;
    t->pairs[i] = (struct pair){ hash, route };
}

/* The earlier route with this very pair that covers b in all else; NULL: none. */
static const struct route_config *find(const struct table *t, const struct text_match *host,
                                       const struct text_match *path, const struct match_config *b)
{
    uint64_t hash = hash_pair(host, path);
    uint32_t looked_at = 0;
    for (uint32_t i = (uint32_t)hash & t->mask; t->pairs[i].hash; i = (i + 1) & t->mask) {
        const struct route_config *a = &t->site->routes[t->pairs[i].route];
        if (t->pairs[i].hash != hash)
            continue;
        if (rest_covers(&a->match, b))
            return a;
        if (++looked_at == CANDIDATES_MAX)
            break;
    }
    return NULL;
}

/* ---- Patterns that take a pattern ----------------------------------------------------------- */

static uint32_t wider_hosts(const struct text_match *host, struct text_match out[3])
{
    uint32_t n = 0;
    out[n++] = *host;
    const char *dot =
        host->kind == MATCH_EXACT ? memchr(host->text.ptr, '.', host->text.len) : NULL;
    if (dot)
        out[n++] = (struct text_match){
            .kind = MATCH_WILDCARD,
            .text = { dot, host->text.len - (size_t)(dot - host->text.ptr) },
        };
    if (host->kind != MATCH_ANY)
        out[n++] = any;
    return n;
}

static uint32_t wider_paths(const struct text_match *path, struct text_match out[SEGMENTS_MAX + 2])
{
    uint32_t n = 0;
    out[n++] = *path;
    bool plain = path->kind == MATCH_EXACT || path->kind == MATCH_PREFIX;
    size_t end = plain ? path->text.len : 0;
    if (path->kind == MATCH_EXACT && end)
        out[n++] = (struct text_match){ .kind = MATCH_PREFIX, .text = { path->text.ptr, end } };
    while (end > 0 && n <= SEGMENTS_MAX) {
        while (end > 0 && path->text.ptr[--end] != '/')
            ;
        if (end)
            out[n++] = (struct text_match){ .kind = MATCH_PREFIX, .text = { path->text.ptr, end } };
    }
    if (path->kind != MATCH_ANY)
        out[n++] = any;
    return n;
}

static const struct route_config *find_wider(const struct table *t, const struct text_match *host,
                                             const struct text_match *path,
                                             const struct match_config *b)
{
    struct text_match hosts[3], paths[SEGMENTS_MAX + 2];
    uint32_t hosts_count = wider_hosts(host, hosts), paths_count = wider_paths(path, paths);
    for (uint32_t h = 0; h < hosts_count; h++) {
        for (uint32_t p = 0; p < paths_count; p++) {
            const struct route_config *a = find(t, &hosts[h], &paths[p], b);
            if (a)
                return a;
        }
    }
    return NULL;
}

/* ---- Routes --------------------------------------------------------------------------------- */

static uint32_t hosts_of(const struct match_config *m, const struct text_match **hosts)
{
    *hosts = m->hosts_count ? m->hosts : &any;
    return m->hosts_count ? m->hosts_count : 1;
}

static uint32_t paths_of(const struct match_config *m, const struct text_match **paths)
{
    *paths = m->paths_count ? m->paths : &any;
    return m->paths_count ? m->paths_count : 1;
}

static uint64_t pairs_of(const struct match_config *m)
{
    const struct text_match *list;
    uint64_t pairs = (uint64_t)hosts_of(m, &list) * paths_of(m, &list);
    return pairs <= PAIRS_MAX ? pairs : 0;
}

/* The first of the earlier routes that together take all; NULL: something is left. Then the route
 * is added. */
static const struct route_config *check_route(struct table *t, const struct route_config *r)
{
    const struct text_match *hosts, *paths;
    uint32_t hosts_count = hosts_of(&r->match, &hosts), paths_count = paths_of(&r->match, &paths);
    const struct route_config *first = NULL;
    bool covered = true;
    for (uint32_t i = 0; i < hosts_count * paths_count && covered; i++) {
        const struct route_config *a =
            find_wider(t, &hosts[i / paths_count], &paths[i % paths_count], &r->match);
        covered = a != NULL;
        first = first ? first : a;
    }
    for (uint32_t i = 0; i < hosts_count * paths_count && !covered; i++)
        put(t, hash_pair(&hosts[i / paths_count], &paths[i % paths_count]), r->index);
    return covered ? first : NULL;
}

static void check_site(struct loader *l, const struct site_config *site, const struct node *routes)
{
    uint64_t pairs = 0;
    for (uint32_t i = 0; i < site->routes_count; i++)
        pairs += pairs_of(&site->routes[i].match);
    uint32_t slots = 16;
    while (slots < 2 * pairs)
        slots *= 2;
    struct table t = { tree_alloc(l->tree, slots * sizeof *t.pairs), slots - 1, site };
    if (!t.pairs)
        return;
    const struct node *item = routes->first;
    for (uint32_t i = 0; i < site->routes_count && item; i++, item = item->next) {
        const struct route_config *r = &site->routes[i], *a;
        if (pairs_of(&r->match) == 0 || !(a = check_route(&t, r)))
            continue;
        report_warning(l->report, item->place,
                       "no request can meet %s: '%s' in line %u comes before it",
                       node_path(item).text, a->name, a->line);
    }
}

void check_routes(struct loader *l)
{
    const struct node *n = l->sites.node ? l->sites.node->first : NULL;
    for (uint32_t i = 0; n; n = n->next, i++) {
        const struct node *routes = node_get(n, STR("routes"));
        if (routes && routes->kind == NODE_LIST)
            check_site(l, &l->config->sites[i], routes);
    }
}
