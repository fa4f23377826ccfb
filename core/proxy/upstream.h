/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection to a server: opened for an attempt, lent (as one slot) to one exchange at a time,
 * pooled in between with a receive armed, so that a server's close is seen before the next use. */
#ifndef SLUICE_PROXY_UPSTREAM_H
#define SLUICE_PROXY_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/end_reason.h"
#include "core/base/list.h"
#include "core/proxy/exchange.h"
#include "core/proxy/h1_in.h"
#include "core/proxy/h1_out.h"
#include "core/ring/timer.h"
#include "tls/transport.h"

struct server;
struct worker;

enum upstream_state {
    UP_CONNECTING, /* ex != NULL; the connect is in flight; the deadline is the connect's */
    UP_IDLE,       /* ex == NULL; in the server's idle list; a receive is armed */
    UP_HEAD,       /* ex != NULL; the request is being sent, the response head is awaited */
    UP_BODY,       /* ex != NULL; the final head is through, body bytes are to come */
    UP_CLOSING,    /* ex == NULL; transport_close() was called; `held` may keep an arena alive */
};

struct upstream {
    struct transport t;
    struct worker *w;
    struct server *server;
    struct exchange *ex;   /* whose slot this is */
    struct exchange *held; /* UP_CLOSING: its arena is still being sent from */
    struct list node;      /* in the worker's list */
    struct list idle_node; /* UP_IDLE: in the server's list, the most recently used first */
    struct timer timer;
    struct body_source source; /* of the response body */
    struct buf_slice in;       /* received, not consumed */
    struct head_collect collect;
    struct h1_in body_in;
    struct h1_out out; /* the request */
    uint64_t since_ns; /* start of the current wait: connect, idle, first byte, next bytes */
    uint32_t uses;
    uint32_t idle_timeout_ms; /* UP_IDLE */
    uint8_t state;            /* enum upstream_state */
    uint32_t ticket;          /* UP_CONNECTING: of the server's back-off */
    bool reused;
    bool keep_alive;     /* by the response's framing */
    bool got_bytes;      /* of the response to this request */
    bool request_sent;   /* out is done */
    bool request_failed; /* a send failed: the response, if any, tells */
};

/* Begins an attempt: a pooled connection of the server (unless fresh_only), or a new one. Sets
 * ex->up. False when out of memory. Never calls the exchange back. */
bool upstream_begin(struct exchange *ex, struct server *s, bool fresh_only);

/* After upstream_begin(): sends at once if the connection came from the pool. May call back. */
void upstream_go(struct exchange *ex);

/* The exchange gives the slot up before its end: the connection is closed. Clears ex->up. */
void upstream_abort(struct exchange *ex);

/* After something changed that a deadline depends on. */
void upstream_arm(struct upstream *up);

/* Closes a connection that no exchange holds (idle, or for a stopping worker). */
void upstream_close_idle(struct upstream *up);

#endif
