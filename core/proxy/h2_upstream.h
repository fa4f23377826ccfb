/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection that speaks HTTP/2 with a server: many slots at once (h2_slot.h). All that a turn of
 * the loop has to say leaves in one send, at its end.
 *
 * A struct upstream is one from its opening on if HTTP/2 is to be spoken; with `auto` it becomes a
 * plain one if TLS agrees on HTTP/1.1. Requests wait until the server's SETTINGS are here: how many
 * streams it takes is not known before, nor whether it speaks HTTP/2 at all.
 *
 * Which connection gets a request is h2_pool.h's. Unused ones close after the time for pooled
 * connections. */
#ifndef SLUICE_PROXY_H2_UPSTREAM_H
#define SLUICE_PROXY_H2_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/list.h"
#include "core/http/h2.h"
#include "core/proxy/upstream.h"
#include "core/ring/loop.h"

struct h2_slot;
struct server_tls_name;

enum h2_upstream_state {
    H2U_OPENING, /* it is being opened, or the server's SETTINGS are awaited: slots wait */
    H2U_OPEN,    /* slots have streams */
    H2U_ENDING,  /* no slot is lent; a last GOAWAY leaves */
    H2U_CLOSING, /* transport_close() was called; no slot is lent */
};

struct h2_upstream {
    struct h2 h2;
    struct upstream *up; /* the connection as such: transport, timer, server, place in the lists */
    struct list node;    /* in the server's list: it lends. In none: it ends with its last slot */
    struct list waiting; /* slots without a stream */
    struct list streams; /* slots with one, those given up included */
    struct list touched; /* of h2_slot.touched */
    struct h2_batch *batch; /* being sent; NULL: none */
    struct task flush;
    uint64_t heard_ns; /* when bytes came last */
    uint64_t ping_ns;  /* since when the answer to our PING is awaited; 0: it is not */
    uint32_t lent;     /* slots that attempts hold */
    uint32_t uses;     /* attempts so far */
    uint32_t connect_ms, idle_ms, stall_ms, ping_ms, ping_timeout_ms; /* the last attempt's */
    uint32_t streams_max, uses_max, idle_max;                         /* likewise */
    uint32_t last_words_bytes; /* of the GOAWAY that goes out in place of all else */
    uint8_t state;             /* enum h2_upstream_state */
    bool auto_protocol;        /* TLS may still agree on HTTP/1.1 */
    bool speaks;               /* the codec is there */
    bool broken;               /* the codec is not to be called any more */
    bool idle;                 /* counted among the server's pooled ones */
    char last_words[H2_LAST_WORDS_BYTES];
};

/* As upstream_retire(). */
void h2_upstream_retire(struct h2_upstream *hu);

/* --- for h2_pool.c --- */

/* H2U_OPENING, with the place that was taken for it, in the server's list; h2_upstream_open() is to
 * follow. NULL without memory: the place is given back. */
struct h2_upstream *h2_upstream_create(struct worker *w, const struct attempt *a, struct server *s,
                                       const struct server_tls_name *name);
/* That does not follow. */
void h2_upstream_unopened(struct h2_upstream *hu);
/* It is in use again, if it was counted as pooled. */
void h2_upstream_used(struct h2_upstream *hu);

/* --- for its slots --- */

static inline uint64_t h2_upstream_now(const struct h2_upstream *hu)
{
    return hu->up->t.loop->now_ns;
}

/* H2U_OPENING: it begins to be opened on behalf of this attempt, if it does not yet. May end all of
 * its attempts. */
void h2_upstream_open(struct h2_upstream *hu, const struct attempt *a);

/* Something was queued: it leaves with the end of this turn. */
void h2_upstream_flush(struct h2_upstream *hu);

/* An attempt has given its slot back. */
void h2_upstream_slot_back(struct h2_upstream *hu);

/* It lends no more: nobody new gets a slot. */
void h2_upstream_leave(struct h2_upstream *hu);

#endif
