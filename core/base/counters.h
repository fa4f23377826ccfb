/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One worker's counters: written by that worker only with relaxed stores, read by anyone. */
#ifndef SLUICE_BASE_COUNTERS_H
#define SLUICE_BASE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/base/end_reason.h"

typedef _Atomic uint64_t counter;

struct counters {
    _Alignas(64) counter clients_accepted;
    counter clients_closed;
    counter exchanges; /* ended */
    counter upstream_opened;
    counter upstream_reused;
    counter upstream_closed;
    counter attempts_retried;
    counter bytes_from_clients, bytes_to_clients;
    counter accept_errors;
    counter log_dropped;
    counter ended[END_REASON_COUNT]; /* exchanges by reason */
};

/* The single writer's increment: a plain load and store, no locked instruction. */
static inline void counter_add(counter *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline uint64_t counter_read(const counter *c)
{
    return atomic_load_explicit((counter *)c, memory_order_relaxed);
}

#endif
