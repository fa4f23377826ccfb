/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/reloads.h"

#include <stdio.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/keeper_socket.h"
#include "core/options.h"
#include "core/reading.h"
#include "core/reload_answer.h"

/* ---- The end of one ------------------------------------------------------------------------- */

/* status: of the answer to who asked for it by HTTP. summary: its first line. */
static void end_reload(struct reloads *r, int status, const char *summary)
{
    r->last_good = status == 200;
    r->good += r->last_good;
    r->bad += !r->last_good;
    reload_answer(r->admin, status, summary, r->report);
    config_report_destroy(r->report);
    r->report = NULL;
}

/* The plan could not be taken up: everything stays as it was. */
static void fail_reload(struct reloads *r, const char *why)
{
    const struct place nowhere = { 0 };
    char ignored[512];
    fprintf(stderr, "sluice: not reloaded: %s\n", why);
    report_error(r->report, nowhere, "%s", why);
    if (r->fleet->plan)
        (void)admin_listen(r->admin, r->fleet->plan->config->admin_socket, ignored, sizeof ignored);
    end_reload(r, 500, "not reloaded");
}

static void fail(struct reloads *r, const char *why)
{
    servers_give_up(r->servers);
    if (r->first_done)
        fail_reload(r, why);
    else
        r->on_first(r, false, why);
}

void reloads_applied(struct reloads *r, bool ok, const char *why)
{
    if (!ok) {
        fail(r, why);
        return;
    }
    r->applied_wall_us = r->loop->wall_us;
    servers_applied(r->servers);
    if (r->first_done) {
        keeper_adopted(r->fleet->listen.keeper);
        fprintf(stderr, "sluice: reloaded %s%s%s\n", r->path, why[0] ? "; " : "", why);
        end_reload(r, 200, "reloaded");
    } else {
        r->first_done = true;
        r->on_first(r, true, why);
    }
}

/* ---- Phase one of what is not the fleet's ---------------------------------------------------- */

/* Gives the plan. NULL: why says the cause. */
static struct plan *make_plan(struct reloads *r, struct config *config, char *why,
                              uint32_t why_bytes)
{
    struct plan *p = plans_make(r->plans, config, why, why_bytes);
    if (p && !admin_listen(r->admin, config->admin_socket, why, why_bytes)) {
        plan_unuse(p);
        p = NULL;
    }
    return p;
}

static void on_known(void *arg)
{
    struct reloads *r = arg;
    struct config *config = r->coming;
    char why[512];
    r->coming = NULL;
    if (r->fleet->state != FLEET_STEADY || r->fleet->stopping) {
        config_free(config);
        servers_give_up(r->servers);
        if (r->report)
            fail_reload(r, "sluice is about to end");
        return;
    }
    struct plan *p = make_plan(r, config, why, sizeof why);
    if (p) {
        servers_planned(r->servers, p);
        fleet_apply(r->fleet, p);
    } else {
        fail(r, why);
    }
}

/* Takes up what was loaded. */
static void take_up(struct reloads *r, struct config *config)
{
    r->coming = config;
    servers_prepare(r->servers, config, on_known, r);
}

void reloads_begin(struct reloads *r, struct config *config)
{
    take_up(r, config);
}

static bool is_possible(const struct reloads *r)
{
    return r->path && r->may((struct reloads *)r) && !r->report && !r->coming &&
           r->fleet->state == FLEET_STEADY;
}

bool reloads_again(struct reloads *r)
{
    char why[512];
    bool other_user;
    if (!is_possible(r))
        return false;
    r->report = config_report_create();
    if (!r->report)
        return false;
    int fd = keeper_read(r->fleet->listen.keeper, &other_user);
    struct config *config = reading_load(fd, r->path, r->fleet->plan->config, false, r->report);
    config_report_print(r->report, stderr, options_colour());
    if (!config) {
        fputs("sluice: not reloaded: everything stays as it was\n", stderr);
        end_reload(r, 422, "not reloaded: everything stays as it was");
        return true;
    }
    if (other_user) {
        if (!successor_start(&r->successor, config->user, why, sizeof why))
            fail_reload(r, why);
        config_free(config);
        return true;
    }
    take_up(r, config);
    return true;
}

/* ---- Another process takes over -------------------------------------------------------------- */

static void handed_over(struct reloads *r)
{
    char ignored[512];
    keeper_deaf(r->fleet->listen.keeper);
    fprintf(stderr, "sluice: reloaded %s; another process serves, this one drains\n", r->path);
    end_reload(r, 200, "reloaded: in a new server process, as its user is another");
    (void)admin_listen(r->admin, NULL, ignored, sizeof ignored);
}

void reloads_deaf(struct reloads *r)
{
    handed_over(r);
    r->on_handed_over(r);
}

static void on_successor_ready(struct successor *s)
{
    struct reloads *r = container_of(s, struct reloads, successor);
    if (r->may(r))
        fleet_deafen(r->fleet); /* reloads_deaf() goes on */
    else
        handed_over(r);
    r->on_ended(r);
}

static void on_successor_failed(struct successor *s, const char *why)
{
    struct reloads *r = container_of(s, struct reloads, successor);
    fail_reload(r, why);
    r->on_ended(r);
}

/* ---- Certificates that change ---------------------------------------------------------------- */

static const struct config *renewal_config(struct renewal *renewal)
{
    struct reloads *r = container_of(renewal, struct reloads, renewal);
    return is_possible(r) ? r->fleet->plan->config : NULL;
}

static void on_files_changed(struct renewal *renewal, int fd)
{
    struct reloads *r = container_of(renewal, struct reloads, renewal);
    if (!(r->report = config_report_create())) {
        close(fd);
        return;
    }
    fputs("sluice: files of certificates have changed\n", stderr);
    struct config *config = reading_load(fd, r->path, r->fleet->plan->config, true, r->report);
    config_report_print(r->report, stderr, options_colour());
    if (!config)
        fail_reload(r, "the files of certificates cannot be used");
    else
        take_up(r, config);
}

/* ---- Life ------------------------------------------------------------------------------------ */

void reloads_start(struct reloads *r)
{
    r->last_good = true;
    r->successor = (struct successor){ .loop = r->loop,
                                       .keeper = r->fleet->listen.keeper,
                                       .on_ready = on_successor_ready,
                                       .on_failed = on_successor_failed };
    if (r->path)
        renewal_start(&r->renewal, r->loop, r->fleet->listen.keeper, renewal_config,
                      on_files_changed);
}

void reloads_stop(struct reloads *r)
{
    if (!r->coming)
        return;
    servers_give_up(r->servers);
    config_free(r->coming);
    r->coming = NULL;
    if (r->report)
        fail_reload(r, "sluice is about to end");
}

bool reloads_stopped(const struct reloads *r)
{
    return !r->successor.coming;
}
