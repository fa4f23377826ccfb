/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one worker has going on with one server, in a cache line of its own. The worker writes the
 * first half, the control thread (which sums up all workers' every millisecond) the second; so a
 * worker sees the load of all: its own as it is now, the others' as it was then. Pure: time is
 * passed in. */
#ifndef SLUICE_BALANCE_LOAD_H
#define SLUICE_BALANCE_LOAD_H

#include <stdatomic.h>
#include <stdint.h>

#include "balance/latency.h"
#include "core/base/counters.h"

struct server_load {
    _Alignas(64) _Atomic uint32_t own; /* requests in flight, this worker's */
    struct latency latency;            /* of its answers; nobody else reads it */
    counter answered, failed;          /* requests since ever */
    counter latency_sum_us;            /* of those answered */

    _Atomic uint32_t others;      /* requests in flight, the other workers' */
    _Atomic float others_latency; /* peak EWMA of all workers, decayed until then; 0: none yet */
};

_Static_assert(sizeof(struct server_load) == 64, "workers share no cache line");

static inline void server_load_begin(struct server_load *l)
{
    atomic_store_explicit(&l->own, atomic_load_explicit(&l->own, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static inline void server_load_end(struct server_load *l)
{
    atomic_store_explicit(&l->own, atomic_load_explicit(&l->own, memory_order_relaxed) - 1,
                          memory_order_relaxed);
}

/* Requests in flight on the server, everybody's. */
static inline uint32_t server_load_inflight(const struct server_load *l)
{
    return atomic_load_explicit(&l->own, memory_order_relaxed) +
           atomic_load_explicit(&l->others, memory_order_relaxed);
}

/* It answered after so long. */
static inline void server_load_answered(struct server_load *l, uint64_t latency_ns, uint64_t now_ns,
                                        uint64_t decay_ns)
{
    counter_add(&l->answered, 1);
    counter_add(&l->latency_sum_us, latency_ns / 1000);
    latency_observe(&l->latency, (float)latency_ns, now_ns, decay_ns);
}

/* It did not answer, or badly: says nothing about how fast it is. */
static inline void server_load_failed(struct server_load *l)
{
    counter_add(&l->failed, 1);
}

/* ns; 0: nobody knows. The worse of what we saw and what all saw. */
static inline float server_load_latency(const struct server_load *l, uint64_t now_ns,
                                        uint64_t decay_ns)
{
    float own = latency_at(&l->latency, now_ns, decay_ns);
    float all = atomic_load_explicit(&l->others_latency, memory_order_relaxed);
    return own > all ? own : all;
}

#endif
