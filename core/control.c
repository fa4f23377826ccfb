/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/control.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/certificates.h"
#include "core/observe/log_writer.h"
#include "core/options.h"
#include "core/ring/loop.h"
#include "core/ring/sock.h"
#include "core/worker.h"

#define LISTEN_BACKLOG 4096
#define LISTEN_PATIENCE_MS 500
#define LISTEN_PAUSE_MS 10
/* What is logged last is written within this time, or lost. */
#define LOG_STOP_MS 2000

enum control_state {
    CONTROL_STARTING, /* not every worker has said that it is up */
    CONTROL_RUNNING,  /* all are up */
    CONTROL_DRAINING, /* all were told to drain */
    CONTROL_STOPPING, /* all were told to stop */
    CONTROL_ENDING,   /* all threads are joined; the log is being flushed, then the loop ends */
};

struct control {
    const struct config *config;
    struct loop *loop;
    struct worker_thread *threads;
    uint32_t threads_count;
    uint32_t starting_count, alive_count;
    enum control_state state;
    int exit_code;
    int signal_fd;
    struct op signal_op;
    struct signalfd_siginfo signal_info;
    struct log_writer *log; /* NULL: no access log */
    struct certificates certificates;
    struct addr bound[LISTENERS_MAX];
};

/* --- stopping --- */

static void tell_all(struct control *c, enum control_state state,
                     void (*tell)(struct worker_thread *t))
{
    if (c->state >= state)
        return;
    c->state = state;
    for (uint32_t i = 0; i < c->threads_count; i++)
        if (c->threads[i].state == THREAD_UP)
            tell(&c->threads[i]);
}

static void end_loop(struct log_writer *log, void *arg)
{
    (void)log;
    struct control *c = arg;
    op_cancel(c->loop, &c->signal_op); /* whose completion stops the loop */
}

static void end_if_alone(struct control *c)
{
    if (c->alive_count || c->starting_count)
        return;
    for (uint32_t i = 0; i < c->threads_count; i++)
        worker_thread_join(&c->threads[i]);
    c->state = CONTROL_ENDING;
    if (c->log)
        log_writer_stop(c->log, c->loop->now_ns + ms_to_ns(LOG_STOP_MS), end_loop, c);
    else
        end_loop(NULL, c);
}

static void on_gone(struct worker_thread *t)
{
    struct control *c = t->control;
    c->alive_count--;
    end_if_alone(c);
}

/* --- starting --- */

static void print_banner(struct control *c)
{
    char text[ADDR_TEXT_MAX], example[ADDR_TEXT_MAX] = "";
    for (uint32_t i = 0; i < c->config->listeners_count; i++) {
        const struct addr *a = &c->bound[i];
        addr_format(a, text);
        fprintf(stderr, "sluice: listening on %s\n", text);
        if (a->sa.sa_family == AF_UNIX || example[0])
            continue;
        unsigned port = ntohs(a->sa.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port);
        bool any =
            a->dual_stack || strncmp(text, "0.0.0.0:", 8) == 0 || strncmp(text, "[::]:", 5) == 0;
        if (any)
            snprintf(example, sizeof example, "localhost:%u", port);
        else
            memcpy(example, text, sizeof example);
    }
    const struct backend_config *b = &c->config->backend;
    fprintf(stderr, "sluice: %u worker%s, %s over %u server%s\n", c->threads_count,
            c->threads_count == 1 ? "" : "s", b->policy, b->servers_count,
            b->servers_count == 1 ? "" : "s");
    const char *scheme = c->certificates.count ? "-k https" : "http";
    if (example[0])
        fprintf(stderr, "sluice: try  curl -i %s://%s/\n", scheme, example);
    else
        fprintf(stderr, "sluice: try  curl -i --unix-socket %s %s://localhost/\n", text + 5,
                scheme);
}

static void on_up(struct worker_thread *t)
{
    struct control *c = t->control;
    c->starting_count--;
    if (t->failed) {
        if (c->exit_code == EXIT_OK)
            fprintf(stderr, "sluice: worker %u cannot start: %s\n", t->index, t->why);
        c->exit_code = EXIT_FAILED;
        c->alive_count--;
        tell_all(c, CONTROL_STOPPING, worker_thread_stop);
        end_if_alone(c);
    } else if (c->state == CONTROL_STOPPING) {
        worker_thread_stop(t);
    } else if (c->state == CONTROL_DRAINING) {
        worker_thread_drain(t);
    } else if (c->starting_count == 0) {
        c->state = CONTROL_RUNNING;
        print_banner(c);
    }
}

/* What a killed process listened on is free only when the kernel has ended its io_uring, which took
 * up to 20 ms after its death: who starts it again at once shall not fail. */
static int listen_patiently(struct addr *addr, unsigned flags)
{
    const struct timespec pause = { .tv_nsec = LISTEN_PAUSE_MS * 1000000 };
    int fd = sock_listen(addr, LISTEN_BACKLOG, flags, addr);
    for (unsigned ms = 0; fd == -EADDRINUSE && ms < LISTEN_PATIENCE_MS; ms += LISTEN_PAUSE_MS) {
        nanosleep(&pause, NULL);
        fd = sock_listen(addr, LISTEN_BACKLOG, flags, addr);
    }
    return fd;
}

/* One socket per worker and TCP address (a SO_REUSEPORT group); a Unix socket is shared. */
static bool bind_listener(struct control *c, uint32_t index)
{
    const struct listener_config *l = &c->config->listeners[index];
    struct addr addr = l->addr;
    bool tcp = addr.sa.sa_family != AF_UNIX;
    for (uint32_t i = 0; i < c->threads_count; i++) {
        unsigned flags = tcp ? SOCK_LISTEN_REUSEPORT | (i == 0 ? SOCK_LISTEN_FIRST : 0) : 0;
        int fd = tcp || i == 0 ? listen_patiently(&addr, flags)
                               : fcntl(c->threads[0].listen_fds[index], F_DUPFD_CLOEXEC, 0);
        if (fd < 0) {
            int err = tcp || i == 0 ? -fd : errno;
            const char *remedy = err == EADDRINUSE      ? " (is another server running there?)"
                                 : err == EACCES        ? " (ports below 1024 want privileges)"
                                 : err == EADDRNOTAVAIL ? " (not an address of this machine)"
                                                        : "";
            fprintf(stderr, "sluice: cannot listen on %s: %s%s\n", l->text, strerror(err), remedy);
            return false;
        }
        c->threads[i].listen_fds[index] = fd;
    }
    c->bound[index] = addr;
    return true;
}

static void close_listeners(struct control *c)
{
    for (uint32_t i = 0; i < c->threads_count; i++)
        for (uint32_t k = 0; k < c->config->listeners_count; k++)
            if (c->threads[i].listen_fds[k] >= 0)
                sock_close(c->threads[i].listen_fds[k], false);
}

/* The CPUs this process may use, in order; as many as fit. */
static uint32_t usable_cpus(int *cpus, uint32_t max)
{
    cpu_set_t set;
    uint32_t n = 0;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int i = 0; i < CPU_SETSIZE && n < max; i++)
            if (CPU_ISSET((unsigned)i, &set))
                cpus[n++] = i;
    return n;
}

static bool make_threads(struct control *c)
{
    int cpus[WORKERS_MAX];
    uint32_t cpus_count = usable_cpus(cpus, WORKERS_MAX);
    c->threads_count = c->config->workers ? c->config->workers : cpus_count ? cpus_count : 1;
    size_t bytes = c->threads_count * sizeof(struct worker_thread);
    c->threads = aligned_alloc(_Alignof(struct worker_thread), bytes);
    if (!c->threads)
        return false;
    memset(c->threads, 0, bytes);
    for (uint32_t i = 0; i < c->threads_count; i++) {
        struct worker_thread *t = &c->threads[i];
        t->control = c;
        t->control_loop = c->loop;
        t->config = c->config;
        t->tls = c->certificates.count ? &c->certificates.server : NULL;
        t->on_up = on_up;
        t->on_gone = on_gone;
        t->index = i;
        /* With fewer workers than CPUs the scheduler places them better than we could. */
        t->cpu = c->threads_count == cpus_count ? cpus[i] : -1;
        for (uint32_t k = 0; k < LISTENERS_MAX; k++)
            t->listen_fds[k] = -1;
    }
    return true;
}

static bool open_log(struct control *c)
{
    if (c->config->log_format == LOG_NONE)
        return true;
    struct log_writer_config lc = { .path = c->config->log_path,
                                    .format = c->config->log_format,
                                    .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
                                    .ports_max = c->threads_count };
    char why[256];
    c->log = log_writer_create(c->loop, &lc, why, sizeof why);
    if (!c->log) {
        fprintf(stderr, "sluice: cannot write the access log %s: %s\n", lc.path, why);
        return false;
    }
    for (uint32_t i = 0; i < c->threads_count; i++) {
        struct worker_thread *t = &c->threads[i];
        t->log = log_writer_port(c->log, &t->counters.log_dropped);
        if (!t->log) {
            fputs("sluice: out of memory\n", stderr);
            return false;
        }
    }
    return true;
}

static void start_threads(struct control *c)
{
    c->starting_count = c->alive_count = c->threads_count;
    for (uint32_t i = 0; i < c->threads_count; i++) {
        struct worker_thread *t = &c->threads[i];
        int err = worker_thread_start(t);
        CHECK(err == 0); /* of the first few threads of a process */
    }
}

/* --- signals --- */

static void read_signal(struct control *c)
{
    op_read(c->loop, &c->signal_op, c->signal_fd, &c->signal_info, sizeof c->signal_info);
}

static void on_signal(struct op *op, struct op_result result)
{
    struct control *c = container_of(op, struct control, signal_op);
    if (result.res < 0) { /* cancelled: everybody is gone */
        loop_stop(c->loop);
        return;
    }
    switch (c->signal_info.ssi_signo) {
    case SIGINT:
        tell_all(c, CONTROL_STOPPING, worker_thread_stop);
        break;
    case SIGTERM:
    case SIGQUIT:
        if (c->state == CONTROL_DRAINING && c->signal_info.ssi_signo == SIGTERM) {
            tell_all(c, CONTROL_STOPPING, worker_thread_stop);
        } else if (c->state < CONTROL_DRAINING) {
            fprintf(stderr, "sluice: draining, %u s at most\n",
                    c->config->timeouts.drain_ms / 1000);
            tell_all(c, CONTROL_DRAINING, worker_thread_drain);
        }
        break;
    case SIGUSR1:
        if (c->log)
            log_writer_reopen(c->log);
        break;
    default:
        break;
    }
    if (c->state == CONTROL_ENDING)
        loop_stop(c->loop);
    else
        read_signal(c);
}

static bool take_signals(struct control *c)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (c->signal_fd < 0)
        return false;
    op_init(&c->signal_op, on_signal);
    read_signal(c);
    return true;
}

/* Every client and every server takes one: as many as we may have. */
static void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

static void remove_unix_sockets(const struct control *c)
{
    for (uint32_t i = 0; i < c->config->listeners_count; i++) {
        const struct addr *a = &c->config->listeners[i].addr;
        if (a->sa.sa_family == AF_UNIX && a->un.sun_path[0])
            unlink(a->un.sun_path);
    }
}

static void run(struct control *c)
{
    start_threads(c);
    loop_run(c->loop);
    remove_unix_sockets(c);
}

int control_run(const struct config *config)
{
    struct control c = { .config = config, .signal_fd = -1, .exit_code = EXIT_FAILED };
    char why[512];
    raise_descriptor_limit();
    struct loop_config lc = { .sq_entries = 64, .cq_entries = 256, .ring_buffers = 8 };
    c.loop = loop_create(&lc, why, sizeof why);
    if (!c.loop) {
        fprintf(stderr, "sluice: cannot start: %s\n", why);
        return EXIT_FAILED;
    }
    bool ready = certificates_load(&c.certificates, &config->tls);
    if (!ready)
        c.exit_code = EXIT_CONFIG;
    ready = ready && make_threads(&c);
    for (uint32_t i = 0; ready && i < config->listeners_count; i++)
        ready = bind_listener(&c, i);
    ready = ready && open_log(&c) && take_signals(&c);
    if (ready) {
        c.exit_code = EXIT_OK;
        run(&c);
    } else if (c.threads) {
        close_listeners(&c);
    }
    if (c.log)
        log_writer_destroy(c.log);
    if (c.signal_fd >= 0)
        close(c.signal_fd);
    loop_destroy(c.loop);
    certificates_free(&c.certificates);
    free(c.threads);
    return c.exit_code;
}
