/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/control.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "core/banner.h"
#include "core/base/check.h"
#include "core/fleet.h"
#include "core/keeper_socket.h"
#include "core/observe/admin.h"
#include "core/observe/config_text.h"
#include "core/observe/log_writer.h"
#include "core/observe/metrics.h"
#include "core/options.h"
#include "core/plans.h"
#include "core/privileges.h"
#include "core/proxy/cache_hub.h"
#include "core/reading.h"
#include "core/reloads.h"
#include "core/ring/loop.h"
#include "core/servers/api.h"
#include "core/watch.h"

/* What is logged last is written within this time, or lost. */
#define LOG_STOP_MS 2000

struct control {
    const char *path; /* of the configuration; NULL: the command line */
    struct loop *loop;
    struct fleet fleet;
    bool up;       /* the first plan is in force */
    bool draining; /* or about to: the balancer before us is told first */
    bool ending;   /* all workers are gone; the log is being flushed, then the loop ends */
    bool ended;    /* nothing is left but the signals */
    int exit_code;
    int signal_fd;
    struct op signal_op;
    struct signalfd_siginfo signal_info;
    struct plans plans;
    struct log_writer *log;
    struct metrics *metrics;
    struct registry *registry;
    struct watch watch;
    bool watch_stopped;
    struct admin *admin;
    struct admin_user admin_user;
    struct timer lame_duck;
    struct reloads reloads;
    struct servers servers;
    bool servers_stopped;
    uint64_t start_ns, start_wall_us;
    struct log_files log_files; /* the keeper's */
    struct ticket_secret tickets;
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
    c->ended = true;
    op_cancel(c->loop, &c->signal_op); /* whose completion stops the loop */
}

static void stop_log(void *arg)
{
    struct control *c = arg;
    log_writer_stop(c->log, c->loop->now_ns + ms_to_ns(LOG_STOP_MS), end_loop, c);
}

static void end_if_done(struct control *c)
{
    if (c->ending && c->watch_stopped && c->servers_stopped && !c->plans.count &&
        reloads_stopped(&c->reloads))
        admin_stop(c->admin, stop_log, c);
}

static void on_watch_stopped(void *arg)
{
    struct control *c = arg;
    c->watch_stopped = true;
    end_if_done(c);
}

static void on_servers_stopped(void *arg)
{
    struct control *c = arg;
    c->servers_stopped = true;
    end_if_done(c);
}

/* All workers are gone, or never came. */
static void end(struct control *c)
{
    c->ending = true;
    reloads_stop(&c->reloads);
    servers_stop(&c->servers, on_servers_stopped, c);
    watch_stop(&c->watch, on_watch_stopped, c);
}

static void on_no_plans(struct plans *p)
{
    end_if_done(container_of(p, struct control, plans));
}

static void on_empty(struct fleet *f)
{
    end(control_of(f));
}

/* --- reloads --- */

static struct control *control_of_reloads(struct reloads *r)
{
    return container_of(r, struct control, reloads);
}

static bool may_reload(struct reloads *r)
{
    const struct control *c = control_of_reloads(r);
    return c->up && !c->draining;
}

static void on_first(struct reloads *r, bool ok, const char *why)
{
    struct control *c = control_of_reloads(r);
    if (ok) {
        c->up = true;
        c->exit_code = EXIT_OK;
        print_banner(&c->fleet);
    } else {
        fprintf(stderr, "sluice: cannot start: %s\n", why);
        if (c->path)
            keeper_failed(c->fleet.listen.keeper, why);
        c->exit_code = EXIT_FAILED;
        fleet_stop(&c->fleet);
    }
}

static void on_handed_over(struct reloads *r)
{
    struct control *c = control_of_reloads(r);
    if (!c->draining)
        fleet_drain(&c->fleet);
    c->draining = true;
}

static void on_reload_ended(struct reloads *r)
{
    end_if_done(control_of_reloads(r));
}

static void on_applied(struct fleet *f, bool ok, const char *why)
{
    struct control *c = control_of(f);
    if (ok)
        watch_plan(&c->watch, f->plan);
    reloads_applied(&c->reloads, ok, why);
}

static void on_deaf(struct fleet *f)
{
    reloads_deaf(&control_of(f)->reloads);
}

/* The first time the keeper may have us wait, until the process before us accepts nobody. */
static void on_committing(struct fleet *f)
{
    struct control *c = control_of(f);
    if (!c->up && c->path)
        keeper_ready(f->listen.keeper);
}

/* --- what the admin socket asks --- */

static struct control *control_of_admin(struct admin_user *u)
{
    return container_of(u, struct control, admin_user);
}

static bool is_ready(const struct control *c)
{
    return c->up && !c->draining && !c->fleet.stopping;
}

static bool admin_ready(struct admin_user *u)
{
    return is_ready(control_of_admin(u));
}

static bool admin_config(struct admin_user *u, FILE *to)
{
    const struct plan *p = control_of_admin(u)->fleet.plan;
    return p && config_text_print(p->config, to);
}

static struct cache *admin_cache(struct admin_user *u)
{
    const struct cache_hub *hub = control_of_admin(u)->fleet.cache;
    return hub ? hub->cache : NULL;
}

static void admin_backends(struct admin_user *u, const struct admin_request *r,
                           struct admin_reply *out)
{
    servers_api(&control_of_admin(u)->servers, r, out);
}

static const struct plan *admin_plan(struct admin_user *u)
{
    return control_of_admin(u)->fleet.plan;
}

static bool admin_reload(struct admin_user *u)
{
    return reloads_again(&control_of_admin(u)->reloads);
}

static int admin_open(struct admin_user *u, const char *path)
{
    return keeper_admin(control_of_admin(u)->fleet.listen.keeper, path);
}

static void admin_close(struct admin_user *u, const char *path)
{
    keeper_unadmin(control_of_admin(u)->fleet.listen.keeper, path);
}

static void admin_metrics(struct admin_user *u, FILE *to)
{
    struct control *c = control_of_admin(u);
    const struct counters *workers[WORKERS_MAX];
    struct metrics_process p = { .version = SLUICE_VERSION,
                                 .registry = c->registry,
                                 .cache = admin_cache(u),
                                 .config = c->fleet.plan ? c->fleet.plan->config : NULL,
                                 .workers = workers,
                                 .logs = log_writer_stats(c->log),
                                 .now_ns = c->loop->now_ns,
                                 .start_ns = c->start_ns,
                                 .start_wall_us = c->start_wall_us,
                                 .reloads_good = c->reloads.good,
                                 .reloads_bad = c->reloads.bad,
                                 .reload_wall_us = c->reloads.applied_wall_us,
                                 .reload_good = c->reloads.last_good,
                                 .ready = is_ready(c) };
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        const struct worker_thread *t = c->fleet.threads[i];
        if (!t)
            continue;
        workers[p.workers_count++] = &t->counters;
        p.workers_running += t->state == THREAD_UP;
    }
    metrics_print(c->metrics, &p, to);
}

/* --- the log --- */

static int open_log(struct log_files *f, const char *path)
{
    return keeper_log(container_of(f, struct control, log_files)->fleet.listen.keeper, path);
}

static struct log_port *log_port(struct fleet *f, struct worker_thread *t)
{
    return log_writer_port(control_of(f)->log, &t->counters.log_dropped);
}

/* --- signals --- */

static void read_signal(struct control *c)
{
    op_read(c->loop, &c->signal_op, c->signal_fd, &c->signal_info, sizeof c->signal_info);
}

static void drain(struct control *c)
{
    const struct plan *p = c->fleet.plan;
    if (p)
        fprintf(stderr, "sluice: draining, %.3g s at most\n",
                p->config->timeouts.drain_ms / 1000.0);
    fleet_drain(&c->fleet);
}

static void on_lame_duck(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    drain(container_of(t, struct control, lame_duck));
}

static void stop(struct control *c)
{
    timer_remove(&c->loop->timers, &c->lame_duck);
    fleet_stop(&c->fleet);
}

static void drain_or_stop(struct control *c, bool again_stops)
{
    if (c->draining) {
        if (again_stops)
            stop(c);
        return;
    }
    c->draining = true;
    const struct plan *p = c->fleet.plan;
    uint32_t wait_ms = p ? p->config->lame_duck_ms : 0;
    if (!wait_ms) {
        drain(c);
        return;
    }
    fprintf(stderr, "sluice: not ready any more; draining in %.3g s\n", wait_ms / 1000.0);
    loop_timer_set(c->loop, &c->lame_duck, c->loop->now_ns + ms_to_ns(wait_ms));
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
        stop(c);
        break;
    case SIGTERM:
        drain_or_stop(c, true);
        break;
    case SIGQUIT:
        drain_or_stop(c, false);
        break;
    case SIGHUP:
        if (!reloads_again(&c->reloads) && !c->draining)
            fputs("sluice: not reloaded: another reload is under way\n", stderr);
        break;
    case SIGUSR1:
        log_writer_reopen(c->log);
        break;
    default:
        break;
    }
    if (c->ended)
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

static bool set_up(struct control *c, char *why, uint32_t why_bytes)
{
    struct loop_config lc = { .sq_entries = 64, .cq_entries = 256, .ring_buffers = 8 };
    c->loop = loop_create(&lc, why, why_bytes);
    if (!c->loop)
        return false;
    c->log_files.open = open_log;
    c->log = log_writer_create(c->loop, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
                               c->path ? &c->log_files : NULL);
    c->metrics = metrics_create();
    c->registry = registry_create();
    c->admin = admin_create(c->loop, &c->admin_user);
    if (!c->log || !c->metrics || !c->registry || !c->admin) {
        snprintf(why, why_bytes, "out of memory");
        return false;
    }
    c->admin_user = (struct admin_user){ .version = SLUICE_VERSION,
                                         .ready = admin_ready,
                                         .metrics = admin_metrics,
                                         .config = admin_config,
                                         .cache = admin_cache,
                                         .backends = admin_backends,
                                         .plan = admin_plan,
                                         .reload = admin_reload,
                                         .open = admin_open,
                                         .close = admin_close };
    c->plans = (struct plans){ .loop = c->loop,
                               .log = c->log,
                               .metrics = c->metrics,
                               .registry = c->registry,
                               .servers = servers_list,
                               .servers_arg = &c->servers,
                               .on_none = on_no_plans };
    timer_init(&c->lame_duck, on_lame_duck);
    c->reloads = (struct reloads){ .loop = c->loop,
                                   .path = c->path,
                                   .fleet = &c->fleet,
                                   .plans = &c->plans,
                                   .servers = &c->servers,
                                   .admin = c->admin,
                                   .may = may_reload,
                                   .on_first = on_first,
                                   .on_handed_over = on_handed_over,
                                   .on_ended = on_reload_ended };
    reloads_start(&c->reloads);
    c->start_ns = c->loop->now_ns;
    c->start_wall_us = c->loop->wall_us;
    c->fleet.loop = c->loop;
    c->fleet.log_port = log_port;
    c->fleet.on_applied = on_applied;
    c->fleet.on_committing = on_committing;
    c->fleet.on_deaf = on_deaf;
    c->fleet.on_empty = on_empty;
    watch_start(&c->watch, c->loop, c->registry);
    servers_start(&c->servers, c->loop, &c->fleet, &c->watch,
                  c->path ? c->fleet.listen.keeper : -1);
    ticket_secret_random(&c->tickets, c->loop->wall_us / 1000000);
    c->fleet.tickets = &c->tickets;
    return true;
}

static void cannot_start(struct control *c, const char *why)
{
    fprintf(stderr, "sluice: cannot start: %s\n", why);
    if (c->path)
        keeper_failed(c->fleet.listen.keeper, why);
}

/* What the keeper read; NULL after messages. */
static struct config *load_first(struct control *c)
{
    struct config_report *report = config_report_create();
    if (!report)
        return NULL;
    struct config *config =
        reading_load(keeper_config(c->fleet.listen.keeper), c->path, NULL, false, report);
    config_report_print(report, stderr, options_colour());
    config_report_destroy(report);
    return config;
}

/* Takes the configuration over. */
static void run(struct control *c, struct config *config)
{
    if (!take_signals(c)) {
        config_free(config);
        fputs("sluice: cannot receive signals\n", stderr);
        return;
    }
    c->exit_code = EXIT_OK; /* also when it is told to end before it is up */
    reloads_begin(&c->reloads, config);
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
    if (c && !config)
        config = load_first(c);
    if (c && !config) {
        cannot_start(c, "its configuration could not be read");
    } else if (c && set_up(c, why, sizeof why)) {
        run(c, config);
    } else if (c) {
        cannot_start(c, why);
        config_free(config);
    } else {
        fputs("sluice: cannot start: out of memory\n", stderr);
    }
    if (c) {
        code = c->exit_code;
        log_writer_destroy(c->log);
        metrics_destroy(c->metrics);
        watch_destroy(&c->watch);
        servers_destroy(&c->servers);
        registry_destroy(c->registry);
        admin_destroy(c->admin);
        if (c->loop)
            loop_destroy(c->loop);
        fleet_destroy(&c->fleet);
        explicit_bzero(&c->tickets, sizeof c->tickets);
        free(c);
    }
    return code;
}
