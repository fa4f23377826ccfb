/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice-load's parts. A due request waits in the queue until a connection is free; its latency
 * counts from when it was due, whatever it had to wait for (no coordinated omission). */
#ifndef SLUICE_BENCH_LOAD_H
#define SLUICE_BENCH_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "bench/hdr.h"
#include "bench/load_response.h"
#include "bench/websocket.h"
#include "core/base/addr.h"
#include "core/base/list.h"
#include "core/base/rng.h"
#include "core/ring/loop.h"
#include "tls/tls.h"

#define LOAD_PATHS_MAX 1024
#define LOAD_HEAD_BYTES (20 * 1024) /* a request's head with the longest target */
#define LOAD_TARGET_MAX 16000
#define LOAD_BODY_PIECE (256 * 1024)

/* What went wrong with a request. */
enum load_error {
    LOAD_REFUSED,   /* the connection was */
    LOAD_CONNECT,   /* the connection could not be made for another reason */
    LOAD_TLS,       /* ... or no TLS over it */
    LOAD_PROTOCOL,  /* ... or no HTTP/2, which was wanted */
    LOAD_RESET,     /* in the middle */
    LOAD_CLOSED,    /* in the middle, politely */
    LOAD_TIMEOUT,   /* no whole answer in time */
    LOAD_UNSENT,    /* no connection was free in time */
    LOAD_STATUS,    /* not the one that was expected */
    LOAD_LENGTH,    /* of the body: not the one that was expected */
    LOAD_MALFORMED, /* no HTTP response */
    LOAD_ERRORS,
    LOAD_FINE = LOAD_ERRORS,
};

extern const char *const load_error_words[LOAD_ERRORS];

/* A request of a trace. */
struct trace_entry {
    uint64_t at_ns; /* since the begin */
    struct str method, target;
    uint64_t body_bytes;
};

struct load_options {
    struct addr to;
    struct str host; /* for the Host field */
    char server_name[256];
    bool tls, no_resumption, new_connections, poisson, http2, websocket;
    double rate; /* requests/s of all threads; 0: as many as the connections carry */
    double seconds;
    unsigned connections, threads;
    unsigned streams; /* requests at once on a connection */
    struct str method;
    struct str paths[LOAD_PATHS_MAX]; /* in turn */
    unsigned path_count;
    uint64_t body_bytes;
    uint64_t timeout_ns, interval_ns;
    int64_t expect_bytes; /* -1: any */
    int expect_status;    /* 0: any below 400 */
    struct trace_entry *trace;
    size_t trace_count;
    FILE *log; /* a line a request */
};

/* A request that is due. */
struct due {
    uint64_t due_ns;
    uint64_t index;
    bool retried;
};

/* Of the requests that were due within one interval. */
struct interval {
    uint64_t sent, done, errors;
    struct hdr latency;
};

struct load_worker;
struct load_h2;

/* How requests travel: load_connection.c, load_h2.c. */
struct load_engine {
    /* Readies the worker's connections; those that are kept are opened at once. */
    void (*open)(struct load_worker *w);
    /* Sends requests of the queue as long as there is room for them. */
    void (*dispatch)(struct load_worker *w);
    /* Closes all; the loop then runs until w->down_count says so. */
    void (*close)(struct load_worker *w);
    void (*free)(struct load_worker *w);
};

extern const struct load_engine load_h1, load_h2;

enum load_state {
    LOAD_DOWN,       /* no transport; in `free` */
    LOAD_CONNECTING, /* for a request, or to be ready for one (has_request) */
    LOAD_IDLE,       /* connected; in `free`; reads, to see the server close */
    LOAD_BUSY,       /* has_request: it is sent, or its answer is read */
    LOAD_CLOSING,    /* on_closed comes */
};

struct load_connection {
    struct list node; /* in `free` */
    struct load_worker *worker;
    enum load_state state;
    bool has_request, reused, retried;
    struct due due;
    struct trace_entry what;
    struct transport transport;
    struct timer timeout;
    uint64_t body_left; /* to be sent */
    struct response response;
    bool switched; /* it is a WebSocket now */
    struct websocket websocket;
    uint64_t message_bytes; /* of the answer, so far */
    struct iovec iov[2];
    char *head; /* LOAD_HEAD_BYTES */
};

struct load_worker {
    const struct load_options *options;
    atomic_bool *stop;
    unsigned index; /* of options->threads */
    pthread_t thread;
    char why[512]; /* it could not start */
    struct loop *loop;
    struct tls_worker tls;
    struct tls_context *context;
    struct tls_resume resume;
    const struct load_engine *engine;
    struct load_connection *connections;                     /* HTTP/1.1 */
    struct load_h2 *h2;                                      /* HTTP/2 */
    unsigned connection_count, down_count, connecting_count; /* down: without a transport */
    struct list free;
    char *body; /* LOAD_BODY_PIECE of pattern; a WebSocket's: masked */
    uint8_t mask[4];
    struct rng rng;

    uint64_t start_ns, end_ns; /* of the schedule */
    uint64_t next_index;       /* of this worker's requests */
    uint64_t next_ns;          /* when it is due; TIMER_NEVER: none is left */
    struct due *queue;         /* a ring of queue_size, due and waiting for a connection */
    size_t queue_size, queue_at, queue_count, queue_max;
    unsigned in_flight;

    /* what came of it */
    uint64_t cut; /* requests that the end of it all left without one */
    uint64_t done, received_bytes, retries, opened, resumed, last_done_ns, busy_ns;
    uint64_t errors[LOAD_ERRORS];
    struct hdr latency, lateness; /* lateness: of taking a request from the schedule */
    struct interval *intervals;   /* a ring of interval_count, from interval_first on */
    unsigned interval_count;
    uint64_t interval_first;
};

/* ---- load_connection.c ---- */

/* A transport to the target, TLS if that is wanted; on_ready tells. */
void load_transport_open(struct load_worker *w, struct transport *t,
                         const struct transport_user *user);

/* What it was that on_ready told. */
enum load_error load_error_of_connect(const struct transport *t, int err);

/* ---- load_schedule.c ---- */

/* False: out of memory. */
bool schedule_init(struct load_worker *w);

/* From now on requests are due. */
void schedule_begin(struct load_worker *w, uint64_t start_ns);

/* Puts what is due into the queue. */
void schedule_advance(struct load_worker *w, uint64_t now_ns);

/* The oldest of the queue, which holds one. */
struct due schedule_take(struct load_worker *w);

/* Puts a request back that was taken, before all others: it was not processed. */
void schedule_put_back(struct load_worker *w, struct due due);

/* What request number `index` of the worker is. */
struct trace_entry schedule_what(const struct load_worker *w, uint64_t index);

/* Of a whole answer: whether it is the one that was expected. */
enum load_error load_judge(const struct load_options *o, int status, uint64_t body_bytes,
                           struct str method);

/* Counts a request's end; LOAD_FINE: latency_ns is its latency. */
void schedule_record(struct load_worker *w, struct due due, enum load_error error,
                     uint64_t latency_ns, int status, uint64_t body_bytes);

/* Prints the intervals that nothing more can belong to; all: every one. */
void schedule_flush(struct load_worker *w, uint64_t now_ns, bool all);

/* Gives up requests that wait in the queue for longer than the timeout. */
void schedule_expire(struct load_worker *w, uint64_t now_ns);

void schedule_free(struct load_worker *w);

#endif
