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
#include "core/http/forward.h"
#include "core/proxy/server.h"
#include "core/ring/loop.h"

struct listener;
struct plan;
struct plan_use;
struct route_scratch;

enum worker_state {
    WORKER_RUNNING,  /* listeners accept */
    WORKER_DRAINING, /* nothing new is accepted; idle clients are gone, answers say "close" */
    WORKER_STOPPING, /* every connection is being closed */
    WORKER_DRAINED,  /* no client, no upstream, no listener is left; on_drained was called */
};

struct worker {
    struct loop *loop;
    struct plan_use *use; /* the current plan */
    struct counters *counters;
    struct log_port *log; /* NULL: no access log */
    uint16_t index;
    enum worker_state state;

    struct slab clients, exchanges, upstreams;
    struct list client_list;                   /* every client that is not freed */
    struct list upstream_list;                 /* every upstream connection that is not freed */
    struct listener *listeners[LISTENERS_MAX]; /* those not yet closed */
    uint32_t listeners_count;
    struct list server_list; /* every server that a plan or a connection knows */
    uint32_t servers_bad;    /* of them: those whose back-off is not GOOD */
    struct route_scratch *scratch;

    struct timer drain_timer;
    struct task drained_task;
    void (*on_drained)(struct worker *w);
    void (*on_plan_gone)(struct worker *w, const struct plan *p); /* NULL: nobody asks */

    uint64_t connections; /* accepted so far, for numbering */
    uint64_t date_s;      /* second that `date` shows */
    char date[HTTP_DATE_BYTES];
};

/* Prepares a worker on its loop. The plan (until on_plan_gone), counters and log port outlive it.
 * False when out of memory. */
bool worker_init(struct worker *w, struct loop *l, const struct plan *plan, uint16_t index,
                 struct counters *counters, struct log_port *log);

/* A reload in two phases: prepare may fail and changes nothing; commit cannot fail. Listeners whose
 * address the new plan has, too, stand for its bind from now on; the others are closed, their
 * clients are told with their next answer. New binds are added by worker_listen(). No running
 * exchange is touched. */
struct plan_use *worker_prepare(struct worker *w, const struct plan *plan);
void worker_commit(struct worker *w, struct plan_use *use);

/* Starts to accept on a listening socket, which becomes the worker's. False without memory. */
bool worker_listen(struct worker *w, const struct bind_config *config, int listen_fd);

/* Stops accepting, lets what runs end until the deadline of the configuration, then stops;
 * on_drained (may be NULL) is called from the loop when all is gone. */
void worker_drain(struct worker *w, void (*on_drained)(struct worker *w));

/* Closes everything now; as above. */
void worker_stop(struct worker *w, void (*on_drained)(struct worker *w));

/* After on_drained: frees the memory and CHECKs that nothing leaked. */
void worker_destroy(struct worker *w);

/* The stages call these when an object went: so the worker notices that it is drained. */
void worker_object_gone(struct worker *w);
void worker_listener_gone(struct worker *w, struct listener *l);

/* IMF-fixdate of now. */
struct str worker_date(struct worker *w);

#endif
