/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The access-log record: what a worker says of one ended exchange, in binary; formatting happens
 * on the control thread. */
#ifndef SLUICE_BASE_RECORD_H
#define SLUICE_BASE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/counters.h"
#include "core/base/out.h"
#include "core/base/str.h"

/* Strings longer than this are cut in the record (the log says so with a final "..."). */
#define RECORD_STR_MAX 2048

struct record {
    uint64_t start_wall_us;                /* since the epoch: first byte of the request head */
    uint64_t request_id_hi, request_id_lo; /* shown as 32 hex digits */
    struct peer_addr peer;                 /* of the socket */
    struct peer_addr client;               /* after the trust list; equal to peer without one */
    uint64_t connection;                   /* number of the client connection in this process */
    uint32_t request;                      /* number of the request on its connection, from 1 */
    uint16_t worker;
    uint16_t log;           /* the number that the reading side gave the log */
    uint16_t status;        /* sent to the client; 0: none was */
    uint16_t server_status; /* received; 0: none was */
    uint8_t version_major;  /* the client's HTTP */
    uint8_t version_minor;  /* of HTTP/1.x */
    uint8_t tries;          /* attempts begun */
    uint8_t cache;          /* enum cache_status */
    bool reused;            /* the last attempt's connection came from the pool */
    /* of TLS with the client */
    bool tls_resumed;
    uint8_t tls_minor;   /* 2: TLS 1.2, 3: TLS 1.3, 0: none, or it failed */
    uint8_t tls_failure; /* enum tls_failure */
    uint16_t tls_cipher; /* suite, by IANA's number */
    uint8_t end_reason;
    uint64_t bytes_in, bytes_out; /* of this exchange on the client's connection, heads included */
    uint64_t body_in, body_out;   /* of request and response, without heads and framing */
    /* microseconds since start; UINT32_MAX: did not happen */
    uint32_t queue_us;         /* head complete -> an attempt began */
    uint32_t waited_us;        /* of that: in the backend's queue */
    uint32_t connect_us;       /* that attempt -> connection usable (0 when reused) */
    uint32_t first_byte_us;    /* request begun to be sent -> first byte of the response */
    uint32_t total_us;         /* first byte of the request -> last byte handed to the kernel */
    uint32_t accept_us;        /* connection accepted -> first byte of its first request; later
                                  requests: UINT32_MAX */
    struct str server_name;    /* asked for in TLS */
    struct str client_subject; /* of the client's certificate; empty: none */
    struct str method, authority, path, server; /* path as received, with the query */
    struct str referer, user_agent;             /* for `combined` */
    struct str request_id;                      /* a trusted one; empty: those numbers */
    struct str listener, site, route, backend;  /* names; route, backend: empty without */
    struct str user;                            /* as Basic authentication gave it */
    struct str destination, rule;               /* of a forward proxy: "host:port", who decided */
    struct str captured;                        /* values of headers, see record_capture() */
};

/* Headers that a log wants are captured by position: appends the value of the next one (ptr NULL:
 * it is not there), cut to RECORD_CAPTURE_MAX. Without room it counts as not there. */
#define RECORD_CAPTURE_MAX 512
void record_capture(struct out *o, struct str value);

/* The other way: takes the next value off; false when there is no next. ptr NULL as above. */
bool record_captured(struct str *captured, struct str *value);

/* A byte ring from one worker to the control thread: single producer, single consumer, no lock. */
struct record_ring;

/* Below it the longest record would not fit. */
#define RECORD_RING_BYTES_MIN (128 * 1024)

/* bytes: a power of two, at least RECORD_RING_BYTES_MIN. NULL without memory. */
struct record_ring *record_ring_create(uint32_t bytes);
void record_ring_destroy(struct record_ring *r);

/* Producer: copies the record, strings included. False when there is no room (the caller counts
 * the drop). *wake is set when the consumer asked to be woken and has not been since. */
bool record_ring_put(struct record_ring *r, const struct record *rec, bool *wake);

/* Consumer: the oldest record, its strings pointing into the ring until record_ring_pop(). False
 * when empty. */
bool record_ring_peek(struct record_ring *r, struct record *out);
void record_ring_pop(struct record_ring *r);

/* Consumer: from now on the next put sets *wake, once. Returns false if the ring is not empty (then
 * nothing was asked: read on). True may also mean that a put of this moment was the next one. */
bool record_ring_ask_wake(struct record_ring *r);

/* Consumer: takes that back. False: too late, a put has set *wake. */
bool record_ring_unask_wake(struct record_ring *r);

/* What a worker needs to log: its end of a ring, and the way to wake the other end. The side that
 * reads makes it. */
struct log_port {
    struct record_ring *ring;
    counter *dropped;                    /* the worker's */
    void (*wake)(struct log_port *port); /* on the worker's thread */
};

/* Logs one ended exchange, or counts it as dropped when the ring is full. */
void log_put(struct log_port *port, const struct record *rec);

#endif
