/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections to servers, and the slots of them that are lent to attempts.
 *
 * With HTTP/1 the slot is the connection (struct upstream): opened for an attempt, lent to one at a
 * time, pooled in between with a receive armed, so that a server's close is seen before the next
 * use. With HTTP/2 it is a stream (h2_upstream.h). Attempts see the difference in their `http2`
 * only. */
#ifndef SLUICE_PROXY_UPSTREAM_H
#define SLUICE_PROXY_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/end_reason.h"
#include "core/base/list.h"
#include "core/proxy/attempt.h"
#include "core/proxy/h1_in.h"
#include "core/proxy/h1_out.h"
#include "core/proxy/relay.h"
#include "core/ring/timer.h"
#include "tls/transport.h"

struct h2_upstream;
struct server;
struct worker;

/* What can be done with a slot: the functions of its protocol behind those below. */
struct slot_ops {
    void (*go)(struct attempt *a);
    struct body_sink *(*send)(struct attempt *a, struct str head, enum body_framing framing,
                              struct body_source *body);
    void (*flush)(struct attempt *a);
    void (*abort)(struct attempt *a);
};

struct slot {
    const struct slot_ops *ops;
};

enum upstream_state {
    UP_CONNECTING, /* a != NULL; the connect is in flight; the deadline is the connect's */
    UP_IDLE,       /* a == NULL; in the server's idle list; a receive is armed */
    UP_HEAD,       /* a != NULL; the request is being sent, the response head is awaited */
    UP_BODY,       /* a != NULL; the final head is through, body bytes are to come */
    UP_SWITCHING,  /* a != NULL; 101 came: nothing is read, the connection waits to be taken over */
    UP_HTTP2,      /* a == NULL; h2 != NULL, which has its slots and its transport's ear */
    UP_CLOSING,    /* a == NULL; transport_close() was called; `held` may keep an arena alive */
};

struct upstream {
    struct slot slot;
    struct transport t;
    struct worker *w;
    struct server *server;
    struct h2_upstream *h2; /* NULL: it speaks HTTP/1 */
    struct attempt *a;      /* whose slot this is */
    struct attempt *held;   /* UP_CLOSING: its arena is still being sent from */
    struct list node;       /* in the worker's list */
    struct list idle_node;  /* UP_IDLE: in the server's list, the most recently used first */
    struct timer timer;
    struct body_source source; /* of the response body */
    struct buf_slice in;       /* received, not consumed */
    struct head_collect collect;
    struct h1_in body_in;
    struct relay_habit habit; /* of the response's body */
    struct h1_out out;        /* the request */
    uint64_t since_ns;        /* start of the current wait: connect, idle, first byte, next bytes */
    uint64_t request_ns;      /* when the request was begun to be sent */
    uint32_t uses;
    uint32_t idle_timeout_ms; /* UP_IDLE */
    uint8_t state;            /* enum upstream_state */
    uint32_t ticket;          /* UP_CONNECTING: of the server's back-off */
    bool reused;
    bool name_of_request; /* the name that TLS asks for is the request's */
    bool keep_alive;      /* by the response's framing */
    bool got_bytes;       /* of the response to this request */
    bool request_sent;    /* out is done */
    bool request_failed;  /* a send failed: the response, if any, tells */
};

/* Whether upstream_begin() would find a slot for this host on a connection that there is. switches:
 * see attempt.h. */
bool upstream_has_slot(const struct server *s, const struct backend_config *config, struct str host,
                       bool switches, bool fresh_only);

/* Begins an attempt: a slot of a connection that there is (unless fresh_only: then none that may be
 * stale), or of a new one. The pick has taken the places for it (server_enter()), which go with the
 * attempt. Sets a->up. False when out of memory; the places are given back. Never calls the attempt
 * back. */
bool upstream_begin(struct worker *w, struct attempt *a, struct server *s, bool fresh_only);

/* After upstream_begin(): sends at once if the connection came from the pool. May call back. */
static inline void upstream_go(struct attempt *a)
{
    a->up->ops->go(a);
}

/* From a->ops->connected: sends the head, which lies in the attempt's arena; a body may follow,
 * into the sink that is returned. Without one, all is sent. body: resumed when there is room for
 * more. */
static inline struct body_sink *upstream_send(struct attempt *a, struct str head,
                                              enum body_framing framing, struct body_source *body)
{
    return a->up->ops->send(a, head, framing, body);
}

/* The owner gives the slot up before its end: the connection is closed, or the stream reset. Clears
 * a->up. */
static inline void upstream_abort(struct attempt *a)
{
    a->up->ops->abort(a);
}

/* After something was given to that sink: sends it, and sees to deadlines. */
static inline void upstream_flush(struct attempt *a)
{
    a->up->ops->flush(a);
}

/* From a->ops->connected, in place of upstream_send(): nothing is asked; upstream_hand_over() may
 * follow. */
void upstream_switch(struct attempt *a);

/* After ops->switch_ready: the connection moves into `to`, what was received of it and is no head
 * into *received; it goes on counting as the server's, which is returned: `active_count` and
 * server_connection_gone() are the caller's from now on. */
struct server *upstream_hand_over(struct attempt *a, struct transport *to,
                                  const struct transport_user *user, struct buf_slice *received);

/* Closes a connection that no attempt holds; what others hold takes no more, and ends with them. */
void upstream_retire(struct upstream *up);

#endif
