/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All servers of the process, whichever configuration named them: run-time objects with a stable
 * identity (backend, name, address, how TLS is spoken) that outlive reloads with their health and
 * their counts. What the control thread finds out about a server (health, drain) is published here
 * for all workers; what workers count comes together here.
 *
 * Taking and letting go: from any thread. Flags and sums: the control thread. Reading: anybody. */
#ifndef SLUICE_PROXY_REGISTRY_H
#define SLUICE_PROXY_REGISTRY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "balance/breaker.h"
#include "balance/cap.h"
#include "balance/load.h"
#include "balance/outlier.h"
#include "core/base/counters.h"
#include "core/base/limits.h"
#include "core/base/list.h"
#include "core/config/config.h"
#include "core/proxy/wake.h"

struct registry;

/* What one worker has and counts of one server. */
struct server_cell {
    struct server_load load;
    struct server_counters counters;
};

/* Why a server gets nothing, or nothing new. */
enum server_flag {
    SERVER_UNHEALTHY = 1 << 0,   /* says the active check */
    SERVER_EJECTED = 1 << 1,     /* say its answers */
    SERVER_DRAINING = 1 << 2,    /* only who sticks to it */
    SERVER_MAINTENANCE = 1 << 3, /* nobody at all */
    SERVER_UNRESOLVED = 1 << 4,  /* it is a name without an address: as long as it lives */
};

/* A backend by its name. */
struct shared_backend {
    struct registry *registry;
    struct list node;
    uint32_t refs;
    const char *name;
    uint64_t decay_ns;        /* of latencies, as configured last */
    _Atomic uint32_t changes; /* of flags and ramps of its servers: workers look anew */
    /* The circuit breaker: what it says, and for how many of its trials there are; the rest is the
     * control thread's. */
    _Atomic uint32_t circuit; /* enum breaker_state */
    _Atomic int32_t trials;
    _Atomic uint64_t circuit_until_ns;
    struct breaker breaker;
    struct cap requests;      /* in flight on all its servers */
    _Atomic uint32_t waiting; /* exchanges, for a server that has room: see queue.h */
    _Atomic uint64_t oldest_ns[WORKERS_MAX]; /* since when, by worker: see queue.c */
};

struct shared_server {
    struct shared_backend *backend; /* a reference */
    struct list node;
    uint32_t refs;
    uint64_t id; /* never given again */
    const char *name, *host;
    struct addr addr;
    struct str host_name, sni; /* for TLS; see server_tls.h */
    uint64_t tls_id;           /* 0: plain HTTP */
    _Atomic uint32_t flags;    /* enum server_flag */
    _Atomic uint64_t ramp_ns;  /* since when it is back or new: slow start; 0: since ever */
    float latency;             /* of all workers; the control thread's */
    uint64_t latency_at_ns;
    struct registry_seen {
        uint64_t answered, failed, latency_sum_us;
    } seen[WORKERS_MAX], fresh;       /* when last summed; what came since somebody took it */
    struct outlier outlier;           /* the control thread's */
    struct cap requests, connections; /* in flight; open */
    _Atomic bool connection_wanted;   /* all are there: who has an idle one is to close it */
    _Atomic uint32_t cells_count;     /* no worker behind it has one */
    _Atomic(struct server_cell *) cells[WORKERS_MAX]; /* NULL: that worker never had it */
};

struct registry *registry_create(void); /* NULL without memory */
void registry_destroy(struct registry *r);

/* Of the workers that use its servers. */
struct wake_ports *registry_ports(struct registry *r);

/* One reference, a new or another one. NULL without memory. now_ns: when the slow start of a new
 * server begins; 0: it needs none. */
struct shared_backend *shared_backend_take(struct registry *r, const char *name);
void shared_backend_unref(struct shared_backend *b);
struct shared_server *shared_server_take(struct shared_backend *b, const struct backend_config *bc,
                                         const struct server_config *sc, uint64_t now_ns);
void shared_server_ref(struct shared_server *s);
void shared_server_unref(struct shared_server *s);

/* The worker's; NULL without memory. It stays as long as the server. */
struct server_cell *shared_server_cell(struct shared_server *s, uint32_t worker);

/* On the control thread: publishes. now_ns: when flags that kept it from requests go, its slow
 * start begins. */
void shared_server_mark(struct shared_server *s, uint32_t set, uint32_t clear, uint64_t now_ns);

static inline uint32_t shared_server_flags(const struct shared_server *s)
{
    return atomic_load_explicit(&s->flags, memory_order_relaxed);
}

/* On the control thread, after breaker_observe() said so. trials: of its rules. */
void shared_backend_publish_circuit(struct shared_backend *b, uint32_t trials);

/* Whether a request may be passed on as far as the circuit breaker says; with a half-open one it is
 * one of its trials then. */
static inline bool shared_backend_admits(struct shared_backend *b)
{
    switch ((enum breaker_state)atomic_load_explicit(&b->circuit, memory_order_relaxed)) {
    case BREAKER_CLOSED:
        return true;
    case BREAKER_OPEN:
        return false;
    case BREAKER_HALF_OPEN:
        break;
    }
    return atomic_fetch_sub(&b->trials, 1) > 0;
}

/* On the control thread, every millisecond or so: tells each worker what the others have in flight
 * and how fast they were answered. True: something had changed since the last time. */
bool registry_sum(struct registry *r, uint64_t now_ns);

/* Calls fn for every server, those of one backend one after the other and among them those of one
 * name. fn takes and lets go of nothing. */
void registry_each(struct registry *r, void (*fn)(void *arg, struct shared_server *s), void *arg);

/* The same for every backend. */
void registry_each_backend(struct registry *r, void (*fn)(void *arg, struct shared_backend *b),
                           void *arg);

#endif
