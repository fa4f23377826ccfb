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
#include "core/base/list.h"
#include "core/http/framing.h"
#include "core/http/head.h"
#include "core/http/target.h"
#include "core/proxy/attempt.h"
#include "core/proxy/compress.h"
#include "core/proxy/downstream.h"
#include "core/proxy/h1_in.h"
#include "core/proxy/h1_out.h"
#include "core/proxy/h2_exchange.h"
#include "core/proxy/route.h"

struct auth_external;
struct backend;
struct body_buffer;
struct body_coder;
struct cache_reader;
struct client;
struct fetch;
struct forwarding;
struct plan_use;
struct worker;

enum exchange_state {
    EX_HEAD,      /* the request head is being collected; nothing else happened; up == NULL */
    EX_CHECKING,  /* a gate has yet to say whether it may go on: exchange_checked(); up == NULL */
    EX_BUFFERING, /* the request's body is taken in before an attempt begins; up == NULL */
    EX_RESOLVING, /* the addresses of its destination are being looked up (forward.h); up == NULL */
    EX_FOLLOWING, /* a fetch is awaited whose answer will be this one's; up == NULL */
    EX_QUEUED,    /* in its backend's queue, for a server that has room (queue.h); up == NULL */
    EX_CONNECTING, /* an attempt waits for its connection; up != NULL; no body byte has left */
    EX_WAITING,    /* the request is on its way; up != NULL; no final response head yet */
    EX_RESPONDING, /* the final head is queued to the client; up != NULL while more is to come */
    EX_SWITCHING,  /* a 101 is queued to the client; both connections are about to become a tunnel;
                      up != NULL */
    EX_REPLYING,   /* an answer of our own is queued; up == NULL */
    EX_ENDED,      /* recorded; up == NULL; waits for its references to go */
};

/* Gates at which an exchange may have to wait, in their order. */
enum exchange_gate { GATE_BASIC_AUTH, GATE_EXTERNAL_AUTH, GATES_PASSED };

struct exchange {
    struct worker *w;
    struct client *client;             /* the connection it came by: what is known of its peer */
    const struct downstream_ops *down; /* the client's side of this exchange */
    struct attempt attempt;            /* the current one; up == NULL: none */
    uint32_t refs;          /* the client, and each upstream that still sends from the arena */
    uint8_t state;          /* enum exchange_state */
    uint8_t reason;         /* enum end_reason, once ended or replying */
    bool close_after;       /* the client's connection ends after this exchange */
    bool refused_elsewhere; /* the answer is the authentication server's */
    bool fresh_only;        /* a pooled connection was stale: open a new one */
    bool grpc;              /* errors of ours are told as gRPC does */
    uint8_t gate;           /* enum exchange_gate: the next one to pass */
    uint8_t tries;
    bool admitted; /* by the backend's circuit breaker */
    uint8_t
        queue_none; /* enum end_reason, EX_QUEUED: the answer when there is no server any more */
    uint8_t interim_count;
    uint16_t status, server_status;
    uint32_t retry_after_s;       /* of a refusal that says when to come again; 0: not said */
    uint64_t tried[ATTEMPTS_MAX]; /* ids of servers; 0: may be tried again */
    struct server *server;        /* of the last attempt, as its user; NULL: none */

    /* What it is handled by; the plan stays until it ends. */
    struct plan_use *use;
    const struct site_config *site;
    const struct handling *handling; /* the route's, before one is found the site's */
    struct backend *backend;         /* NULL: none is chosen, or it goes elsewhere (`forward`) */
    struct route_match match;
    struct peer_addr client_addr;        /* after the trust list */
    struct str client_ip;                /* as text; empty: unknown */
    struct str user;                     /* who asks, as far as Basic authentication says */
    struct auth_external *auth_external; /* NULL: nobody was asked */
    uint8_t cache_status;                /* enum cache_status */
    struct cache_reader *reader;         /* NULL: the answer does not come from the cache */
    struct forwarding *forward;          /* where it goes; NULL: its site has servers of its own */
    struct fetch *fetch;                 /* that this exchange is; NULL: it is a client's */
    struct str scheme;                   /* of a fetch */
    struct list queue_node;              /* EX_QUEUED */
    uint64_t queue_ns, queue_until_ns;   /* EX_QUEUED since, and until: of all attempts together */
    uint64_t waited_ns;                  /* in queues so far */
    struct list check_node;              /* EX_CHECKING: in the check that it waits for */
    struct str host;                     /* lower case, without port */
    struct str path, query;              /* as forwarded */
    bool peer_trusted;
    struct str captured; /* response headers that the log wants: see record_capture() */

    struct str upgrade;     /* protocols that the server may switch to; empty: none */
    struct framing framing; /* of the request */
    struct target target;
    struct head_collect collect;
    union { /* the request body, out of its framing ... */
        struct message_in body_in;
        struct h1_in h1_in;
    };
    struct body_source body_source;                       /* ... read by the client's stage */
    struct body_buffer *request_buffer, *response_buffer; /* NULL: bodies stream */
    struct answer_coding coding;
    struct body_coder *coder; /* of the answer, behind the buffer; NULL: it stays as it is */
    union {                   /* to the client */
        struct message_out out;
        struct h1_out h1_out;
        struct h2_side h2;
    };

    uint64_t id_hi, id_lo;
    uint32_t number;   /* among those of its connection, from 1 */
    uint64_t bytes_in; /* head; the body counts in body_in */
    uint64_t start_wall_us;
    /* loop time of the phases; 0: did not happen */
    uint64_t start_ns, head_ns, attempt_ns, connected_ns, sent_ns;
    uint64_t answer_ns; /* received in full */

    struct arena arena;
    struct http_head head; /* the request's */
    _Alignas(16) char first[EXCHANGE_ARENA_FIRST_BYTES];
};

/* A new exchange with one reference, the client's, who prepares `out`; NULL when out of memory. */
struct exchange *exchange_create(struct client *c, const struct downstream_ops *down);

void exchange_ref(struct exchange *ex);
void exchange_unref(struct exchange *ex);

/* The head is parsed, in the arena: checks it, finds its route, then begins the first attempt or
 * replies. */
void exchange_start(struct exchange *ex);

/* Our own answer instead of a server's: the status and text of the reason, or what the route says
 * (END_REPLIED). No final head may have been queued. */
void exchange_reply(struct exchange *ex, enum end_reason why);

static inline bool exchange_is_http2(const struct exchange *ex)
{
    return ex->head.version_major == 2;
}

/* WebSocket in a stream (RFC 8441): in all else a GET with Upgrade. */
static inline bool exchange_is_extended_connect(const struct exchange *ex)
{
    return exchange_is_http2(ex) && ex->head.extended_connect;
}

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

/* --- a gate says --- */

/* The answer to EX_CHECKING: END_OK, or what is replied. */
void exchange_checked(struct exchange *ex, enum end_reason why);

/* --- becoming a tunnel (upgrade.c) --- */

/* EX_SWITCHING: the client's connection has nothing in flight any more. */
void exchange_switch_ready(struct exchange *ex);

/* --- attempts (exchange_attempt.c) --- */

/* Begins one, on a server that was not tried yet, perhaps after it has waited for one that has
 * room; replies with `none` if there is no such. */
void exchange_attempt(struct exchange *ex, enum end_reason none);

/* EX_QUEUED: whether it need not wait, as its backend's circuit breaker has opened meanwhile. */
bool exchange_is_refused(struct exchange *ex);

/* EX_QUEUED until now: s has a place for it, which is taken; NULL: there is no server any more, or
 * it is refused. */
void exchange_dequeued(struct exchange *ex, struct server *s);
/* Begins one on this server. */
void exchange_begin_attempt(struct exchange *ex, struct server *s);

/* Takes the request's body in, as much as its route says, and then begins the first. */
void exchange_buffer_request(struct exchange *ex);

/* EX_BUFFERING: more of the body came. */
void exchange_buffered(struct exchange *ex);

extern const struct attempt_ops exchange_attempt_ops;

/* Whether the client's connection may be kept after this exchange, as far as we care. */
bool exchange_may_keep(const struct exchange *ex);

/* Records. */
void exchange_end(struct exchange *ex, enum end_reason why);

/* An interim response head. END_OK, or why the attempt fails: END_RESPONSE_INTERIM (one too many,
 * or a 101 nobody asked for), END_OVERLOADED. */
enum end_reason exchange_interim(struct exchange *ex, const struct http_head *h);

/* The final response head: queues it to the client and opens ex->out for the body, of which
 * `source` will deliver. Gives the sink for it; NULL: no memory; the exchange has replied; the slot
 * is given up. */
struct body_sink *exchange_respond(struct exchange *ex, const struct http_head *h,
                                   const struct framing *f, struct body_source *source);

/* The two halves of it, for an answer that comes from elsewhere than a server. The first gives the
 * framing; ex->state == EX_RESPONDING unless the exchange has replied. The second opens the body's
 * way to the client, or into a buffer in front of it. */
enum body_framing exchange_respond_head(struct exchange *ex, const struct http_head *h,
                                        const struct framing *f);
struct body_sink *exchange_open_body(struct exchange *ex, enum body_framing framing,
                                     const struct framing *f, struct body_source *source);

/* The response broke off after its head: the client sees a truncation, or an answer of our own if
 * nothing had left yet. The slot is given up. */
void exchange_response_broken(struct exchange *ex, enum end_reason why);

#endif
