/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workers that tell each other to look again at who waits for a server (queue.h): one message to a
 * worker is on its way at a time, however often it is told. */
#ifndef SLUICE_PROXY_WAKE_H
#define SLUICE_PROXY_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/ring/loop.h"

struct worker;

/* All zero: closed, nobody is told. */
struct wake_port {
    _Alignas(64) _Atomic(struct loop *) loop; /* NULL: closed */
    _Atomic uint32_t tellers;                 /* threads that may be about to post */
    _Atomic bool told;                        /* the message is on its way */
    struct msg msg;
    struct worker *w; /* the worker's own */
};

struct wake_ports {
    struct wake_port of[WORKERS_MAX]; /* by index of the worker */
    _Atomic uint32_t used_count;      /* those behind were never opened */
};

/* On the worker's thread: queue_look() is what it is told to do. */
void wake_port_open(struct wake_ports *all, struct worker *w);

/* On the worker's thread: nobody tells it any more. False: a message is on its way, which calls
 * worker_object_gone(); then again. */
bool wake_port_close(struct wake_ports *all, uint32_t worker);

/* From any thread. */
void wake_port_tell(struct wake_ports *all, uint32_t worker);

#endif
