/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Retries as a share of requests: when many fail, repeating all of them would double the load that
 * made them fail. Each request puts its share into the account, a retry takes one out; the account
 * holds a few more, so that a quiet service may retry at all. Hence over any time
 * retries <= share * requests + RETRY_RESERVE. Pure. */
#ifndef SLUICE_BALANCE_RETRY_BUDGET_H
#define SLUICE_BALANCE_RETRY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define RETRY_RESERVE 100
#define RETRY_UNITS 1000000 /* of one retry */

/* Spent so far beyond what requests put in, in millionths; all zero: nothing. */
struct retry_budget {
    uint64_t spent;
};

static inline void retry_budget_request(struct retry_budget *b, uint32_t share_ppm)
{
    b->spent -= share_ppm < b->spent ? share_ppm : b->spent;
}

/* False: not now. */
static inline bool retry_budget_take(struct retry_budget *b)
{
    if (b->spent + RETRY_UNITS > (uint64_t)RETRY_RESERVE * RETRY_UNITS)
        return false;
    b->spent += RETRY_UNITS;
    return true;
}

#endif
