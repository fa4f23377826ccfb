/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answer's head, from a stored one: whole, "not modified", or parts of it. */
#ifndef SLUICE_PROXY_CACHE_ANSWER_H
#define SLUICE_PROXY_CACHE_ANSWER_H

#include <stdbool.h>

#include "core/base/out.h"
#include "core/http/forward.h"

struct cache_reader;
struct exchange;

/* Which coding the client gets: sets ex->coding, and ex->coder if the body is coded on its way to
 * this client alone. Gives the variant whose body is to be read in place of r->o's, with a
 * reference; NULL: r->o's. r->o has a head. */
struct cache_object *cache_answer_variant(struct cache_reader *r);

/* In place of that: r->o's body as it lies there, whatever the client wants. */
void cache_answer_as_stored(struct cache_reader *r);

/* Queues the head of r->o, which has one. Then r->to is the sink for the body, or NULL: there is
 * none, or it was given with its end. False: the exchange has replied otherwise. */
bool cache_answer(struct cache_reader *r);

/* All of a part was given: begins the next of a multipart answer, or gives the end of the last.
 * False: there is no (other) part. */
bool cache_answer_next_range(struct cache_reader *r);

/* What exchange_respond() changes in the head of an answer whose route has a cache. */
bool cache_edit_answer(const struct exchange *ex, const struct http_head *h, struct field_edits *e,
                       struct out *o);

#endif
