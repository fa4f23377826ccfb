/* SPDX-License-Identifier: GPL-3.0-or-later */
/* include: FILE or a list of them, each a pattern as the shell knows it, relative to the file that
 * names it. What the files hold joins the top level: maps (sites, backends, ...) become one map,
 * everything else may stand only once. */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "core/config/tree.h"

/* Takes the entry out of its map; it keeps its key. */
static struct node *take_out(struct node *map, struct str key)
{
    struct node *before = NULL;
    for (struct node *n = map->first; n; before = n, n = n->next) {
        if (!str_eq(n->key->text, key))
            continue;
        if (before)
            before->next = n->next;
        else
            map->first = n->next;
        if (map->last == n)
            map->last = before;
        map->count--;
        return n;
    }
    return NULL;
}

static void append(struct node *map, struct node *entry)
{
    entry->parent = map;
    entry->next = NULL;
    if (map->last)
        map->last->next = entry;
    else
        map->first = entry;
    map->last = entry;
    map->count++;
}

/* Moves the entries of `from` to the end of `to`; entries that are maps in both become one. */
static void merge(struct node *to, struct node *from, bool top)
{
    for (struct node *n = from->first, *next; n; n = next) {
        next = n->next;
        struct node *there = top ? node_get(to, n->key->text) : NULL;
        bool maps = there && there->kind == NODE_MAP && n->kind == NODE_MAP;
        if (maps && !there->anchored && !n->anchored)
            merge(there, n, false);
        else
            append(to, n);
    }
}

static bool same_file(const struct source *s, const struct source *other)
{
    return s->inode == other->inode && s->device == other->device && s->inode;
}

static bool too_deep(struct tree *t, const struct source *by, struct place from)
{
    uint32_t deep = 0;
    for (const struct source *s = by; s; s = s->included_by)
        deep++;
    if (deep > TREE_INCLUDES_DEEP_MAX)
        report_error(t->report, from, "includes nest deeper than %d files", TREE_INCLUDES_DEEP_MAX);
    return deep > TREE_INCLUDES_DEEP_MAX;
}

/* Whether the file was there already; then it is reported. */
static bool seen_before(struct tree *t, const struct source *new, const struct source *by,
                        struct place from)
{
    for (const struct source *s = by; s; s = s->included_by) {
        if (same_file(s, new)) {
            report_error(t->report, from, "a cycle: '%s' includes itself%s", new->name,
                         s == by ? "" : " through the files between");
            return true;
        }
    }
    for (uint32_t i = 0; i < t->sources_count; i++) {
        if (t->sources[i] != new &&same_file(t->sources[i], new)) {
            report_error(t->report, from, "'%s' is included twice", new->name);
            return true;
        }
    }
    return false;
}

static void include_file(struct tree *t, struct node *root, struct source *by, const char *path,
                         struct place from)
{
    if (too_deep(t, by, from))
        return;
    struct source *s = tree_read_file(t, path, from);
    if (!s || seen_before(t, s, by, from))
        return;
    struct node *n = tree_parse(t, s);
    if (!n || n->kind == NODE_NULL)
        return;
    s->included_by = by;
    if (n->kind != NODE_MAP) {
        report_error(t->report, n->place, "an included file holds a map, not %s",
                     node_kind_text(n));
        return;
    }
    tree_include(t, n, s);
    merge(root, n, true);
}

static void include_pattern(struct tree *t, struct node *root, struct source *by,
                            const struct node *pattern)
{
    if (pattern->kind != NODE_SCALAR || pattern->text.len == 0) {
        report_error(t->report, pattern->place, "include wants a file name or a list of them");
        return;
    }
    char path[4096];
    const char *slash = strrchr(by->name, '/');
    size_t folder = slash && pattern->text.ptr[0] != '/' ? (size_t)(slash - by->name) + 1 : 0;
    if (!t->files) {
        report_error(t->report, pattern->place, "files are not read here");
        return;
    }
    if (folder + pattern->text.len >= sizeof path) {
        report_error(t->report, pattern->place, "'%s': the name is too long",
                     quote(pattern->text).text);
        return;
    }
    snprintf(path, sizeof path, "%.*s%s", (int)folder, by->name, pattern->text.ptr);
    struct files_found found = t->files->find(t->files, path);
    bool is_pattern = strpbrk(pattern->text.ptr, "*?[") != NULL;
    if (found.err == GLOB_NOSPACE)
        report_out_of_memory(t->report);
    else if (found.err == GLOB_ABORTED)
        report_error(t->report, pattern->place, "cannot read a folder of '%s'",
                     quote(pattern->text).text);
    else if (found.err == GLOB_NOMATCH && is_pattern)
        report_warning(t->report, pattern->place, "no file is named like '%s'",
                       quote(str_of(path)).text);
    else if (found.err == GLOB_NOMATCH)
        include_file(t, root, by, path, pattern->place); /* which says why not */
    for (uint32_t i = 0; i < found.count; i++)
        include_file(t, root, by, found.names[i], pattern->place);
    files_found_free(&found);
}

void tree_include(struct tree *t, struct node *root, struct source *s)
{
    struct node *include = take_out(root, STR("include"));
    if (!include)
        return;
    if (include->kind == NODE_LIST)
        for (const struct node *n = include->first; n; n = n->next)
            include_pattern(t, root, s, n);
    else
        include_pattern(t, root, s, include);
    /* Each file was checked for itself. */
    tree_check_keys(t, root);
    for (struct node *n = root->first; n; n = n->next)
        if (n->kind == NODE_MAP)
            tree_check_keys(t, n);
}
