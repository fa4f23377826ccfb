/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All counters as Prometheus text. Workers count per plan (core/proxy/plan.h); here the counts of
 * one name are summed over workers and plans, so that they go on over reloads. On the control
 * thread only. */
#ifndef SLUICE_OBSERVE_METRICS_H
#define SLUICE_OBSERVE_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/counters.h"
#include "core/cache/cache.h"
#include "core/observe/log_sink.h"
#include "core/proxy/plan.h"

struct metrics;
struct metrics_plan;

struct metrics *metrics_create(void); /* NULL without memory */
void metrics_destroy(struct metrics *m);

/* Before a plan is used. NULL without memory. */
struct metrics_plan *metrics_add_plan(struct metrics *m, const struct plan *p);

/* Before it is freed, when no worker uses it: what it counted is kept. */
void metrics_drop_plan(struct metrics_plan *p);

/* What is not counted by a plan's names. */
struct metrics_process {
    const char *version;
    struct registry *registry;             /* of the servers */
    struct cache *cache;                   /* NULL: none yet */
    const struct config *config;           /* in force; NULL: none yet */
    const struct counters *const *workers; /* all that ever ran */
    uint32_t workers_count;
    uint32_t workers_running;
    const struct log_writer_stats *logs;
    uint64_t now_ns, start_ns, start_wall_us;
    uint64_t reloads_good, reloads_bad;
    uint64_t reload_wall_us; /* of the last good one, or of the start */
    bool reload_good;        /* the last one; true before any */
    bool ready;
};

void metrics_print(struct metrics *m, const struct metrics_process *p, FILE *to);

#endif
