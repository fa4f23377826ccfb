/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table as a JSON Schema, for editors. It knows shapes, names and forms; what takes looking at
 * several values together only `sluice check` finds. */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/out.h"
#include "core/config/schema.h"
#include "core/config/values.h"

#define OBJECTS_MAX 64

struct printer {
    FILE *to;
    const struct schema_object *objects[OBJECTS_MAX]; /* met so far, to be defined once */
    uint32_t objects_count;
};

static void put_text(FILE *to, const char *text)
{
    char escaped[2048];
    struct out o = out_into(escaped, sizeof escaped);
    out_json(&o, str_of(text));
    CHECK(!o.full);
    fprintf(to, "\"%.*s\"", (int)out_len(&o), escaped);
}

/* Objects of one name differ (timeouts): their number makes the reference. */
static uint32_t object_number(struct printer *p, const struct schema_object *o)
{
    for (uint32_t i = 0; i < p->objects_count; i++)
        if (p->objects[i] == o)
            return i;
    CHECK(p->objects_count < OBJECTS_MAX);
    p->objects[p->objects_count] = o;
    return p->objects_count++;
}

/* "on" and "off" are booleans to most readers of YAML. */
static const char *boolean_for(const char *word)
{
    return strcmp(word, "on") == 0 ? ",true" : strcmp(word, "off") == 0 ? ",false" : "";
}

static void put_words(FILE *to, const struct schema_key *k)
{
    fputs("{\"enum\":[", to);
    for (const struct word *w = k->words; w->text; w++) {
        bool number = w->text[0] >= '0' && w->text[0] <= '9';
        fprintf(to, "%s%s%s%s%s", w == k->words ? "" : ",", number ? "" : "\"", w->text,
                number ? "" : "\"", boolean_for(w->text));
    }
    fputs("]}", to);
}

/* One value; the environment may stand anywhere. */
static void put_value(FILE *to, const struct schema_key *k)
{
    bool any_number = k->type->format && !k->type->json && k->min < k->max;
    fputs("{\"anyOf\":[", to);
    if (k->type->json)
        fprintf(to, "{%s},", k->type->json);
    if (any_number)
        fprintf(to, "{\"type\":\"integer\",\"minimum\":%llu,\"maximum\":%llu},",
                (unsigned long long)k->min, (unsigned long long)k->max);
    if (k->words) {
        put_words(to, k);
        fputc(',', to);
    }
    fputs("{\"$ref\":\"#/$defs/environment\"}]}", to);
}

static const struct schema_key *shorthand(const struct schema_object *o)
{
    return o->shorthand ? schema_find(o, str_of(o->shorthand)) : NULL;
}

static void put_key_schema(struct printer *p, const struct schema_key *k);

static void put_object(struct printer *p, const struct schema_object *o)
{
    const struct schema_key *s = shorthand(o);
    if (s || o->off)
        fputs("{\"anyOf\":[", p->to);
    fprintf(p->to, "{\"$ref\":\"#/$defs/%s%u\"}", o->name, object_number(p, o));
    if (s) {
        fputc(',', p->to);
        put_key_schema(p, s);
    }
    if (o->off)
        fputs(",{\"enum\":[\"off\",false]}", p->to);
    if (s || o->off)
        fputs("]}", p->to);
}

static void put_item(struct printer *p, const struct schema_key *k)
{
    if (k->object)
        put_object(p, k->object);
    else
        put_value(p->to, k);
}

static void put_list(struct printer *p, const struct schema_key *k)
{
    bool one = !k->object || k->object->shorthand || k->alone;
    if (one) {
        fputs("{\"anyOf\":[", p->to);
        if (k->alone)
            put_object(p, k->object);
        else if (k->object)
            put_key_schema(p, shorthand(k->object));
        else
            put_value(p->to, k);
        fputc(',', p->to);
    }
    fputs("{\"type\":\"array\",\"items\":", p->to);
    put_item(p, k);
    fputc('}', p->to);
    if (one)
        fputs("]}", p->to);
}

static void put_map(struct printer *p, const struct schema_key *k)
{
    fprintf(p->to, "{\"type\":\"object\",\"propertyNames\":{%s},\"additionalProperties\":",
            k->key_type->json);
    if (k->many)
        put_list(p, k);
    else
        put_item(p, k);
    fputc('}', p->to);
}

static void put_key_schema(struct printer *p, const struct schema_key *k)
{
    switch (k->shape) {
    case SHAPE_VALUE:
        put_value(p->to, k);
        break;
    case SHAPE_OBJECT:
        put_object(p, k->object);
        break;
    case SHAPE_LIST:
        put_list(p, k);
        break;
    case SHAPE_MAP:
        put_map(p, k);
        break;
    }
}

static void put_property(struct printer *p, const struct schema_key *k)
{
    put_text(p->to, k->name);
    fputs(":{\"description\":", p->to);
    put_text(p->to, k->doc);
    if (k->has_fallback) {
        char value[32];
        schema_format(k, k->fallback, value);
        bool bare =
            k->type == &value_bool || (!k->type->json && value[0] >= '0' && value[0] <= '9');
        fprintf(p->to, ",\"default\":%s%s%s", bare ? "" : "\"", value, bare ? "" : "\"");
    }
    fputs(",\"allOf\":[", p->to);
    put_key_schema(p, k);
    fputs("]}", p->to);
}

/* The members of an object's schema. top: what is required may stand in another file. */
static void put_members(struct printer *p, const struct schema_object *o, bool top)
{
    size_t offset;
    const struct schema_key *k;
    fputs("\"type\":\"object\",\"additionalProperties\":false,\"properties\":{", p->to);
    for (uint32_t i = 0; (k = schema_key_at(o, i, &offset)); i++) {
        fputs(i ? ",\n" : "\n", p->to);
        put_property(p, k);
    }
    fputc('}', p->to);
    bool any = false;
    for (uint32_t i = 0; !top && (k = schema_key_at(o, i, &offset)); i++) {
        if (!k->required)
            continue;
        fprintf(p->to, "%s\"%s\"", any ? "," : ",\"required\":[", k->name);
        any = true;
    }
    if (any)
        fputc(']', p->to);
}

void schema_print_json(FILE *to)
{
    struct printer p = { .to = to };
    fputs("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\n"
          "\"title\":\"configuration of sluice\",\n",
          to);
    put_members(&p, &schema_root, true);
    fputs(
        ",\n\"$defs\":{\n\"environment\":{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{[A-Za-z_]\"}",
        to);
    /* Defining one may meet others. */
    for (uint32_t i = 0; i < p.objects_count; i++) {
        fprintf(to, ",\n\"%s%u\":{", p.objects[i]->name, i);
        put_members(&p, p.objects[i], false);
        fputc('}', to);
    }
    fputs("}}\n", to);
}
