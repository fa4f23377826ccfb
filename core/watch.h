/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the control thread does about servers while sluice runs: sums up what workers have in
 * flight, every millisecond while something happens; checks servers (prober.h); ejects those whose
 * answers are bad (balance/outlier.h). */
#ifndef SLUICE_WATCH_H
#define SLUICE_WATCH_H

#include "core/prober.h"
#include "core/proxy/plan.h"

struct watch {
    struct loop *loop;
    struct registry *registry;
    struct plan *plan;     /* whose servers are watched, as its user; NULL: none */
    uint64_t *judge_at_ns; /* by index of the backend: the end of its interval */
    struct prober prober;
    struct timer timer;
    uint32_t interval_ms; /* until the next look; longer while nothing happens */
};

void watch_start(struct watch *w, struct loop *l, struct registry *r);

/* The plan in force, whose servers are watched from now on. Also when its servers have changed. */
void watch_plan(struct watch *w, struct plan *p);

/* Lets the plan go. on_stopped is called when the last check has ended, perhaps at once. */
void watch_stop(struct watch *w, void (*on_stopped)(void *arg), void *arg);

/* After that. */
void watch_destroy(struct watch *w);

#endif
