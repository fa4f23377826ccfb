/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who the servers of a backend are, when several say something of it: the configuration, a watched
 * file, the admin API, and the name servers about the names that any of them gives. Pure: one
 * function makes one list of all that. */
#ifndef SLUICE_SERVERS_MERGE_H
#define SLUICE_SERVERS_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/config/config.h"

/* Later layers do not hide earlier ones: who names a server first, says what it is. */
enum server_layer { LAYER_CONFIG, LAYER_FILE, LAYER_API, LAYER_DNS };

/* What is known of a name. */
struct resolved {
    struct addr addr;          /* with the port of a service; port 0 of a host */
    const char *target;        /* of a service: NUL-terminated */
    uint16_t priority, weight; /* of a service */
};
struct resolution {
    struct resolved *items; /* sorted; the last answer that was one */
    uint32_t count;
};

/* A server as a layer names it. */
struct server_entry {
    const struct server_config *server;
    enum server_layer layer;
    const struct resolution *resolution; /* of a name or service; NULL: of an address */
};

enum server_state { STATE_READY, STATE_DRAIN, STATE_MAINTENANCE };

/* What was changed by hand of the server of that id, or of all that a name of that id gives. */
struct server_change {
    const char *id;
    const struct server_config *added; /* LAYER_API names it; NULL: others do */
    bool removed;
    bool weighted, stated; /* the following were said */
    uint32_t weight;
    enum server_state state;
    /* What the other layers said when it was made: who says something else since is in conflict. */
    bool base_named;
    uint32_t base_weight;
};

struct merged_server {
    struct server_config config;    /* in force; its name is its id */
    enum server_layer layer;        /* that gives it: LAYER_DNS of what a name resolved to */
    enum server_layer named_by;     /* that names it, or the name it came from */
    const char *from;               /* the name that it came from; NULL: it is an address */
    bool weighted, stated, removed; /* by a change; removed: also one too many. Not in force */
    enum server_state state;
    uint32_t layer_weight;       /* before the change */
    enum server_layer weight_by; /* that said it */
};

enum merge_issue {
    ISSUE_DUPLICATE,  /* a later layer or name gives it, too: that has no effect */
    ISSUE_ORPHAN,     /* of a change: nobody names its server any more */
    ISSUE_CONFLICT,   /* of a change: the layers below say something else than when it was made */
    ISSUE_TOO_MANY,   /* servers beyond SERVERS_MAX */
    ISSUE_WEIGHTLESS, /* every server has weight 0: none gets anything new */
};

struct merge_note {
    enum merge_issue issue;
    const char *id;          /* of the server; "" */
    enum server_layer layer; /* ISSUE_DUPLICATE: whose has no effect */
};

struct merged {
    struct merged_server *items; /* in the order of the layers */
    uint32_t count;
    struct merge_note *notes;
    uint32_t notes_count;
    struct arena arena; /* of all of it, texts included */
};

/* Nothing of what is given is needed any more when it returns. NULL without memory. */
struct merged *merge_servers(const struct server_entry *entries, uint32_t entries_count,
                             const struct server_change *const *changes, uint32_t changes_count,
                             enum dns_family family);
void merged_free(struct merged *m); /* may be NULL */

/* Writes those that are in force, at most SERVERS_MAX, and gives how many. They point into m. */
uint32_t merged_in_force(const struct merged *m, struct server_config *out);

/* Whether workers would have to be told of a difference. */
bool merged_same(const struct merged *a, const struct merged *b);

/* The server of that id; merged_first: or the first that a name of that id gives. NULL: none. */
const struct merged_server *merged_find(const struct merged *m, const char *id);
const struct merged_server *merged_first(const struct merged *m, const char *id);

const char *server_layer_text(enum server_layer layer);
const char *server_state_text(enum server_state state);
bool server_state_parse(struct str text, enum server_state *out);

#endif
