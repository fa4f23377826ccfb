/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What reading a configuration needs besides the configuration: inside core/config only. */
#ifndef SLUICE_CONFIG_LOADER_H
#define SLUICE_CONFIG_LOADER_H

#include "core/config/config.h"
#include "core/config/load.h"
#include "core/config/report.h"
#include "core/config/schema.h"
#include "core/config/tree.h"

/* `defaults`: what sites begin with. Its timeouts hold 0 where nothing was said. */
struct defaults {
    struct handling handling;
    struct head_limits limits;
};

/* Entries of one of the top level's maps, to be referred to (references.c). */
struct names_entry {
    struct str name;
    uint32_t index; /* in the map */
};

struct names {
    const char *what;           /* "backend" */
    const char *map;            /* "backends" */
    const struct node *node;    /* the map; NULL: not there */
    struct names_entry *sorted; /* by name */
    bool *used;                 /* by index */
    uint32_t count;
};

struct loader {
    struct config *config;
    struct config_report *report;
    struct tree *tree;
    const struct config_input *input;
    const struct node *root;
    struct defaults defaults;
    bool sites_made;                   /* take_sites() was here */
    const struct handling *site;       /* of the site whose routes are read */
    int captures;                      /* groups that the route's path can have; -1: none at all */
    const char *files[TREE_FILES_MAX]; /* names of sources that are kept, by their order */
    struct names backends, logs, sites;
};

/* Memory of the configuration, zeroed. NULL, and said in the report, when it ran out. */
void *load_alloc(struct loader *l, size_t bytes);

/* A copy in the configuration; ptr NULL as above. */
struct str load_str(struct loader *l, struct str s);

/* An array with room for `more` elements behind the `count` that are copied into it; NULL as above,
 * also for none. Arrays are copied and not extended because sites and routes share them. */
void *load_extend(struct loader *l, const void *items, uint32_t count, uint32_t more, size_t bytes);

/* Prepares the references to the entries of a map. */
void names_init(struct loader *l, struct names *n, const char *what, const char *map);

/* The index of an entry, which counts as used; UINT32_MAX, and reported, if there is none. */
uint32_t names_find(struct loader *l, struct names *n, const struct node *name);

/* Reads a node into the structure of an object (read.c). */
void read_object(struct loader *l, const struct schema_object *o, const struct node *n, void *out);

/* Reads a list, or the one item in its place, to where the key says in `out` (read.c). */
void read_items(struct loader *l, const struct schema_key *k, const struct node *n, void *out);

/* The name of a source, kept in the configuration; NULL without memory. */
const char *load_file_name(struct loader *l, const struct source *s);

/* The file name of a scalar, relative to the file it stands in; a copy in the configuration. */
struct str load_path(struct loader *l, const struct node *n);

/* What this machine knows of names (dns.c). */
void load_dns(struct loader *l);

/* What sites and routes inherit, worked out after everything is read (inherit.c). */
void inherit_timeouts(struct loader *l);

/* Warns of routes that no request can meet (unreachable.c). */
void check_routes(struct loader *l);

/* Looks at the parts together (check.c). */
void check_all(struct loader *l);

#endif
