/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_PROXY_LISTENER_H
#define SLUICE_PROXY_LISTENER_H

#include <stdbool.h>

#include "core/config/config.h"
#include "core/ring/op.h"
#include "core/ring/timer.h"

struct worker;

enum listener_state {
    LISTENER_ACCEPTING, /* the accept is in flight */
    LISTENER_PAUSED,    /* accepting failed (no descriptor, no memory): the timer starts it again */
    LISTENER_CLOSING,   /* being cancelled and joined; then the descriptor is closed */
};

struct listener {
    struct worker *w;
    const struct bind_config *config;
    struct op accept;
    struct timer retry;
    int fd;
    uint8_t state; /* enum listener_state */
};

/* NULL without memory (the descriptor stays the caller's). */
struct listener *listener_start(struct worker *w, const struct bind_config *config, int fd);

/* Ends accepting and closes; the worker is told by worker_listener_gone(), not before it returns to
 * the loop unless nothing was in flight. */
void listener_close(struct listener *l);

#endif
