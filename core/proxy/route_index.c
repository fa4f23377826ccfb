/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/route_index.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"

/* One table for everything: a key is (scope, kind, bytes). Hosts map to a host number; a host
 * number with a path maps to the list of routes. */
enum key_kind { KEY_HOST_EXACT, KEY_HOST_WILDCARD, KEY_PATH_EXACT, KEY_PATH_PREFIX, KEY_PATH_ANY };

struct slot {
    uint64_t hash;  /* 0: empty */
    uint32_t scope; /* host number of path keys; 0 for host keys */
    uint8_t kind;   /* enum key_kind */
    struct str key; /* in `bytes` */
    uint32_t value; /* a host number, or the start of a list in `numbers` */
    uint32_t count; /* of the list */
};

struct route_index {
    struct slot *slots;
    uint32_t mask;
    uint32_t hosts_count; /* numbers 1..; 0 is "any host" */
    uint32_t depth_max;   /* segments of the deepest prefix */
    uint32_t *numbers;    /* all lists, each ended by UINT32_MAX */
    char *bytes;
};

static uint64_t key_hash(uint32_t scope, enum key_kind kind, struct str key)
{
    uint64_t h = hash_bytes(key.ptr, key.len, (uint64_t)scope << 8 | kind);
    return h ? h : 1;
}

static struct slot *find(const struct route_index *x, uint64_t hash, uint32_t scope,
                         enum key_kind kind, struct str key)
{
    for (uint32_t i = (uint32_t)hash & x->mask;; i = (i + 1) & x->mask) {
        struct slot *s = &x->slots[i];
        if (s->hash == 0 ||
            (s->hash == hash && s->scope == scope && s->kind == kind && str_eq(s->key, key)))
            return s;
    }
}

static const struct slot *lookup(const struct route_index *x, uint32_t scope, enum key_kind kind,
                                 struct str key)
{
    const struct slot *s = find(x, key_hash(scope, kind, key), scope, kind, key);
    return s->hash ? s : NULL;
}

/* --- building --- */

static struct slot *insert(struct route_index *x, uint32_t scope, enum key_kind kind,
                           struct str key)
{
    uint64_t hash = key_hash(scope, kind, key);
    struct slot *s = find(x, hash, scope, kind, key);
    if (s->hash == 0)
        *s = (struct slot){ .hash = hash, .scope = scope, .kind = (uint8_t)kind, .key = key };
    return s;
}

static uint32_t host_number(struct route_index *x, const struct route_pattern *p, struct str host)
{
    if (p->host_kind == HOST_ANY)
        return 0;
    struct slot *s =
        insert(x, 0, p->host_kind == HOST_EXACT ? KEY_HOST_EXACT : KEY_HOST_WILDCARD, host);
    if (s->value == 0)
        s->value = ++x->hosts_count;
    return s->value;
}

static enum key_kind path_key(enum path_kind kind)
{
    return kind == PATH_EXACT    ? KEY_PATH_EXACT
           : kind == PATH_PREFIX ? KEY_PATH_PREFIX
                                 : KEY_PATH_ANY;
}

static uint32_t segments(struct str path)
{
    uint32_t n = 0;
    for (size_t i = 0; i < path.len; i++)
        n += path.ptr[i] == '/';
    return n;
}

static struct str copy(char **at, struct str s)
{
    struct str c = { *at, s.len };
    if (s.len)
        memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return c;
}

/* The slot of each pattern's path; its count grows by one. */
static void place(struct route_index *x, const struct route_pattern *patterns, uint32_t count,
                  struct slot **slots)
{
    char *at = x->bytes;
    for (uint32_t i = 0; i < count; i++) {
        const struct route_pattern *p = &patterns[i];
        struct str host = copy(&at, p->host), path = copy(&at, p->path);
        uint32_t scope = host_number(x, p, host);
        slots[i] = insert(x, scope, path_key(p->path_kind),
                          p->path_kind == PATH_ANY ? (struct str){ "", 0 } : path);
        slots[i]->count++;
        if (p->path_kind == PATH_PREFIX) {
            CHECK(segments(path) <= ROUTE_PREFIX_SEGMENTS_MAX); /* the configuration's check */
            if (segments(path) > x->depth_max)
                x->depth_max = segments(path);
        }
    }
}

/* Lists one behind the other, filled in the order of the patterns. */
static void fill(struct route_index *x, uint32_t count, struct slot **slots)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i <= x->mask; i++) {
        struct slot *s = &x->slots[i];
        if (s->hash == 0 || s->kind < KEY_PATH_EXACT)
            continue;
        s->value = at;
        at += s->count;
        x->numbers[at++] = UINT32_MAX;
        s->count = 0;
    }
    for (uint32_t i = 0; i < count; i++)
        x->numbers[slots[i]->value + slots[i]->count++] = i;
}

struct route_index *route_index_create(const struct route_pattern *patterns, uint32_t count)
{
    struct route_index *x = calloc(1, sizeof *x);
    struct slot **slots = calloc(count ? count : 1, sizeof(struct slot *));
    size_t bytes = 1;
    for (uint32_t i = 0; i < count; i++)
        bytes += patterns[i].host.len + patterns[i].path.len;
    uint32_t size = 8; /* at most half full: a host and a path per pattern */
    while (size < 4 * (uint64_t)count)
        size *= 2;
    if (x) {
        x->mask = size - 1;
        x->slots = calloc(size, sizeof *x->slots);
        x->numbers = calloc(2 * (size_t)count + 1, sizeof *x->numbers);
        x->bytes = malloc(bytes);
    }
    if (!x || !slots || !x->slots || !x->numbers || !x->bytes) {
        route_index_destroy(x);
        free(slots);
        return NULL;
    }
    place(x, patterns, count, slots);
    fill(x, count, slots);
    free(slots);
    return x;
}

void route_index_destroy(struct route_index *x)
{
    if (!x)
        return;
    free(x->slots);
    free(x->numbers);
    free(x->bytes);
    free(x);
}

/* --- looking up --- */

static void add_list(struct route_walk *w, const struct slot *s)
{
    if (s)
        w->lists[w->count++] = w->index->numbers + s->value;
}

static void add_paths(struct route_walk *w, uint32_t scope, struct str path)
{
    const struct route_index *x = w->index;
    add_list(w, lookup(x, scope, KEY_PATH_ANY, (struct str){ "", 0 }));
    add_list(w, lookup(x, scope, KEY_PATH_EXACT, path));
    add_list(w, lookup(x, scope, KEY_PATH_PREFIX, (struct str){ "", 0 }));
    uint32_t depth = 0;
    for (size_t i = 1; i <= path.len && depth < x->depth_max; i++)
        if (i == path.len || path.ptr[i] == '/') {
            depth++;
            add_list(w, lookup(x, scope, KEY_PATH_PREFIX, (struct str){ path.ptr, i }));
        }
}

void route_walk_begin(struct route_walk *w, const struct route_index *x, struct str host,
                      struct str path)
{
    w->index = x;
    w->count = 0;
    add_paths(w, 0, path);
    if (host.len == 0)
        return;
    const struct slot *s = lookup(x, 0, KEY_HOST_EXACT, host);
    if (s)
        add_paths(w, s->value, path);
    const char *dot = memchr(host.ptr, '.', host.len);
    if (dot && dot > host.ptr) {
        size_t skip = (size_t)(dot + 1 - host.ptr);
        s = lookup(x, 0, KEY_HOST_WILDCARD, (struct str){ dot + 1, host.len - skip });
        if (s)
            add_paths(w, s->value, path);
    }
}

uint32_t route_walk_next(struct route_walk *w)
{
    uint32_t best = UINT32_MAX, at = 0;
    for (uint32_t i = 0; i < w->count; i++)
        if (*w->lists[i] < best) {
            best = *w->lists[i];
            at = i;
        }
    if (best != UINT32_MAX)
        w->lists[at]++;
    return best;
}
