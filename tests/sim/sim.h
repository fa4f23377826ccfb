/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The heart of a simulated world: virtual time, an ordered queue of events, one source of
 * randomness, a trace. Everything that happens is an event; two events of the same moment run in
 * an order that the seed chooses. The same seed gives the same trace. */
#ifndef SLUICE_SIM_SIM_H
#define SLUICE_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/rng.h"
#include "tests/sim/cover.h"

#define SIM_US UINT64_C(1000)
#define SIM_MS UINT64_C(1000000)
#define SIM_S UINT64_C(1000000000)

#define SIM_TRACE_LINES 120
#define SIM_TRACE_LINE_BYTES 200

typedef void (*sim_event_fn)(void *arg, uint64_t n);

struct sim_event {
    uint64_t at_ns;
    uint64_t order; /* random, then the sequence: among events of one moment */
    sim_event_fn fn;
    void *arg;
    uint64_t n;
};

struct sim {
    uint64_t now_ns;
    struct rng rng;
    struct sim_event *heap;
    uint32_t heap_count, heap_max;
    uint32_t sequence;
    uint64_t events; /* run so far */
    uint64_t covered[COVER_COUNT];
    uint32_t alloc_failures;  /* in a thousand, of the stages' (alloc_sim.c) */
    volatile bool allocating; /* its own; volatile: calloc() is thought not to read it */
    struct sim_block *blocks; /* memory that lives as long as the world */
    uint64_t trace_hash;
    uint64_t trace_count;
    bool trace_print;
    char (*trace_lines)[SIM_TRACE_LINE_BYTES]; /* the last ones */
};

void sim_init(struct sim *s, uint64_t seed, bool trace_print);
void sim_destroy(struct sim *s);

/* Zeroed memory that lives until sim_destroy(). */
void *sim_alloc(struct sim *s, size_t bytes);

/* fn(arg, n) at that moment; arg lives as long as the world. */
void sim_at(struct sim *s, uint64_t at_ns, sim_event_fn fn, void *arg, uint64_t n);

static inline void sim_after(struct sim *s, uint64_t delay_ns, sim_event_fn fn, void *arg,
                             uint64_t n)
{
    sim_at(s, s->now_ns + delay_ns, fn, arg, n);
}

/* Runs the next event if it is due by until_ns; false: there is none. */
bool sim_step(struct sim *s, uint64_t until_ns);

/* One line of the trace. */
__attribute__((format(printf, 2, 3))) void sim_trace(struct sim *s, const char *format, ...);

/* The last lines of the trace, to stderr. */
void sim_trace_dump(const struct sim *s);

/* An invariant is broken: prints the trace, says what, and aborts; the program's handler adds how
 * to see it again. */
__attribute__((format(printf, 2, 3))) _Noreturn void sim_fail(struct sim *s, const char *format,
                                                              ...);

static inline void sim_cover(struct sim *s, enum cover_id id)
{
    s->covered[id]++;
}

static inline uint32_t sim_below(struct sim *s, uint32_t bound)
{
    return rng_below(&s->rng, bound);
}

/* Uniform in [low, high]. */
static inline uint64_t sim_range(struct sim *s, uint64_t low, uint64_t high)
{
    return low + rng_next(&s->rng) % (high - low + 1);
}

static inline bool sim_chance(struct sim *s, uint32_t permille)
{
    return permille && rng_below(&s->rng, 1000) < permille;
}

#endif
