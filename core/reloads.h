/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How configurations come into force on the control thread: the first one, those of reloads, those
 * with other certificates. Each is prepared (names are looked up, then a plan is made) and taken up
 * by the fleet; one at a time. */
#ifndef SLUICE_RELOADS_H
#define SLUICE_RELOADS_H

#include "core/config/report.h"
#include "core/fleet.h"
#include "core/observe/admin.h"
#include "core/plans.h"
#include "core/renewal.h"
#include "core/servers/servers.h"
#include "core/successor.h"

struct reloads {
    /* set by the owner */
    struct loop *loop;
    const char *path; /* of the configuration; NULL: the command line */
    struct fleet *fleet;
    struct plans *plans;
    struct servers *servers;
    struct admin *admin;
    bool (*may)(struct reloads *r); /* the first one is in force, and this process goes on */
    void (*on_first)(struct reloads *r, bool ok, const char *why);
    void (*on_handed_over)(struct reloads *r); /* another process serves: this one is to drain */
    void (*on_ended)(struct reloads *r);       /* something that an end waits for has ended */

    struct config *coming;        /* its names are looked up; NULL: none is */
    struct config_report *report; /* of the reload that is under way; NULL: none is */
    bool first_done;
    uint64_t good, bad;
    bool last_good; /* true before any */
    uint64_t applied_wall_us;
    struct renewal renewal;
    struct successor successor;
};

void reloads_start(struct reloads *r);

/* The configuration to begin with, which is taken over; on_first tells. */
void reloads_begin(struct reloads *r, struct config *config);

/* Reads the configuration again; who asked by HTTP is told how that ended. False, and nothing
 * happens: not now. */
bool reloads_again(struct reloads *r);

/* Of the fleet (on_applied, on_deaf). */
void reloads_applied(struct reloads *r, bool ok, const char *why);
void reloads_deaf(struct reloads *r);

/* All ends: what is being prepared is let go. */
void reloads_stop(struct reloads *r);

/* False: a process that comes is still waited for (on_ended). */
bool reloads_stopped(const struct reloads *r);

#endif
