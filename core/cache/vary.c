/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cache/vary.h"

#include "core/http/chars.h"

/* --- the normal form of a value, one byte after the other --- */

struct normal {
    const struct http_head *request;
    struct str name;
    uint32_t field; /* position of the next field to look at */
    struct str rest;
    bool any;     /* a field was found */
    bool begun;   /* a byte was given */
    bool space;   /* white space waits: is it between two words? */
    bool comma;   /* a comma waits: does an element follow? */
    char pending; /* given next; 0: none */
};

/* The next field of that name. */
static bool next_field(struct normal *n)
{
    const struct http_head *h = n->request;
    for (; n->field < h->fields_count; n->field++) {
        const struct http_field *f = &h->fields[n->field];
        if (!str_eq_fold(head_str(h, f->name), n->name))
            continue;
        n->field++;
        n->rest = head_value(h, f);
        n->comma |= n->any;
        n->any = true;
        n->space = false;
        return true;
    }
    return false;
}

static void normal_begin(struct normal *n, const struct http_head *request, struct str name)
{
    *n = (struct normal){ .request = request, .name = name };
    next_field(n);
}

/* -1 at the end. */
static int normal_next(struct normal *n)
{
    if (n->pending) {
        char c = n->pending;
        n->pending = '\0';
        return (uint8_t)c;
    }
    for (;;) {
        if (n->rest.len == 0) {
            if (!next_field(n))
                return -1;
            continue;
        }
        char c = n->rest.ptr[0];
        n->rest = (struct str){ n->rest.ptr + 1, n->rest.len - 1 };
        if (char_is_ows(c)) {
            n->space = true;
        } else if (c == ',') {
            n->comma = true;
        } else {
            char before = n->begun && n->comma ? ',' : n->begun && n->space ? ' ' : '\0';
            n->begun = true;
            n->comma = n->space = false;
            if (!before)
                return (uint8_t)c;
            n->pending = c;
            return (uint8_t)before;
        }
    }
}

/* --- writing --- */

static void write_lower(struct out *o, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        out_char(o, ascii_lower(s.ptr[i]));
}

static void write_line(struct out *o, struct str name, const struct http_head *request)
{
    struct normal n;
    normal_begin(&n, request, name);
    write_lower(o, name);
    if (n.any)
        out_char(o, ':');
    for (int c; (c = normal_next(&n)) >= 0;)
        out_char(o, (char)c);
    out_char(o, '\n');
}

bool vary_write(struct out *o, const struct http_head *response, const struct http_head *request,
                struct str but)
{
    unsigned count = 0;
    const struct http_field *f = head_field(response, FIELD_VARY);
    for (; f; f = head_field_next(response, f)) {
        struct str rest = head_value(response, f), name;
        while (http_list_next(&rest, &name)) {
            if (name.len != chars_token(name.ptr, name.len) || str_eq(name, STR("*")) ||
                ++count > VARY_FIELDS_MAX)
                return false;
            if (!str_eq_fold(name, but))
                write_line(o, name, request);
        }
    }
    return !o->full && out_len(o) <= VARY_BYTES_MAX;
}

/* --- comparing --- */

/* line: "name:value" or "name". */
static bool line_matches(struct str line, const struct http_head *request)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    struct str name = { line.ptr, colon ? (size_t)(colon - line.ptr) : line.len };
    struct normal n;
    normal_begin(&n, request, name);
    if (n.any != (colon != NULL))
        return false;
    for (size_t i = colon ? name.len + 1 : line.len; i < line.len; i++)
        if (normal_next(&n) != (uint8_t)line.ptr[i])
            return false;
    return normal_next(&n) < 0;
}

bool vary_matches(struct str text, const struct http_head *request)
{
    while (text.len) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t n = (size_t)(end - text.ptr);
        if (!line_matches((struct str){ text.ptr, n }, request))
            return false;
        text = (struct str){ end + 1, text.len - n - 1 };
    }
    return true;
}
