/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the control thread does about servers while sluice runs: it sums up what workers have in
 * flight, every millisecond while something happens. */
#ifndef SLUICE_WATCH_H
#define SLUICE_WATCH_H

#include "core/proxy/registry.h"
#include "core/ring/loop.h"

struct watch {
    struct loop *loop;
    struct registry *registry;
    struct timer timer;
    uint32_t interval_ms; /* until the next look; longer while nothing happens */
};

void watch_start(struct watch *w, struct loop *l, struct registry *r);
void watch_stop(struct watch *w);

#endif
