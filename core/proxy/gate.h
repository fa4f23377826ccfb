/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gatekeeping that needs more than the request itself: what all workers of the process count
 * together. It outlives plans and workers. */
#ifndef SLUICE_PROXY_GATE_H
#define SLUICE_PROXY_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/end_reason.h"

struct client;
struct config;
struct exchange;
struct limits;
struct password_pool;
struct worker;

struct gate {
    struct limits *limits;
    _Atomic uint32_t workers;        /* that share a rate */
    uint64_t secret[2];              /* of what is remembered about passwords */
    struct password_pool *passwords; /* NULL: no configuration so far asks for them */
};

/* NULL without memory. */
struct gate *gate_create(void);

/* Makes ready what this configuration, about to be taken up by so many workers, needs. False
 * without memory or threads. */
bool gate_prepare(struct gate *g, const struct config *config, uint32_t workers);

/* No worker uses it any more. g may be NULL. */
void gate_destroy(struct gate *g);

/* --- on a worker --- */

/* The rates of an exchange's route: END_OK, or END_RATE_LIMITED and ex->retry_after_s. */
enum end_reason gate_rate(struct exchange *ex);

/* A new connection, where its site limits them. One that is over a limit is marked: its first
 * request gets 429, and it ends. False: too many such wait already, close it at once. */
bool gate_connection(struct client *c);

/* Its end. */
void gate_connection_gone(struct client *c);

/* The same of what a connection became: key is its limit_key, 0: it is not counted. */
void gate_leave(struct worker *w, uint64_t key);

#endif
