/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers: plain ones, and those that carry a unit. */
#include "core/config/values.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/check.h"
#include "core/config/loader.h"
#include "core/config/suggest.h"

/* ---- Storing -------------------------------------------------------------------------------- */

static void put_number(const struct value_type *t, uint64_t v, void *out)
{
    uint32_t v32 = (uint32_t)v;
    uint16_t v16 = (uint16_t)v;
    switch (t->bytes) {
    case 1:
        *(bool *)out = v != 0;
        return;
    case 2:
        memcpy(out, &v16, sizeof v16);
        return;
    case 4:
        memcpy(out, &v32, sizeof v32);
        return;
    default:
        CHECK(t->bytes == 8);
        memcpy(out, &v, sizeof v);
    }
}

static void put_key_defaults(const struct schema_key *k, void *out)
{
    if (k->has_fallback)
        put_number(k->type, k->fallback, out);
    else if (k->shape == SHAPE_OBJECT && !k->take)
        schema_put_defaults(k->object, out);
}

void schema_put_defaults(const struct schema_object *o, void *out)
{
    size_t offset;
    const struct schema_key *k;
    for (uint32_t i = 0; (k = schema_key_at(o, i, &offset)); i++)
        put_key_defaults(k, (char *)out + offset);
}

/* ---- Words ---------------------------------------------------------------------------------- */

static const struct word *find_word(const struct schema_key *k, struct str text)
{
    for (const struct word *w = k->words; w && w->text; w++)
        if (str_eq(str_of(w->text), text))
            return w;
    return NULL;
}

struct word_list {
    char text[256];
};

static struct word_list list_words(const struct schema_key *k)
{
    struct word_list l = { "" };
    size_t at = 0;
    for (const struct word *w = k->words; w && w->text && at < sizeof l.text; w++)
        at += (size_t)snprintf(l.text + at, sizeof l.text - at, "%s%s", at ? ", " : "", w->text);
    return l;
}

/* The word that stands there; NULL: none, and reported. */
static const struct word *word_of(struct loader *l, const struct schema_key *k,
                                  const struct node *n)
{
    const struct word *w = find_word(k, n->text);
    if (w)
        return w;
    struct suggestion s;
    suggest_begin(&s, n->text);
    for (w = k->words; w->text; w++)
        suggest_word(&s, w->text);
    bool number = k->words->text[0] >= '0' && k->words->text[0] <= '9'; /* near means nothing */
    const char *near = number ? NULL : suggest_word_found(&s);
    const char *hint = near ? NULL : foreign_hint(k->name, n->text);
    report_error(l->report, n->place, "'%s' is none of %s%s%s%s%s%s", quote(n->text).text,
                 list_words(k).text, near ? "; did you mean '" : "", near ? near : "",
                 near ? "'?" : "", hint ? "; " : "", hint ? hint : "");
    return NULL;
}

static void read_word(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    const struct word *w = word_of(l, k, n);
    if (w)
        put_number(k->type, w->value, out);
}

static void read_word_text(struct loader *l, const struct schema_key *k, const struct node *n,
                           void *out)
{
    const struct word *w = word_of(l, k, n);
    if (w)
        *(const char **)out = w->text;
}

static void format_bool(uint64_t v, char out[32])
{
    snprintf(out, 32, "%s", v ? "true" : "false");
}

static void read_bool(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    (void)k;
    bool yes = str_eq(n->text, STR("true")), no = str_eq(n->text, STR("false"));
    if ((yes || no) && (!n->quoted || n->expanded))
        *(bool *)out = yes;
    else
        report_error(l->report, n->place, "'%s' is neither true nor false%s", quote(n->text).text,
                     yes || no ? "; write it without quotes" : "");
}

/* ---- Quantities ----------------------------------------------------------------------------- */

struct unit {
    const char *text;
    uint64_t factor;
};

static const struct unit time_units[] = {
    { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};
static const struct unit size_units[] = {
    { "B", 1 }, { "KiB", 1024 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { NULL, 0 },
};
static const struct unit percent_units[] = { { "%", 10000 }, { NULL, 0 } };

enum quantity_error {
    QUANTITY_OK,
    QUANTITY_NO_NUMBER,
    QUANTITY_NO_UNIT,
    QUANTITY_BAD_UNIT,
    QUANTITY_SPACE,
    QUANTITY_NOT_WHOLE,
    QUANTITY_HUGE
};

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "1.5s": up to twelve digits, up to three after the point. *unit: what follows the number. */
static enum quantity_error parse_quantity(struct str text, const struct unit *units,
                                          uint64_t *value, struct str *unit)
{
    uint64_t thousandths = 0;
    size_t i = 0;
    while (i < text.len && digit(text.ptr[i]) && i <= 12)
        thousandths = thousandths * 10 + (uint64_t)(text.ptr[i++] - '0');
    if (i == 0)
        return QUANTITY_NO_NUMBER;
    if (i > 12)
        return QUANTITY_HUGE;
    size_t point = i;
    if (i + 1 < text.len && text.ptr[i] == '.' && digit(text.ptr[i + 1]))
        i++;
    size_t decimals = 0;
    while (i > point && i < text.len && digit(text.ptr[i]) && decimals < 3) {
        thousandths = thousandths * 10 + (uint64_t)(text.ptr[i++] - '0');
        decimals++;
    }
    for (size_t d = decimals; d < 3; d++)
        thousandths *= 10;
    bool finer = i > point && i < text.len && digit(text.ptr[i]);
    *unit = (struct str){ text.ptr + i, text.len - i };
    if (finer)
        return QUANTITY_NOT_WHOLE;
    if (unit->len == 0)
        return QUANTITY_NO_UNIT;
    if (unit->ptr[0] == ' ')
        return QUANTITY_SPACE;
    for (; units->text; units++) {
        uint64_t product;
        if (!str_eq(str_of(units->text), *unit))
            continue;
        if (__builtin_mul_overflow(thousandths, units->factor, &product))
            return QUANTITY_HUGE;
        *value = product / 1000;
        return product % 1000 ? QUANTITY_NOT_WHOLE : QUANTITY_OK;
    }
    return QUANTITY_BAD_UNIT;
}

static void report_bounds(struct loader *l, const struct schema_key *k, const struct node *n,
                          bool too_much)
{
    char bound[32];
    k->type->format(too_much ? k->max : k->min, bound);
    report_error(l->report, n->place, "'%s' is %s than %s", quote(n->text).text,
                 too_much ? "more" : "less", bound);
}

/* The unit that was meant: the longest that the word begins with ("sec"), or else the first that
 * begins like it ("MB"); NULL: none. */
static const char *near_unit(const struct unit *units, struct str word)
{
    const char *near = NULL;
    size_t best = 0;
    for (size_t i = 0; i < word.len; i++)
        if (!isalpha((unsigned char)word.ptr[i]))
            return NULL;
    for (const struct unit *u = units; u->text; u++) {
        size_t n = strlen(u->text);
        bool begins = n <= word.len && strncasecmp(word.ptr, u->text, n) == 0;
        bool alike = strncasecmp(word.ptr, u->text, 1) == 0;
        if ((begins && n > best) || (alike && !near)) {
            near = u->text;
            best = begins ? n : best;
        }
    }
    return near;
}

static void report_bad_unit(struct loader *l, const struct node *n, const struct unit *units,
                            const char *list, struct str unit)
{
    const char *near = near_unit(units, unit);
    int number = (int)(n->text.len - unit.len);
    report_error(l->report, n->place, "'%s': no unit '%s'; there %s %s%s%.*s%s",
                 quote(n->text).text, quote(unit).text, units[1].text ? "are" : "is", list,
                 near ? "; write " : "", near ? number : 0, n->text.ptr, near ? near : "");
}

static void report_quantity(struct loader *l, const struct schema_key *k, const struct node *n,
                            const struct unit *units, enum quantity_error err, struct str unit)
{
    struct quoted q = quote(n->text);
    char list[64] = "";
    for (size_t i = 0, at = 0; units[i].text; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", units[i].text);
    switch (err) {
    case QUANTITY_NO_UNIT:
        if (units[1].text)
            report_error(l->report, n->place, "'%s' has no unit; write %s%s or %s%s", q.text,
                         q.text, units[0].text, q.text, units[1].text);
        else
            report_error(l->report, n->place, "'%s' has no unit; write %s%s", q.text, q.text,
                         units[0].text);
        break;
    case QUANTITY_BAD_UNIT:
        report_bad_unit(l, n, units, list, unit);
        break;
    case QUANTITY_SPACE:
        report_error(l->report, n->place, "'%s': number and unit are written without a space",
                     q.text);
        break;
    case QUANTITY_NOT_WHOLE:
        report_error(l->report, n->place, "'%s' is finer than can be kept", q.text);
        break;
    case QUANTITY_HUGE:
        report_bounds(l, k, n, true);
        break;
    default:
        report_error(l->report, n->place, "'%s' is no %s; write %s%s%s", q.text, k->type->name,
                     k->words ? list_words(k).text : "", k->words ? " or " : "", k->type->form);
    }
}

static void read_quantity(struct loader *l, const struct schema_key *k, const struct node *n,
                          const struct unit *units, uint64_t divisor, void *out)
{
    const struct word *w = find_word(k, n->text);
    uint64_t v = 0;
    struct str unit;
    if (w) {
        put_number(k->type, w->value, out);
        return;
    }
    enum quantity_error err = parse_quantity(n->text, units, &v, &unit);
    if (err == QUANTITY_OK && v % divisor)
        err = QUANTITY_NOT_WHOLE;
    v /= divisor;
    if (err != QUANTITY_OK)
        report_quantity(l, k, n, units, err, unit);
    else if (v < k->min || v > k->max)
        report_bounds(l, k, n, v > k->max);
    else
        put_number(k->type, v, out);
}

static void read_duration(struct loader *l, const struct schema_key *k, const struct node *n,
                          void *out)
{
    read_quantity(l, k, n, time_units, 1, out);
}

static void read_seconds(struct loader *l, const struct schema_key *k, const struct node *n,
                         void *out)
{
    read_quantity(l, k, n, time_units, 1000, out);
}

static void read_size(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    read_quantity(l, k, n, size_units, 1, out);
}

static void read_percent(struct loader *l, const struct schema_key *k, const struct node *n,
                         void *out)
{
    read_quantity(l, k, n, percent_units, 1, out);
}

/* The largest unit of which it is a whole number. */
static void format_quantity(uint64_t v, const struct unit *units, char out[32])
{
    const struct unit *u = units;
    for (const struct unit *i = units; i->text; i++)
        if (v && v % i->factor == 0)
            u = i;
    snprintf(out, 32, "%llu%s", (unsigned long long)(v / u->factor), u->text);
}

static void format_duration(uint64_t v, char out[32])
{
    format_quantity(v, time_units, out);
}

static void format_seconds(uint64_t v, char out[32])
{
    format_quantity(v * 1000, time_units, out);
}

static void format_size(uint64_t v, char out[32])
{
    format_quantity(v, size_units, out);
}

static void format_percent(uint64_t v, char out[32])
{
    snprintf(out, 32, "%g%%", (double)v / 10000);
}

/* ---- Plain numbers -------------------------------------------------------------------------- */

static bool parse_number(struct str text, uint64_t *v)
{
    *v = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!digit(text.ptr[i]) || i >= 12)
            return false;
        *v = *v * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return text.len > 0;
}

static void read_number(struct loader *l, const struct schema_key *k, const struct node *n,
                        void *out)
{
    const struct word *w = find_word(k, n->text);
    uint64_t v;
    if (w) {
        put_number(k->type, w->value, out);
    } else if (n->quoted && !n->expanded) {
        report_error(l->report, n->place, "'%s': write numbers without quotes",
                     quote(n->text).text);
    } else if (parse_number(n->text, &v) && v >= k->min && v <= k->max) {
        put_number(k->type, v, out);
    } else {
        report_error(l->report, n->place, "'%s' is %s%s%sa number from %llu to %llu",
                     quote(n->text).text, k->words ? "neither " : "not ", list_words(k).text,
                     k->words ? " nor " : "", (unsigned long long)k->min,
                     (unsigned long long)k->max);
    }
}

static void format_number(uint64_t v, char out[32])
{
    snprintf(out, 32, "%llu", (unsigned long long)v);
}

/* "100/s" */
static void read_rate(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    (void)k;
    const char *slash = memchr(n->text.ptr, '/', n->text.len);
    struct str count = { n->text.ptr, slash ? (size_t)(slash - n->text.ptr) : 0 };
    struct str per = { slash ? slash + 1 : NULL, slash ? n->text.len - count.len - 1 : 0 };
    uint64_t v;
    if (slash && parse_number(count, &v) && v >= 1 && v <= 100000000) {
        for (const struct unit *u = &time_units[1]; u->text; u++) {
            if (str_eq(str_of(u->text), per)) {
                *(struct rate *)out = (struct rate){ (uint32_t)v, (uint32_t)u->factor };
                return;
            }
        }
    }
    report_error(l->report, n->place,
                 "'%s' is no rate; write 100/s, 600/m or 1000/h (from 1 to 100000000)",
                 quote(n->text).text);
}

/* ---- The types ------------------------------------------------------------------------------ */

#define DURATION_JSON "\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]{1,3})?(ms|s|m|h|d)$\""
#define SIZE_JSON "\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]{1,3})?(B|KiB|MiB|GiB)$\""

const struct value_type value_number = {
    .name = "number",
    .form = "a number",
    .bytes = sizeof(uint32_t),
    .read = read_number,
    .format = format_number,
};
const struct value_type value_status = {
    .name = "status",
    .form = "a status code",
    .bytes = sizeof(uint16_t),
    .read = read_number,
    .format = format_number,
    .example = "404",
};
const struct value_type value_duration = {
    .name = "duration",
    .form = "500ms, 2s or 1h",
    .json = DURATION_JSON,
    .bytes = sizeof(uint32_t),
    .read = read_duration,
    .format = format_duration,
    .example = "5s",
    .units = "ms, s, m, h or d",
};
const struct value_type value_seconds = {
    .name = "duration",
    .form = "2s, 10m or 1h",
    .json = DURATION_JSON,
    .bytes = sizeof(uint32_t),
    .read = read_seconds,
    .format = format_seconds,
    .example = "10m",
    .units = "ms, s, m, h or d (whole seconds)",
};
const struct value_type value_size = {
    .name = "size",
    .form = "512B, 64KiB or 10MiB",
    .json = SIZE_JSON,
    .bytes = sizeof(uint64_t),
    .read = read_size,
    .format = format_size,
    .example = "10MiB",
    .units = "B, KiB, MiB or GiB",
};
const struct value_type value_size32 = {
    .name = "size",
    .form = "512B or 64KiB",
    .json = SIZE_JSON,
    .bytes = sizeof(uint32_t),
    .read = read_size,
    .format = format_size,
    .example = "16KiB",
    .units = "B, KiB, MiB or GiB",
};
const struct value_type value_percent = {
    .name = "percentage",
    .form = "10% or 0.5%",
    .json = "\"type\":\"string\",\"pattern\":\"^[0-9]+(\\\\.[0-9]{1,3})?%$\"",
    .bytes = sizeof(uint32_t),
    .read = read_percent,
    .format = format_percent,
    .example = "10%",
    .units = "%",
};
const struct value_type value_bool = {
    .name = "boolean",
    .form = "true or false",
    .json = "\"type\":\"boolean\"",
    .bytes = sizeof(bool),
    .read = read_bool,
    .format = format_bool,
    .example = "true",
};
const struct value_type value_word = {
    .name = "word",
    .form = "a word",
    .bytes = sizeof(uint32_t),
    .read = read_word,
    .format = format_number,
};
const struct value_type value_status_word = {
    .name = "status",
    .form = "a status code",
    .bytes = sizeof(uint16_t),
    .read = read_word,
    .format = format_number,
};
const struct value_type value_flag = {
    .name = "word",
    .form = "a word",
    .bytes = sizeof(bool),
    .read = read_word,
    .format = format_bool,
};
const struct value_type value_word_text = {
    .name = "word",
    .form = "a word",
    .bytes = sizeof(char *),
    .read = read_word_text,
};
const struct value_type value_rate = {
    .name = "rate",
    .form = "100/s, 600/m or 1000/h",
    .json = "\"type\":\"string\",\"pattern\":\"^[0-9]+/(s|m|h|d)$\"",
    .bytes = sizeof(struct rate),
    .read = read_rate,
    .example = "100/s",
    .units = "/s, /m, /h or /d",
};
