/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All worker threads, the sockets they accept on, and the plan they run: everything the control
 * thread does to workers. A plan is taken up in two phases, so that it is either in force
 * everywhere or changed nothing. */
#ifndef SLUICE_FLEET_H
#define SLUICE_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/listen.h"
#include "core/proxy/plan.h"
#include "core/worker.h"

enum fleet_state {
    FLEET_STEADY,     /* no change is under way; `plan` is in force (NULL: not started) */
    FLEET_STARTING,   /* threads that the next plan wants are coming up */
    FLEET_ATTACHING,  /* phase one: workers look for their servers */
    FLEET_COMMITTING, /* phase two: workers change over */
    FLEET_DISCARDING, /* phase one failed: workers let the next plan go */
    FLEET_LEAVING,    /* all were told to drain or to stop */
    FLEET_EMPTY,      /* no thread is left; on_empty was called */
};

struct fleet {
    /* set by the owner */
    struct loop *loop;
    /* A worker's log port; NULL: no memory. */
    struct log_port *(*log_port)(struct fleet *f, struct worker_thread *t);
    void (*on_committing)(struct fleet *f); /* from now on it is taken up, and nothing fails */
    void (*on_applied)(struct fleet *f, bool ok, const char *why);
    void (*on_deaf)(struct fleet *f);
    void (*on_empty)(struct fleet *f);

    enum fleet_state state;
    bool stopping; /* leaving means: at once */
    struct listen_set listen;
    const struct ticket_secret *tickets; /* of TLS sessions */
    struct gate *gate;                   /* made with the first plan */
    struct cache_hub *cache;             /* likewise */
    struct plan *plan, *next;
    uint32_t workers;      /* that run the plan */
    uint32_t next_workers; /* that the next one wants */
    uint32_t pending;      /* answers to come */
    bool failed;
    char why[512];
    struct worker_thread *threads[WORKERS_MAX]; /* NULL: never needed */
};

/* Takes a plan up (whose reference becomes the fleet's); on_applied tells. One at a time: false,
 * and the plan is let go, while another is under way or the fleet is leaving. */
bool fleet_apply(struct fleet *f, struct plan *p);

/* Lets all workers drain, or stop; on_empty tells. May be told again, to stop sooner. */
void fleet_drain(struct fleet *f);
void fleet_stop(struct fleet *f);

/* Nobody is accepted any more; who connects is queued, for another process. on_deaf tells. No
 * change is under way. Clients go on. */
void fleet_deafen(struct fleet *f);

/* After on_empty, or before anything was applied. */
void fleet_destroy(struct fleet *f);

/* Workers that a configuration wants on this machine. */
uint32_t fleet_workers_wanted(const struct config *config);

#endif
