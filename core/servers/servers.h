/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers that change while sluice runs. On the control thread: knows what each layer says (the
 * configuration in force, watched files, the admin API, name servers), makes one list of it per
 * backend (merge.h), and has workers take it up when it has changed. */
#ifndef SLUICE_SERVERS_SERVERS_H
#define SLUICE_SERVERS_SERVERS_H

#include "core/fleet.h"
#include "core/servers/names.h"
#include "core/servers/overlay.h"
#include "core/servers/server_file.h"
#include "core/watch.h"

/* A backend by its name; it outlives configurations with what was changed by hand. */
struct backend_servers {
    struct list node;
    char *name;
    const struct backend_config *config; /* in force; NULL: the configuration has it no more */
    uint32_t index;                      /* there */
    struct overlay overlay;
    struct server_file file;
    struct server_entry *entries; /* all layers; those of names with their resolution */
    uint32_t entries_count;
    struct merged *now; /* what the workers have, or will have; NULL: not in force yet */
    uint64_t version;   /* counts what is seen of it, from 1 */
    bool pending;       /* workers could not be told yet */
};

struct servers {
    struct loop *loop;
    struct fleet *fleet;
    struct watch *watch;
    int keeper; /* who reads watched files; -1: nobody does */
    struct names_of_servers names;
    struct list backends;
    char *journal; /* path; NULL: none */
    int journal_fd;
    struct timer retry;      /* of those that are pending */
    struct timer file_timer; /* next look at watched files */
    /* while a configuration is prepared */
    const struct config *next; /* NULL: none is */
    void (*on_known)(void *arg);
    void *arg;
    struct timer deadline;
    struct merged **planned; /* by index of the backend in `next`: what its plan begins with */
    uint32_t planned_count;
    struct task known_task;
};

void servers_start(struct servers *s, struct loop *l, struct fleet *f, struct watch *w, int keeper);

/* A configuration is about to be taken up: its names are looked up, its files read. on_known comes
 * from the loop, once, when all is known, or has taken too long. One at a time. */
void servers_prepare(struct servers *s, const struct config *c, void (*on_known)(void *arg),
                     void *arg);

/* It will not be taken up, after all: on_known does not come any more. */
void servers_give_up(struct servers *s);

/* What a plan of the configuration that was prepared begins with: writes the servers of a backend,
 * gives how many; they are valid until it is in force or given up. Fits plan_create(). */
uint32_t servers_list(void *servers, const struct backend_config *bc,
                      struct server_config out[SERVERS_MAX]);

/* After that, and before the plan is in force: who drains and who is under maintenance. */
void servers_planned(struct servers *s, const struct plan *p);

/* The fleet's plan is in force. */
void servers_applied(struct servers *s);

/* The overlay of a backend has changed: everybody is told. */
void servers_changed(struct servers *s, struct backend_servers *b);

/* NULL: there never was one of that name. */
struct backend_servers *servers_find(const struct servers *s, const char *name);
/* The same, made if it is not there; NULL without memory. */
struct backend_servers *servers_get(struct servers *s, const char *name);

/* From now on changes by hand are kept in that file (NULL: nowhere). Those that are in it already
 * are made, unless there are some in memory: those are written to it (history.c). */
void servers_use_journal(struct servers *s, const char *path);

/* Keeps the change of a server (NULL: it is gone), if there is a journal. False: it cannot be kept.
 */
bool servers_keep(struct servers *s, const char *backend, const char *id,
                  const struct server_change *change);

/* on_stopped comes from the loop. */
void servers_stop(struct servers *s, void (*on_stopped)(void *arg), void *arg);
void servers_destroy(struct servers *s);

#endif
