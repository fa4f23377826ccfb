/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Consistent hashing on a ring (Karger et al., 1997), each server at POINTS places per unit of
 * weight, with bounded loads (Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded
 * Loads", SODA 2018): a key walks on past servers that are unusable, or that have their share of
 * all requests in flight times the bound already. A server less moves no key of the others. */
#include <stdlib.h>

#include "balance/balance.h"
#include "core/base/check.h"
#include "core/base/hash.h"

#define POINTS 160
#define POINTS_MAX (256 * 1024) /* of a ring: with large weights, fewer places per unit */

/* A place on the ring: 48 bits of hash, 16 bits of index. */
typedef uint64_t point;

struct ring_hash {
    struct balancer balancer;
    double bound;         /* 0: none */
    uint32_t weights_sum; /* of all servers */
    uint32_t count;       /* points */
    uint32_t shift;       /* from a hash to its bucket */
    uint32_t *buckets;    /* the first point at or behind the bucket's beginning */
    point points[];
};

static int by_place(const void *a, const void *b)
{
    point x = *(const point *)a, y = *(const point *)b;
    return x < y ? -1 : x > y;
}

static void make_points(struct ring_hash *r, const struct server_set *set, uint32_t per_weight)
{
    r->count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct server_info *s = &set->servers[i];
        for (uint32_t k = 0; k < s->weight * per_weight; k++)
            r->points[r->count++] =
                (hash_bytes(s->name.ptr, s->name.len, k) & ~UINT64_C(0xffff)) | i;
    }
    qsort(r->points, r->count, sizeof r->points[0], by_place);
}

/* About as many buckets as points: then a key finds its point in a step or two. */
static void make_buckets(struct ring_hash *r, uint32_t bits)
{
    r->shift = 64 - bits;
    uint32_t at = 0;
    for (uint32_t b = 0; b < 1u << bits; b++) {
        while (at < r->count && r->points[at] >> r->shift < b)
            at++;
        r->buckets[b] = at;
    }
}

static struct balancer *ring_hash_create(const struct server_set *set,
                                         const struct balance_options *options, uint32_t worker)
{
    (void)worker; /* all workers agree */
    uint32_t sum = 0, per_weight = POINTS, bits = 1;
    for (uint32_t i = 0; i < set->count; i++)
        sum += set->servers[i].weight;
    if (sum > POINTS_MAX / POINTS)
        per_weight = sum < POINTS_MAX ? POINTS_MAX / sum : 1;
    size_t points = (size_t)sum * per_weight;
    while (1u << bits < points)
        bits++;
    struct ring_hash *r = malloc(sizeof *r + points * sizeof r->points[0]);
    uint32_t *buckets = malloc(((size_t)1 << bits) * sizeof *buckets);
    if (!r || !buckets) {
        free(r);
        free(buckets);
        return NULL;
    }
    *r = (struct ring_hash){ .balancer = { &balance_ring_hash, set },
                             .bound = options->bound,
                             .weights_sum = sum,
                             .buckets = buckets };
    make_points(r, set, per_weight);
    make_buckets(r, bits);
    return &r->balancer;
}

static uint32_t usable_weight(const struct ring_hash *r, const struct pick_ctx *ctx)
{
    const struct server_set *set = r->balancer.set;
    if (ctx->usable_count == set->count)
        return r->weights_sum;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < set->count; i++)
        sum += server_usable(ctx, i) ? set->servers[i].weight : 0;
    return sum;
}

static uint32_t find_point(const struct ring_hash *r, uint64_t hash)
{
    uint32_t at = r->buckets[hash >> r->shift];
    while (at < r->count && r->points[at] < hash)
        at++;
    return at < r->count ? at : 0;
}

/* Below its share of all that is in flight, the new request included, times the bound. */
static bool has_room(const struct ring_hash *r, const struct pick_ctx *ctx, uint32_t i,
                     uint32_t weight)
{
    double share = (double)(ctx->inflight + 1) * r->balancer.set->servers[i].weight / weight;
    return server_load_inflight(ctx->loads[i]) < r->bound * share;
}

static int32_t ring_hash_pick(struct balancer *b, const struct pick_ctx *ctx)
{
    const struct ring_hash *r = container_of(b, struct ring_hash, balancer);
    uint32_t weight = ctx->usable_count && r->count ? usable_weight(r, ctx) : 0;
    if (weight == 0)
        return -1;
    uint32_t at = find_point(r, ctx->has_key ? ctx->key_hash : rng_next(ctx->rng));
    int32_t first = -1;
    for (uint32_t left = r->count; left > 0; left--) {
        uint32_t i = r->points[at] & 0xffff;
        at = at + 1 < r->count ? at + 1 : 0;
        if (!server_usable(ctx, i))
            continue;
        if (r->bound == 0 || has_room(r, ctx, i, weight))
            return (int32_t)i;
        if (first < 0)
            first = (int32_t)i;
    }
    return first; /* the loads of other workers changed while we looked */
}

static void ring_hash_destroy(struct balancer *b)
{
    struct ring_hash *r = container_of(b, struct ring_hash, balancer);
    free(r->buckets);
    free(r);
}

const struct balance_policy balance_ring_hash = {
    .name = "ring_hash",
    .keyed = true,
    .bounded = true,
    .create = ring_hash_create,
    .pick = ring_hash_pick,
    .destroy = ring_hash_destroy,
};
