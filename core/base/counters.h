/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One worker's counters: written by that worker only with relaxed stores, read by anyone. */
#ifndef SLUICE_BASE_COUNTERS_H
#define SLUICE_BASE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/base/cache_status.h"
#include "core/base/end_reason.h"
#include "core/base/limits.h"

typedef _Atomic uint64_t counter;

/* How often values fell between bounds, which are fixed: 1, 2.5, 5 and their multiples by ten. The
 * unit is the user's: a count of ticks, so that the first bound is 100 ticks. */
#define HISTOGRAM_BOUNDS 18
extern const uint64_t histogram_bounds[HISTOGRAM_BOUNDS];

struct histogram {
    counter sum;
    counter buckets[HISTOGRAM_BOUNDS + 1]; /* up to each bound; the last: beyond all */
};

#define STATUS_CLASSES 6 /* by the first digit; 0: no answer */

/* Of a worker as a whole. */
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
    counter tunnels_opened, tunnels_closed;
    counter pipes_refused;  /* bytes were copied instead */
    counter coders_refused; /* answers stayed as they were: no memory to code them */
    counter log_dropped;
    counter ended[END_REASON_COUNT];      /* exchanges by reason */
    counter h2_abuse[H2_ABUSE_KINDS_MAX]; /* connections that did too much: enum h2_abuse */
    struct histogram overhead; /* us: time that is ours alone, of each exchange that went well */
    struct histogram turns;    /* tenths of us: of the loop, without its sleep */
};

/* Of what a configuration names, per worker. Only counters, so that they can be summed up as
 * arrays; what is current is what came less what went. */
struct listener_counters {
    counter accepted, closed; /* connections */
    counter accept_errors;
};

struct site_counters {
    counter status[STATUS_CLASSES]; /* requests by what the client was answered */
    counter ended[END_REASON_COUNT];
    counter cache[CACHE_STATUS_COUNT]; /* requests by how they came by their answer */
    counter bytes_in, bytes_out;
    struct histogram total; /* us */
};

struct route_counters {
    counter cache[CACHE_STATUS_COUNT]; /* as of the site */
    counter cache_bytes;               /* sent to clients, of requests that did not need a server */
};

struct backend_counters {
    counter status[STATUS_CLASSES]; /* requests by what the server answered */
    counter retried;
    counter queued, unqueued;    /* requests that began, ended to wait for a server with room */
    struct histogram first_byte; /* us */
    struct histogram queue;      /* us: of those that waited */
};

struct server_counters {
    counter status[STATUS_CLASSES];         /* attempts by what it answered */
    counter opened, closed, failed, reused; /* connections */
    counter pooled, unpooled;               /* connections that began, ended to wait for use */
    counter handshakes, resumed;            /* TLS: done; of them by resumption */
};

/* The single writer's increment: a plain load and store, no locked instruction. */
static inline void counter_add(counter *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void histogram_add(struct histogram *h, uint64_t ticks)
{
    unsigned i = 0;
    while (i < HISTOGRAM_BOUNDS && ticks > histogram_bounds[i])
        i++;
    counter_add(&h->buckets[i], 1);
    counter_add(&h->sum, ticks);
}

static inline uint64_t counter_read(const counter *c)
{
    return atomic_load_explicit((counter *)c, memory_order_relaxed);
}

#endif
