/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hierarchical timer wheel (Varghese and Lauck 1987, scheme 7), made for deadlines that are
 * pushed back far more often than they expire: moving a deadline later costs one store, since the
 * timer stays where it is and is looked at again when its old place comes up.
 *
 * Pure: time is passed in. Ticks are 2^20 ns (about 1 ms); a timer never fires early, and at most
 * two ticks late. */
#ifndef SLUICE_RING_TIMER_H
#define SLUICE_RING_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/list.h"

#define TIMER_NEVER UINT64_MAX
#define TIMER_LEVELS 5
#define TIMER_SLOTS 64

struct timer;
typedef void (*timer_fn)(struct timer *t, uint64_t now_ns);

struct timer {
    struct list node;
    uint64_t deadline_ns; /* TIMER_NEVER: not wanted (it may still sit in the wheel) */
    uint64_t tick;        /* where it sits; valid while in the wheel */
    timer_fn fn;
};

struct timer_wheel {
    uint64_t tick;               /* all before it has fired */
    uint64_t used[TIMER_LEVELS]; /* a bit per slot that is not empty */
    struct list slots[TIMER_LEVELS][TIMER_SLOTS];
};

void timer_wheel_init(struct timer_wheel *w, uint64_t now_ns);

void timer_init(struct timer *t, timer_fn fn);

/* Sets the deadline, earlier or later than before, or TIMER_NEVER. Beyond about 12 days it is
 * looked at again and again until it comes. */
void timer_set(struct timer_wheel *w, struct timer *t, uint64_t deadline_ns);

/* Takes the timer out of the wheel: needed before its memory goes. May be repeated. */
void timer_remove(struct timer_wheel *w, struct timer *t);

/* Runs every timer whose deadline is at or before now_ns; fn may set, remove and free any timer. */
void timer_wheel_advance(struct timer_wheel *w, uint64_t now_ns);

/* When advance is to be called next, at the latest; TIMER_NEVER when the wheel is empty. May be
 * earlier than any deadline (a timer that was pushed back). */
uint64_t timer_wheel_next_ns(const struct timer_wheel *w);

#endif
