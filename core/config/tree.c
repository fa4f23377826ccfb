/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/out.h"

void tree_init(struct tree *t, struct config_report *report,
               const char *(*getenv)(const char *name), struct config_files *files,
               size_t memory_max)
{
    *t = (struct tree){ .report = report, .getenv = getenv, .files = files };
    size_t max = memory_max < TREE_MEMORY_BYTES_MAX ? memory_max : TREE_MEMORY_BYTES_MAX;
    arena_init(&t->arena, t, 0, max); /* no first block */
}

void tree_free(struct tree *t)
{
    for (uint32_t i = 0; i < t->sources_count; i++)
        if (t->sources[i]->secret)
            explicit_bzero((char *)t->sources[i]->text.ptr, t->sources[i]->text.len);
    arena_reset(&t->arena);
}

void *tree_alloc(struct tree *t, size_t bytes)
{
    void *p = arena_alloc(&t->arena, bytes);
    if (!p) {
        report_out_of_memory(t->report);
        return NULL;
    }
    return memset(p, 0, bytes);
}

/* ---- Sources -------------------------------------------------------------------------------- */

static struct source *add_source(struct tree *t, const char *name, struct str text)
{
    size_t name_bytes = strlen(name) + 1;
    struct source *s = tree_alloc(t, sizeof *s + name_bytes);
    if (!s)
        return NULL;
    s->name = memcpy(s + 1, name, name_bytes);
    if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
        text = (struct str){ text.ptr + 3, text.len - 3 };
    s->text = text;
    s->order = t->sources_count;
    t->sources[t->sources_count++] = s;
    return s;
}

static struct source *add_copy(struct tree *t, const char *name, struct str text)
{
    char *copy = tree_alloc(t, text.len + 1);
    if (!copy)
        return NULL;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    return add_source(t, name, (struct str){ copy, text.len });
}

struct source *tree_add_text(struct tree *t, const char *name, struct str text)
{
    if (text.len > TREE_BYTES_MAX - t->bytes) {
        report_error(t->report, (struct place){ 0 },
                     "'%s': the configuration is larger than %zu MiB", name, TREE_BYTES_MAX >> 20);
        return NULL;
    }
    t->bytes += text.len;
    return add_copy(t, name, text);
}

/* What is wrong with a file that was to be read. */
static void report_file(struct tree *t, struct place from, const char *name, int err,
                        size_t bytes_max)
{
    if (err == FILE_TOO_LARGE)
        report_error(t->report, from, "'%s' and what was read before are larger than %zu MiB", name,
                     bytes_max >> 20);
    else
        report_error(t->report, from, "cannot read '%s': %s", name, strerror(err));
}

/* Reads a file of at most bytes_max bytes; what it had is added to *bytes. quietly: if it cannot be
 * read, nothing is said. */
static struct source *read_file(struct tree *t, const char *path, struct place from, size_t *bytes,
                                size_t bytes_max, bool quietly)
{
    const char *name = strcmp(path, "-") == 0 ? "<stdin>" : path;
    struct source *s = NULL;
    if (!t->files) {
        report_error(t->report, from, "'%s': files are not read here", quote(str_of(name)).text);
        return NULL;
    }
    if (t->sources_count == TREE_FILES_MAX) {
        report_error(t->report, from, "more than %d files", TREE_FILES_MAX);
        return NULL;
    }
    struct file_read f = t->files->read(t->files, path, bytes_max - *bytes);
    if (f.err == 0)
        s = add_copy(t, name, (struct str){ f.text, f.len });
    else if (!quietly)
        report_file(t, from, name, f.err, bytes_max);
    if (s) {
        *bytes += f.len;
        s->device = f.device;
        s->inode = f.inode;
    }
    if (f.text)
        explicit_bzero(f.text, f.len); /* it may be a key */
    free(f.text);
    return s;
}

struct source *tree_read_file(struct tree *t, const char *path, struct place from)
{
    return read_file(t, path, from, &t->bytes, TREE_BYTES_MAX, false);
}

static struct source *read_data(struct tree *t, const char *path, struct place from, bool secret,
                                bool quietly)
{
    for (uint32_t i = 0; i < t->sources_count; i++)
        if (t->sources[i]->data && strcmp(t->sources[i]->name, path) == 0)
            return t->sources[i];
    struct source *s = read_file(t, path, from, &t->data_bytes, TREE_DATA_BYTES_MAX, quietly);
    if (s) {
        s->data = true;
        s->secret = secret;
    }
    return s;
}

struct source *tree_read_data(struct tree *t, const char *path, struct place from, bool secret)
{
    return read_data(t, path, from, secret, false);
}

struct source *tree_try_data(struct tree *t, const char *path)
{
    const struct place nowhere = { 0 };
    if (!t->files)
        return NULL;
    struct files_found found = t->files->find(t->files, path);
    bool there = found.count > 0;
    files_found_free(&found);
    return there ? read_data(t, path, nowhere, false, true) : NULL;
}

/* ---- Nodes ---------------------------------------------------------------------------------- */

struct node *node_get(const struct node *map, struct str key)
{
    if (map->kind != NODE_MAP)
        return NULL;
    for (struct node *n = map->first; n; n = n->next)
        if (str_eq(n->key->text, key))
            return n;
    return NULL;
}

static void put_path(struct out *o, const struct node *n)
{
    const struct node *chain[TREE_DEPTH_MAX + 1];
    unsigned depth = 0;
    for (; n->parent; n = n->parent)
        chain[depth++] = n;
    for (unsigned i = depth; i-- > 0;) {
        if (!chain[i]->key) {
            out_char(o, '[');
            out_u64(o, chain[i]->index);
            out_char(o, ']');
            continue;
        }
        if (i + 1 < depth)
            out_char(o, '.');
        struct quoted key = quote(chain[i]->key->text);
        out_str(o, str_of(key.text));
    }
}

struct node_path node_path(const struct node *n)
{
    struct node_path p;
    struct out o = out_into(p.text, sizeof p.text - 1);
    put_path(&o, n);
    *o.at = '\0';
    return p;
}

struct node_path node_path_in(const struct node *n)
{
    struct node_path p;
    struct out o = out_into(p.text, sizeof p.text - 1);
    if (n->parent) {
        out_lit(&o, " in ");
        put_path(&o, n);
    }
    *o.at = '\0';
    return p;
}

const char *node_kind_text(const struct node *n)
{
    switch (n->kind) {
    case NODE_NULL:
        return "nothing";
    case NODE_SCALAR:
        return "text";
    case NODE_LIST:
        return "a list";
    default:
        return "a map";
    }
}

static int by_key_and_place(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    struct str s = x->key->text, u = y->key->text;
    int order = memcmp(s.ptr, u.ptr, s.len < u.len ? s.len : u.len);
    if (order)
        return order;
    if (s.len != u.len)
        return s.len < u.len ? -1 : 1;
    const struct place *p = &x->key->place, *q = &y->key->place;
    if (p->source != q->source)
        return p->source->order < q->source->order ? -1 : 1;
    if (p->line != q->line)
        return p->line < q->line ? -1 : 1;
    return p->column < q->column ? -1 : 1;
}

void tree_check_keys(struct tree *t, struct node *map)
{
    if (map->count < 2)
        return;
    struct node **sorted = tree_alloc(t, map->count * sizeof *sorted);
    if (!sorted)
        return;
    uint32_t count = 0;
    for (struct node *n = map->first; n; n = n->next)
        sorted[count++] = n;
    qsort(sorted, count, sizeof *sorted, by_key_and_place);
    for (uint32_t i = 1, first = 0; i < count; i++) {
        const struct node *a = sorted[first]->key, *b = sorted[i]->key;
        if (!str_eq(a->text, b->text)) {
            first = i;
            continue;
        }
        bool same_file = a->place.source == b->place.source;
        report_error(t->report, b->place, "duplicate key '%s'%s; it stands already in %s%sline %u",
                     quote(b->text).text, node_path_in(map).text,
                     same_file ? "" : a->place.source->name, same_file ? "" : ", ", a->place.line);
    }
}
