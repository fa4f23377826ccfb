/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which routes can a host and a path meet, in their written order, without looking at the others:
 * hash lookups per host form and per path segment, however many routes there are. Immutable once
 * built, so all workers share one. */
#ifndef SLUICE_PROXY_ROUTE_INDEX_H
#define SLUICE_PROXY_ROUTE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/base/str.h"

enum host_kind {
    HOST_ANY,
    HOST_EXACT,    /* "www.example.com" */
    HOST_WILDCARD, /* "*.example.com": exactly one label more; host holds "example.com" */
};

enum path_kind {
    PATH_ANY,    /* also what the caller decides by other means: a regular expression */
    PATH_EXACT,  /* "/a" */
    PATH_PREFIX, /* "/a" for "/a/\*": /a/, /a/b, and /a itself; "" for every path */
};

struct route_pattern {
    enum host_kind host_kind;
    enum path_kind path_kind;
    struct str host; /* lower case, without port */
    struct str path; /* normal form; a prefix without its last slash */
};

struct route_index;

/* A prefix has at most so many segments. */
#define ROUTE_PREFIX_SEGMENTS_MAX PREFIX_SEGMENTS_MAX

/* patterns in their order; strings are copied. NULL without memory. */
struct route_index *route_index_create(const struct route_pattern *patterns, uint32_t count);
void route_index_destroy(struct route_index *x);

/* Any, exact and wildcard host, each with any, exact and empty-prefix path and the prefixes. */
#define ROUTE_LISTS_MAX (3 * (3 + ROUTE_PREFIX_SEGMENTS_MAX))

struct route_walk {
    const struct route_index *index;
    const uint32_t *lists[ROUTE_LISTS_MAX]; /* ascending route numbers, ended by UINT32_MAX */
    uint32_t count;
};

/* Begins a walk over the routes whose host and path patterns match. host: lower case, without port
 * (may be empty); path: normal form. Nothing is kept of the strings. */
void route_walk_begin(struct route_walk *w, const struct route_index *x, struct str host,
                      struct str path);

/* The next route number, ascending, or UINT32_MAX at the end. */
uint32_t route_walk_next(struct route_walk *w);

#endif
