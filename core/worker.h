/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker's thread: its loop, its stages, and the messages between it and the control thread. */
#ifndef SLUICE_WORKER_H
#define SLUICE_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/counters.h"
#include "core/base/record.h"
#include "core/config/config.h"
#include "core/proxy/worker.h"
#include "core/ring/loop.h"

struct control;

enum thread_state {
    THREAD_STARTING, /* the thread runs, its `up` message has not come */
    THREAD_UP,       /* it accepts, or drains */
    THREAD_GONE,     /* its `gone` message came: it only waits for `exit`, or for being joined */
};

struct worker_thread {
    /* set before the thread starts */
    struct control *control;
    struct loop *control_loop;
    const struct config *config;
    const struct tls_server_config *tls;      /* NULL: the listeners speak plain HTTP */
    void (*on_up)(struct worker_thread *t);   /* on the control thread; failed: see why */
    void (*on_gone)(struct worker_thread *t); /* on the control thread */
    struct log_port *log;                     /* NULL: no access log */
    int listen_fds[LISTENERS_MAX];
    uint32_t index;
    int cpu; /* to be pinned to; -1: not */

    /* the control thread's */
    pthread_t thread;
    enum thread_state state;

    /* the thread's; `failed` and `why` are read after `up` came */
    struct loop *loop;
    struct worker worker;
    bool failed;
    char why[512];

    struct msg up, gone;          /* to the control thread */
    struct msg drain, stop, exit; /* to the worker */

    struct counters counters;
};

/* Starts the thread; everything in the first group is set. 0 or an errno value. */
int worker_thread_start(struct worker_thread *t);

/* From the control thread, in state THREAD_UP; each at most once. */
void worker_thread_drain(struct worker_thread *t);
void worker_thread_stop(struct worker_thread *t);

/* After on_gone, or a failed on_up: ends and joins the thread. */
void worker_thread_join(struct worker_thread *t);

#endif
