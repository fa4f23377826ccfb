/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a pick costs among 100 servers, in ns: the best of many short rounds, so that a busy machine
 * says the same. Exits with 1 when one is above its limit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "balance/balance.h"
#include "core/base/check.h"

#define SERVERS 100
#define PICKS 2000
#define ROUNDS 500

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double cost(const struct balance_policy *policy, bool weighted)
{
    static struct server_load cells[SERVERS];
    struct server_load *loads[SERVERS];
    struct server_info servers[SERVERS];
    char names[SERVERS][32];
    uint64_t usable[SET_WORDS(SERVERS)] = { 0 };
    struct rng rng = { 1 };
    uint64_t inflight = 0;
    for (uint32_t i = 0; i < SERVERS; i++) {
        int len = snprintf(names[i], sizeof names[i], "10.0.0.%u:80", i);
        servers[i] = (struct server_info){ .id = i,
                                           .name = { names[i], (size_t)len },
                                           .weight = weighted ? 1 + i % 7 : 1 };
        cells[i] = (struct server_load){ .own = 1 + rng_below(&rng, 8), .others = 3 };
        inflight += server_load_inflight(&cells[i]);
        server_load_answered(&cells[i], 1000000 + rng_below(&rng, 1000), 1, 1000000000);
        loads[i] = &cells[i];
        usable[i / 64] |= UINT64_C(1) << (i % 64);
    }
    struct balance_options options = { .bound = 1.25, .decay_ns = 10000000000 };
    struct server_set *set = server_set_create(1, servers, SERVERS);
    struct balancer *b = set ? policy->create(set, &options, 0) : NULL;
    CHECK(b);
    struct pick_ctx ctx = { .now_ns = 1000000,
                            .rng = &rng,
                            .usable = usable,
                            .usable_count = SERVERS,
                            .loads = loads,
                            .inflight = inflight,
                            .has_key = true };
    double best = 1e9;
    int64_t sum = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t start = now_ns();
        for (uint32_t k = 0; k < PICKS; k++) {
            ctx.key_hash = rng_next(&rng);
            sum += balancer_pick(b, &ctx);
        }
        double ns = (double)(now_ns() - start) / PICKS;
        best = ns < best ? ns : best;
    }
    CHECK(sum > 0);
    balancer_destroy(b);
    server_set_destroy(set);
    return best;
}

int main(void)
{
    const struct balance_policy *p;
    int code = 0;
    for (uint32_t k = 0; (p = balance_policy_at(k)) != NULL; k++) {
        double limit = p == &balance_round_robin || p == &balance_maglev ? 50 : 150;
        double equal = cost(p, false), weighted = cost(p, true);
        bool over = equal > limit || weighted > limit;
        printf("%-16s %6.1f ns   with weights %6.1f ns   limit %.0f%s\n", p->name, equal, weighted,
               limit, over ? "   TOO SLOW" : "");
        code |= over;
    }
    return code;
}
