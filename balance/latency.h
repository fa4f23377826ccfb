/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peak EWMA of a latency (as in Finagle's load balancer): jumps up to any observation above it,
 * follows those below with time, and fades while nothing is observed, so that a server that was
 * slow is tried again. */
#ifndef SLUICE_BALANCE_LATENCY_H
#define SLUICE_BALANCE_LATENCY_H

#include <math.h>
#include <stdint.h>

/* All zero: nothing observed yet. */
struct latency {
    uint64_t at_ns; /* of the last observation */
    float ns;
};

/* What is left of a value after a time: exp(-passed / decay). */
static inline float latency_fade(uint64_t passed_ns, uint64_t decay_ns)
{
    return expf(-(float)passed_ns / (float)decay_ns);
}

static inline float latency_at(const struct latency *l, uint64_t now_ns, uint64_t decay_ns)
{
    if (l->ns == 0 || now_ns <= l->at_ns)
        return l->ns;
    return l->ns * latency_fade(now_ns - l->at_ns, decay_ns);
}

static inline void latency_observe(struct latency *l, float ns, uint64_t now_ns, uint64_t decay_ns)
{
    if (ns >= l->ns) {
        l->ns = ns;
    } else {
        float keep = latency_fade(now_ns > l->at_ns ? now_ns - l->at_ns : 0, decay_ns);
        l->ns = l->ns * keep + ns * (1 - keep);
    }
    l->at_ns = now_ns;
}

#endif
