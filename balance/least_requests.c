/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server with the least in flight for its weight. The search begins at a server drawn by
 * weight and takes the first of equal ones: so idle servers share by weight, and workers that see
 * the same loads do not all run to the same server. */
#include <float.h>
#include <stdlib.h>

#include "balance/sampler.h"
#include "core/base/check.h"

struct least_requests {
    struct balancer balancer;
    struct sampler *sampler;
    float inverse_weights[]; /* 0: weight 0 */
};

static struct balancer *least_requests_create(const struct server_set *set,
                                              const struct balance_options *options,
                                              uint32_t worker)
{
    (void)options;
    (void)worker;
    struct least_requests *l = malloc(sizeof *l + set->count * sizeof l->inverse_weights[0]);
    struct sampler *sampler = sampler_create(set);
    if (!l || !sampler) {
        free(l);
        free(sampler);
        return NULL;
    }
    l->balancer = (struct balancer){ &balance_least_requests, set };
    l->sampler = sampler;
    for (uint32_t i = 0; i < set->count; i++)
        l->inverse_weights[i] = set->servers[i].weight ? 1.0f / (float)set->servers[i].weight : 0;
    return &l->balancer;
}

struct best {
    int32_t index;
    float load; /* 0: none can have less */
};

static inline float load_of(const struct least_requests *l, const struct pick_ctx *ctx, uint32_t i)
{
    return (float)(int32_t)server_load_inflight(ctx->loads[i]) * l->inverse_weights[i];
}

/* Servers from..to-1, all of them usable and with weight. */
static struct best look_at_all(const struct least_requests *l, const struct pick_ctx *ctx,
                               uint32_t from, uint32_t to, struct best best)
{
    for (uint32_t i = from; i < to; i++) {
        float load = load_of(l, ctx, i);
        if (unlikely(load < best.load)) {
            best = (struct best){ (int32_t)i, load };
            if (load == 0)
                break;
        }
    }
    return best;
}

static struct best look(const struct least_requests *l, const struct pick_ctx *ctx, uint32_t from,
                        uint32_t to, struct best best)
{
    if (ctx->usable_count == l->sampler->count && l->sampler->count == l->balancer.set->count)
        return look_at_all(l, ctx, from, to, best);
    for (uint32_t i = from; i < to && best.load > 0; i++) {
        if (!server_usable(ctx, i) || l->inverse_weights[i] == 0)
            continue;
        float load = load_of(l, ctx, i);
        if (load < best.load)
            best = (struct best){ (int32_t)i, load };
    }
    return best;
}

static int32_t least_requests_pick(struct balancer *b, const struct pick_ctx *ctx)
{
    const struct least_requests *l = container_of(b, struct least_requests, balancer);
    struct best best = { -1, FLT_MAX };
    if (ctx->usable_count == 0 || l->sampler->count == 0)
        return -1;
    uint32_t start = sampler_draw(l->sampler, ctx->rng);
    best = look(l, ctx, start, b->set->count, best);
    if (best.load > 0)
        best = look(l, ctx, 0, start, best);
    return best.index;
}

static void least_requests_destroy(struct balancer *b)
{
    struct least_requests *l = container_of(b, struct least_requests, balancer);
    free(l->sampler);
    free(l);
}

const struct balance_policy balance_least_requests = {
    .name = "least_requests",
    .create = least_requests_create,
    .pick = least_requests_pick,
    .destroy = least_requests_destroy,
};
