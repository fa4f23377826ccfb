/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests that wait for a server of their backend to have room: all that could get them are at
 * their max_connections or max_requests, or the backend is. Each worker keeps its own in the order
 * in which they came; how many wait, and since when each worker's first does, is known to all, so
 * that a place goes to who waits the longest: of one worker exactly, among workers to within
 * QUEUE_SKEW_NS. (One that has servers behind it that failed takes what suits it, whoever is
 * first.)
 *
 * Nobody waits in vain: who begins to wait says so and then looks once more; who gives a place back
 * looks who waits, and tells that worker (wake.h). What no message tells (a back-off that is over)
 * is found by looking every QUEUE_LOOK_NS. */
#ifndef SLUICE_PROXY_QUEUE_H
#define SLUICE_PROXY_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/end_reason.h"
#include "core/base/list.h"
#include "core/ring/timer.h"

struct backend;
struct exchange;
struct shared_backend;
struct worker;

#define QUEUE_SKEW_NS UINT64_C(1000000)
#define QUEUE_LOOK_NS UINT64_C(100000000)

/* One worker's, of one plan's backend. */
struct queue {
    struct worker *w;    /* once somebody waited */
    struct list waiting; /* struct exchange.queue_node */
    uint32_t count;      /* of them */
    struct list node;    /* in the worker's list, while somebody waits */
    struct timer timer;  /* likewise */
};

void queue_init(struct queue *q);

/* Whether somebody waits already: who comes now stands behind. */
bool queue_is_behind(const struct backend *b);

/* EX_QUEUED from now on, or the exchange has replied: as many wait as may. none: what it replies if
 * it turns out that no server is left to wait for. */
void queue_enter(struct exchange *ex, enum end_reason none);

/* EX_QUEUED: it waits no longer, whatever for. EX_HEAD from now on. */
void queue_leave(struct exchange *ex);

/* A place was given back, or there is another reason for who waits to look again. */
void queue_tell(struct worker *w, struct shared_backend *sb);

/* The worker looks at all that wait, with the end of this turn. */
void queue_look(struct worker *w);

/* The worker's task of doing so. */
void queue_look_now(struct worker *w);

#endif
