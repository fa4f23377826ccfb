/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the bench's servers share: listeners, worker threads with a loop each, a clean end. */
#ifndef SLUICE_BENCH_SERVER_H
#define SLUICE_BENCH_SERVER_H

#include <pthread.h>

#include "core/base/addr.h"
#include "core/ring/loop.h"

#define SERVER_LISTENERS_MAX 8
#define SERVER_WORKERS_MAX 64

struct server_worker;

/* A listening socket of one worker. */
struct server_listener {
    struct server_worker *worker;
    struct op accept;
    struct timer retry; /* no descriptor was left: accepts again later */
    int fd;
};

struct server_worker {
    struct server *server;
    struct loop *loop;
    struct msg stop;
    bool stopping;
    pthread_t thread;
    unsigned index;
    void *user;
    struct server_listener listeners[SERVER_LISTENERS_MAX];
    char why[512]; /* there is no loop */
};

struct server {
    /* given */
    struct addr listen[SERVER_LISTENERS_MAX];
    unsigned listen_count;
    unsigned worker_count;
    void *user;
    /* On the worker's thread. start may set worker->user; stop closes all connections, so that
     * the loop runs dry; end comes when it has. */
    void (*start)(struct server_worker *w);
    void (*accepted)(struct server_worker *w, int fd);
    void (*stop)(struct server_worker *w);
    void (*end)(struct server_worker *w);
    /* its own */
    struct server_worker *workers;
    pthread_barrier_t started;
};

/* Reads "ADDR[,ADDR...]" into s->listen; on failure prints why to stderr and returns false. */
bool server_listen_option(struct server *s, const char *text);

/* Reads a number between 1 and max; on failure prints why and returns false. */
bool server_count_option(const char *name, const char *text, unsigned max, unsigned *out);

/* Serves until SIGINT or SIGTERM; prints "listening on ADDR" lines to stdout. Returns the exit
 * code. */
int server_run(struct server *s);

#endif
