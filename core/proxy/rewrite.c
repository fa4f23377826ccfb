/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/rewrite.h"

#include <string.h>

#include "core/proxy/edit.h"
#include "core/proxy/exchange.h"
#include "core/proxy/request.h"
#include "core/proxy/server.h"

/* A rewritten value is made here; longer ones are passed on unchanged. */
#define VALUE_BYTES_MAX 4096

static bool starts_with(struct str s, struct str prefix)
{
    return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

static struct str after(struct str s, size_t n)
{
    return (struct str){ s.ptr + n, s.len - n };
}

/* --- to the server --- */

bool rewrite_target(const struct route_config *route, const struct template_ctx *ctx, struct out *o,
                    struct str *path, struct str *query)
{
    *path = ctx->target->path;
    *query = ctx->target->query;
    struct str strip = route->strip_prefix;
    if (strip.len && starts_with(*path, strip)) {
        *path = after(*path, strip.len);
        if (path->len == 0)
            *path = STR("/");
    }
    if (!route->rewrites)
        return path->ptr[0] == '/';
    template_write(o, &route->rewrite, ctx);
    size_t n = out_len(o);
    if (o->full || n == 0 || o->start[0] != '/')
        return false;
    const char *q = memchr(o->start, '?', n);
    if (q)
        *query = (struct str){ q, (size_t)(o->at - q) };
    *path = (struct str){ o->start, q ? (size_t)(q - o->start) : n };
    return true;
}

/* --- from the server --- */

/* The longest `from` wins, the last of equal ones; NULL: none fits. */
static const struct prefix_rewrite *find_rule(const struct prefix_rewrites *rules, struct str value)
{
    const struct prefix_rewrite *best = NULL;
    for (uint32_t i = 0; i < rules->items_count; i++) {
        const struct prefix_rewrite *r = &rules->items[i];
        if (starts_with(value, r->from) && (!best || r->from.len >= best->from.len))
            best = r;
    }
    return best;
}

static void write_rewritten(struct out *o, const struct prefix_rewrite *r, struct str value)
{
    out_str(o, r->to);
    out_str(o, after(value, r->from.len));
}

/* --- Location --- */

/* The authority of an absolute http(s) URL; what follows it in *rest. */
static struct str url_authority(struct str url, struct str *rest)
{
    size_t n = starts_with(url, STR("http://")) ? 7 : starts_with(url, STR("https://")) ? 8 : 0;
    if (n == 0)
        return (struct str){ 0 };
    struct str a = after(url, n);
    size_t len = 0;
    while (len < a.len && a.ptr[len] != '/' && a.ptr[len] != '?' && a.ptr[len] != '#')
        len++;
    *rest = after(a, len);
    return (struct str){ a.ptr, len };
}

static bool rewrite_location(struct field_edits *e, const struct exchange *ex,
                             const struct http_head *h, struct out *o)
{
    const struct handling *p = ex->handling;
    const struct http_field *f = head_field(h, FIELD_LOCATION);
    if (!f || f->next)
        return true;
    struct str value = head_value(h, f), rest = { 0 };
    char text[VALUE_BYTES_MAX];
    struct out v = out_into(text, sizeof text);
    const struct prefix_rewrite *rule = find_rule(&p->location, value);
    if (rule) {
        write_rewritten(&v, rule, value);
    } else if (p->location_own && ex->server &&
               str_eq(url_authority(value, &rest), str_of(ex->server->name))) {
        out_str(&v, request_scheme(ex));
        out_lit(&v, "://");
        out_str(&v, ex->target.authority);
        out_str(&v, rest);
    } else {
        return true;
    }
    if (v.full)
        return true;
    edits_drop(e, h, STR("Location"));
    return edits_add_line(e, STR("Location"), (struct str){ text, out_len(&v) }, o);
}

/* --- Set-Cookie --- */

/* Writes one attribute (RFC 6265 4.1.1) with its value rewritten; false: it is none of those. */
static bool write_attribute(struct out *v, struct str attribute, struct str name,
                            const struct prefix_rewrites *rules)
{
    if (attribute.len < name.len || !str_eq_fold((struct str){ attribute.ptr, name.len }, name))
        return false;
    struct str value = after(attribute, name.len);
    if (value.len && value.ptr[0] == '.' && name.ptr[0] == 'D')
        value = after(value, 1); /* RFC 6265 5.2.3: a leading dot says nothing */
    const struct prefix_rewrite *rule = find_rule(rules, value);
    if (!rule)
        return false;
    out_str(v, name);
    write_rewritten(v, rule, value);
    return true;
}

/* The whole value, attribute by attribute; false when nothing changed. */
static bool write_cookie(struct out *v, const struct handling *p, struct str value)
{
    bool changed = false, first = true;
    while (value.len) {
        const char *semi = memchr(value.ptr, ';', value.len);
        struct str part = { value.ptr, semi ? (size_t)(semi - value.ptr) : value.len };
        value = after(value, part.len + (semi ? 1 : 0));
        while (part.len && part.ptr[0] == ' ')
            part = after(part, 1);
        if (!first)
            out_lit(v, "; ");
        if (!first && (write_attribute(v, part, STR("Domain="), &p->cookie_domain) ||
                       write_attribute(v, part, STR("Path="), &p->cookie_path)))
            changed = true;
        else
            out_str(v, part);
        first = false;
    }
    return changed;
}

static bool rewrite_cookies(struct field_edits *e, const struct exchange *ex,
                            const struct http_head *h, struct out *o)
{
    const struct http_field *f = head_field(h, FIELD_SET_COOKIE);
    for (; f; f = head_field_next(h, f)) {
        char text[VALUE_BYTES_MAX];
        struct out v = out_into(text, sizeof text);
        if (!write_cookie(&v, ex->handling, head_value(h, f)) || v.full)
            continue;
        uint32_t i = (uint32_t)(f - h->fields);
        e->dropped[i / 64] |= UINT64_C(1) << i % 64;
        if (!edits_add_line(e, STR("Set-Cookie"), (struct str){ text, out_len(&v) }, o))
            return false;
    }
    return true;
}

bool rewrite_response(struct field_edits *e, const struct exchange *ex, const struct http_head *h,
                      struct out *o)
{
    const struct handling *p = ex->handling;
    if ((p->location_own || p->location.items_count) && !rewrite_location(e, ex, h, o))
        return false;
    if (p->cookie_domain.items_count || p->cookie_path.items_count)
        return rewrite_cookies(e, ex, h, o);
    return true;
}
