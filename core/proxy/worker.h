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
#include "tls/tls.h"

struct listener;

enum worker_state {
    WORKER_RUNNING,  /* listeners accept */
    WORKER_DRAINING, /* nothing new is accepted; idle clients are gone, answers say "close" */
    WORKER_STOPPING, /* every connection is being closed */
    WORKER_DRAINED,  /* no client, no upstream, no listener is left; on_drained was called */
};

struct worker {
    struct loop *loop;
    const struct config *config;
    struct counters *counters;
    struct log_port *log; /* NULL: no access log */
    uint16_t index;
    enum worker_state state;

    struct tls_worker tls;
    struct tls_context *tls_server; /* for the listeners; NULL: they speak plain HTTP */

    struct slab clients, exchanges, upstreams;
    struct list client_list;                   /* every client that is not freed */
    struct list upstream_list;                 /* every upstream connection that is not freed */
    struct listener *listeners[LISTENERS_MAX]; /* those not yet closed */
    uint32_t listeners_count;
    struct backend backend;

    struct timer drain_timer;
    struct task drained_task;
    void (*on_drained)(struct worker *w);

    uint64_t connections; /* accepted so far, for numbering */
    uint64_t date_s;      /* second that `date` shows */
    char date[HTTP_DATE_BYTES];
};

/* Prepares a worker on its loop. The configuration, counters and log port outlive it. False when
 * out of memory. */
bool worker_init(struct worker *w, struct loop *l, const struct config *config, uint16_t index,
                 struct counters *counters, struct log_port *log);

/* Before worker_listen(): the listeners speak TLS. False, and why in words: then there is nothing
 * but worker_discard(). */
bool worker_use_tls(struct worker *w, const struct tls_server_config *config, char *why,
                    uint32_t why_bytes);

/* Starts to accept on a listening socket, which becomes the worker's. False without memory. */
bool worker_listen(struct worker *w, const struct listener_config *config, int listen_fd);

/* Stops accepting, lets what runs end until the deadline of the configuration, then stops;
 * on_drained (may be NULL) is called from the loop when all is gone. */
void worker_drain(struct worker *w, void (*on_drained)(struct worker *w));

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
