/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_PROXY_LISTENER_H
#define SLUICE_PROXY_LISTENER_H

#include <stdbool.h>

#include "core/base/addr.h"
#include "core/config/config.h"
#include "core/ring/op.h"
#include "core/ring/timer.h"

struct plan_use;
struct worker;

enum listener_state {
    LISTENER_ACCEPTING, /* the accept is in flight */
    LISTENER_PAUSED,    /* accepting failed (no descriptor, no memory): the timer starts it again */
    LISTENER_CLOSING,   /* being cancelled and joined, again until nobody is queued; then the
                           descriptor is given back */
};

/* One socket of one worker. It outlives the plan that opened it: a reload changes what it stands
 * for. Its memory stays until the last of its clients is gone. */
struct listener {
    struct worker *w;
    struct plan_use *use;           /* the plan that its next requests are handled by */
    const struct bind_config *bind; /* of that plan, as is the site */
    const struct site_config *site;
    struct listener_counters *counters; /* likewise */
    uint32_t refs;                      /* itself while it is open, and each client */
    uint32_t closings;                  /* times that the accept was cancelled */
    struct op accept;
    struct timer retry;
    int fd;
    struct peer_addr address; /* of the socket */
    uint8_t state;            /* enum listener_state */
};

/* NULL without memory. The descriptor stays the caller's. */
struct listener *listener_start(struct plan_use *use, const struct bind_config *bind, int fd);

/* From now on it stands for this bind of that plan. */
void listener_assign(struct listener *l, struct plan_use *use, const struct bind_config *bind);

/* A connection is the next stage's. peer: who is there. */
void listener_take(struct listener *l, int fd, const struct peer_addr *peer);

/* A connection could not be taken. */
void listener_count_error(struct listener *l);

void listener_unref(struct listener *l);

/* Ends accepting; the worker is told by worker_listener_gone(), not before it returns to
 * the loop unless nothing was in flight. */
void listener_close(struct listener *l);

#endif
