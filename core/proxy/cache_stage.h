/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage between route and balance: is there an answer already (RFC 9111)? */
#ifndef SLUICE_PROXY_CACHE_STAGE_H
#define SLUICE_PROXY_CACHE_STAGE_H

#include "core/http/head.h"

struct exchange;

/* Goes on with an exchange whose route has a cache: answers it, makes it follow a fetch, or begins
 * an attempt of its own. */
void cache_stage(struct exchange *ex);

/* A server answered an unsafe request: what is stored of its URL, and of those that the answer
 * names, is not to be used any more (RFC 9111 4.4). */
void cache_invalidate(struct exchange *ex, const struct http_head *response);

#endif
