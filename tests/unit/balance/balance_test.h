/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A set of servers with their loads, and a policy over it. */
#ifndef SLUICE_TESTS_BALANCE_TEST_H
#define SLUICE_TESTS_BALANCE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "balance/balance.h"
#include "core/base/check.h"
#include "core/base/hash.h"

#define N_MAX 256

struct fixture {
    struct server_set *set;
    struct balancer *balancer;
    struct balance_options options;
    uint64_t usable[SET_WORDS(N_MAX)];
    struct server_load cells[N_MAX];
    struct server_load *loads[N_MAX];
    struct rng rng;
    struct pick_ctx ctx;
};

static inline void set_usable(struct fixture *f, uint32_t i, bool usable)
{
    if (server_usable(&f->ctx, i) != usable) {
        f->usable[i / 64] ^= UINT64_C(1) << (i % 64);
        f->ctx.usable_count += usable ? 1 : -1;
    }
}

/* Servers "10.0.0.1:80" and on, but the one numbered `without`; an id says the number. weights
 * NULL: all 1. All usable. */
static inline struct fixture *fixture_create(const struct balance_policy *policy, uint32_t count,
                                             const uint32_t *weights, uint32_t without)
{
    struct server_info servers[N_MAX];
    char names[N_MAX][32];
    struct fixture *f = aligned_alloc(_Alignof(struct fixture), sizeof *f);
    memset(f, 0, sizeof *f);
    f->options = (struct balance_options){ .bound = 0, .decay_ns = 10000000000 };
    f->rng.state = 3;
    f->ctx = (struct pick_ctx){
        .rng = &f->rng, .usable = f->usable, .has_key = true, .loads = f->loads
    };
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i == without)
            continue;
        int len = snprintf(names[n], sizeof names[n], "10.0.%u.%u:80", i / 250, i % 250);
        servers[n] = (struct server_info){ .id = i,
                                           .name = { names[n], (size_t)len },
                                           .weight = weights ? weights[i] : 1 };
        f->loads[n] = &f->cells[n];
        set_usable(f, n++, true);
    }
    f->set = server_set_create(1, servers, n);
    f->balancer = policy->create(f->set, &f->options, 0);
    assert_non_null(f->balancer);
    return f;
}
#define NOT_ONE UINT32_MAX

static inline void fixture_free(struct fixture *f)
{
    balancer_destroy(f->balancer);
    server_set_destroy(f->set);
    free(f);
}

/* The index of the server picked. */
static inline uint32_t fixture_pick(struct fixture *f)
{
    int32_t i = balancer_pick(f->balancer, &f->ctx);
    assert_in_range(i, 0, f->set->count - 1);
    assert_true(server_usable(&f->ctx, (uint32_t)i));
    assert_true(f->set->servers[i].weight > 0);
    return (uint32_t)i;
}

/* The number of the server that has a key. */
static inline uint32_t fixture_owner(struct fixture *f, uint32_t key)
{
    f->ctx.key_hash = hash_bytes(&key, sizeof key, 0);
    return (uint32_t)f->set->servers[fixture_pick(f)].id;
}

static inline void fixture_begin(struct fixture *f, uint32_t i)
{
    server_load_begin(f->loads[i]);
    f->ctx.inflight++;
}

static inline void fixture_end(struct fixture *f, uint32_t i)
{
    server_load_end(f->loads[i]);
    f->ctx.inflight--;
}

#endif
