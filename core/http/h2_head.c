/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/h2_head.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/http/chars.h"
#include "core/http/forward_fields.h"
#include "core/http/h1_head.h"

#define TEXT_BYTES_MIN 1024

void h2_collect_begin(struct h2_collect *c, enum h2_section section, struct arena *arena)
{
    *c = (struct h2_collect){ .arena = arena, .section = (uint8_t)section };
}

static void refuse(struct h2_collect *c, enum end_reason why)
{
    if (c->why == END_OK)
        c->why = (uint8_t)why;
}

static uint32_t bytes_max(const struct h2_collect *c)
{
    return c->section == H2_TRAILERS ? TRAILER_BYTES_MAX : HEAD_BYTES_MAX;
}

static enum end_reason too_large(const struct h2_collect *c)
{
    switch ((enum h2_section)c->section) {
    case H2_REQUEST:
        return END_HEAD_TOO_LARGE;
    case H2_RESPONSE:
        return END_RESPONSE_HEAD_TOO_LARGE;
    case H2_TRAILERS:
        break;
    }
    return END_BAD_TRAILER;
}

/* --- writing it down --- */

static bool make_room(struct h2_collect *c, struct h2_text *t, size_t n)
{
    if (n <= t->cap - t->len)
        return true;
    if (n > bytes_max(c) - t->len) {
        refuse(c, too_large(c));
        return false;
    }
    uint32_t cap = t->cap ? t->cap : TEXT_BYTES_MIN;
    while (cap < t->len + n)
        cap *= 2;
    char *mem = arena_alloc(c->arena, cap);
    if (!mem) {
        refuse(c, END_OVERLOADED);
        return false;
    }
    if (t->len)
        memcpy(mem, t->mem, t->len);
    t->mem = mem;
    t->cap = cap;
    return true;
}

static void put(struct h2_text *t, struct str s)
{
    if (s.len)
        memcpy(t->mem + t->len, s.ptr, s.len);
    t->len += (uint32_t)s.len;
}

static void put_line(struct h2_collect *c, struct str name, struct str value)
{
    struct h2_text *t = &c->text;
    if (!make_room(c, t, name.len + value.len + 4))
        return;
    put(t, name);
    put(t, STR(": "));
    put(t, value);
    put(t, STR("\r\n"));
}

static void put_cookie(struct h2_collect *c, struct str crumb)
{
    struct h2_text *t = &c->cookie;
    if (!make_room(c, t, crumb.len + 2))
        return;
    if (t->len)
        put(t, STR("; "));
    put(t, crumb);
}

/* RFC 8441 5: in HTTP/1.1 it is a GET. */
static struct str method_of(const struct h2_collect *c)
{
    return c->protocol.ptr ? STR("GET") : c->method;
}

static void put_start(struct h2_collect *c)
{
    struct h2_text *t = &c->text;
    c->started = true;
    if (c->section == H2_TRAILERS)
        return;
    if (c->section == H2_RESPONSE) {
        if (make_room(c, t, c->status.len + 12)) {
            put(t, STR("HTTP/1.1 "));
            put(t, c->status);
            put(t, STR(" \r\n"));
        }
        return;
    }
    struct str method = method_of(c);
    struct str target = c->path.len ? c->path : c->authority; /* of CONNECT: RFC 9113 8.5 */
    if (target.len > TARGET_BYTES_MAX)
        refuse(c, END_TARGET_TOO_LONG);
    if (!make_room(c, t, method.len + target.len + 12))
        return;
    put(t, method);
    put(t, STR(" "));
    put(t, target);
    put(t, STR(" HTTP/1.1\r\n"));
    if (c->authority.ptr)
        put_line(c, STR("host"), c->authority);
    if (c->protocol.ptr) {
        put_line(c, STR("connection"), STR("upgrade"));
        put_line(c, STR("upgrade"), c->protocol);
    }
}

/* --- what is received --- */

static bool all(struct str s, unsigned classes)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is(s.ptr[i], classes))
            return false;
    return true;
}

static bool no_space(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
            return false;
    return true;
}

/* RFC 9113 8.2.1: no upper case. */
static bool name_is_valid(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!char_is(name.ptr[i], CHAR_TOKEN) || (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z'))
            return false;
    return name.len > 0;
}

static bool keep(struct h2_collect *c, struct str *into, struct str value)
{
    if (into->ptr)
        return false; /* repeated */
    if (value.len > bytes_max(c)) {
        refuse(c, too_large(c));
        *into = STR("");
        return true;
    }
    char *mem = arena_alloc(c->arena, value.len + 1);
    if (!mem) {
        refuse(c, END_OVERLOADED);
        *into = STR("");
        return true;
    }
    if (value.len)
        memcpy(mem, value.ptr, value.len);
    *into = (struct str){ mem, value.len };
    return true;
}

/* RFC 9113 8.3: before all others, each once, none but those defined. */
static bool pseudo_field(struct h2_collect *c, struct str name, struct str value)
{
    if (c->started || !no_space(value))
        return false;
    if (c->section == H2_RESPONSE) {
        bool status = str_eq(name, STR(":status")) && value.len == 3;
        return status && keep(c, &c->status, value);
    }
    if (c->section != H2_REQUEST)
        return false;
    if (str_eq(name, STR(":method")))
        return value.len && all(value, CHAR_TOKEN) && keep(c, &c->method, value);
    if (str_eq(name, STR(":path")))
        return value.len && keep(c, &c->path, value);
    if (str_eq(name, STR(":scheme")))
        return value.len && keep(c, &c->scheme, value);
    if (str_eq(name, STR(":authority")))
        return keep(c, &c->authority, value);
    return str_eq(name, STR(":protocol")) && value.len && all(value, CHAR_TOKEN) &&
           keep(c, &c->protocol, value);
}

/* RFC 9113 8.2.2: fields about the connection. */
static bool field_is_forbidden(enum http_field_id id, struct str value)
{
    if (id == FIELD_TE)
        return !str_eq_fold(value, STR("trailers"));
    return id == FIELD_CONNECTION || id == FIELD_KEEP_ALIVE || id == FIELD_PROXY_CONNECTION ||
           id == FIELD_TRANSFER_ENCODING || id == FIELD_UPGRADE;
}

bool h2_collect_field(struct h2_collect *c, struct str name, struct str value)
{
    if (name.len && name.ptr[0] == ':')
        return pseudo_field(c, name, value);
    if (!name_is_valid(name) || !all(value, CHAR_TEXT))
        return false;
    if (value.len && (char_is_ows(value.ptr[0]) || char_is_ows(value.ptr[value.len - 1])))
        return false;
    enum http_field_id id = http_field_lookup(name);
    if (id != FIELD_OTHER && field_is_forbidden(id, value))
        return false;
    if (!c->started)
        put_start(c);
    if (c->why != END_OK)
        return true;
    if (id == FIELD_COOKIE && c->section == H2_REQUEST) {
        put_cookie(c, value);
        return true;
    }
    if (id == FIELD_HOST && c->section == H2_REQUEST && c->authority.ptr)
        return str_eq_fold(value, c->authority); /* RFC 9113 8.3.1 */
    if (++c->fields_count > HEAD_FIELDS_MAX)
        refuse(c, c->section == H2_REQUEST ? END_TOO_MANY_FIELDS : too_large(c));
    else
        put_line(c, name, value);
    return true;
}

/* --- its end --- */

/* RFC 9113 8.3.1, 8.5. */
static bool request_is_whole(const struct h2_collect *c)
{
    bool connect = str_eq(c->method, STR("CONNECT"));
    if (connect && !c->protocol.ptr)
        return c->authority.len && !c->path.ptr && !c->scheme.ptr;
    if (connect && !c->authority.len)
        return false; /* RFC 8441 4 */
    return c->method.len && c->path.ptr && c->scheme.ptr && (connect || !c->protocol.ptr);
}

static void keep_request_line(const struct h2_collect *c, struct http_head *h)
{
    uint32_t method = (uint32_t)method_of(c).len, target = (uint32_t)c->path.len;
    *h = (struct http_head){ .base = "" };
    if (c->text.len >= method + 1 + target) {
        h->base = c->text.mem;
        h->method = (struct http_span){ 0, method };
        h->target = (struct http_span){ method + 1, target };
    }
}

static void refused(const struct h2_collect *c, struct http_head *h, enum end_reason why)
{
    if (c->section == H2_REQUEST && why != END_BAD_METHOD)
        keep_request_line(c, h);
    else
        *h = (struct http_head){ .base = "" };
    h->version_minor = 1;
    h->version_major = 2;
}

bool h2_collect_end(struct h2_collect *c, struct http_head *h, enum end_reason *why)
{
    if (c->section == H2_REQUEST && !request_is_whole(c))
        return false;
    if (c->section == H2_RESPONSE && !c->status.ptr)
        return false;
    if (!c->started)
        put_start(c);
    if (c->cookie.len)
        put_line(c, STR("cookie"), (struct str){ c->cookie.mem, c->cookie.len });
    if (make_room(c, &c->text, 2))
        put(&c->text, STR("\r\n"));
    *why = (enum end_reason)c->why;
    enum h1_result r = H1_ERROR;
    if (*why == END_OK && c->section == H2_TRAILERS)
        r = h1_parse_trailers(c->text.mem, c->text.len, h, why);
    else if (*why == END_OK && c->section == H2_REQUEST)
        r = h1_parse_request(c->text.mem, c->text.len, 0, h, why);
    else if (*why == END_OK)
        r = h1_parse_response(c->text.mem, c->text.len, 0, h, why);
    if (c->text.cap)
        arena_trim(c->arena, c->text.mem + c->text.cap, c->text.mem + c->text.len);
    if (r == H1_DONE) {
        CHECK(c->section == H2_TRAILERS || h->head_bytes == c->text.len);
        h->version_major = 2;
        h->extended_connect = c->protocol.ptr;
        return true;
    }
    if (*why == END_OK) /* the parser waits for more: our empty line was not taken for the end */
        return false;
    refused(c, h, *why);
    return true;
}

/* --- what is sent --- */

/* What differs each time would push what does not out of HPACK's table. */
static bool is_never_the_same(const char *name, size_t len)
{
    static const struct str id = { "x-request-id", 12 };
    return len == id.len && memcmp(name, id.ptr, id.len) == 0;
}

int h2_fields_of(char *text, size_t bytes, nghttp2_nv fields[H2_FIELDS_MAX])
{
    char *p = text, *end = text + bytes;
    int n = 0;
    while (p < end && *p != '\r') {
        if (n == H2_FIELDS_MAX)
            return -1;
        char *colon = p + 1; /* the first character may be a pseudo-header's */
        while (*colon != ':') {
            *colon = ascii_lower(*colon);
            colon++;
        }
        *p = ascii_lower(*p);
        char *value = colon + 2, *line_end = memchr(value, '\r', (size_t)(end - value));
        CHECK(line_end && line_end + 1 < end && line_end[1] == '\n');
        fields[n++] =
            (nghttp2_nv){ .name = (uint8_t *)p,
                          .namelen = (size_t)(colon - p),
                          .value = (uint8_t *)value,
                          .valuelen = (size_t)(line_end - value),
                          .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE };
        if (is_never_the_same(p, (size_t)(colon - p)))
            fields[n - 1].flags |= NGHTTP2_NV_FLAG_NO_INDEX;
        p = line_end + 2;
    }
    return n;
}
