/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which route does a request meet: the rules of one site, compiled. Immutable: all workers share
 * one; what matching needs to write lies in the caller's route_scratch. */
#ifndef SLUICE_PROXY_ROUTE_H
#define SLUICE_PROXY_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/config/config.h"
#include "core/http/head.h"
#include "core/http/target.h"

struct site_routes;

/* The routes of a site; the site outlives them. NULL without memory. */
struct site_routes *site_routes_create(const struct site_config *site);
void site_routes_destroy(struct site_routes *r);

/* What PCRE2 writes to: one per worker. Matching is bounded (limits.h): what explodes is an
 * error, not a stall. */
struct route_scratch;
struct route_scratch *route_scratch_create(void);
void route_scratch_destroy(struct route_scratch *s);

/* What of a request rules can look at. */
struct route_request {
    const struct http_head *head;
    const struct target *target;
    struct str host; /* lower case, without port */
    struct peer_addr client;
};

/* Groups of the path's regular expression, 0 the whole; len 0 where one did not take part. */
#define ROUTE_CAPTURES_MAX 10

struct route_match {
    const struct route_config *route; /* NULL: none matches */
    bool exploded;                    /* a regular expression ran into its limit: route is NULL */
    uint32_t captures_count;
    struct str captures[ROUTE_CAPTURES_MAX]; /* in the target's path */
};

/* The first route that matches. */
void route_find(const struct site_routes *r, struct route_scratch *s, const struct route_request *q,
                struct route_match *out);

/* Why a route does not match: what route_find() found out first. For `sluice route`. */
enum route_miss {
    MISS_NONE, /* it matches */
    MISS_HOST,
    MISS_PATH,
    MISS_METHOD,
    MISS_HEADER,
    MISS_ARGUMENT,
    MISS_CLIENT,
    MISS_EXPLODED,
};

/* Looks at one route alone; m->captures are filled on MISS_NONE. */
enum route_miss route_test(const struct route_config *route, struct route_scratch *s,
                           const struct route_request *q, struct route_match *m);

/* The value of a query argument as it stands ("a=1&b": b is empty); false: absent. */
bool query_argument(struct str query, struct str name, struct str *value);

#endif
