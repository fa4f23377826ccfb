/* SPDX-License-Identifier: GPL-3.0-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/proxy/route.h"

#include <pcre2.h>
#include <stdlib.h>

#include "core/base/check.h"
#include "core/config/networks.h"
#include "core/proxy/route_index.h"

/* Every pair of a route's host and path patterns is a pattern of the index, in the routes' order.
 */
struct pair {
    const struct route_config *route;
    const struct text_match *host, *path; /* NULL: any */
};

struct site_routes {
    struct route_index *index;
    struct pair *pairs;
    uint32_t pairs_count;
};

struct route_scratch {
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

struct route_scratch *route_scratch_create(void)
{
    struct route_scratch *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->data = pcre2_match_data_create(ROUTE_CAPTURES_MAX, NULL);
    s->limits = pcre2_match_context_create(NULL);
    if (!s->data || !s->limits) {
        route_scratch_destroy(s);
        return NULL;
    }
    pcre2_set_match_limit(s->limits, REGEX_STEPS_MAX);
    pcre2_set_depth_limit(s->limits, REGEX_DEPTH_MAX);
    pcre2_set_heap_limit(s->limits, REGEX_HEAP_KIB_MAX);
    return s;
}

void route_scratch_destroy(struct route_scratch *s)
{
    if (!s)
        return;
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->limits);
    free(s);
}

/* --- one pattern --- */

enum outcome { NO, YES, EXPLODED };

static enum outcome regex_matches(const struct regex *regex, struct route_scratch *s,
                                  struct str text, struct route_match *captures)
{
    int n = pcre2_match(regex->code, (PCRE2_SPTR)text.ptr, text.len, 0, 0, s->data, s->limits);
    if (n < 0)
        return n == PCRE2_ERROR_NOMATCH ? NO : EXPLODED;
    if (captures) {
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->data);
        captures->captures_count = n > 0 ? (uint32_t)n : ROUTE_CAPTURES_MAX;
        for (uint32_t i = 0; i < captures->captures_count; i++)
            captures->captures[i] =
                at[2 * i] == PCRE2_UNSET
                    ? (struct str){ "", 0 }
                    : (struct str){ text.ptr + at[2 * i], at[2 * i + 1] - at[2 * i] };
    }
    return YES;
}

/* The form of host ("*.example.com": one label) and of path ("/a/\*": on a segment boundary). */
static bool wildcard_matches(struct str text, struct str suffix)
{
    if (text.len <= suffix.len)
        return false;
    size_t label = text.len - suffix.len;
    return memcmp(text.ptr + label, suffix.ptr, suffix.len) == 0 && !memchr(text.ptr, '.', label);
}

static bool prefix_matches(struct str text, struct str prefix)
{
    return text.len >= prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0 &&
           (text.len == prefix.len || text.ptr[prefix.len] == '/');
}

static enum outcome text_matches(const struct text_match *m, struct route_scratch *s,
                                 struct str text, struct route_match *captures)
{
    switch (m->kind) {
    case MATCH_EXACT:
        return str_eq(text, m->text) ? YES : NO;
    case MATCH_PREFIX:
        return prefix_matches(text, m->text) ? YES : NO;
    case MATCH_WILDCARD:
        return wildcard_matches(text, m->text) ? YES : NO;
    case MATCH_REGEX:
        return regex_matches(m->regex, s, text, captures);
    case MATCH_ANY:
        break;
    }
    return YES;
}

/* --- the conditions beside host and path --- */

static bool method_matches(const struct strings *methods, struct str method)
{
    if (methods->items_count == 0)
        return true;
    for (uint32_t i = 0; i < methods->items_count; i++)
        if (str_eq(methods->items[i], method))
            return true;
    return false;
}

static enum outcome header_matches(const struct field_match *m, struct route_scratch *s,
                                   const struct http_head *h)
{
    for (uint32_t i = 0; i < h->fields_count; i++) {
        if (!str_eq_fold(head_str(h, h->fields[i].name), m->name))
            continue;
        enum outcome o = text_matches(&m->value, s, head_value(h, &h->fields[i]), NULL);
        if (o != NO)
            return o;
    }
    return NO;
}

bool query_argument(struct str query, struct str name, struct str *value)
{
    if (query.len && query.ptr[0] == '?')
        query = (struct str){ query.ptr + 1, query.len - 1 };
    while (query.len) {
        const char *amp = memchr(query.ptr, '&', query.len);
        struct str pair = { query.ptr, amp ? (size_t)(amp - query.ptr) : query.len };
        const char *eq = pair.len ? memchr(pair.ptr, '=', pair.len) : NULL;
        struct str key = { pair.ptr, eq ? (size_t)(eq - pair.ptr) : pair.len };
        if (str_eq(key, name)) {
            *value = eq ? (struct str){ eq + 1, pair.len - key.len - 1 } : (struct str){ "", 0 };
            return true;
        }
        size_t step = pair.len + (amp ? 1 : 0);
        query = (struct str){ query.ptr + step, query.len - step };
    }
    return false;
}

static enum route_miss rest_misses(const struct match_config *m, struct route_scratch *s,
                                   const struct route_request *q)
{
    if (!method_matches(&m->methods, head_str(q->head, q->head->method)))
        return MISS_METHOD;
    for (uint32_t i = 0; i < m->headers_count; i++) {
        enum outcome o = header_matches(&m->headers[i], s, q->head);
        if (o != YES)
            return o == NO ? MISS_HEADER : MISS_EXPLODED;
    }
    for (uint32_t i = 0; i < m->arguments_count; i++) {
        struct str value;
        enum outcome o = NO;
        if (query_argument(q->target->query, m->arguments[i].name, &value))
            o = text_matches(&m->arguments[i].value, s, value, NULL);
        if (o != YES)
            return o == NO ? MISS_ARGUMENT : MISS_EXPLODED;
    }
    if (m->clients.items_count && !networks_has(&m->clients, &q->client))
        return MISS_CLIENT;
    return MISS_NONE;
}

static enum route_miss pair_misses(const struct pair *p, struct route_scratch *s,
                                   const struct route_request *q, struct route_match *m)
{
    enum outcome o = p->host ? text_matches(p->host, s, q->host, NULL) : YES;
    if (o != YES)
        return o == NO ? MISS_HOST : MISS_EXPLODED;
    m->captures_count = 0;
    o = p->path ? text_matches(p->path, s, q->target->path, m) : YES;
    if (o != YES)
        return o == NO ? MISS_PATH : MISS_EXPLODED;
    return rest_misses(&p->route->match, s, q);
}

/* --- a site's routes --- */

static uint32_t at_least_one(uint32_t n)
{
    return n ? n : 1;
}

static void fill_pattern(struct route_pattern *p, const struct pair *pair)
{
    *p = (struct route_pattern){ HOST_ANY, PATH_ANY, { 0 }, { 0 } };
    if (pair->host && pair->host->kind == MATCH_EXACT) {
        p->host_kind = HOST_EXACT;
        p->host = pair->host->text;
    } else if (pair->host && pair->host->kind == MATCH_WILDCARD) {
        p->host_kind = HOST_WILDCARD; /* ".example.com" */
        p->host = (struct str){ pair->host->text.ptr + 1, pair->host->text.len - 1 };
    }
    if (pair->path && pair->path->kind == MATCH_EXACT) {
        p->path_kind = PATH_EXACT;
        p->path = pair->path->text;
    } else if (pair->path && pair->path->kind == MATCH_PREFIX) {
        p->path_kind = PATH_PREFIX;
        p->path = pair->path->text;
    }
}

static void fill_pairs(struct site_routes *r, const struct site_config *site)
{
    for (uint32_t i = 0; i < site->routes_count; i++) {
        const struct route_config *route = &site->routes[i];
        const struct match_config *m = &route->match;
        for (uint32_t h = 0; h < at_least_one(m->hosts_count); h++)
            for (uint32_t p = 0; p < at_least_one(m->paths_count); p++)
                r->pairs[r->pairs_count++] =
                    (struct pair){ route, m->hosts_count ? &m->hosts[h] : NULL,
                                   m->paths_count ? &m->paths[p] : NULL };
    }
}

struct site_routes *site_routes_create(const struct site_config *site)
{
    size_t count = 0;
    for (uint32_t i = 0; i < site->routes_count; i++)
        count += (size_t)at_least_one(site->routes[i].match.hosts_count) *
                 at_least_one(site->routes[i].match.paths_count);
    struct site_routes *r = calloc(1, sizeof *r);
    struct route_pattern *patterns = calloc(count ? count : 1, sizeof *patterns);
    if (r)
        r->pairs = calloc(count ? count : 1, sizeof *r->pairs);
    if (r && r->pairs && patterns) {
        fill_pairs(r, site);
        for (uint32_t i = 0; i < r->pairs_count; i++)
            fill_pattern(&patterns[i], &r->pairs[i]);
        r->index = route_index_create(patterns, r->pairs_count);
    }
    free(patterns);
    if (!r || !r->index) {
        site_routes_destroy(r);
        return NULL;
    }
    return r;
}

void site_routes_destroy(struct site_routes *r)
{
    if (!r)
        return;
    route_index_destroy(r->index);
    free(r->pairs);
    free(r);
}

void route_find(const struct site_routes *r, struct route_scratch *s, const struct route_request *q,
                struct route_match *out)
{
    struct route_walk walk;
    out->route = NULL;
    out->exploded = false;
    out->captures_count = 0;
    route_walk_begin(&walk, r->index, q->host, q->target->path);
    for (uint32_t i; (i = route_walk_next(&walk)) != UINT32_MAX;) {
        enum route_miss miss = pair_misses(&r->pairs[i], s, q, out);
        if (miss == MISS_NONE) {
            out->route = r->pairs[i].route;
            return;
        }
        if (miss == MISS_EXPLODED) {
            out->exploded = true;
            return;
        }
    }
}

enum route_miss route_test(const struct route_config *route, struct route_scratch *s,
                           const struct route_request *q, struct route_match *m)
{
    const struct match_config *c = &route->match;
    enum route_miss best = MISS_HOST; /* the pair that came furthest tells */
    m->captures_count = 0;
    for (uint32_t h = 0; h < at_least_one(c->hosts_count); h++)
        for (uint32_t p = 0; p < at_least_one(c->paths_count); p++) {
            struct pair pair = { route, c->hosts_count ? &c->hosts[h] : NULL,
                                 c->paths_count ? &c->paths[p] : NULL };
            enum route_miss miss = pair_misses(&pair, s, q, m);
            if (miss == MISS_NONE || miss == MISS_EXPLODED)
                return miss;
            if (miss > best)
                best = miss;
        }
    return best;
}
