/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker's thread: its loop, its stages, and the messages between it and the control thread. */
#ifndef SLUICE_WORKER_H
#define SLUICE_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/counters.h"
#include "core/base/record.h"
#include "core/proxy/plan.h"
#include "core/proxy/worker.h"
#include "core/ring/loop.h"

struct fleet;
struct worker_thread;

enum thread_state {
    THREAD_NONE,     /* not running; the counters of earlier runs are kept */
    THREAD_STARTING, /* runs; its `up` has not come */
    THREAD_UP,       /* takes plans; `busy` until each of its answers came */
    THREAD_LEAVING,  /* was told to drain or to stop; its `gone` has not come */
};

/* An order to the worker and its answer; on the control thread the answer finds `on_answer`. */
struct order {
    struct msg there, back;
    void (*on_answer)(struct worker_thread *t);
};

struct worker_thread {
    /* set before the thread starts */
    struct fleet *fleet;
    struct loop *control_loop;
    const struct ticket_secret *tickets;      /* of TLS sessions, the same for all workers */
    void (*on_up)(struct worker_thread *t);   /* on the control thread; failed: see why */
    void (*on_gone)(struct worker_thread *t); /* on the control thread; the thread is joined */
    struct log_port *log;
    struct gate *gate;
    struct cache_hub *cache;
    uint32_t buffers_max;
    uint32_t index;
    int cpu; /* to be pinned to; -1: not */

    /* the control thread's */
    pthread_t thread;
    enum thread_state state;
    bool stop_told;
    uint32_t idle_ms; /* set before it is told to drain */

    /* the thread's; `failed` and `why` are read after `up` came */
    struct loop *loop;
    struct worker worker;
    bool failed;
    char why[512];
    struct msg up, gone;          /* to the control thread */
    struct msg drain, stop, exit; /* to the worker */

    /* one order at a time; what it is about is the worker's until the answer came */
    struct order attach, commit, discard, deafen;
    struct plan_use *use;
    bool attached;
    struct order *closing; /* commit or deafen, until no listener that was given up is left */
    struct listen_slot *slots;
    uint32_t slots_count;
    uint32_t listeners_failed;

    struct counters counters;
};

/* A thread that is not running; NULL without memory. Freed when not running. */
struct worker_thread *worker_thread_create(void);
void worker_thread_free(struct worker_thread *t);

/* Everything in the first group is set. 0 or an errno value. */
int worker_thread_start(struct worker_thread *t);

/* From the control thread, in state THREAD_UP, one order at a time. attach: t->use gets the
 * worker's servers (t->attached tells). commit: t->use becomes the plan, on t->slots; answered when
 * the listeners that are no more have been given back. discard: t->use is let go. deafen:
 * worker_deafen(); answered when no listener is left. */
void worker_thread_attach(struct worker_thread *t, void (*on_answer)(struct worker_thread *t));
void worker_thread_commit(struct worker_thread *t, void (*on_answer)(struct worker_thread *t));
void worker_thread_discard(struct worker_thread *t, void (*on_answer)(struct worker_thread *t));
void worker_thread_deafen(struct worker_thread *t, void (*on_answer)(struct worker_thread *t));

/* idle_ms: see worker_drain(). From the control thread, in state THREAD_UP or (stop, which may be
 * repeated) THREAD_LEAVING. */
void worker_thread_drain(struct worker_thread *t, uint32_t idle_ms);
void worker_thread_stop(struct worker_thread *t);

#endif
