/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A token bucket in one atomic word: the moment at which it will be full again (the "virtual
 * scheduling" form of the generic cell rate algorithm, ITU-T I.371). A bucket whose moment has
 * passed is full, so that forgetting it changes nothing.
 *
 * Pure: time is passed in. From any thread; no call waits for another. */
#ifndef SLUICE_BASE_TOKEN_BUCKET_H
#define SLUICE_BASE_TOKEN_BUCKET_H

#include <stdatomic.h>
#include <stdint.h>

/* The word counts 1/16 ns: 36 years of CLOCK_MONOTONIC, and rates up to 16 tokens a nanosecond. */
#define TOKEN_UNITS_PER_NS 16

typedef _Atomic uint64_t token_bucket; /* 0: full */

struct token_rule {
    uint64_t interval; /* units from one token to the next; > 0 */
    uint64_t burst;    /* tokens that a full bucket holds; > 0 */
};

/* count tokens every per_ms milliseconds, neither 0. A burst that takes years to come back is
 * shortened. */
static inline struct token_rule token_rule_of(uint32_t count, uint32_t per_ms, uint32_t burst)
{
    uint64_t units = (uint64_t)per_ms * 1000000 * TOKEN_UNITS_PER_NS;
    struct token_rule r = { (units + count / 2) / count, burst ? burst : 1 };
    if (r.interval == 0)
        r.interval = 1;
    uint64_t burst_max = (UINT64_C(1) << 60) / r.interval;
    if (r.burst > burst_max)
        r.burst = burst_max;
    return r;
}

/* Takes up to `want` tokens and gives how many; 0: then *wait_ns says when there will be one. */
static inline uint32_t token_bucket_take(token_bucket *b, const struct token_rule *r,
                                         uint64_t now_ns, uint32_t want, uint64_t *wait_ns)
{
    uint64_t now = now_ns * TOKEN_UNITS_PER_NS;
    uint64_t full_at = atomic_load_explicit(b, memory_order_relaxed);
    for (;;) {
        uint64_t from = full_at > now ? full_at : now;
        uint64_t end = now + r->burst * r->interval;
        uint64_t there = end > from ? (end - from) / r->interval : 0;
        if (there == 0) {
            *wait_ns = (from + r->interval - end) / TOKEN_UNITS_PER_NS + 1;
            return 0;
        }
        uint32_t n = there < want ? (uint32_t)there : want;
        if (atomic_compare_exchange_weak_explicit(b, &full_at, from + n * r->interval,
                                                  memory_order_relaxed, memory_order_relaxed))
            return n;
    }
}

/* Tokens that were taken and not used. */
static inline void token_bucket_give_back(token_bucket *b, uint64_t interval, uint32_t n)
{
    uint64_t full_at = atomic_load_explicit(b, memory_order_relaxed), back = n * interval;
    while (!atomic_compare_exchange_weak_explicit(b, &full_at, full_at > back ? full_at - back : 0,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

#endif
