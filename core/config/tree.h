/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A YAML file as a thin tree that knows where everything stands. Scalars are text; what they mean
 * is the schema's business. Bounded in memory and time, whatever the file. */
#ifndef SLUICE_CONFIG_TREE_H
#define SLUICE_CONFIG_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/str.h"
#include "core/config/disk.h"
#include "core/config/report.h"

/* Limits of one configuration, all its files together. */
#define TREE_BYTES_MAX ((size_t)8 << 20) /* of text */
#define TREE_DATA_BYTES_MAX ((size_t)64 << 20)
#define TREE_DEPTH_MAX 32
#define TREE_NODES_MAX 1000000u /* counted as often as aliases repeat them */
#define TREE_FILES_MAX 1000
#define TREE_INCLUDES_DEEP_MAX 8
#define TREE_MEMORY_BYTES_MAX ((size_t)192 << 20)

enum node_kind { NODE_NULL, NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool quoted;   /* a scalar between quotes, or a block of text */
    bool expanded; /* ${NAME} stood in it */
    bool anchored; /* others may share what is below */
    struct place place;
    struct str text; /* of a scalar, as written when it is null ("~"); a NUL follows */
    struct node *parent;
    struct node *key;          /* of an entry of a map */
    struct node *first, *last; /* items of a list, values of a map */
    struct node *next;
    uint32_t count;
    uint32_t index;  /* among the items of its list */
    uint32_t weight; /* nodes below, itself included; aliases count in full */
};

struct tree {
    struct config_report *report;
    const char *(*getenv)(const char *name);
    struct config_files *files; /* NULL: none may be read */
    struct arena arena;
    struct source *sources[TREE_FILES_MAX];
    uint32_t sources_count;
    uint64_t nodes;    /* so far, by weight */
    size_t bytes;      /* of text so far */
    size_t data_bytes; /* of the files that values name */
};

/* memory_max bounds what the tree takes; at most TREE_MEMORY_BYTES_MAX. files: NULL: none may be
 * read. */
void tree_init(struct tree *t, struct config_report *report,
               const char *(*getenv)(const char *name), struct config_files *files,
               size_t memory_max);
void tree_free(struct tree *t);

/* Memory that lives as long as the tree, zeroed. NULL, and said in the report, when it ran out. */
void *tree_alloc(struct tree *t, size_t bytes);

/* Adds a source; its text is read from the file ("-": standard input). NULL, and said in the report
 * at `from` (place without source: nowhere), when it cannot be read. */
struct source *tree_read_file(struct tree *t, const char *path, struct place from);

/* The same for a file that a value names (a list, a page): it has a bound of its own, and is read
 * once however often it is named. secret: its lines are never shown. */
struct source *tree_read_data(struct tree *t, const char *path, struct place from, bool secret);

/* The same for a file that need not be there: NULL, and nothing said, if it cannot be read. */
struct source *tree_try_data(struct tree *t, const char *path);

/* Adds a source with the text given, which is copied. */
struct source *tree_add_text(struct tree *t, const char *name, struct str text);

/* Parses a source (without its includes). NULL: an error was reported. An empty file gives a node
 * of kind NODE_NULL. */
struct node *tree_parse(struct tree *t, struct source *s);

/* Replaces `include` of a file's top level by what the files named there hold (include.c). */
void tree_include(struct tree *t, struct node *root, struct source *s);

/* Reports keys that stand twice in a map. */
void tree_check_keys(struct tree *t, struct node *map);

/* ${NAME} in text (env.c); *expanded tells whether there was one. False: an error was reported. */
bool env_expand(struct tree *t, struct place at, struct str text, struct str *out, bool *expanded);

/* The value of a key of a map, NULL if it has none. */
struct node *node_get(const struct node *map, struct str key);

/* Where the value stands in the configuration, "sites.edge.routes[0]"; "" for the root. */
struct node_path {
    char text[200];
};
struct node_path node_path(const struct node *n);

/* " in sites.edge.routes[0]", or "" at the top level: for messages. */
struct node_path node_path_in(const struct node *n);

/* A word for what the node is: "a list". */
const char *node_kind_text(const struct node *n);

#endif
