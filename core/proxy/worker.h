/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One worker: everything the stages of one core share. Shared-nothing: only `config` (immutable),
 * `counters` (read by others) and the log port leave it. Several workers may live in one thread
 * (the simulator does it). */
#ifndef SLUICE_PROXY_WORKER_H
#define SLUICE_PROXY_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/counters.h"
#include "core/base/list.h"
#include "core/base/record.h"
#include "core/base/slab.h"
#include "core/config/config.h"
#include "core/http/date.h"
#include "core/proxy/body_coder.h"
#include "core/proxy/limit.h"
#include "core/proxy/server.h"
#include "core/ring/loop.h"
#include "tls/tls.h"

struct auth_basic;
struct gate;
struct listener;
struct cache_port;
struct destinations;
struct plan;
struct plan_use;
struct route_scratch;
struct wake_ports;

enum worker_state {
    WORKER_RUNNING,  /* listeners accept */
    WORKER_DRAINING, /* nothing new is accepted; idle clients are gone, answers say "close" */
    WORKER_STOPPING, /* every connection is being closed */
    WORKER_DRAINED,  /* no client, no upstream, no listener is left; on_drained was called */
};

/* Sockets that one worker accepts on: several of one address when workers are fewer than before. */
#define WORKER_LISTENERS_MAX 1024

/* Lists of a hash table. */
#define WORKER_SERVER_LISTS 64

struct worker {
    struct loop *loop;
    struct plan_use *use; /* the current plan; NULL: none yet, or drained */
    struct counters *counters;
    struct log_port *log;     /* NULL: no access log */
    struct gate *gate;        /* set after worker_init(); NULL: no plan will ask for it */
    struct cache_port *cache; /* likewise */
    uint16_t index;
    enum worker_state state;

    struct tls_worker tls;

    struct slab clients, exchanges, upstreams, tunnels, intakes, body_pieces, h2_clients,
        h2_batches, h2_upstreams, h2_slots;
    struct list client_list;   /* every client that is not freed */
    struct list intake_list;   /* every one that is not freed */
    struct list tunnel_list;   /* every tunnel that is not freed */
    struct list upstream_list; /* every upstream connection that is not freed */
    bool queue_stays;          /* of listeners that close: others accept who is queued */
    struct listener *listeners[WORKER_LISTENERS_MAX]; /* those not yet closed */
    uint32_t listeners_count;                         /* those closing included */
    struct list servers[WORKER_SERVER_LISTS];         /* all that a plan or a connection knows */
    uint32_t servers_count;
    uint32_t idle_upstreams;           /* pooled connections to them */
    struct destinations *destinations; /* NULL: nothing was asked for by a forward proxy yet */
    uint32_t resolvers;                /* of plans; they are closed before it is drained */
    uint32_t servers_bad;              /* of them: those whose back-off is not GOOD */
    struct route_scratch *scratch;
    struct list queues;      /* struct queue, in which somebody waits for a server */
    struct task queue_task;  /* looks at them */
    struct wake_ports *wake; /* where others tell us to; NULL: no plan came yet */
    struct limit_leases leases;
    struct auth_basic *auth_basic; /* NULL: nobody had to give a password yet */
    struct coders coders;
    uint32_t buffered;        /* buffers that hold bodies which run ahead (body_buffer.h) */
    uint32_t limited_clients; /* over a limit of connections, waiting for their 429 */

    struct relay_config relay; /* of the current plan */

    struct timer drain_timer;
    uint64_t idle_until_ns; /* draining: for so long clients between two requests stay */
    struct task drained_task;
    void (*on_drained)(struct worker *w);
    void (*on_plan_gone)(struct worker *w, const struct plan *p); /* NULL: nobody asks */
    void (*on_listener_gone)(struct worker *w, int fd);           /* likewise */

    uint64_t connections; /* accepted so far, for numbering */
    uint64_t date_s;      /* second that `date` shows */
    char date[HTTP_DATE_BYTES];
};

/* A listening socket and what it stands for. Descriptors are the caller's: a worker borrows them
 * until it says otherwise by on_listener_gone. */
struct listen_slot {
    const struct bind_config *bind;
    int fd;
};

/* Prepares a worker on its loop, without a plan. Counters and log port outlive it. False when out
 * of memory. */
bool worker_init(struct worker *w, struct loop *l, uint16_t index, struct counters *counters,
                 struct log_port *log);

/* Takes a plan up: the first, or with a reload the next. In two phases: attaching the use
 * (plan_use_attach) may fail and changes nothing; commit fails only for new listeners without
 * memory, which are left out (their number is returned). It takes over the caller's reference.
 * A listener whose descriptor is among the slots stands for its bind from now on; others accept no
 * more and their clients are told with their next answer; new ones accept. No running exchange is
 * touched. */
uint32_t worker_commit(struct worker *w, struct plan_use *use, const struct listen_slot *slots,
                       uint32_t slots_count);

/* Accepts nobody from now on, but leaves the sockets and who is queued to another process. */
void worker_deafen(struct worker *w);

/* Stops accepting, lets what runs end until the deadline of the configuration, then stops. Clients
 * that wait between two requests may send one more for idle_ms: it is answered, with "close";
 * on_drained (may be NULL) is called from the loop when all is gone. */
void worker_drain(struct worker *w, uint32_t idle_ms, void (*on_drained)(struct worker *w));

/* Closes everything now; as above. */
void worker_stop(struct worker *w, void (*on_drained)(struct worker *w));

/* After on_drained: frees the memory and CHECKs that nothing leaked. */
void worker_destroy(struct worker *w);

/* Frees a worker that never listened. */
void worker_discard(struct worker *w);

/* The stages call these when an object went: so the worker notices that it is drained. */
void worker_object_gone(struct worker *w);
void worker_listener_gone(struct worker *w, struct listener *l);

/* IMF-fixdate of now. */
struct str worker_date(struct worker *w);

#endif
