/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a server's head to the client's. */
#ifndef SLUICE_PROXY_RESPONSE_H
#define SLUICE_PROXY_RESPONSE_H

#include <stdbool.h>

#include "core/base/out.h"

struct exchange;
struct http_head;

/* Memory of the exchange to serialise a head into: what is left of the arena's first block, or,
 * large, room that surely does. What was used is kept by ex->arena.at = o.at. */
struct out exchange_begin_head(struct exchange *ex, bool large);

/* Writes the head of a 101 that switches to that protocol. */
void exchange_write_switch(struct exchange *ex, struct out *o, const struct http_head *h,
                           struct str protocol);

#endif
