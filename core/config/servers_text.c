/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/servers_text.h"

#include <stdlib.h>
#include <string.h>

#include "core/config/loader.h"
#include "core/config/schema_macros.h"

#define MEMORY_BYTES_MAX ((size_t)16 << 20)

static const struct schema_key servers_key = { KEY("servers"),
                                               LIST_OF(servers_text, servers, schema_server) };

/* Nothing of the environment goes into a file that others write. */
static const char *no_environment(const char *name)
{
    (void)name;
    return NULL;
}

/* ---- Lines ---------------------------------------------------------------------------------- */

struct line_reader {
    struct tree *tree;
    const struct source *source;
    uint32_t number;   /* of the line, from 1 */
    const char *begin; /* of the line */
};

static struct node *make_node(struct line_reader *r, enum node_kind kind, struct str text)
{
    struct node *n = tree_alloc(r->tree, sizeof *n);
    char *copy = n ? tree_alloc(r->tree, text.len + 1) : NULL;
    if (!copy)
        return NULL;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    *n = (struct node){ .kind = kind, .text = { copy, text.len }, .weight = 1 };
    n->place =
        (struct place){ r->source, r->number, 1 + (text.ptr ? (uint32_t)(text.ptr - r->begin) : 0),
                        (uint32_t)text.len };
    return n;
}

static void append(struct node *to, struct node *n)
{
    n->parent = to;
    n->index = to->count++;
    if (to->last)
        to->last->next = n;
    else
        to->first = n;
    to->last = n;
}

static bool add_value(struct line_reader *r, struct node *map, struct str key, struct str value)
{
    struct node *k = make_node(r, NODE_SCALAR, key), *v = make_node(r, NODE_SCALAR, value);
    if (!k || !v)
        return false;
    v->key = k;
    append(map, v);
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct str next_word(struct str *line)
{
    while (line->len && is_space(line->ptr[0]))
        *line = (struct str){ line->ptr + 1, line->len - 1 };
    struct str word = { line->ptr, 0 };
    while (word.len < line->len && !is_space(word.ptr[word.len]))
        word.len++;
    *line = (struct str){ word.ptr + word.len, line->len - word.len };
    return word;
}

/* "10.0.0.1:9000 weight=2": a map with the address and the keys behind it. */
static bool read_line(struct line_reader *r, struct node *list, struct str line)
{
    struct str word = next_word(&line);
    if (word.len == 0)
        return true;
    struct node *map = make_node(r, NODE_MAP, word);
    if (!map || !add_value(r, map, STR("address"), word))
        return false;
    map->last->key->place = map->last->place;
    while ((word = next_word(&line)).len) {
        const char *equals = memchr(word.ptr, '=', word.len);
        struct str key = { word.ptr, equals ? (size_t)(equals - word.ptr) : word.len };
        struct str value = { equals ? equals + 1 : word.ptr + word.len,
                             equals ? word.len - key.len - 1 : 0 };
        if (!equals)
            report_error(r->tree->report, make_node(r, NODE_SCALAR, word)->place,
                         "'%s': behind the address come words like weight=2", quote(word).text);
        else if (!add_value(r, map, key, value))
            return false;
    }
    tree_check_keys(r->tree, map);
    append(list, map);
    return true;
}

static struct node *read_lines(struct tree *t, const struct source *s)
{
    struct line_reader r = { .tree = t, .source = s };
    struct node *list = make_node(&r, NODE_LIST, (struct str){ 0 });
    struct str left = s->text;
    while (list && left.len) {
        const char *end = memchr(left.ptr, '\n', left.len);
        struct str line = { left.ptr, end ? (size_t)(end - left.ptr) : left.len };
        size_t past = line.len + (end != NULL);
        r.number++;
        r.begin = left.ptr;
        left = (struct str){ left.ptr + past, left.len - past };
        const char *hash = memchr(line.ptr, '#', line.len);
        if (hash)
            line.len = (size_t)(hash - line.ptr);
        if (!read_line(&r, list, line))
            return NULL;
    }
    return list;
}

/* ---- All of it ------------------------------------------------------------------------------ */

/* The first character that is neither space nor in a comment. */
static char first_character(struct str text)
{
    bool comment = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n')
            comment = false;
        else if (c == '#')
            comment = true;
        else if (!comment && !is_space(c))
            return c;
    }
    return '\0';
}

static struct node *parse(struct tree *t, struct source *s)
{
    const struct place whole = { .source = s };
    char first = first_character(s->text);
    struct node *list =
        first == '[' || first == '-' || first == '{' ? tree_parse(t, s) : read_lines(t, s);
    if (memchr(s->text.ptr, '\0', s->text.len))
        report_error(t->report, whole, "this is no text");
    else if (first == '\0')
        report_error(t->report, whole, "the file is empty; \"[]\" would be an empty list");
    else if (list && list->kind != NODE_LIST)
        report_error(t->report, list->place, "a list of servers, not %s", node_kind_text(list));
    return report_ok(t->report) ? list : NULL;
}

static void check_servers(struct loader *l, const struct servers_text *text)
{
    const struct place nowhere = { 0 };
    if (text->servers_count > SERVERS_MAX)
        report_error(l->report, nowhere, "%u servers; a backend has at most %d",
                     text->servers_count, SERVERS_MAX);
}

struct servers_text *servers_text_read(const char *path, struct str text,
                                       struct config_report *report)
{
    struct servers_text *out = calloc(1, sizeof *out);
    struct tree *tree = calloc(1, sizeof *tree);
    struct loader *l = calloc(1, sizeof *l);
    const struct config_input input = { .path = path };
    if (out)
        out->memory = config_new(MEMORY_BYTES_MAX);
    if (!tree || !l || !out || !out->memory) {
        report_out_of_memory(report);
    } else {
        tree_init(tree, report, no_environment, NULL, MEMORY_BYTES_MAX);
        *l = (struct loader){
            .config = out->memory, .report = report, .tree = tree, .input = &input, .captures = -1
        };
        struct source *s = tree_add_text(tree, path, text);
        const struct node *list = s ? parse(tree, s) : NULL;
        if (list)
            read_items(l, &servers_key, list, (char *)out + servers_key.offset);
        check_servers(l, out);
        tree_free(tree);
    }
    config_report_sort(report);
    free(tree);
    free(l);
    if (report_ok(report))
        return out;
    servers_text_free(out);
    return NULL;
}

void servers_text_free(struct servers_text *t)
{
    if (!t)
        return;
    config_free(t->memory);
    free(t);
}
