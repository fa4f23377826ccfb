/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An example for each key: its row's own, or one made of what the table says of it. */
#include <string.h>

#include "core/base/out.h"
#include "core/config/schema.h"

static bool put_value(struct out *o, const struct schema_key *k);

/* One that is not the default. */
static bool put_word(struct out *o, const struct schema_key *k)
{
    const struct word *w = k->words;
    while (w[1].text && ((k->has_fallback && w->value == k->fallback) ||
                         (k->otherwise && strcmp(k->otherwise, w->text) == 0)))
        w++;
    out_str(o, str_of(w->text));
    return true;
}

static bool put_scalar(struct out *o, const struct schema_key *k)
{
    char text[32];
    if (k->words && k->min >= k->max)
        return put_word(o, k);
    if (k->has_fallback && k->fallback && k->type->format && !k->words) {
        k->type->format(k->fallback, text);
        out_str(o, str_of(text));
        return true;
    }
    if (k->type->example)
        out_str(o, str_of(k->type->example));
    return k->type->example != NULL;
}

/* A map with what has to be there, or else its first key. */
static bool put_map_of(struct out *o, const struct schema_object *object)
{
    size_t offset;
    const struct schema_key *k;
    bool any = false, good = true;
    out_char(o, '{');
    for (uint32_t i = 0; (k = schema_key_at(object, i, &offset)); i++) {
        if (!k->required && (any || i))
            continue;
        out_str(o, any ? STR(", ") : STR(" "));
        out_str(o, str_of(k->name));
        out_lit(o, ": ");
        good = good && put_value(o, k);
        any = true;
    }
    out_lit(o, " }");
    return good;
}

static bool put_object(struct out *o, const struct schema_object *object)
{
    if (!object->shorthand)
        return put_map_of(o, object);
    return put_value(o, schema_find(object, str_of(object->shorthand)));
}

static bool put_value(struct out *o, const struct schema_key *k)
{
    bool good;
    if (k->example) {
        out_str(o, str_of(k->example));
        return true;
    }
    switch (k->shape) {
    case SHAPE_VALUE:
        return put_scalar(o, k);
    case SHAPE_OBJECT:
        return put_object(o, k->object);
    case SHAPE_LIST:
        out_char(o, '[');
        good = k->object ? put_object(o, k->object) : put_scalar(o, k);
        out_char(o, ']');
        return good;
    case SHAPE_MAP:
        break;
    }
    /* Of what a map's keys are called, only the operator knows an example. */
    return false;
}

bool schema_example(const struct schema_key *k, char out[SCHEMA_EXAMPLE_MAX])
{
    struct out o = out_into(out, SCHEMA_EXAMPLE_MAX - 1);
    out_str(&o, str_of(k->name));
    out_lit(&o, ": ");
    bool good = put_value(&o, k) && !o.full;
    out[out_len(&o)] = '\0';
    return good;
}
