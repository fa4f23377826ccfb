/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The power of two choices (Mitzenmacher, "The power of two choices in randomized load balancing",
 * 2001): of two random servers the one with less in flight for its weight. */
#include <stdlib.h>

#include "balance/sampler.h"
#include "core/base/check.h"

struct power_of_two {
    struct balancer balancer;
    struct sampler *sampler;
};

static struct balancer *power_of_two_create(const struct server_set *set,
                                            const struct balance_options *options, uint32_t worker)
{
    (void)options;
    (void)worker;
    struct power_of_two *p = malloc(sizeof *p);
    struct sampler *sampler = sampler_create(set);
    if (!p || !sampler) {
        free(p);
        free(sampler);
        return NULL;
    }
    *p = (struct power_of_two){ { &balance_power_of_two, set }, sampler };
    return &p->balancer;
}

/* The first of two equal ones: so shares follow the weights while nothing is to choose. */
static int32_t power_of_two_pick(struct balancer *b, const struct pick_ctx *ctx)
{
    const struct power_of_two *p = container_of(b, struct power_of_two, balancer);
    uint32_t two[2];
    if (!sampler_pick_two(p->sampler, b->set, ctx, two))
        return -1;
    uint64_t first = server_load_inflight(ctx->loads[two[0]]);
    uint64_t second = server_load_inflight(ctx->loads[two[1]]);
    bool is_better =
        second * b->set->servers[two[0]].weight < first * b->set->servers[two[1]].weight;
    return (int32_t)two[is_better];
}

static void power_of_two_destroy(struct balancer *b)
{
    struct power_of_two *p = container_of(b, struct power_of_two, balancer);
    free(p->sampler);
    free(p);
}

const struct balance_policy balance_power_of_two = {
    .name = "power_of_two",
    .create = power_of_two_create,
    .pick = power_of_two_pick,
    .destroy = power_of_two_destroy,
};
