/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table for people: `sluice help KEY`. */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/schema.h"
#include "core/config/suggest.h"
#include "core/config/values.h"

#define PARTS_MAX 16
#define PLACES_MAX 64
#define COLUMNS 80

/* ---- Text ----------------------------------------------------------------------------------- */

static void print_wrapped(FILE *to, const char *text, size_t indent)
{
    size_t column = 0;
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column + n > COLUMNS - indent && column) {
            fputc('\n', to);
            column = 0;
        }
        if (column == 0)
            fprintf(to, "%*s", (int)indent, "");
        fprintf(to, "%s%.*s", column ? " " : "", (int)n, text);
        column += n + (column > 0);
        text += n + (text[n] == ' ');
    }
    fputc('\n', to);
}

static void print_words(FILE *to, const struct schema_key *k, const char *last)
{
    for (const struct word *w = k->words; w->text; w++)
        fprintf(to, "%s%s", w == k->words ? "" : w[1].text || last[0] ? ", " : " or ", w->text);
    if (last[0])
        fprintf(to, " or %s", last);
}

void schema_print_form(FILE *to, const struct schema_key *k)
{
    const char *form =
        k->type && !(k->words && !k->type->json && k->min == k->max) ? k->type->form : "";
    switch (k->shape) {
    case SHAPE_VALUE:
        break;
    case SHAPE_LIST:
        fputs(k->type || k->object->shorthand ? "a list, or one: " : "a list of maps", to);
        form = k->type ? k->type->form : k->object->shorthand ? "see below" : "";
        break;
    case SHAPE_MAP:
        fprintf(to, "a map from %s to %s", k->key_type->form,
                k->type ? k->type->form : "maps, see below");
        return;
    case SHAPE_OBJECT:
        fputs("a map", to);
        if (k->object->shorthand)
            fprintf(to, ", or the value of its '%s'", k->object->shorthand);
        if (k->object->off)
            fputs(", or off", to);
        return;
    }
    if (k->words)
        print_words(to, k, form);
    else
        fputs(form, to);
}

static void print_bounds(FILE *to, const struct schema_key *k)
{
    char least[32], most[32];
    if (!k->type || !k->type->format || k->min >= k->max)
        return;
    k->type->format(k->min, least);
    k->type->format(k->max, most);
    fprintf(to, "  Bounds:  %s to %s\n", least, most);
}

static void print_default(FILE *to, const struct schema_key *k)
{
    char value[32];
    if (k->required) {
        fputs("  Required\n", to);
    } else if (k->has_fallback) {
        schema_format(k, k->fallback, value);
        fprintf(to, "  Default: %s\n", value);
    } else if (k->otherwise) {
        fprintf(to, "  Default: %s\n", k->otherwise);
    }
}

static void print_example(FILE *to, const struct schema_key *k)
{
    char example[SCHEMA_EXAMPLE_MAX];
    if (schema_example(k, example))
        fprintf(to, "  Example: %s\n", example);
}

/* How long the first sentence is, without its full stop. */
static size_t first_sentence(const char *text)
{
    const char *end = strstr(text, ". ");
    size_t len = end ? (size_t)(end - text) : strlen(text);
    return len && text[len - 1] == '.' ? len - 1 : len;
}

bool schema_has_variables(const struct schema_key *k)
{
    return k->type == &value_template || k->type == &value_response_template ||
           k->type == &value_body_template || k->type == &value_path_template ||
           k->type == &value_rewrite;
}

static void print_variables(FILE *to)
{
    const char *name, *doc;
    fputs("  Variables: $NAME, or $(NAME) where letters follow; $1 to $9 are groups of the path's\n"
          "  regular expression, $$ is the character.\n",
          to);
    for (uint32_t i = 0; (name = template_variable_at(i, &doc)); i++)
        fprintf(to, "    $%-16s %s\n", name, doc);
}

static void print_members(FILE *to, const struct schema_object *o)
{
    size_t offset;
    const struct schema_key *k;
    fputs("  Keys:\n", to);
    for (uint32_t i = 0; (k = schema_key_at(o, i, &offset)); i++) {
        size_t sentence = first_sentence(k->doc);
        int room = (int)(sentence < 70 ? sentence : 67);
        fprintf(to, "    %-20s %.*s%s\n", k->name, room, k->doc, sentence < 70 ? "" : "...");
    }
}

/* ---- Finding -------------------------------------------------------------------------------- */

struct parts {
    struct str part[PARTS_MAX];
    uint32_t count;
};

/* "sites.edge.routes[0].to": sites, edge, routes, to. */
static struct parts split(const char *path)
{
    struct parts p = { .count = 0 };
    while (*path && p.count < PARTS_MAX) {
        size_t n = strcspn(path, ".[");
        if (n)
            p.part[p.count++] = (struct str){ path, n };
        path += n;
        if (*path == '[')
            path += strcspn(path, "]");
        path += *path != '\0';
    }
    return p;
}

/* How the words asked for are the last of the path: as they stand, where NAME may be left out
 * ("listeners.tls"), or else with any word for NAME ("sites.edge.log"). */
enum fit { FIT_NOT, FIT_NAMED, FIT_PLAIN };

static enum fit path_fits(const char *path, const struct parts *asked)
{
    struct parts p = split(path);
    uint32_t left = asked->count, at = p.count;
    while (left && at) {
        struct str want = asked->part[left - 1], have = p.part[--at];
        if (str_eq(want, have))
            left--;
        else if (!str_eq(have, STR("NAME")) || left == asked->count)
            break;
    }
    if (!left)
        return asked->count ? FIT_PLAIN : FIT_NOT;
    if (asked->count > p.count)
        return FIT_NOT;
    for (uint32_t i = 1; i <= asked->count; i++) {
        struct str want = asked->part[asked->count - i], have = p.part[p.count - i];
        if (!str_eq(want, have) && (i == 1 || !str_eq(have, STR("NAME"))))
            return FIT_NOT;
    }
    return FIT_NAMED;
}

/* Keys that are the same row of the table, in all the places where it stands. */
struct found {
    const struct schema_key *key;
    char places[PLACES_MAX][120];
    uint32_t places_count;
};

struct search {
    const struct parts *asked;
    enum fit fit; /* of what was found: the best one there is */
    struct found found[PLACES_MAX];
    uint32_t count;
    struct suggestion suggestion;
};

static void look(void *arg, const char *path, const struct schema_key *k,
                 const struct schema_object *in)
{
    (void)in;
    struct search *s = arg;
    suggest_word(&s->suggestion, k->name);
    enum fit fit = path_fits(path, s->asked);
    if (fit == FIT_NOT || fit < s->fit)
        return;
    if (fit > s->fit) {
        memset(s->found, 0, sizeof s->found);
        s->count = 0;
        s->fit = fit;
    }
    uint32_t i = 0;
    while (i < s->count && s->found[i].key != k)
        i++;
    if (i == PLACES_MAX)
        return;
    struct found *f = &s->found[i];
    s->count += i == s->count;
    f->key = k;
    if (f->places_count < PLACES_MAX)
        snprintf(f->places[f->places_count++], sizeof f->places[0], "%s", path);
}

static void print_found(FILE *to, const struct found *f)
{
    for (uint32_t i = 0; i < f->places_count; i++)
        fprintf(to, "%s\n", f->places[i]);
    fputc('\n', to);
    print_wrapped(to, f->key->doc, 2);
    fputs("\n  Form:    ", to);
    schema_print_form(to, f->key);
    fputc('\n', to);
    print_bounds(to, f->key);
    print_default(to, f->key);
    print_example(to, f->key);
    fprintf(to, "  Since:   %s\n", f->key->since);
    if (f->key->object)
        print_members(to, f->key->object);
    if (schema_has_variables(f->key))
        print_variables(to);
}

bool schema_print_help(FILE *to, FILE *error, const char *name)
{
    struct parts asked = split(name);
    struct search s = { .asked = &asked };
    suggest_begin(&s.suggestion, asked.count ? asked.part[asked.count - 1] : STR(""));
    schema_walk(look, &s);
    for (uint32_t i = 0; i < s.count; i++) {
        if (i)
            fputc('\n', to);
        print_found(to, &s.found[i]);
    }
    if (s.count)
        return true;
    const char *near = suggest_word_found(&s.suggestion);
    const char *hint = near ? NULL : foreign_hint("", str_of(name));
    fprintf(error, "sluice help: no key '%s'%s%s%s%s%s\n", name, near ? "; did you mean '" : "",
            near ? near : "", near ? "'?" : "", hint ? "; " : "", hint ? hint : "");
    return false;
}

static void print_key_line(void *arg, const char *path, const struct schema_key *k,
                           const struct schema_object *in)
{
    (void)in;
    size_t sentence = first_sentence(k->doc);
    fprintf(arg, "  %-44s %.*s\n", path, (int)sentence, k->doc);
}

void schema_print_keys(FILE *to)
{
    schema_walk(print_key_line, to);
}
