/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "balance/sampler.h"

#include <stdlib.h>

#include "core/base/check.h"

/* Draws before the usable ones are gone through: with a half of them unusable, one in 256 needs
 * that. */
#define DRAWS_MAX 8

/* work: two lists of slots, those with less than an even share and those with more. */
static void fill(struct sampler *s, uint64_t *share, uint16_t *work, uint64_t even)
{
    uint32_t small = 0, large = s->count; /* from both ends */
    for (uint32_t i = 0; i < s->count; i++)
        work[share[i] < even ? small++ : --large] = (uint16_t)i;
    while (small > 0 && large < s->count) {
        uint16_t lack = work[--small], rich = work[large];
        struct sampler_slot *slot = &s->slots[lack];
        slot->keep = (uint32_t)(((unsigned __int128)share[lack] << 32) / even);
        slot->other = s->slots[rich].here;
        share[rich] -= even - share[lack];
        if (share[rich] < even) {
            large++;
            work[small++] = rich;
        }
    }
}

struct sampler *sampler_create(const struct server_set *set)
{
    struct sampler *s = malloc(sizeof *s + set->count * sizeof s->slots[0]);
    uint64_t *share = malloc(set->count * (sizeof *share + sizeof(uint16_t)) + 1);
    if (!s || !share) {
        free(s);
        free(share);
        return NULL;
    }
    uint64_t sum = 0;
    s->count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->servers[i].weight == 0)
            continue;
        sum += set->servers[i].weight;
        share[s->count] = set->servers[i].weight;
        s->slots[s->count++] = (struct sampler_slot){ UINT32_MAX, (uint16_t)i, (uint16_t)i };
    }
    for (uint32_t i = 0; i < s->count; i++)
        share[i] *= s->count;
    fill(s, share, (uint16_t *)(share + set->count), sum);
    free(share);
    return s;
}

/* Of a server that may be picked; 0: it may not. */
static uint32_t weight_of(const struct server_set *set, const struct pick_ctx *ctx, uint32_t i,
                          int32_t but)
{
    return server_usable(ctx, i) && (int32_t)i != but ? set->servers[i].weight : 0;
}

/* but: not this one; -1: any. */
static int32_t pick_exactly(const struct server_set *set, const struct pick_ctx *ctx, int32_t but)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < set->count; i++)
        sum += weight_of(set, ctx, i, but);
    if (sum == 0)
        return -1;
    uint32_t at = rng_below(ctx->rng, sum);
    for (uint32_t i = 0;; i++) {
        uint32_t weight = weight_of(set, ctx, i, but);
        if (at < weight)
            return (int32_t)i;
        at -= weight;
    }
}

int32_t sampler_pick(const struct sampler *s, const struct server_set *set,
                     const struct pick_ctx *ctx)
{
    if (ctx->usable_count == 0 || s->count == 0)
        return -1;
    for (uint32_t i = 0; i < DRAWS_MAX; i++) {
        uint32_t index = sampler_draw(s, ctx->rng);
        if (likely(server_usable(ctx, index)))
            return (int32_t)index;
    }
    return pick_exactly(set, ctx, -1);
}

bool sampler_pick_two(const struct sampler *s, const struct server_set *set,
                      const struct pick_ctx *ctx, uint32_t two[2])
{
    int32_t first = sampler_pick(s, set, ctx);
    if (first < 0)
        return false;
    two[0] = two[1] = (uint32_t)first;
    if (ctx->usable_count == 1)
        return true;
    for (uint32_t i = 0; i < DRAWS_MAX && two[1] == two[0]; i++)
        two[1] = (uint32_t)sampler_pick(s, set, ctx);
    int32_t other = two[1] == two[0] ? pick_exactly(set, ctx, first) : -1;
    if (other >= 0)
        two[1] = (uint32_t)other;
    return true;
}
