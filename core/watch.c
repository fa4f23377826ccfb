/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/watch.h"

#include "core/base/check.h"

#define INTERVAL_MS_MIN 1
#define INTERVAL_MS_MAX 64 /* nothing happens: nobody has to be told */

static void on_timer(struct timer *t, uint64_t now_ns)
{
    struct watch *w = container_of(t, struct watch, timer);
    bool changed = registry_sum(w->registry, now_ns);
    if (changed)
        w->interval_ms = INTERVAL_MS_MIN;
    else if (w->interval_ms < INTERVAL_MS_MAX)
        w->interval_ms *= 2;
    loop_timer_set(w->loop, &w->timer, now_ns + ms_to_ns(w->interval_ms));
}

void watch_start(struct watch *w, struct loop *l, struct registry *r)
{
    *w = (struct watch){ .loop = l, .registry = r, .interval_ms = INTERVAL_MS_MIN };
    timer_init(&w->timer, on_timer);
    loop_timer_set(l, &w->timer, l->now_ns + ms_to_ns(w->interval_ms));
}

void watch_stop(struct watch *w)
{
    timer_remove(&w->loop->timers, &w->timer);
}
