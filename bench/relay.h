/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The null relay's parts. A relay is a client connection and the server connection made for it;
 * each direction is a flow. */
#ifndef SLUICE_BENCH_RELAY_H
#define SLUICE_BENCH_RELAY_H

#include "bench/server.h"
#include "core/base/buf.h"
#include "core/base/list.h"
#include "core/base/slab.h"
#include "core/ring/splice.h"

struct relay;

/* How bytes get from one socket to the other. */
struct relay_strategy {
    void (*start)(struct relay *r); /* both sockets are connected */
};

struct relay_worker {
    const struct relay_strategy *strategy;
    const struct addr *to;
    struct loop *loop;
    struct list relays;
    struct slab slab;
    struct splice_pool pipes;
    uint32_t piece_bytes;                         /* at most so many are spliced at a time */
    uint64_t burn_ns;                             /* see relay_burn() */
    uint64_t connections, pieces, bytes, splices; /* told at the end */
};

struct flow {
    struct relay *relay;
    struct op rx, tx; /* splicing: they poll */
    int from, to;
    bool end_seen; /* of what is received */
    bool ended;    /* ... and everything was passed on, the end too */

    /* copying: one buffer is being sent, another was received meanwhile */
    struct buf_slice sending, waiting;
    /* splicing: NULL when nothing is under way */
    struct splice_pipe *pipe;
};

struct relay {
    struct list node;
    struct relay_worker *worker;
    struct flow up, down; /* from the client, to the client; up.tx also connects */
    bool closing;         /* everything was cancelled; freed when joined */
    bool aborted;         /* ... and the peers get a reset */
};

extern const struct relay_strategy relay_copy, relay_splice, relay_ring;

/* Wastes the time that --burn says, at each piece: a slowdown of a known size, to see whether a
 * measurement finds it. */
void relay_burn(struct relay_worker *w);

/* The peer's end was passed on; with both flows ended the relay goes. */
void relay_flow_ended(struct flow *f);

/* Cuts both connections. */
void relay_abort(struct relay *r);

/* Called when an op of a closing relay has completed. */
void relay_join(struct relay *r);

#endif
