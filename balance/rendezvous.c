/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rendezvous hashing (Thaler, Ravishankar, "Using name-based mappings to increase hit rates",
 * 1998): each key has a score with each server, the highest wins. Movement is exactly minimal: a
 * server that goes moves its own keys only, one that comes takes its share and nothing else moves;
 * a pick looks at every server.
 *
 * With weights, a score is weight / -ln(h), h uniform in (0, 1), which gives each server its share
 * exactly (Schindelhauer, Schomaker, "Weighted distributed hash tables", 2005). */
#include <math.h>
#include <stdlib.h>

#include "balance/balance.h"
#include "core/base/check.h"
#include "core/base/hash.h"

struct rendezvous {
    struct balancer balancer;
    bool equal;           /* all weights that are not zero ... */
    uint32_t equal_count; /* ... of so many servers */
    float weights_sum;
    uint32_t *weights;
    float *inverses; /* of the weights */
    uint64_t hashes[];
};

static struct balancer *rendezvous_create(const struct server_set *set,
                                          const struct balance_options *options, uint32_t worker)
{
    (void)options;
    (void)worker; /* all workers agree */
    struct rendezvous *r =
        malloc(sizeof *r +
               set->count * (sizeof r->hashes[0] + sizeof r->weights[0] + sizeof r->inverses[0]));
    if (!r)
        return NULL;
    *r = (struct rendezvous){ .balancer = { &balance_rendezvous, set }, .equal = true };
    r->weights = (uint32_t *)(r->hashes + set->count);
    r->inverses = (float *)(r->weights + set->count);
    uint32_t weight = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct server_info *s = &set->servers[i];
        r->hashes[i] = hash_bytes(s->name.ptr, s->name.len, 0);
        r->weights[i] = s->weight;
        r->inverses[i] = s->weight ? 1.0f / (float)s->weight : 0;
        r->weights_sum += (float)s->weight;
        if (s->weight == 0)
            continue;
        r->equal = r->equal && (weight == 0 || s->weight == weight);
        r->equal_count++;
        weight = s->weight;
    }
    return &r->balancer;
}

/* Both halves of a product of 128 bits: each bit of the result depends on all of the sum. */
static inline uint64_t mix(uint64_t key, uint64_t server)
{
    unsigned __int128 p = (unsigned __int128)(key ^ server) * UINT64_C(0xa0761d6478bd642f);
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Of n servers the best is nearly always (but for one key in 55) among the best FIRST_LOOK n-ths of
 * all that a score can be: who looks for those first has few that are better than the best so far.
 */
#define FIRST_LOOK 4

/* With a score of more than `above`; -1: there is none. */
static int32_t find_equal(const struct rendezvous *r, const struct pick_ctx *ctx, uint64_t key,
                          uint64_t above)
{
    const struct server_set *set = r->balancer.set;
    bool all = ctx->usable_count == set->count && r->equal_count == set->count;
    int32_t best = -1;
    for (uint32_t i = 0; i < set->count; i++) {
        uint64_t score = mix(key, r->hashes[i]) | 1; /* never 0 */
        if (likely(score <= above))
            continue;
        if (all || (server_usable(ctx, i) && set->servers[i].weight)) {
            best = (int32_t)i;
            above = score;
        }
    }
    return best;
}

static int32_t pick_equal(const struct rendezvous *r, const struct pick_ctx *ctx, uint64_t key)
{
    int32_t i =
        ctx->usable_count > FIRST_LOOK
            ? find_equal(r, ctx, key, UINT64_MAX - UINT64_MAX / ctx->usable_count * FIRST_LOOK)
            : -1;
    return i < 0 ? find_equal(r, ctx, key, 0) : i;
}

/* -ln(1 - x), 0 < x < 1; where x is small by its series, whose error is below a float's. */
static inline float minus_log1m(float x)
{
    if (unlikely(x > 0x1p-5f))
        return -log1pf(-x);
    return x * (1 + x * (1.0f / 2 + x * (1.0f / 3 + x * (1.0f / 4))));
}

/* A cost is -ln(h) / weight: the least wins. With one below `below`; -1: there is none. Counts
 * 1 - h in 2^-55. As 1 - h <= -ln(h), whoever has it above weight * below is out without a
 * logarithm. */
static int32_t find_weighted(const struct rendezvous *r, const struct pick_ctx *ctx, uint64_t key,
                             float below)
{
    const struct server_set *set = r->balancer.set;
    int32_t best = -1;
    uint64_t room = below < 1 ? (uint64_t)(below * 0x1p55f) + 1 : UINT64_C(1) << 55;
    for (uint32_t i = 0; i < set->count; i++) {
        uint64_t rest = mix(key, r->hashes[i]) >> 9;
        if (likely(rest >= r->weights[i] * room) || !server_usable(ctx, i))
            continue;
        float cost = minus_log1m(((float)rest + 0.5f) * 0x1p-55f) * r->inverses[i];
        if (cost < below) {
            best = (int32_t)i;
            below = cost;
            room = below < 1 ? (uint64_t)(below * 0x1p55f) + 1 : UINT64_C(1) << 55;
        }
    }
    return best;
}

static int32_t pick_weighted(const struct rendezvous *r, const struct pick_ctx *ctx, uint64_t key)
{
    float share = (float)ctx->usable_count / (float)r->balancer.set->count;
    int32_t i = find_weighted(r, ctx, key, FIRST_LOOK / (r->weights_sum * share));
    return i < 0 ? find_weighted(r, ctx, key, INFINITY) : i;
}

static int32_t rendezvous_pick(struct balancer *b, const struct pick_ctx *ctx)
{
    const struct rendezvous *r = container_of(b, struct rendezvous, balancer);
    uint64_t key = ctx->has_key ? ctx->key_hash : rng_next(ctx->rng);
    return r->equal ? pick_equal(r, ctx, key) : pick_weighted(r, ctx, key);
}

static void rendezvous_destroy(struct balancer *b)
{
    free(container_of(b, struct rendezvous, balancer));
}

const struct balance_policy balance_rendezvous = {
    .name = "rendezvous",
    .keyed = true,
    .create = rendezvous_create,
    .pick = rendezvous_pick,
    .destroy = rendezvous_destroy,
};
