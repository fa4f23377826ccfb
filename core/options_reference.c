/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sluice reference`: all tables as one JSON document. The manual, the man pages and the completion
 * of shells are made of it (deploy/manual/generate.py). */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/end_reason.h"
#include "core/base/out.h"
#include "core/config/schema.h"
#include "core/config/values.h"
#include "core/observe/log_format.h"
#include "core/observe/metrics_text.h"
#include "core/options.h"

#define TEXT_BYTES_MAX 4096
#define ROWS_MAX 1024

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put_text(FILE *to, const char *text)
{
    char escaped[TEXT_BYTES_MAX];
    struct out o = out_into(escaped, sizeof escaped);
    out_json(&o, str_of(text));
    CHECK(!o.full);
    fprintf(to, "\"%.*s\"", (int)out_len(&o), escaped);
}

/* A member of text; nothing for NULL. Every object begins with a member of another kind, or with
 * put_first(). */
static void put_member(FILE *to, const char *name, const char *text)
{
    if (!text)
        return;
    fprintf(to, ",\"%s\":", name);
    put_text(to, text);
}

static void put_first(FILE *to, const char *name, const char *text)
{
    fprintf(to, "{\"%s\":", name);
    put_text(to, text);
}

static void put_list(FILE *to, const char *name)
{
    fprintf(to, ",\n\"%s\":[", name);
}

static const char *separator(uint32_t i)
{
    return i ? ",\n" : "\n";
}

/* ---- Keys ----------------------------------------------------------------------------------- */

/* Rows met so far: a row that stands in several places is the same one. */
struct rows {
    FILE *to;
    uint32_t count;
    const struct schema_key *keys[ROWS_MAX];
    uint32_t keys_count;
};

static uint32_t row_number(struct rows *r, const struct schema_key *k)
{
    uint32_t i = 0;
    while (i < r->keys_count && r->keys[i] != k)
        i++;
    if (i == r->keys_count) {
        CHECK(i < ROWS_MAX);
        r->keys[r->keys_count++] = k;
    }
    return i;
}

static const char *owner(const struct schema_object *in, const struct schema_key *k)
{
    const struct schema_object *s = in->shared;
    return s && k >= s->keys && k < s->keys + s->keys_count ? s->name : in->name;
}

static void put_form(FILE *to, const struct schema_key *k)
{
    char form[TEXT_BYTES_MAX] = "";
    FILE *text = fmemopen(form, sizeof form, "w");
    if (!text)
        return;
    schema_print_form(text, k);
    fclose(text);
    put_member(to, "form", form);
}

static void put_bounds(FILE *to, const struct schema_key *k)
{
    char text[32];
    if (k->type && k->type->format && k->min < k->max) {
        k->type->format(k->min, text);
        put_member(to, "min", text);
        k->type->format(k->max, text);
        put_member(to, "max", text);
    }
    if (k->has_fallback) {
        schema_format(k, k->fallback, text);
        put_member(to, "default", text);
    }
}

static void put_key(void *arg, const char *path, const struct schema_key *k,
                    const struct schema_object *in)
{
    static const char *const shapes[] = {
        [SHAPE_VALUE] = "value",
        [SHAPE_OBJECT] = "object",
        [SHAPE_LIST] = "list",
        [SHAPE_MAP] = "map",
    };
    struct rows *r = arg;
    char example[SCHEMA_EXAMPLE_MAX];
    fputs(separator(r->count++), r->to);
    put_first(r->to, "path", path);
    fprintf(r->to, ",\"row\":%u,\"required\":%s,\"variables\":%s", row_number(r, k),
            k->required ? "true" : "false", schema_has_variables(k) ? "true" : "false");
    put_member(r->to, "name", k->name);
    put_member(r->to, "object", owner(in, k));
    put_member(r->to, "shape", shapes[k->shape]);
    put_member(r->to, "doc", k->doc);
    put_form(r->to, k);
    put_member(r->to, "units", k->type ? k->type->units : NULL);
    put_bounds(r->to, k);
    put_member(r->to, "otherwise", k->otherwise);
    if (schema_example(k, example))
        put_member(r->to, "example", example);
    put_member(r->to, "since", k->since);
    fputc('}', r->to);
}

static void put_keys(FILE *to)
{
    struct rows *r = calloc(1, sizeof *r);
    CHECK(r);
    r->to = to;
    put_list(to, "keys");
    schema_walk(put_key, r);
    fputc(']', to);
    free(r);
    const char *name, *doc;
    put_list(to, "variables");
    for (uint32_t i = 0; (name = template_variable_at(i, &doc)); i++) {
        fputs(separator(i), to);
        put_first(to, "name", name);
        put_member(to, "doc", doc);
        fputc('}', to);
    }
    fputc(']', to);
}

/* ---- Commands ------------------------------------------------------------------------------- */

static const char *const completions[] = {
    [COMPLETE_NOTHING] = "nothing", [COMPLETE_FILE] = "file",       [COMPLETE_WORDS] = "words",
    [COMPLETE_KEY] = "key",         [COMPLETE_TIMEOUT] = "timeout",
};

static void put_options(FILE *to, const struct option *options)
{
    put_list(to, "options");
    for (const struct option *o = options; o && o->name; o++) {
        fputs(separator(o != options), to);
        put_first(to, "name", o->name);
        put_member(to, "alias", o->alias);
        put_member(to, "value", o->value);
        put_member(to, "doc", o->help);
        put_member(to, "complete", completions[o->complete]);
        put_member(to, "words", o->words);
        fputc('}', to);
    }
    fputc(']', to);
}

static void put_commands(FILE *to)
{
    const struct command *c;
    put_list(to, "commands");
    for (uint32_t i = 0; (c = command_at(i)); i++) {
        fputs(separator(i), to);
        put_first(to, "name", c->name);
        put_member(to, "synopsis", c->synopsis);
        put_member(to, "doc", c->doc);
        put_member(to, "complete", completions[c->complete]);
        put_member(to, "words", c->words);
        put_list(to, "examples");
        for (const struct example *e = c->examples; e->line; e++) {
            fputs(separator(e != c->examples), to);
            put_first(to, "line", e->line);
            put_member(to, "what", e->what);
            fputc('}', to);
        }
        fputc(']', to);
        put_options(to, c->options);
        fputc('}', to);
    }
    fputc(']', to);
}

static void put_meanings(FILE *to, const char *name, const struct meaning *list)
{
    put_list(to, name);
    for (const struct meaning *m = list; m->name; m++) {
        fputs(separator(m != list), to);
        put_first(to, "name", m->name);
        put_member(to, "doc", m->text);
        fputc('}', to);
    }
    fputc(']', to);
}

/* ---- What sluice says ----------------------------------------------------------------------- */

static void put_log_fields(FILE *to)
{
    const struct log_field *f;
    put_list(to, "log_fields");
    for (uint32_t i = 0; (f = log_field_at(i)); i++) {
        fputs(separator(i), to);
        put_first(to, "name", f->name);
        put_member(to, "type", f->type);
        put_member(to, "when", f->when);
        put_member(to, "doc", f->doc);
        fputc('}', to);
    }
    fputc(']', to);
}

static void put_end_reasons(FILE *to)
{
    put_list(to, "end_reasons");
    for (uint32_t i = 0; i < END_REASON_COUNT; i++) {
        const struct end_reason_info *r = end_reason_info((enum end_reason)i);
        fputs(separator(i), to);
        put_first(to, "name", r->word);
        fprintf(to, ",\"status\":%u", r->status);
        put_member(to, "broken_by", r->who == WHO_NONE ? NULL : end_who_word(r->who));
        put_member(to, "doc", r->text);
        fputc('}', to);
    }
    fputc(']', to);
}

static void put_metrics(FILE *to)
{
    struct metric_info m;
    put_list(to, "metrics");
    for (uint32_t i = 0; metrics_text_family(i, &m); i++) {
        fputs(separator(i), to);
        put_first(to, "name", m.name);
        put_member(to, "type", m.type);
        put_member(to, "of", m.of);
        put_member(to, "by", m.by);
        put_member(to, "doc", m.help);
        fputc('}', to);
    }
    fputc(']', to);
}

static int reference(int argc, char **argv)
{
    int code = command_parse(&command_reference, argc, argv, NULL);
    if (code)
        return code < 0 ? EXIT_OK : code;
    put_first(stdout, "version", SLUICE_VERSION);
    put_keys(stdout);
    put_commands(stdout);
    put_meanings(stdout, "exit_codes", command_exit_codes);
    put_meanings(stdout, "signals", command_signals);
    put_log_fields(stdout);
    put_end_reasons(stdout);
    put_metrics(stdout);
    puts("}");
    return EXIT_OK;
}

static const struct example examples[] = {
    { "sluice reference", "all its tables as JSON, for programs" },
    { "sluice reference | jq '.end_reasons[] | select(.status == 502)'", "every cause of a 502" },
    { NULL, NULL },
};
const struct command command_reference = {
    .name = "reference",
    .synopsis = "",
    .doc = "Prints what sluice knows of itself as JSON: keys of the configuration, variables, "
           "commands and their options, exit codes, signals, fields of the log, end reasons, "
           "metrics. The manual is made of it.",
    .examples = examples,
    .run = reference,
};
