/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Of two random servers the one that is expected to answer first: its latency (latency.h) times
 * what is in flight there, the request included. */
#include <stdlib.h>

#include "balance/sampler.h"
#include "core/base/check.h"

struct peak_ewma {
    struct balancer balancer;
    struct sampler *sampler;
    uint64_t decay_ns;
};

static struct balancer *peak_ewma_create(const struct server_set *set,
                                         const struct balance_options *options, uint32_t worker)
{
    (void)worker;
    CHECK(options->decay_ns > 0);
    struct peak_ewma *p = malloc(sizeof *p);
    struct sampler *sampler = sampler_create(set);
    if (!p || !sampler) {
        free(p);
        free(sampler);
        return NULL;
    }
    *p = (struct peak_ewma){ { &balance_peak_ewma, set }, sampler, options->decay_ns };
    return &p->balancer;
}

/* A server that has not answered yet is worth one request, and no second one before the answer. */
static float cost(const struct peak_ewma *p, const struct pick_ctx *ctx, uint32_t i)
{
    const struct server_load *l = ctx->loads[i];
    float latency = server_load_latency(l, ctx->now_ns, p->decay_ns);
    uint32_t inflight = server_load_inflight(l);
    if (latency == 0)
        return inflight ? 1e30f * (float)inflight : 0;
    return latency * (float)(inflight + 1) / (float)p->balancer.set->servers[i].weight;
}

static int32_t peak_ewma_pick(struct balancer *b, const struct pick_ctx *ctx)
{
    const struct peak_ewma *p = container_of(b, struct peak_ewma, balancer);
    uint32_t two[2];
    if (!sampler_pick_two(p->sampler, b->set, ctx, two))
        return -1;
    return (int32_t)two[cost(p, ctx, two[1]) < cost(p, ctx, two[0])];
}

static void peak_ewma_destroy(struct balancer *b)
{
    struct peak_ewma *p = container_of(b, struct peak_ewma, balancer);
    free(p->sampler);
    free(p);
}

const struct balance_policy balance_peak_ewma = {
    .name = "peak_ewma",
    .create = peak_ewma_create,
    .pick = peak_ewma_pick,
    .destroy = peak_ewma_destroy,
};
