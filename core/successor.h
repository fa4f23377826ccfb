/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another server process that begins with the configuration read last, because this one cannot
 * become its user, and takes over. The keeper starts it; on the control thread's loop. */
#ifndef SLUICE_SUCCESSOR_H
#define SLUICE_SUCCESSOR_H

#include "core/keeper_socket.h"
#include "core/ring/loop.h"

struct successor {
    /* set by the owner */
    struct loop *loop;
    int keeper;
    /* It is ready to accept, and waits for keeper_deaf(); or it could not begin, because of why. */
    void (*on_ready)(struct successor *s);
    void (*on_failed)(struct successor *s, const char *why);

    bool coming; /* one of the two will be called */
    int fd;
    struct op op;
    struct keeper_outcome outcome;
};

/* user: of the configuration. False, and why (of why_bytes) says the cause: none can be had. */
bool successor_start(struct successor *s, const char *user, char *why, uint32_t why_bytes);

#endif
