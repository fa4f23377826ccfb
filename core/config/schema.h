/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one table of the configuration's keys. The reader fills structures by it; the reference
 * (`sluice help KEY`, the manual) and the JSON schema are printed from it. */
#ifndef SLUICE_CONFIG_SCHEMA_H
#define SLUICE_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/str.h"

struct loader;
struct node;
struct schema_key;
struct schema_object;

struct word {
    const char *text;
    uint64_t value;
};

/* How a value is written. */
struct value_type {
    const char *name; /* "duration" */
    const char *form; /* how to write it: "500ms, 2s or 1h" */
    const char
        *json;    /* the members of its JSON schema; NULL: made from the key's bounds and words */
    size_t bytes; /* of what read() writes */
    /* Checks the scalar and writes it; what is wrong goes to the report. */
    void (*read)(struct loader *l, const struct schema_key *k, const struct node *n, void *out);
    /* Of types that are numbers: the text for a number of it. */
    void (*format)(uint64_t value, char out[32]);
    const char *example; /* in YAML, for keys that have none of their own */
    const char *units;   /* "ms, s, m, h or d"; NULL: it has none */
};

enum shape {
    SHAPE_VALUE,
    SHAPE_OBJECT, /* a map with known keys */
    SHAPE_LIST,   /* also one item in place of a list of it */
    SHAPE_MAP,    /* a map with keys of the operator's choice */
};

struct schema_key {
    const char *name;
    enum shape shape;
    bool required;
    bool many;  /* SHAPE_MAP: each value is a list (or one item) */
    bool alone; /* SHAPE_LIST of objects: a map in its place is the only item */
    bool has_fallback;
    uint64_t fallback, min, max;   /* of types that are numbers, in their smallest unit */
    const struct word *words;      /* in place of the number, or all there are; ends with NULL */
    const struct value_type *type; /* of the value, of items, of a map's values */
    const struct schema_object *object; /* in place of type */
    const struct value_type *key_type;  /* SHAPE_MAP: read into the first member of an element */
    size_t value_offset;                /* SHAPE_MAP without object: of the value in an element */
    size_t element_bytes;               /* SHAPE_MAP without object */

    /* Where it goes, in the structure of its object. A list or map is a pointer with a uint32_t
     * count behind it. With take(), what was read (count elements; 0 for "off") is temporary and
     * take() puts it where it belongs. */
    size_t offset;
    void (*take)(struct loader *l, const struct node *n, void *read, uint32_t count, void *out);

    const char *otherwise; /* the default in words, where there is no number */
    const char *doc;
    const char *since;
    const char *example; /* a value in YAML; NULL: made of the default, the words or the type's */
};

struct schema_object {
    const char *name;
    const struct schema_key *keys;
    uint32_t keys_count;
    uint32_t keys_late;                 /* so many at the end are read after the shared ones */
    const struct schema_object *shared; /* further keys, of a structure inside this one */
    uint32_t shared_less;               /* so many at the end of those do not stand here */
    size_t shared_offset;
    const char *shorthand; /* what is no map stands for this key */
    bool off;              /* so does the word "off", for nothing (keys with take() only) */
    bool inherits;         /* its structure comes with values: reading it does not begin with the
                              defaults */
    size_t bytes;
    /* Before and after its keys are read; may be NULL. */
    void (*begin)(struct loader *l, const struct node *n, void *out);
    void (*end)(struct loader *l, const struct node *n, void *out);
};

extern const struct schema_object schema_root;

/* At the end of schema_handling: keys for what comes from servers of our own only. */
#define HANDLING_KEYS_OWN 4

/* Parts of it (schema_parts.c, schema_site.c). */
extern const struct schema_object schema_defaults, schema_site, schema_route, schema_handling,
    schema_cache, schema_compress, schema_dns, schema_server, schema_backend, schema_balance,
    schema_health, schema_ejection, schema_per_server, schema_queue, schema_breaker,
    schema_backend_retries, schema_route_retries, schema_sticky, schema_log, schema_listener,
    schema_networks, schema_timeouts_all, schema_timeouts_site, schema_timeouts_route,
    schema_timeouts_backend;
extern const struct schema_object schema_connection_limit, schema_forward;

/* Writes the defaults of an object and of those inside it. */
void schema_put_defaults(const struct schema_object *o, void *out);

/* The key of an object, its shared ones included; NULL: none. */
const struct schema_key *schema_find(const struct schema_object *o, struct str name);

/* Key i of an object, in reading order, and where it goes in the object. NULL past the last. */
const struct schema_key *schema_key_at(const struct schema_object *o, uint32_t i, size_t *offset);

/* Calls fn for every key there is with its path ("sites.NAME.routes[].to"), parents first. An
 * object that is used in several places comes as often. */
void schema_walk(void (*fn)(void *arg, const char *path, const struct schema_key *k,
                            const struct schema_object *in),
                 void *arg);

/* The number as text, with its unit or as its word. */
void schema_format(const struct schema_key *k, uint64_t value, char out[32]);

/* Writes "KEY: VALUE", in YAML on one line, that may stand where the key stands. False: nothing is
 * known for it, its row should have an example. */
#define SCHEMA_EXAMPLE_MAX 256
bool schema_example(const struct schema_key *k, char out[SCHEMA_EXAMPLE_MAX]);

/* JSON Schema (draft 2020-12), for editors. */
void schema_print_json(FILE *to);

/* What `sluice help` prints: all keys, or one that `name` names by its last parts ("to",
 * "routes.to", "sites.edge.routes[0].to"). False: there is none; a message with what is near was
 * printed to `error`. */
void schema_print_keys(FILE *to);
/* How a key's value is written, in words. */
void schema_print_form(FILE *to, const struct schema_key *k);
/* Whether its value may hold variables. */
bool schema_has_variables(const struct schema_key *k);
bool schema_print_help(FILE *to, FILE *error, const char *name);

#endif
