/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a route's rules say of caching: keys, and heads as they are kept. Pure. */
#ifndef SLUICE_PROXY_CACHE_RULES_H
#define SLUICE_PROXY_CACHE_RULES_H

#include <stdbool.h>

#include "core/base/out.h"
#include "core/cache/cache.h"
#include "core/config/config.h"
#include "core/http/freshness.h"

struct exchange;

struct freshness_rules cache_freshness_rules(const struct exchange *ex);

/* Whether the request has what makes it go past the cache. */
bool cache_bypassed(const struct exchange *ex);

/* Whether servers may read the path otherwise than we do. */
bool cache_path_is_doubtful(struct str path);

/* The key of what the exchange asks for, in its arena. False: it is too long, or no memory. */
bool cache_key_make(struct exchange *ex, const struct cache *c, struct cache_key *key);

/* "http://example.com/a?b": the URL part of keys. */
void cache_key_url(struct out *o, const struct cache_config *rules, struct str scheme,
                   struct str host, uint32_t port, struct str path, struct str query);

/* Writes the stored head with the fields that a 304 brought in place of its own of those names
 * (RFC 9111 3.2). */
void cache_merge_heads(struct out *o, const struct http_head *stored, const struct http_head *by);

#endif
