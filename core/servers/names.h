/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of servers that are looked up again and again, each on its own time, on the control
 * thread's loop. What a name resolved to last stays known when DNS fails. */
#ifndef SLUICE_SERVERS_NAMES_H
#define SLUICE_SERVERS_NAMES_H

#include "core/proxy/resolver.h"
#include "core/servers/merge.h"

struct names_of_servers;

struct watched_name {
    struct names_of_servers *all;
    struct list node;
    enum lookup_kind kind;
    char *name;
    struct lookup lookup;
    struct timer timer;           /* of the next lookup */
    bool asked;                   /* there was an answer, good or not */
    enum lookup_status status;    /* of the last */
    uint64_t answered_ns;         /* the last that was good; 0: none was */
    struct resolution resolution; /* that one */
    char *targets;                /* texts of it */
    uint32_t wanted_as;
};

struct names_of_servers {
    struct loop *loop;
    /* Another answer than before; or the first, whatever it is. */
    void (*changed)(struct names_of_servers *n, struct watched_name *w);
    struct resolver *resolver; /* NULL: nobody can be asked */
    struct dns_config dns;     /* a copy of what the resolver was made of: its numbers only */
    struct list names;
    uint32_t marked_as;
    uint32_t resolvers; /* that are not gone yet */
    void (*on_none)(void *arg);
    void *arg;
};

void names_start(struct names_of_servers *n, struct loop *l,
                 void (*changed)(struct names_of_servers *n, struct watched_name *w));

/* From now on they are asked for as this says; all of them anew. */
void names_use(struct names_of_servers *n, const struct dns_config *dns);

/* A name that is to be looked up, now if it is new. kind: of the server; its host says the name.
 * NULL without memory. */
struct watched_name *names_want(struct names_of_servers *n, const struct server_config *s);

/* Between the two, names_want() says which are wanted; others are forgotten. */
void names_begin(struct names_of_servers *n);
void names_end(struct names_of_servers *n);

/* Whether each was answered once. */
bool names_all_asked(const struct names_of_servers *n);

/* on_none is called from the loop when all has ended. */
void names_stop(struct names_of_servers *n, void (*on_none)(void *arg), void *arg);

#endif
