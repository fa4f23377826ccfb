/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ring/sock.h"

#define BACKLOG 4096
#define ACCEPT_RETRY_MS 100

bool server_listen_option(struct server *s, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, ",");
        const char *why;
        if (s->listen_count == SERVER_LISTENERS_MAX) {
            fprintf(stderr, "more than %d addresses\n", SERVER_LISTENERS_MAX);
            return false;
        }
        struct addr *a = &s->listen[s->listen_count];
        if (!addr_parse((struct str){ text, len }, true, a, &why)) {
            fprintf(stderr, "address '%.*s': %s\n", (int)len, text, why);
            return false;
        }
        s->listen_count++;
        text += len;
        text += *text == ',';
    }
    return true;
}

bool server_count_option(const char *name, const char *text, unsigned max, unsigned *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (end == text || *end || n < 1 || n > max) {
        fprintf(stderr, "%s: '%s' is not a number from 1 to %u\n", name, text, max);
        return false;
    }
    *out = (unsigned)n;
    return true;
}

static void accepted(struct op *op, struct op_result result)
{
    struct server_listener *at = container_of(op, struct server_listener, accept);
    struct server_worker *w = at->worker;
    if (result.res >= 0 && !w->stopping)
        w->server->accepted(w, result.res);
    else if (result.res >= 0)
        sock_close(result.res, false);
    else if (!w->stopping)
        loop_timer_set(w->loop, &at->retry, w->loop->now_ns + ms_to_ns(ACCEPT_RETRY_MS));
}

static void retry_accept(struct timer *t, uint64_t now_ns)
{
    struct server_listener *at = container_of(t, struct server_listener, retry);
    (void)now_ns;
    op_accept(at->worker->loop, &at->accept, at->fd);
}

static void stop_worker(struct msg *m, struct loop *at)
{
    struct server_worker *w = container_of(m, struct server_worker, stop);
    w->stopping = true;
    for (unsigned i = 0; i < w->server->listen_count; i++) {
        op_cancel(at, &w->listeners[i].accept);
        timer_remove(&at->timers, &w->listeners[i].retry);
    }
    w->server->stop(w);
}

static void *run_worker(void *arg)
{
    struct server_worker *w = arg;
    struct server *s = w->server;
    w->loop = loop_create(&(struct loop_config){ 0 }, w->why, sizeof w->why);
    pthread_barrier_wait(&s->started);
    if (!w->loop)
        return NULL;
    if (s->start)
        s->start(w);
    for (unsigned i = 0; i < s->listen_count; i++) {
        struct server_listener *at = &w->listeners[i];
        op_init(&at->accept, accepted);
        timer_init(&at->retry, retry_accept);
        op_accept(w->loop, &at->accept, at->fd);
    }
    while (!w->stopping || loop_ops_in_flight(w->loop) > 0)
        loop_turn(w->loop, TIMER_NEVER);
    s->end(w);
    loop_destroy(w->loop);
    return NULL;
}

/* Each worker gets its own socket of a group, but for Unix sockets, which are shared. */
static bool open_listeners(struct server *s)
{
    for (unsigned i = 0; i < s->listen_count; i++) {
        struct addr at = s->listen[i];
        char text[ADDR_TEXT_MAX];
        bool is_unix = at.sa.sa_family == AF_UNIX;
        unsigned flags = s->worker_count > 1 && !is_unix ? SOCK_LISTEN_REUSEPORT : 0;
        for (unsigned k = 0; k < s->worker_count; k++) {
            struct server_listener *here = &s->workers[k].listeners[i];
            here->worker = &s->workers[k];
            if (k > 0 && is_unix) {
                here->fd = s->workers[0].listeners[i].fd;
                continue;
            }
            here->fd = sock_listen(&at, BACKLOG, flags, k == 0 ? &at : NULL);
            if (here->fd < 0) {
                addr_format(&s->listen[i], text);
                fprintf(stderr, "cannot listen on %s: %s\n", text, strerror(-here->fd));
                return false;
            }
        }
        s->listen[i] = at;
    }
    return true;
}

static void close_listeners(struct server *s)
{
    for (unsigned i = 0; i < s->listen_count; i++)
        for (unsigned k = 0; k < s->worker_count; k++)
            if (k == 0 || s->listen[i].sa.sa_family != AF_UNIX)
                sock_close(s->workers[k].listeners[i].fd, false);
}

/* After the barrier: false when a worker has no loop, with the reason printed. */
static bool all_started(const struct server *s)
{
    for (unsigned k = 0; k < s->worker_count; k++) {
        if (s->workers[k].loop)
            continue;
        fprintf(stderr, "%s\n", s->workers[k].why);
        return false;
    }
    return true;
}

static int serve(struct server *s, const sigset_t *signals)
{
    pthread_barrier_init(&s->started, NULL, s->worker_count + 1);
    for (unsigned k = 0; k < s->worker_count; k++) {
        struct server_worker *w = &s->workers[k];
        w->server = s;
        w->index = k;
        w->stop.run = stop_worker;
        int err = pthread_create(&w->thread, NULL, run_worker, w);
        if (err) { /* the others wait at the barrier: there is nothing to undo */
            fprintf(stderr, "cannot start a thread: %s\n", strerror(err));
            exit(1);
        }
    }
    pthread_barrier_wait(&s->started);
    bool ok = all_started(s);
    if (ok) {
        for (unsigned i = 0; i < s->listen_count; i++) {
            char text[ADDR_TEXT_MAX];
            addr_format(&s->listen[i], text);
            printf("listening on %s\n", text);
        }
        fflush(stdout);
        int sig;
        sigwait(signals, &sig);
    }
    for (unsigned k = 0; k < s->worker_count; k++) {
        if (s->workers[k].loop)
            loop_post(s->workers[k].loop, &s->workers[k].stop);
        pthread_join(s->workers[k].thread, NULL);
    }
    pthread_barrier_destroy(&s->started);
    return ok ? 0 : 1;
}

int server_run(struct server *s)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN); /* splice(2) raises it */
    s->workers = calloc(s->worker_count, sizeof *s->workers);
    if (!s->workers || !open_listeners(s)) {
        free(s->workers);
        return 1;
    }
    int code = serve(s, &signals);
    close_listeners(s);
    free(s->workers);
    return code;
}
