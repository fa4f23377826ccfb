/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/control.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/config/load.h"
#include "core/fleet.h"
#include "core/observe/log_writer.h"
#include "core/options.h"
#include "core/plans.h"
#include "core/ring/loop.h"

/* What is logged last is written within this time, or lost. */
#define LOG_STOP_MS 2000

struct control {
    const char *path; /* of the configuration; NULL: the command line */
    struct loop *loop;
    struct fleet fleet;
    bool up; /* the first plan is in force */
    bool draining;
    bool ending; /* all workers are gone; the log is being flushed, then the loop ends */
    int exit_code;
    int signal_fd;
    struct op signal_op;
    struct signalfd_siginfo signal_info;
    struct plans plans;
    struct log_writer *log;
};

static struct control *control_of(struct fleet *f)
{
    return container_of(f, struct control, fleet);
}

/* --- the end --- */

static void end_loop(struct log_writer *log, void *arg)
{
    (void)log;
    struct control *c = arg;
    op_cancel(c->loop, &c->signal_op); /* whose completion stops the loop */
}

static void end_if_done(struct control *c)
{
    if (c->ending && !c->plans.count)
        log_writer_stop(c->log, c->loop->now_ns + ms_to_ns(LOG_STOP_MS), end_loop, c);
}

static void on_no_plans(struct plans *p)
{
    end_if_done(container_of(p, struct control, plans));
}

static void on_empty(struct fleet *f)
{
    struct control *c = control_of(f);
    c->ending = true;
    end_if_done(c);
}

/* --- plans --- */

static void print_banner(struct control *c)
{
    const struct config *config = c->fleet.plan->config;
    char text[ADDR_TEXT_MAX], example[ADDR_TEXT_MAX] = "";
    for (uint32_t i = 0; i < config->binds_count; i++) {
        const struct addr *a = listen_set_bound(&c->fleet.listen, &config->binds[i]);
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
    uint32_t routes = 0, servers = 0;
    for (uint32_t i = 0; i < config->sites_count; i++)
        routes += config->sites[i].routes_count;
    for (uint32_t i = 0; i < config->backends_count; i++)
        servers += config->backends[i].servers_count;
    fprintf(stderr, "sluice: %u worker%s, %u route%s, %u server%s\n", c->fleet.workers,
            c->fleet.workers == 1 ? "" : "s", routes, routes == 1 ? "" : "s", servers,
            servers == 1 ? "" : "s");
    if (example[0])
        fprintf(stderr, "sluice: try  curl -i http://%s/\n", example);
    else
        fprintf(stderr, "sluice: try  curl -i --unix-socket %s http://localhost/\n", text + 5);
}

static void on_applied(struct fleet *f, bool ok, const char *why)
{
    struct control *c = control_of(f);
    if (c->up) {
        if (ok)
            fprintf(stderr, "sluice: reloaded %s%s%s\n", c->path, why[0] ? "; " : "", why);
        else
            fprintf(stderr, "sluice: not reloaded: %s\n", why);
    } else if (ok) {
        c->up = true;
        print_banner(c);
    } else {
        fprintf(stderr, "sluice: %s\n", why);
        c->exit_code = EXIT_FAILED;
        fleet_stop(f);
    }
}

static void reload(struct control *c)
{
    if (!c->path || !c->up || c->draining)
        return;
    if (c->fleet.state != FLEET_STEADY) {
        fputs("sluice: not reloaded: another reload is under way\n", stderr);
        return;
    }
    struct config_report report;
    config_report_init(&report);
    struct config *config = config_load(c->path, &report);
    config_report_print(&report, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
    config_report_free(&report);
    if (!config) {
        fputs("sluice: not reloaded: everything stays as it was\n", stderr);
        return;
    }
    char why[512];
    struct plan *p = plans_make(&c->plans, config, why, sizeof why);
    if (p)
        fleet_apply(&c->fleet, p);
    else
        fprintf(stderr, "sluice: not reloaded: %s\n", why);
}

/* --- the log --- */

static struct log_port *log_port(struct fleet *f, struct worker_thread *t)
{
    return log_writer_port(control_of(f)->log, &t->counters.log_dropped);
}

/* --- signals --- */

static void read_signal(struct control *c)
{
    op_read(c->loop, &c->signal_op, c->signal_fd, &c->signal_info, sizeof c->signal_info);
}

static void drain_or_stop(struct control *c, bool again_stops)
{
    if (c->draining) {
        if (again_stops)
            fleet_stop(&c->fleet);
        return;
    }
    c->draining = true;
    const struct plan *p = c->fleet.plan;
    if (p)
        fprintf(stderr, "sluice: draining, %u s at most\n", p->config->timeouts.drain_ms / 1000);
    fleet_drain(&c->fleet);
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
        fleet_stop(&c->fleet);
        break;
    case SIGTERM:
        drain_or_stop(c, true);
        break;
    case SIGQUIT:
        drain_or_stop(c, false);
        break;
    case SIGHUP:
        reload(c);
        break;
    case SIGUSR1:
        log_writer_reopen(c->log);
        break;
    default:
        break;
    }
    if (c->ending)
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
    if (c->path)
        sigaddset(&set, SIGHUP);
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

static bool set_up(struct control *c, char *why, uint32_t why_bytes)
{
    struct loop_config lc = { .sq_entries = 64, .cq_entries = 256, .ring_buffers = 8 };
    c->loop = loop_create(&lc, why, why_bytes);
    if (!c->loop)
        return false;
    c->log = log_writer_create(c->loop, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
    if (!c->log) {
        snprintf(why, why_bytes, "out of memory");
        return false;
    }
    c->plans = (struct plans){ .loop = c->loop, .log = c->log, .on_none = on_no_plans };
    c->fleet.loop = c->loop;
    c->fleet.log_port = log_port;
    c->fleet.on_applied = on_applied;
    c->fleet.on_empty = on_empty;
    return true;
}

/* Takes the configuration over. */
static void run(struct control *c, struct config *config)
{
    char why[512];
    if (!take_signals(c)) {
        config_free(config);
        fputs("sluice: cannot receive signals\n", stderr);
        return;
    }
    struct plan *p = plans_make(&c->plans, config, why, sizeof why);
    if (p) {
        c->exit_code = EXIT_OK;
        fleet_apply(&c->fleet, p);
    } else {
        fprintf(stderr, "sluice: cannot start: %s\n", why);
        c->ending = true;
        end_if_done(c);
    }
    loop_run(c->loop);
    close(c->signal_fd);
}

int control_run(struct config *config, const char *path, int keeper)
{
    struct control *c = calloc(1, sizeof *c);
    char why[512] = "out of memory";
    int code = EXIT_FAILED;
    raise_descriptor_limit();
    if (c)
        *c = (struct control){ .path = path,
                               .exit_code = EXIT_FAILED,
                               .fleet.listen.keeper = keeper };
    if (c && set_up(c, why, sizeof why)) {
        run(c, config);
    } else {
        fprintf(stderr, "sluice: cannot start: %s\n", why);
        config_free(config);
    }
    if (c) {
        code = c->exit_code;
        log_writer_destroy(c->log);
        if (c->loop)
            loop_destroy(c->loop);
        fleet_destroy(&c->fleet);
        free(c);
    }
    return code;
}
