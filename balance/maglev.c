/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer",
 * NSDI 2016, 3.4): each server claims the slots of a table in an order of its own, taking turns, so
 * that shares are even and a server more or less moves few keys of the others.
 *
 * The orders come from the servers' names, and turns go in the order of the names' hashes: the
 * table does not depend on how the configuration is arranged. A server that is unusable for a while
 * keeps its slots: each of its keys walks on, with a step of its own (so that they spread over all
 * the others), to the first slot whose owner is usable; no other key moves. */
#include "balance/balance.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/hash.h"

#define TABLE_SLOTS 65537 /* prime: every step below it visits every slot */
#define NOBODY UINT16_MAX

_Static_assert(SERVER_SET_COUNT_MAX <= NOBODY, "an index is never NOBODY");
_Static_assert(SERVER_SET_COUNT_MAX <= TABLE_SLOTS, "every server gets a slot");

struct maglev {
    struct balancer balancer;
    bool empty; /* every weight is zero */
    uint16_t owners[TABLE_SLOTS];
};

/* One server's order: first slot, then every step-th. */
struct claimant {
    uint64_t hash;
    uint32_t at, step;
    uint32_t weight;
    uint32_t turns; /* had so far */
    uint16_t index;
};

static int by_hash(const void *a, const void *b)
{
    const struct claimant *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (int)x->index - (int)y->index; /* two servers of one name */
}

static void claim_next(struct maglev *m, struct claimant *c)
{
    while (m->owners[c->at] != NOBODY)
        c->at = (c->at + c->step) % TABLE_SLOTS;
    m->owners[c->at] = c->index;
    c->turns++;
}

/* In round r the heaviest server has its r-th turn and each other one as many as its weight is due,
 * rounded up: even the lightest gets a slot in the first round. */
static void fill_table(struct maglev *m, struct claimant *claimants, uint32_t count)
{
    uint32_t heaviest = 0, left = TABLE_SLOTS;
    for (uint32_t i = 0; i < count; i++)
        if (claimants[i].weight > heaviest)
            heaviest = claimants[i].weight;
    for (uint64_t round = 1;; round++) {
        for (uint32_t i = 0; i < count; i++) {
            struct claimant *c = &claimants[i];
            if (c->turns * (uint64_t)heaviest >= round * c->weight)
                continue;
            claim_next(m, c);
            if (--left == 0)
                return;
        }
    }
}

static struct balancer *maglev_create(const struct server_set *set,
                                      const struct balance_options *options, uint32_t worker)
{
    (void)options;
    (void)worker; /* all workers agree */
    struct maglev *m = malloc(sizeof *m);
    struct claimant *claimants = malloc(set->count * sizeof *claimants + 1);
    if (!m || !claimants) {
        free(m);
        free(claimants);
        return NULL;
    }
    m->balancer = (struct balancer){ &balance_maglev, set };
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct server_info *s = &set->servers[i];
        if (s->weight == 0)
            continue;
        uint64_t hash = hash_bytes(s->name.ptr, s->name.len, 0);
        uint64_t other = hash_bytes(s->name.ptr, s->name.len, 1);
        claimants[count++] = (struct claimant){ .hash = hash,
                                                .at = (uint32_t)(hash % TABLE_SLOTS),
                                                .step = (uint32_t)(other % (TABLE_SLOTS - 1)) + 1,
                                                .weight = s->weight,
                                                .index = (uint16_t)i };
    }
    qsort(claimants, count, sizeof *claimants, by_hash);
    memset(m->owners, 0xff, sizeof m->owners);
    m->empty = count == 0;
    if (!m->empty)
        fill_table(m, claimants, count);
    free(claimants);
    return &m->balancer;
}

/* Without a key any slot is as good: a random one, so shares follow the weights. */
static int32_t maglev_pick(struct balancer *b, const struct pick_ctx *ctx)
{
    const struct maglev *m = container_of(b, struct maglev, balancer);
    if (ctx->usable_count == 0 || m->empty)
        return -1;
    uint64_t hash = ctx->has_key ? ctx->key_hash : rng_next(ctx->rng);
    uint32_t slot = (uint32_t)((hash >> 32) * TABLE_SLOTS >> 32);
    if (likely(server_usable(ctx, m->owners[slot])))
        return m->owners[slot];
    int32_t only = pick_the_only_one(b->set, ctx);
    if (only != -2)
        return only;
    uint32_t step = (uint32_t)((hash & UINT32_MAX) * (TABLE_SLOTS - 1) >> 32) + 1;
    do
        slot = (slot + step) % TABLE_SLOTS;
    while (!server_usable(ctx, m->owners[slot]));
    return m->owners[slot];
}

static void maglev_destroy(struct balancer *b)
{
    free(container_of(b, struct maglev, balancer));
}

const struct balance_policy balance_maglev = {
    .name = "maglev",
    .keyed = true,
    .create = maglev_create,
    .pick = maglev_pick,
    .destroy = maglev_destroy,
};
