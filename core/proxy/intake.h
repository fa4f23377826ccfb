/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections from balancers that begin with the PROXY protocol's header: it is looked at where it
 * lies in the socket and taken off when it is whole; then they go on as what the listener stands
 * for. */
#ifndef SLUICE_PROXY_INTAKE_H
#define SLUICE_PROXY_INTAKE_H

#include "core/base/addr.h"
#include "core/base/list.h"
#include "core/ring/op.h"
#include "core/ring/timer.h"

struct listener;
struct worker;

struct intake {
    struct worker *w;
    struct listener *listener; /* a reference */
    struct list node;          /* in the worker's list */
    struct op poll;            /* in flight until the end */
    struct timer timer;
    struct peer_addr peer;
    uint64_t start_wall_us, start_ns;
    int fd;
    uint8_t reason; /* enum end_reason: END_OK, or it is being given up */
};

/* Takes a connected descriptor. */
void intake_begin(struct listener *l, int fd, const struct peer_addr *peer);

/* The worker stops. */
void intake_stop(struct intake *in);

#endif
