/* SPDX-License-Identifier: GPL-3.0-or-later */
/* splitmix64: fast, seedable, NOT for secrets. A worker's is seeded from the kernel, the
 * simulator's from its seed. (Steele, Lea, Flood: "Fast splittable pseudorandom number
 * generators", OOPSLA 2014.) */
#ifndef SLUICE_BASE_RNG_H
#define SLUICE_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in [0, bound); bound > 0. (Lemire's multiply-shift; the bias is below 2^-32.) */
static inline uint32_t rng_below(struct rng *r, uint32_t bound)
{
    return (uint32_t)(((rng_next(r) >> 32) * bound) >> 32);
}

#endif
