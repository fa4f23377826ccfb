/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who gets this request: the seam between the proxy and the policies.
 *
 * A server_set is immutable; a change (a server more or less, another weight) makes a new version,
 * and each worker makes a new balancer for it. What changes from request to request - health,
 * back-off, servers already tried - is not in the set but in the bitmap given to each pick, so that
 * a server that comes and goes rebuilds nothing and moves no key. Time and randomness are passed
 * in; nothing here does I/O, locks or allocates while picking. */
#ifndef SLUICE_BALANCE_BALANCE_H
#define SLUICE_BALANCE_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "balance/load.h"
#include "core/base/limits.h"
#include "core/base/rng.h"
#include "core/base/str.h"

struct server_info {
    uint64_t id;     /* stable while the server lives, over set versions */
    struct str name; /* stable over restarts too: keys are spread by it */
    uint32_t weight; /* 0: never picked (draining); at most SERVER_WEIGHT_MAX */
};

struct server_set {
    uint64_t version;
    uint32_t count;
    struct server_info servers[]; /* a server's index is its place here */
};

#define SERVER_SET_COUNT_MAX 65535

/* Words of a bitmap of servers: index i is bit i % 64 of word i / 64. */
#define SET_WORDS(count) (((count) + 63) / 64)

/* Copies the servers, names included. NULL without memory. */
struct server_set *server_set_create(uint64_t version, const struct server_info *servers,
                                     uint32_t count);
void server_set_destroy(struct server_set *set);

/* What one pick may know. */
struct pick_ctx {
    uint64_t now_ns;
    struct rng *rng;
    uint64_t key_hash; /* hash_bytes() of the request's key, if it has one */
    bool has_key;
    const uint64_t *usable; /* bitmap: healthy, not backing off, not tried for this request */
    uint32_t usable_count;  /* bits set in it */
    struct server_load *const *loads; /* by index; for policies that look at loads */
    uint64_t inflight;                /* requests on all servers of the set together */
};

struct balance_policy;

/* What is configured of policies. */
struct balance_options {
    double bound; /* ring_hash: a server's load over its fair share, at most; 0: any. Else >= 1 */
    uint64_t decay_ns; /* of latencies; > 0 */
};

/* A policy's state for one set and one worker. Embedded first in what create() makes. */
struct balancer {
    const struct balance_policy *policy;
    const struct server_set *set; /* the caller's; outlives the balancer */
};

struct balance_policy {
    const char *name; /* as configured */
    bool keyed;       /* wants pick_ctx.key_hash */
    bool bounded;     /* wants pick_ctx.inflight */
    /* worker: the number of the worker that will pick; different workers start at different places.
     * May take milliseconds; any thread may call it. NULL without memory. */
    struct balancer *(*create)(const struct server_set *set, const struct balance_options *options,
                               uint32_t worker);
    /* The index of a usable server whose weight is not zero, or -1: there is none. */
    int32_t (*pick)(struct balancer *b, const struct pick_ctx *ctx);
    void (*destroy)(struct balancer *b);
};

extern const struct balance_policy balance_round_robin, balance_random, balance_least_requests,
    balance_power_of_two, balance_peak_ewma, balance_maglev, balance_ring_hash, balance_rendezvous;

/* NULL: no policy of that name. */
const struct balance_policy *balance_policy_find(struct str name);

/* All policies, for help and messages; NULL past the last. */
const struct balance_policy *balance_policy_at(uint32_t i);

static inline int32_t balancer_pick(struct balancer *b, const struct pick_ctx *ctx)
{
    return b->policy->pick(b, ctx);
}

/* b may be NULL. */
static inline void balancer_destroy(struct balancer *b)
{
    if (b)
        b->policy->destroy(b);
}

static inline bool server_usable(const struct pick_ctx *ctx, uint32_t index)
{
    return ctx->usable[index / 64] >> (index % 64) & 1;
}

/* For policies that look on past an unusable server: the index of the one server that can be
 * picked, -1 if none can, or -2 if several can (then looking on finds one). */
int32_t pick_the_only_one(const struct server_set *set, const struct pick_ctx *ctx);

#endif
