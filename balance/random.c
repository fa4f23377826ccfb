/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any usable server, as often as its weight says. */
#include <stdlib.h>

#include "balance/sampler.h"
#include "core/base/check.h"

struct random {
    struct balancer balancer;
    struct sampler *sampler;
};

static struct balancer *random_create(const struct server_set *set,
                                      const struct balance_options *options, uint32_t worker)
{
    (void)options;
    (void)worker;
    struct random *r = malloc(sizeof *r);
    struct sampler *sampler = sampler_create(set);
    if (!r || !sampler) {
        free(r);
        free(sampler);
        return NULL;
    }
    *r = (struct random){ { &balance_random, set }, sampler };
    return &r->balancer;
}

static int32_t random_pick(struct balancer *b, const struct pick_ctx *ctx)
{
    return sampler_pick(container_of(b, struct random, balancer)->sampler, b->set, ctx);
}

static void random_destroy(struct balancer *b)
{
    struct random *r = container_of(b, struct random, balancer);
    free(r->sampler);
    free(r);
}

const struct balance_policy balance_random = {
    .name = "random",
    .create = random_create,
    .pick = random_pick,
    .destroy = random_destroy,
};
