/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fills structures from the tree by the schema's table. Every mistake is reported and reading goes
 * on: what could not be read keeps its default. */
#include <string.h>

#include "core/base/check.h"
#include "core/config/loader.h"
#include "core/config/suggest.h"
#include "core/config/values.h"

void *load_alloc(struct loader *l, size_t bytes)
{
    void *p = config_alloc(l->config, bytes);
    if (!p)
        report_out_of_memory(l->report);
    return p;
}

struct str load_str(struct loader *l, struct str s)
{
    struct str copy = config_str(l->config, s);
    if (!copy.ptr)
        report_out_of_memory(l->report);
    return copy;
}

void *load_extend(struct loader *l, const void *items, uint32_t count, uint32_t more, size_t bytes)
{
    if (count + more == 0)
        return NULL;
    void *copy = load_alloc(l, (count + (size_t)more) * bytes);
    if (copy && count)
        memcpy(copy, items, count * bytes);
    return copy;
}

static struct place key_place(const struct node *n)
{
    return n->key ? n->key->place : n->place;
}

/* ---- Keys ----------------------------------------------------------------------------------- */

/* For keys that stand where they do not belong. */
struct elsewhere {
    struct str name;
    char path[200];
    bool found;
};

static void note_place(void *arg, const char *path, const struct schema_key *k,
                       const struct schema_object *in)
{
    (void)in;
    struct elsewhere *e = arg;
    size_t len = strlen(path);
    if (e->found || !str_eq(str_of(k->name), e->name) || len >= sizeof e->path)
        return;
    e->found = true;
    memcpy(e->path, path, len + 1);
}

static void unknown_key(struct loader *l, const struct schema_object *o, const struct node *n)
{
    struct str name = n->key->text;
    if (report_full(l->report)) {
        report_error(l->report, n->key->place, "unknown key");
        return;
    }
    struct suggestion s;
    suggest_begin(&s, name);
    size_t offset;
    const struct schema_key *k;
    for (uint32_t i = 0; (k = schema_key_at(o, i, &offset)); i++)
        suggest_word(&s, k->name);
    const char *near = suggest_word_found(&s);
    const char *hint = near && s.distance == 1 ? NULL : foreign_hint(o->name, name);
    struct node_path in = node_path_in(n->parent);
    struct elsewhere e = { .name = name };
    if (hint) {
        report_error(l->report, n->key->place, "unknown key '%s'%s; %s", quote(name).text, in.text,
                     hint);
    } else if (near) {
        report_error(l->report, n->key->place, "unknown key '%s'%s; did you mean '%s'?",
                     quote(name).text, in.text, near);
    } else {
        schema_walk(note_place, &e);
        report_error(l->report, n->key->place, "unknown key '%s'%s%s%s", quote(name).text, in.text,
                     e.found ? "; there is " : "", e.path);
    }
}

/* What stands here is not what the key wants. */
static void wrong_kind(struct loader *l, const struct schema_key *k, const struct node *n,
                       const char *wants)
{
    const char *name = n->key ? n->key->text.ptr : k->name;
    if (n->kind == NODE_NULL) {
        report_error(l->report, key_place(n), "'%s' has no value; it wants %s", name, wants);
        return;
    }
    struct str line = source_line(n->place.source, n->place.line);
    bool brace =
        n->kind == NODE_MAP && n->place.column <= line.len && line.ptr[n->place.column - 1] == '{';
    report_error(l->report, n->place, "'%s' wants %s, not %s%s", name, wants, node_kind_text(n),
                 brace && k->type && strcmp(wants, "text") == 0
                     ? "; a value that begins with '{' must be quoted"
                     : "");
}

/* Whether one of the map's unknown keys looks like this one: then it is not said to be missing. */
static bool misspelt(const struct schema_object *o, const struct node *map, const char *name)
{
    for (const struct node *i = map->first; i; i = i->next) {
        struct suggestion s;
        suggest_begin(&s, i->key->text);
        suggest_word(&s, name);
        if (suggest_word_found(&s) && !schema_find(o, i->key->text))
            return true;
    }
    return false;
}

/* ---- Values --------------------------------------------------------------------------------- */

static void read_value(struct loader *l, const struct schema_key *k, const struct node *n,
                       void *out)
{
    if (n->kind == NODE_SCALAR)
        k->type->read(l, k, n, out);
    else
        wrong_kind(l, k, n, k->type->form);
}

static size_t element_bytes(const struct schema_key *k)
{
    return k->shape == SHAPE_MAP && !k->object ? k->element_bytes
           : k->object                         ? k->object->bytes
                                               : k->type->bytes;
}

static void read_element(struct loader *l, const struct schema_key *k, const struct node *n,
                         void *out)
{
    if (k->object)
        read_object(l, k->object, n, out);
    else
        read_value(l, k, n, out);
}

/* Puts an array where the key's struct wants it: a pointer, and a count behind it. */
static void put_array(void *out, void *items, uint32_t count)
{
    memcpy(out, &items, sizeof items);
    memcpy((char *)out + sizeof items, &count, sizeof count);
}

static void *new_array(struct loader *l, const struct schema_key *k, uint32_t count)
{
    if (count == 0)
        return NULL;
    size_t bytes = count * element_bytes(k);
    return k->take ? tree_alloc(l->tree, bytes) : load_alloc(l, bytes);
}

/* The items of a list, or the one that stands in its place. */
void read_items(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    bool one = (n->kind == NODE_SCALAR && (!k->object || k->object->shorthand)) ||
               (n->kind == NODE_MAP && k->alone);
    if (!one && n->kind != NODE_LIST) {
        wrong_kind(l, k, n, k->type ? k->type->form : "a list");
        return;
    }
    uint32_t count = one ? 1 : n->count;
    char *items = new_array(l, k, count);
    if (count && !items)
        return;
    if (!k->take)
        put_array(out, items, count);
    char *at = items;
    for (const struct node *i = one ? n : n->first; i; i = one ? NULL : i->next) {
        read_element(l, k, i, at);
        at += element_bytes(k);
    }
    if (k->take)
        k->take(l, n, items, count, out);
}

static void read_map(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    if (n->kind != NODE_MAP) {
        wrong_kind(l, k, n, "a map");
        return;
    }
    char *items = new_array(l, k, n->count);
    if (n->count && !items)
        return;
    if (!k->take)
        put_array(out, items, n->count);
    struct schema_key one_list = *k; /* a value that is itself a list */
    one_list.shape = SHAPE_LIST;
    one_list.take = NULL;
    char *at = items;
    for (const struct node *i = n->first; i; i = i->next) {
        k->key_type->read(l, k, i->key, at);
        if (k->object)
            read_object(l, k->object, i, at);
        else if (k->many)
            read_items(l, &one_list, i, at + k->value_offset);
        else
            read_value(l, k, i, at + k->value_offset);
        at += element_bytes(k);
    }
    if (k->take)
        k->take(l, n, items, n->count, out);
}

static bool is_off(const struct node *n)
{
    return n->kind == NODE_SCALAR && !n->quoted && str_eq(n->text, STR("off"));
}

static void read_inner(struct loader *l, const struct schema_key *k, const struct node *n,
                       void *out)
{
    const struct schema_object *o = k->object;
    if (!k->take) {
        read_object(l, o, n, out);
    } else if (o->off && is_off(n)) {
        k->take(l, n, NULL, 0, out);
    } else {
        void *inner = tree_alloc(l->tree, o->bytes);
        if (!inner)
            return;
        read_object(l, o, n, inner);
        k->take(l, n, inner, 1, out);
    }
}

static void read_key(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    switch (k->shape) {
    case SHAPE_VALUE:
        read_value(l, k, n, out);
        break;
    case SHAPE_OBJECT:
        read_inner(l, k, n, out);
        break;
    case SHAPE_LIST:
        read_items(l, k, n, out);
        break;
    case SHAPE_MAP:
        read_map(l, k, n, out);
        break;
    }
}

/* ---- Objects -------------------------------------------------------------------------------- */

/* A value in place of the map: it is the value of one key. */
static void read_shorthand(struct loader *l, const struct schema_object *o, const struct node *n,
                           void *out)
{
    size_t offset;
    const struct schema_key *k;
    for (uint32_t i = 0; (k = schema_key_at(o, i, &offset)); i++) {
        if (strcmp(k->name, o->shorthand) == 0)
            read_key(l, k, n, (char *)out + offset);
        else if (k->required)
            report_error(l->report, n->place, "'%s' is missing%s; write a map", k->name,
                         node_path_in(n).text);
    }
}

static void read_keys(struct loader *l, const struct schema_object *o, const struct node *n,
                      void *out)
{
    size_t offset;
    const struct schema_key *k;
    for (uint32_t i = 0; (k = schema_key_at(o, i, &offset)); i++) {
        const struct node *value = node_get(n, str_of(k->name));
        if (value)
            read_key(l, k, value, (char *)out + offset);
        else if (k->required && !misspelt(o, n, k->name))
            report_error(l->report, key_place(n), "'%s' is missing%s", k->name,
                         node_path_in(n).text);
    }
    for (const struct node *i = n->first; i; i = i->next)
        if (!schema_find(o, i->key->text))
            unknown_key(l, o, i);
}

void read_object(struct loader *l, const struct schema_object *o, const struct node *n, void *out)
{
    if (!o->inherits)
        schema_put_defaults(o, out);
    if (o->begin)
        o->begin(l, n, out);
    const struct schema_key self = { .name = n->key ? n->key->text.ptr : o->name };
    if (n->kind == NODE_MAP)
        read_keys(l, o, n, out);
    else if (o->shorthand && n->kind != NODE_NULL)
        read_shorthand(l, o, n, out);
    else
        wrong_kind(l, &self, n, "a map");
    if (o->end)
        o->end(l, n, out);
}
