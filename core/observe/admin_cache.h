/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the admin socket says of the cache and does to it. Inside core/observe only. */
#ifndef SLUICE_OBSERVE_ADMIN_CACHE_H
#define SLUICE_OBSERVE_ADMIN_CACHE_H

#include <stdio.h>

#include "core/base/str.h"
#include "core/cache/cache.h"

struct plan;

/* Its figures as a JSON object, and those of the routes of p (may be NULL) that have a cache. */
void admin_cache_figures(struct cache *c, const struct plan *p, FILE *to);

/* Does what the query asks for: exactly one of url=, prefix=, tag= and all=1, beside it soft=1 or
 * soft=0, each at most once, percent-encoded (a '+' stands for itself). Writes a JSON object: what
 * was done, or why nothing was. Gives the answer's status: 200 or 400. query: without its '?'. */
int admin_cache_purge(struct cache *c, struct str query, FILE *to);

#endif
