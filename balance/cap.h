/* SPDX-License-Identifier: GPL-3.0-or-later */
/* So many places and never more, kept by all workers together: each takes and gives back. A worker
 * holds a few in advance (its lease), so that workers seldom meet at the common count; who finds
 * none there takes what others hold unused. So a place is never out of reach, whoever held it last.
 *
 * At any time free + all spare places + those taken = max. What is counted only from some moment on
 * (a configuration that sets a limit while requests are in flight) is taken all the same: then free
 * is below zero until enough came back, and nobody gets one before. Pure. */
#ifndef SLUICE_BALANCE_CAP_H
#define SLUICE_BALANCE_CAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/limits.h"

/* What one worker holds in advance. */
struct cap_lease {
    _Alignas(64) _Atomic uint32_t spare;
};

/* All zero: no limit, and nobody has a lease. */
struct cap {
    _Atomic int64_t free;
    _Atomic uint32_t max;          /* 0: no limit; who takes nothing need not give */
    _Atomic uint32_t leases_count; /* no worker behind it has one */
    _Atomic(struct cap_lease *) leases[WORKERS_MAX]; /* NULL: that worker holds none in advance */
};

/* Nobody uses it any more. */
void cap_destroy(struct cap *c);

/* From now on max places; 0: no limit, and all that are taken are to be given back. From any
 * thread. True: there may be a place now where there was none. */
bool cap_set(struct cap *c, uint32_t max);

/* Gives the worker a lease, if it has none and there is memory: without one it only is slower. */
void cap_join(struct cap *c, uint32_t worker);

/* One place for the worker. False: all are taken. awaited: somebody waits for one, so none is taken
 * in advance; without, *leased may become true: then there were fewer to be seen for a moment, and
 * who began to wait in it is to be told. */
bool cap_take(struct cap *c, uint32_t worker, bool awaited, bool *leased);

/* Gives it back. awaited: to all. Then, and not before, look whether somebody waits. */
void cap_give(struct cap *c, uint32_t worker, bool awaited);

/* Takes n places (gives, below 0) whether they are there or not: of what was not counted before. */
void cap_count(struct cap *c, int64_t n);

#endif
