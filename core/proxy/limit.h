/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is counted per client network, for all workers of the process: tokens of rates, and open
 * connections. Both tables are of a fixed size; what is idle gives way to what is new. They know
 * rules by identity only, so that they live on through reloads.
 *
 * No call waits for another thread. */
#ifndef SLUICE_PROXY_LIMIT_H
#define SLUICE_PROXY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/token_bucket.h"

struct limits;

/* NULL without memory. Memory is used as it is touched. seed: clients cannot know it. */
struct limits *limits_create(uint64_t seed);
void limits_destroy(struct limits *l);

/* The key of a client's network under a rule. Never 0. A Unix peer is a network of its own. */
uint64_t limit_key(const struct limits *l, uint64_t rule, const struct peer_addr *client,
                   uint32_t ipv4_bits, uint32_t ipv6_bits);

/* --- rates --- */

/* Tokens that one worker holds in advance, so that workers seldom meet at a bucket. All zero:
 * none. */
#define LIMIT_LEASES 64
struct limit_leases {
    struct limit_lease {
        uint64_t key, interval;
        uint32_t tokens;
    } of[LIMIT_LEASES];
};

/* How many tokens a worker takes at a time: what all of them hold stays below 5 % of the burst. */
uint32_t limit_batch(const struct token_rule *r, uint32_t workers);

/* One token. False: there is none for *wait_ns. */
bool limit_take(struct limits *l, struct limit_leases *leases, uint64_t key,
                const struct token_rule *r, uint32_t batch, uint64_t now_ns, uint64_t *wait_ns);

/* The token of a limit_take() of this moment was not used after all. */
void limit_give_back(struct limits *l, struct limit_leases *leases, uint64_t key,
                     const struct token_rule *r);

/* --- how many at a time --- */

enum limit_entry {
    LIMIT_ENTERED,   /* counted: limit_leave() is owed */
    LIMIT_REFUSED,   /* as many as may are inside */
    LIMIT_UNCOUNTED, /* the table has no place left for this network: it is not limited */
};

/* Exact, but for those who bring a network in at the same instant: until they have left, up to
 * twice `max` may be inside. */
enum limit_entry limit_enter(struct limits *l, uint64_t key, uint32_t max);
void limit_leave(struct limits *l, uint64_t key);

#endif
