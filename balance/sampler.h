/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random servers by weight: Walker's alias table (Vose's construction, "A linear algorithm for
 * generating random numbers with a given distribution", 1991). */
#ifndef SLUICE_BALANCE_SAMPLER_H
#define SLUICE_BALANCE_SAMPLER_H

#include "balance/balance.h"

struct sampler_slot {
    uint32_t keep; /* share of 2^32 that stays here; the rest is the other's */
    uint16_t here, other;
};

struct sampler {
    uint32_t count; /* servers with weight; 0: none */
    struct sampler_slot slots[];
};

/* NULL without memory. Freed with free(). */
struct sampler *sampler_create(const struct server_set *set);

/* Any server, usable or not, as often as its weight says. count > 0. */
static inline uint32_t sampler_draw(const struct sampler *s, struct rng *rng)
{
    uint64_t r = rng_next(rng);
    const struct sampler_slot *slot = &s->slots[(r >> 32) * s->count >> 32];
    return (uint32_t)r <= slot->keep ? slot->here : slot->other;
}

/* A usable one, likewise; -1: there is none. */
int32_t sampler_pick(const struct sampler *s, const struct server_set *set,
                     const struct pick_ctx *ctx);

/* Two of them for a choice; the same one twice when there is no other. False: there is none. */
bool sampler_pick_two(const struct sampler *s, const struct server_set *set,
                      const struct pick_ctx *ctx, uint32_t two[2]);

#endif
