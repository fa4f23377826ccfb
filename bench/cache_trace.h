/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Traces to try caches with, and how LRU does on them. */
#ifndef SLUICE_BENCH_CACHE_TRACE_H
#define SLUICE_BENCH_CACHE_TRACE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/rng.h"

enum { KEYS = 20000, REQUESTS = 600000, OBJECT = 1000 };

/* Ranks by the law of Zipf, out of a table of the distribution. */
struct zipf {
    double sums[KEYS];
};

static inline void zipf_init(struct zipf *z, double exponent)
{
    double sum = 0;
    for (int i = 0; i < KEYS; i++)
        z->sums[i] = sum += pow(i + 1, -exponent);
}

static inline int zipf_next(const struct zipf *z, struct rng *rng)
{
    double u = (double)(rng_next(rng) >> 11) * 0x1p-53 * z->sums[KEYS - 1];
    int low = 0, high = KEYS - 1;
    while (low < high) {
        int mid = (low + high) / 2;
        if (z->sums[mid] < u)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Keys of a trace: popular ones, one-hit wonders, and now and then a scan through cold ones. */
static inline uint32_t *make_trace(double exponent, bool scans)
{
    static struct zipf z;
    uint32_t *t = malloc(REQUESTS * sizeof *t), cold = KEYS;
    struct rng rng = { 5 };
    zipf_init(&z, exponent);
    for (int i = 0; i < REQUESTS;) {
        if (scans && rng_below(&rng, 10000) == 0) {
            uint32_t first = KEYS * 100 + (uint32_t)rng_below(&rng, 4) * 10000;
            for (uint32_t k = 0; k < 4000 && i < REQUESTS; k++)
                t[i++] = first + k;
        } else if (scans && rng_below(&rng, 10) == 0) {
            t[i++] = cold++;
        } else {
            t[i++] = (uint32_t)zipf_next(&z, &rng);
        }
    }
    return t;
}

/* LRU over `capacity` objects of one size. */
static inline double lru_misses(const uint32_t *trace, uint32_t capacity)
{
    enum { IDS = KEYS * 120 };
    uint32_t *newer = calloc(IDS + 1, sizeof *newer), *older = calloc(IDS + 1, sizeof *older);
    bool *in = calloc(IDS + 1, sizeof *in);
    uint32_t count = 0, misses = 0, end = IDS; /* a ring through a sentinel */
    newer[end] = older[end] = end;
    for (int i = 0; i < REQUESTS; i++) {
        uint32_t k = trace[i];
        CHECK(k < IDS);
        if (in[k]) {
            newer[older[k]] = newer[k];
            older[newer[k]] = older[k];
        } else {
            misses++;
            in[k] = true;
            if (++count > capacity) {
                uint32_t out = newer[end];
                newer[end] = newer[out];
                older[newer[out]] = end;
                in[out] = false;
                count--;
            }
        }
        older[k] = older[end];
        newer[k] = end;
        newer[older[end]] = k;
        older[end] = k;
    }
    free(newer);
    free(older);
    free(in);
    return (double)misses / REQUESTS;
}

#endif
