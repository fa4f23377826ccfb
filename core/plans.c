/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/plans.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/check.h"

/* What goes with a plan on the control thread. */
struct entry {
    struct plans *plans;
    struct plan *plan;
    struct log_group *logs;
    struct metrics_plan *metrics;
    struct msg unused;
};

static void on_logs_closed(void *arg)
{
    struct entry *e = arg;
    struct plans *p = e->plans;
    metrics_drop_plan(e->metrics);
    plan_free(e->plan);
    free(e);
    if (--p->count == 0)
        p->on_none(p);
}

static void run_unused(struct msg *m, struct loop *at)
{
    (void)at;
    struct entry *e = container_of(m, struct entry, unused);
    log_group_close(e->logs, on_logs_closed, e);
}

/* On the last user's thread. */
static void on_unused(struct plan *plan)
{
    struct entry *e = plan->owner;
    loop_post(e->plans->loop, &e->unused);
}

struct plan *plans_make(struct plans *p, struct config *config, char *why, uint32_t why_bytes)
{
    struct plan *plan = plan_create(config, p->registry, p->any_before ? p->loop->now_ns : 0,
                                    p->servers, p->servers_arg);
    struct entry *e = calloc(1, sizeof *e);
    if (!plan || !e) {
        snprintf(why, why_bytes, "out of memory");
        goto fail;
    }
    *e = (struct entry){ .plans = p, .plan = plan, .unused = { .run = run_unused } };
    e->metrics = metrics_add_plan(p->metrics, plan);
    if (!e->metrics) {
        snprintf(why, why_bytes, "out of memory");
        goto fail;
    }
    e->logs = log_writer_open(p->log, config, why, why_bytes);
    if (!e->logs) {
        metrics_drop_plan(e->metrics);
        goto fail;
    }
    plan->log_first = log_group_first(e->logs);
    plan->owner = e;
    plan->on_unused = on_unused;
    p->count++;
    p->any_before = true;
    return plan;
fail:
    plan_unuse(plan);
    free(e);
    return NULL;
}
