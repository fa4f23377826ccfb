/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request and its answer: from a parsed head to the log record.
 *
 * The client's stage (client.h) owns an exchange and feeds it; an attempt lends it a slot of an
 * upstream connection (upstream.h). An attempt that failed before anything of it can have been
 * processed is followed by another, on another server. */
#ifndef SLUICE_PROXY_EXCHANGE_H
#define SLUICE_PROXY_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/end_reason.h"
#include "core/http/framing.h"
#include "core/http/head.h"
#include "core/http/target.h"
#include "core/proxy/h1_in.h"
#include "core/proxy/h1_out.h"

struct client;
struct upstream;
struct worker;

enum exchange_state {
    EX_HEAD,       /* the request head is being collected; nothing else happened; up == NULL */
    EX_CONNECTING, /* an attempt waits for its connection; up != NULL; no body byte has left */
    EX_WAITING,    /* the request is on its way; up != NULL; no final response head yet */
    EX_RESPONDING, /* the final head is queued to the client; up != NULL while more is to come */
    EX_REPLYING,   /* an answer of our own is queued; up == NULL */
    EX_ENDED,      /* recorded; up == NULL; waits for its references to go */
};

struct exchange {
    struct worker *w;
    struct client *client;
    struct upstream *up; /* the slot lent to the current attempt; NULL: none */
    uint32_t refs;       /* the client, and each upstream that still sends from the arena */
    uint8_t state;       /* enum exchange_state */
    uint8_t reason;      /* enum end_reason, once ended or replying */
    bool close_after;    /* the client's connection ends after this exchange */
    bool fresh_only;     /* a pooled connection was stale: open a new one */
    bool reused;         /* the current attempt's connection came from the pool */
    uint8_t tries;
    uint8_t interim_count;
    uint16_t status, server_status;
    uint16_t tried[ATTEMPTS_MAX]; /* server indexes */
    const char *last_server;      /* name of the last attempt's server; NULL: none */

    struct framing framing; /* of the request */
    struct target target;
    struct head_collect collect;
    struct h1_in body_in;           /* the request body, out of its framing ... */
    struct body_source body_source; /* ... read by the client's stage */
    struct h1_out out;              /* to the client */
    struct str forwarded_head;      /* as serialised for the servers; kept for retries */

    uint64_t id_hi, id_lo;
    uint64_t bytes_in; /* head; the body counts in body_in */
    uint64_t start_wall_us;
    /* loop time of the phases; 0: did not happen */
    uint64_t start_ns, head_ns, attempt_ns, connected_ns, sent_ns, first_byte_ns;

    struct arena arena;
    struct http_head head; /* the request's */
    _Alignas(16) char first[EXCHANGE_ARENA_FIRST_BYTES];
};

/* A new exchange with one reference, the client's; NULL when out of memory. */
struct exchange *exchange_create(struct client *c);

void exchange_ref(struct exchange *ex);
void exchange_unref(struct exchange *ex);

/* The head is parsed, in the arena: checks it, then begins the first attempt or replies. */
void exchange_start(struct exchange *ex);

/* --- the client's stage says --- */

/* The head could not be understood, or came too late: replies as the reason says. */
void exchange_refuse(struct exchange *ex, enum end_reason why);

/* The request body is malformed, cut or stalled: the attempt is aborted without its end; replies,
 * or truncates when the final head is out. */
void exchange_request_broken(struct exchange *ex, enum end_reason why);

/* The client's connection is gone or is being closed: aborts the attempt, records, and gives up the
 * client's interest (its reference stays the client's to give). */
void exchange_abandon(struct exchange *ex, enum end_reason why);

/* The answer was taken by the kernel in full: records. */
void exchange_finished(struct exchange *ex);

/* Whether all of the request was received. */
static inline bool exchange_request_complete(const struct exchange *ex)
{
    return ex->body_in.state == IN_DONE;
}

/* --- the upstream's stage says; up->ex is this exchange --- */

/* The connection is usable: gives the serialised head; a NULL one if it could not be made (then the
 * exchange has replied and the slot is given up). */
struct str exchange_request_head(struct exchange *ex);

/* The attempt failed before a final response head; the upstream has detached itself. untouched:
 * nothing of the request can have been processed. Begins another attempt or replies. */
void exchange_attempt_failed(struct exchange *ex, enum end_reason why, bool untouched);

/* An interim response head. END_OK, or why the attempt fails: END_RESPONSE_INTERIM (one too many,
 * or a 101 nobody asked for), END_OVERLOADED. */
enum end_reason exchange_interim(struct exchange *ex, const struct http_head *h);

/* The final response head: queues it to the client and opens ex->out for the body, of which
 * `source` will deliver. False: no memory; the exchange has replied; the upstream is detached. */
bool exchange_respond(struct exchange *ex, const struct http_head *h, const struct framing *f,
                      struct body_source *source);

/* The response broke off after its head: the client sees a truncation, or an answer of our own if
 * nothing had left yet. The upstream has detached itself. */
void exchange_response_broken(struct exchange *ex, enum end_reason why);

#endif
