/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Cache-Control of requests and responses (RFC 9111 5.2, RFC 5861, RFC 8246), and the targeted
 * fields that take its place for some caches (RFC 9213). */
#ifndef SLUICE_HTTP_CACHE_CONTROL_H
#define SLUICE_HTTP_CACHE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/http/head.h"

/* Seconds beyond this are this (RFC 9111 1.2.2). */
#define DELTA_SECONDS_MAX UINT32_C(2147483648)

enum cache_directive {
    CC_NO_STORE = 1 << 0,
    CC_NO_CACHE = 1 << 1, /* with or without field names: both mean all of it */
    CC_PRIVATE = 1 << 2,  /* the same */
    CC_PUBLIC = 1 << 3,
    CC_MUST_REVALIDATE = 1 << 4,
    CC_PROXY_REVALIDATE = 1 << 5,
    CC_MUST_UNDERSTAND = 1 << 6,
    CC_NO_TRANSFORM = 1 << 7,
    CC_ONLY_IF_CACHED = 1 << 8,
    CC_IMMUTABLE = 1 << 9,
    /* These have seconds. */
    CC_MAX_AGE = 1 << 10,
    CC_S_MAXAGE = 1 << 11,
    CC_MAX_STALE = 1 << 12,
    CC_MIN_FRESH = 1 << 13,
    CC_STALE_WHILE_REVALIDATE = 1 << 14,
    CC_STALE_IF_ERROR = 1 << 15,
};

struct cache_control {
    uint32_t given; /* enum cache_directive, together */
    /* Malformed or contradictory values are those that keep the least: 0 for what may be served,
     * DELTA_SECONDS_MAX for min-fresh. */
    uint32_t max_age_s, s_maxage_s;
    uint32_t max_stale_s; /* without a value: DELTA_SECONDS_MAX */
    uint32_t min_fresh_s;
    uint32_t stale_while_revalidate_s, stale_if_error_s;
};

/* What all Cache-Control fields of the head say. Unknown directives mean nothing. */
void cache_control_read(struct cache_control *cc, const struct http_head *h);

/* What the targeted field of that name says instead: a dictionary of RFC 8941. False, when there is
 * none, it is empty, or it cannot be parsed (RFC 9213 2.2): it counts as absent. */
bool cache_control_read_targeted(struct cache_control *cc, const struct http_head *h,
                                 struct str name);

#endif
