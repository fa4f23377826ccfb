/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What borrows a slot of an upstream connection (upstream.h), and is told by its ops how that goes.
 * Whoever asks a server something embeds one. What the connection speaks is seen in `http2` only.
 *
 * From upstream_begin() on either `failed`, `broken` or `received` comes, once, or the owner calls
 * upstream_abort(); then `up` is NULL. */
#ifndef SLUICE_PROXY_ATTEMPT_H
#define SLUICE_PROXY_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/arena.h"
#include "core/base/end_reason.h"
#include "core/config/config.h"
#include "core/http/framing.h"
#include "core/http/head.h"
#include "core/proxy/body.h"

struct attempt;
struct slot;

struct attempt_ops {
    /* The connection can be used: upstream_send(), or upstream_abort(). */
    void (*connected)(struct attempt *a);
    /* No more of the request's body is taken. */
    void (*request_cut)(struct attempt *a);
    /* An interim response head. END_OK, or why the attempt fails: END_RESPONSE_INTERIM (one too
     * many, or a 101 nobody asked for), END_OVERLOADED. */
    enum end_reason (*interim)(struct attempt *a, const struct http_head *h);
    /* A 101. END_OK: the owner takes the connection over, by upstream_hand_over(), once that is
     * ready and switch_ready is called, perhaps at once; else why the attempt fails. NULL: nobody
     * asked for one. */
    enum end_reason (*switched)(struct attempt *a, const struct http_head *h);
    void (*switch_ready)(struct attempt *a);
    /* The final head. Gives the sink for the body, of which `source` will deliver; NULL: the owner
     * has called upstream_abort(). With BODY_NONE its end() is the owner's to call. */
    struct body_sink *(*respond)(struct attempt *a, const struct http_head *h,
                                 const struct framing *f, struct body_source *source);
    /* Something was given to the sink: flush it. */
    void (*progress)(struct attempt *a);
    /* No final head will come. untouched: nothing of the request can have been processed. */
    void (*failed)(struct attempt *a, enum end_reason why, bool untouched);
    /* The body broke off. */
    void (*broken)(struct attempt *a, enum end_reason why);
    /* All was given to the sink, which is to be flushed. */
    void (*received)(struct attempt *a);
    /* The slot is given up: the source is gone. Before the three above, and in upstream_abort(). */
    void (*detached)(struct attempt *a);
    /* The arena is still being sent from: the owner stays until as many releases. */
    void (*hold)(struct attempt *a);
    void (*release)(struct attempt *a);
};

struct attempt {
    const struct attempt_ops *ops;
    struct slot *up;                      /* the slot; NULL: none */
    struct arena *arena;                  /* for heads */
    const struct timeouts *timeouts;      /* towards the server */
    const struct backend_config *backend; /* its rules for pooling */
    const struct peer_addr *client_peer;  /* on whose behalf; NULL: nobody's */
    int client_fd;                        /* its connection */
    uint64_t deadline_ns;                 /* of all of it; 0: none */
    uint64_t request_taken_ns;            /* by the kernel, all of it; 0: not yet */
    uint64_t first_byte_ns;               /* 0: none came yet */
    struct str host; /* that the server will see, without port: for TLS; empty: none */
    enum http_method method;
    bool http2;        /* from `connected` on: the head is to be in HTTP/2's form (forward.h) */
    bool secure;       /* likewise: the connection is TLS */
    bool switches;     /* it asks for another protocol (Upgrade): HTTP/1 is needed */
    bool opens;        /* the pick has taken a place for one more connection (server.h) */
    bool reused;       /* the connection came from the pool */
    bool name_refused; /* `failed` may be the fault of `host`: others would refuse it, too */
};

#endif
