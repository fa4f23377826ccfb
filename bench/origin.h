/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_BENCH_ORIGIN_H
#define SLUICE_BENCH_ORIGIN_H

#include "bench/origin_answer.h"
#include "bench/origin_request.h"
#include "bench/server.h"
#include "bench/websocket.h"
#include "core/base/buf.h"
#include "core/base/list.h"
#include "core/base/slab.h"

/* Sent from one place, over and over: wherever a body stands, this much follows in memory. */
#define COPY_SPARE_BYTES 4096 /* of JSON again behind its end: a small piece may go beyond it */
#define PATTERN_BYTES (256 * 1024)

struct origin_options {
    const char *name;
    unsigned keep_alive_requests; /* then the connection is closed; 0: no limit */
    unsigned keep_alive_idle_ms;  /* so long it may wait for the next; 0: no limit */
};

struct origin_worker {
    struct loop *loop;
    struct list connections;
    struct slab slab;
    const struct origin_options *options;
    struct str fields; /* of every answer */
    char *pattern;     /* PATTERN_BYTES + PATTERN_PERIOD of the pattern */
    char *json;        /* the same of JSON, which begins anew after PATTERN_BYTES */
    uint64_t accepted, requests;
};

enum connection_state {
    AT_HEAD,       /* between requests, or in the middle of a head */
    AT_INTERIM,    /* putting 100 Continue, answer.interim times more */
    AT_BODY_FIRST, /* reading the request's body, to be dropped */
    AT_DELAY,      /* until the timer; then `after_delay` */
    AT_ANSWER,     /* about to put the answer's head */
    AT_SEND,       /* the answer's body: body_left to come, direct_left of them next */
    AT_ECHO,       /* the answer's body is the request's */
    AT_WEBSOCKET,  /* frames are echoed, until a close frame */
    AT_BODY_LAST,  /* reading the request's body, after an early answer */
    AT_END,        /* everything is put */
    AT_CLOSE,      /* closes as soon as everything is sent */
};

struct connection {
    struct list node;
    struct origin_worker *worker;
    int fd;
    enum connection_state state, after_delay;
    bool end_seen; /* the client sends no more */
    bool closing;  /* ops were cancelled; freed when they are joined */
    bool reset;
    struct op rx, tx;
    struct timer delay;
    struct timer idle; /* between requests, when that is limited */
    uint64_t requests; /* begun on it */

    /* Received and not used yet: at..end, within in or, when a head came in pieces, within partial
     */
    const char *at, *end;
    struct buf *in;
    char *partial;

    /* the request being answered */
    struct request_body request_body;
    uint64_t request_body_bytes;
    bool head_only; /* HEAD, or a status without a body */
    bool keep_alive;
    uint8_t version_minor;
    struct answer answer;
    struct websocket websocket;
    uint64_t body_left;   /* of pattern */
    bool dripped;         /* the pause before the next piece is over */
    uint64_t body_at;     /* position in it */
    uint64_t direct_left; /* of body_left: what follows `out` on the wire, never copied */

    /* put and not sent yet: sent..out.at, within out_buf (NULL when there is nothing) */
    struct out out;
    struct buf *out_buf;
    const char *sent;
    struct iovec iov[2];
    struct msghdr msg;
};

/* A new connection on fd; the worker is given by its struct server_worker's user. */
void connection_accepted(struct server_worker *sw, int fd);

/* Closes all of a worker's connections. */
void connection_close_all(struct origin_worker *w);

#endif
