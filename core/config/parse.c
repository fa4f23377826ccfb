/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libyaml's events become a tree. */
#include <string.h>
#include <yaml.h>

#include "core/base/check.h"
#include "core/config/tree.h"

#define ANCHORS_MAX 256

struct frame {
    struct node *node; /* a list or map that is not ended */
    struct node *key;  /* of a map: the one whose value comes next; NULL: a key comes next */
};

struct anchor {
    struct str name;
    struct node *node;
};

struct parse {
    struct tree *tree;
    struct source *source;
    struct node *root;
    struct frame frames[TREE_DEPTH_MAX];
    uint32_t depth;
    struct anchor anchors[ANCHORS_MAX];
    uint32_t anchors_count;
};

static struct place place_of(const struct parse *p, const yaml_mark_t *from, const yaml_mark_t *to)
{
    size_t width =
        to->line == from->line && to->column > from->column ? to->column - from->column : 1;
    return (struct place){ p->source, (uint32_t)from->line + 1, (uint32_t)from->column + 1,
                           (uint32_t)width };
}

/* ---- Syntax errors -------------------------------------------------------------------------- */

/* The character at a place, 0 past the line's end. Only ASCII before it is looked through right;
 * for a hint that is good enough. */
static char char_at(struct place at)
{
    struct str line = source_line(at.source, at.line);
    return at.column <= line.len ? line.ptr[at.column - 1] : '\0';
}

static const char *syntax_hint(struct place at, const char *problem, const char *context)
{
    char c = char_at(at);
    if (c == '\t')
        return "; indent with spaces, not with tabs";
    if (strstr(context, "alias"))
        return "; a value that begins with '*' must be quoted, as in \"*.example.com\"";
    if (strstr(context, "anchor"))
        return "; a value that begins with '&' must be quoted";
    if (strstr(problem, "cannot start any token"))
        return "; a value that begins with this character must be quoted";
    if (strstr(problem, "mapping values are not allowed"))
        return "; quote a value that holds ': ', or look at the indentation";
    if (strstr(problem, "',' or '}'") || strstr(problem, "',' or ']'"))
        return "; between braces, quote values that hold one of , : { } [ ]";
    if (strstr(problem, "could not find expected ':'"))
        return "; a key is followed by ': ' and its value";
    if (strstr(problem, "did not find expected key") || strstr(problem, "'-' indicator"))
        return "; look at the indentation";
    return "";
}

/* The place of a byte, for what is no valid text. */
static struct place place_of_byte(const struct parse *p, size_t offset)
{
    struct place at = { p->source, 1, 1, 1 };
    struct str text = p->source->text;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            at.line++;
            at.column = 1;
        } else {
            at.column += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
        }
    }
    return at;
}

static void syntax_error(struct parse *p, const yaml_parser_t *y)
{
    struct config_report *r = p->tree->report;
    if (y->error == YAML_MEMORY_ERROR) {
        report_out_of_memory(r);
        return;
    }
    if (y->error == YAML_READER_ERROR) {
        report_error(r, place_of_byte(p, y->problem_offset), "not UTF-8 text: %s (0x%02x)",
                     y->problem, (unsigned)y->problem_value);
        return;
    }
    struct place at = place_of(p, &y->problem_mark, &y->problem_mark);
    const char *problem = y->problem ? y->problem : "malformed";
    const char *context = y->context ? y->context : "";
    const char *hint = syntax_hint(at, problem, context);
    if (y->context && y->context_mark.line != y->problem_mark.line)
        report_error(r, at, "YAML: %s, %s that begins in line %zu%s", problem, context,
                     y->context_mark.line + 1, hint);
    else
        report_error(r, at, "YAML: %s%s%s%s", problem, y->context ? ", " : "", context, hint);
}

/* ---- Building ------------------------------------------------------------------------------- */

static bool count_nodes(struct parse *p, struct place at, uint32_t weight)
{
    p->tree->nodes += weight;
    if (p->tree->nodes <= TREE_NODES_MAX)
        return true;
    report_error(p->tree->report, at,
                 "more than %u values, counting what aliases repeat: too much for a configuration",
                 TREE_NODES_MAX);
    return false;
}

static struct node *new_node(struct parse *p, enum node_kind kind, struct place at)
{
    if (!count_nodes(p, at, 1))
        return NULL;
    struct node *n = tree_alloc(p->tree, sizeof *n);
    if (!n)
        return NULL;
    n->kind = kind;
    n->place = at;
    n->weight = 1;
    return n;
}

static bool is_key(struct parse *p, const struct node *n)
{
    struct config_report *r = p->tree->report;
    if (n->kind != NODE_SCALAR) {
        report_error(r, n->place, "a key must be text, not %s", node_kind_text(n));
        return false;
    }
    if (!n->quoted && str_eq(n->text, STR("<<"))) {
        report_error(r, n->place,
                     "merge keys ('<<') are not read; write the keys out, or share "
                     "them by `defaults`");
        return false;
    }
    return true;
}

/* Puts a node where the next one belongs; it becomes a key or a value. */
static bool attach(struct parse *p, struct node *n)
{
    if (p->depth == 0) {
        p->root = n;
        return true;
    }
    struct frame *f = &p->frames[p->depth - 1];
    if (f->node->kind == NODE_MAP && !f->key) {
        f->key = n;
        return is_key(p, n);
    }
    n->parent = f->node;
    n->key = f->key;
    f->key = NULL;
    if (f->node->last)
        f->node->last->next = n;
    else
        f->node->first = n;
    f->node->last = n;
    n->index = f->node->count++;
    return true;
}

static bool keep_anchor(struct parse *p, const yaml_char_t *name, struct node *n)
{
    if (!name)
        return true;
    if (p->anchors_count == ANCHORS_MAX) {
        report_error(p->tree->report, n->place, "more than %d anchors", ANCHORS_MAX);
        return false;
    }
    size_t len = strlen((const char *)name);
    char *copy = tree_alloc(p->tree, len + 1);
    if (!copy)
        return false;
    memcpy(copy, name, len);
    n->anchored = true;
    p->anchors[p->anchors_count++] = (struct anchor){ { copy, len }, n };
    return true;
}

static bool check_tag(struct parse *p, const yaml_char_t *tag, struct place at)
{
    if (!tag || strcmp((const char *)tag, "!") == 0)
        return true;
    report_error(p->tree->report, at,
                 "tags ('%s') are not used here; quote a value that begins "
                 "with '!'",
                 quote(str_of((const char *)tag)).text);
    return false;
}

static bool is_null(struct str s)
{
    return s.len == 0 || str_eq(s, STR("~")) || str_eq(s, STR("null")) || str_eq(s, STR("Null")) ||
           str_eq(s, STR("NULL"));
}

static bool on_scalar(struct parse *p, const yaml_event_t *e, struct place at)
{
    struct str value = { (const char *)e->data.scalar.value, e->data.scalar.length }, text;
    bool quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE, expanded;
    if (!check_tag(p, e->data.scalar.tag, at))
        return false;
    if (memchr(value.ptr, 0, value.len)) {
        report_error(p->tree->report, at, "a value must not hold a NUL");
        return false;
    }
    bool null = !quoted && is_null(value);
    struct node *n = new_node(p, null ? NODE_NULL : NODE_SCALAR, at);
    if (!n || !keep_anchor(p, e->data.scalar.anchor, n))
        return false;
    n->quoted = quoted;
    /* A missing variable is reported; the value stays as it is, and reading goes on. */
    if (!env_expand(p->tree, at, value, &text, &expanded))
        text = value;
    n->expanded = expanded;
    char *copy = tree_alloc(p->tree, text.len + 1);
    if (!copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    n->text = (struct str){ copy, text.len };
    return attach(p, n);
}

static bool on_alias(struct parse *p, const yaml_event_t *e, struct place at)
{
    struct str name = str_of((const char *)e->data.alias.anchor);
    for (uint32_t i = p->anchors_count; i-- > 0;) {
        struct node *of = p->anchors[i].node;
        if (!str_eq(p->anchors[i].name, name))
            continue;
        for (uint32_t k = 0; k < p->depth; k++) {
            if (p->frames[k].node == of) {
                report_error(p->tree->report, at, "'*%s' stands inside itself", quote(name).text);
                return false;
            }
        }
        if (!count_nodes(p, at, of->weight))
            return false;
        struct node *n = tree_alloc(p->tree, sizeof *n);
        if (!n)
            return false;
        *n = *of;
        n->place = at;
        n->parent = n->key = n->next = NULL;
        return attach(p, n);
    }
    report_error(p->tree->report, at,
                 "no anchor '&%s' for this alias; a value that begins with '*' must be quoted",
                 quote(name).text);
    return false;
}

static bool on_start(struct parse *p, const yaml_event_t *e, enum node_kind kind, struct place at)
{
    bool map = kind == NODE_MAP;
    const yaml_char_t *tag = map ? e->data.mapping_start.tag : e->data.sequence_start.tag;
    const yaml_char_t *anchor = map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
    at.width = 1;
    if (!check_tag(p, tag, at))
        return false;
    if (p->depth == TREE_DEPTH_MAX) {
        report_error(p->tree->report, at, "nested deeper than %d levels", TREE_DEPTH_MAX);
        return false;
    }
    struct node *n = new_node(p, kind, at);
    if (!n || !keep_anchor(p, anchor, n) || !attach(p, n))
        return false;
    p->frames[p->depth++] = (struct frame){ n, NULL };
    return true;
}

static void on_end(struct parse *p)
{
    CHECK(p->depth > 0);
    struct node *n = p->frames[--p->depth].node;
    for (const struct node *c = n->first; c; c = c->next)
        n->weight += c->weight + (c->key != NULL);
    if (n->kind == NODE_MAP)
        tree_check_keys(p->tree, n);
}

static bool on_event(struct parse *p, const yaml_event_t *e)
{
    struct place at = place_of(p, &e->start_mark, &e->end_mark);
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(p, e, at);
    case YAML_ALIAS_EVENT:
        return on_alias(p, e, at);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(p, e, NODE_LIST, at);
    case YAML_MAPPING_START_EVENT:
        return on_start(p, e, NODE_MAP, at);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_end(p);
        return true;
    case YAML_DOCUMENT_START_EVENT:
        if (!p->root)
            return true;
        report_error(p->tree->report, at, "a second document begins here; a file holds one");
        return false;
    default:
        return true;
    }
}

struct node *tree_parse(struct tree *t, struct source *s)
{
    struct parse p = { .tree = t, .source = s };
    yaml_parser_t y;
    if (!yaml_parser_initialize(&y)) {
        report_out_of_memory(t->report);
        return NULL;
    }
    yaml_parser_set_encoding(&y, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&y, (const unsigned char *)s->text.ptr, s->text.len);
    bool more = true, ok = false;
    while (more) {
        yaml_event_t e;
        if (!yaml_parser_parse(&y, &e)) {
            syntax_error(&p, &y);
            break;
        }
        more = on_event(&p, &e) && e.type != YAML_STREAM_END_EVENT;
        ok = e.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&y);
    if (ok && !p.root)
        p.root = new_node(&p, NODE_NULL, (struct place){ s, 1, 1, 1 });
    return ok ? p.root : NULL;
}
