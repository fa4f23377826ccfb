/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All plans that somebody still uses, each with its logs open and its counters known: several,
 * while exchanges of the configurations before are running. Plans are made and freed on the control
 * thread. */
#ifndef SLUICE_PLANS_H
#define SLUICE_PLANS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/observe/log_writer.h"
#include "core/observe/metrics.h"
#include "core/proxy/plan.h"

struct plans {
    /* set by the owner */
    struct loop *loop;
    struct log_writer *log;
    struct metrics *metrics;
    struct registry *registry;
    void (*on_none)(struct plans *p); /* the last one was freed */
    plan_servers_fn servers;          /* what backends begin with */
    void *servers_arg;

    uint32_t count;
    bool any_before; /* new servers start slowly */
};

/* Takes the configuration over, opens its logs, makes the plan: one user, the caller. On failure
 * NULL, nothing is changed, and why (of why_bytes) says the cause. */
struct plan *plans_make(struct plans *p, struct config *config, char *why, uint32_t why_bytes);

#endif
