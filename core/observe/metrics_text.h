/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Prometheus text format (0.0.4): tables of families. Inside core/observe, and for the
 * reference. */
#ifndef SLUICE_OBSERVE_METRICS_TEXT_H
#define SLUICE_OBSERVE_METRICS_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct metrics_process;

enum series_kind { SERIES_LISTENER, SERIES_SITE, SERIES_BACKEND, SERIES_SERVER };

/* The counts of one name. */
struct series {
    struct series *next, **before, *same_hash;
    enum series_kind kind;
    uint32_t users;      /* plans that know the name */
    uint32_t flags;      /* of servers: enum server_flag; of backends: enum breaker_state */
    uint64_t opened;     /* of backends: times that their circuit was opened */
    uint64_t inflight;   /* of servers: requests */
    char *parent, *name; /* parent: of servers, their backend */
    uint64_t *kept;      /* by plans that are gone */
    uint64_t values[];   /* shaped like the counters of its kind; kept follows */
};

void metrics_text_series(const struct series *first, FILE *to);
void metrics_text_process(const struct metrics_process *p, FILE *to);

/* The families there are, for the manual; false past the last. */
struct metric_info {
    const char *name, *type, *help;
    const char *of,
        *by; /* labels: whom it is about ("backend, server"), how it is split; or NULL */
};
bool metrics_text_family(uint32_t i, struct metric_info *out);

#endif
