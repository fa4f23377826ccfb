/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/cache_rules.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/http/chars.h"
#include "core/http/cookie.h"
#include "core/http/forward_fields.h"
#include "core/proxy/exchange.h"
#include "core/proxy/request.h"

#define ARGUMENTS_MAX 128 /* that are sorted or chosen by name; more: the query as it is */

struct freshness_rules cache_freshness_rules(const struct exchange *ex)
{
    const struct cache_config *c = ex->handling->cache;
    return (struct freshness_rules){
        .targeted = c->targeted,
        .heuristic_percent = c->heuristic_percent,
        .heuristic_max_s = c->heuristic_max_s,
        .default_s = c->default_s,
        .override_s = c->override_s,
        .grace_s = c->grace_s,
        .ignore_request_control = c->ignore_request_control,
        .store_set_cookie = c->store_set_cookie,
        .authorized = ex->auth_external != NULL,
    };
}

/* --- past the cache --- */

bool cache_bypassed(const struct exchange *ex)
{
    const struct cache_config *c = ex->handling->cache;
    for (uint32_t i = 0; i < c->bypass_headers.items_count; i++)
        if (head_field_named(&ex->head, c->bypass_headers.items[i]))
            return true;
    for (uint32_t i = 0; i < c->bypass_cookies.items_count; i++)
        if (http_cookie(&ex->head, c->bypass_cookies.items[i]).ptr)
            return true;
    return false;
}

/* Servers that decode a path once more, or cut it at other characters than we do, may answer with
 * another page than the one that the path names for us: dot segments behind an encoded slash or in
 * front of a ';', encoded backslashes, '?' and '#'. */
bool cache_path_is_doubtful(struct str path)
{
    for (size_t i = 0; i + 2 < path.len; i++) {
        const char *p = path.ptr + i, *end = path.ptr + path.len;
        char low = ascii_lower(p[2]);
        if (p[0] == '.' && p[1] == '.' && p[2] == ';')
            return true;
        if (p[0] != '%')
            continue;
        bool slash = p[1] == '2' && low == 'f';
        if ((p[1] == '5' && low == 'c') || (p[1] == '3' && low == 'f') ||
            (p[1] == '2' && low == '3') ||
            (slash && ((i >= 2 && p[-1] == '.' && p[-2] == '.') ||
                       (end - p >= 5 && p[3] == '.' && p[4] == '.'))))
            return true;
    }
    return false;
}

/* --- the query in keys --- */

static bool is_listed(const struct strings *names, struct str name)
{
    for (uint32_t i = 0; i < names->items_count; i++)
        if (str_eq(names->items[i], name))
            return true;
    return false;
}

static bool is_wanted(const struct cache_config *c, struct str argument)
{
    const char *eq = memchr(argument.ptr, '=', argument.len);
    struct str name = { argument.ptr, eq ? (size_t)(eq - argument.ptr) : argument.len };
    switch (c->query_key) {
    case QUERY_ONLY:
        return is_listed(&c->query_names, name);
    case QUERY_EXCEPT:
        return !is_listed(&c->query_names, name);
    default:
        return true;
    }
}

static int by_bytes(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
    return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

/* query: with its '?'. */
static void write_query(struct out *o, const struct cache_config *c, struct str query)
{
    if (query.len == 0 || c->query_key == QUERY_NONE)
        return;
    struct str arguments[ARGUMENTS_MAX];
    uint32_t count = 0;
    const char *p = query.ptr + 1, *end = query.ptr + query.len;
    bool as_it_is = c->query_key == QUERY_ALL && !c->query_sorted;
    while (!as_it_is && p < end) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        const char *stop = amp ? amp : end;
        struct str argument = { p, (size_t)(stop - p) };
        p = amp ? amp + 1 : end;
        if (argument.len == 0 || !is_wanted(c, argument))
            continue;
        if (count == ARGUMENTS_MAX)
            as_it_is = true;
        else
            arguments[count++] = argument;
    }
    if (as_it_is) {
        out_str(o, query);
        return;
    }
    if (c->query_sorted)
        qsort(arguments, count, sizeof arguments[0], by_bytes);
    for (uint32_t i = 0; i < count; i++) {
        out_char(o, i ? '&' : '?');
        out_str(o, arguments[i]);
    }
}

/* --- keys --- */

void cache_key_url(struct out *o, const struct cache_config *rules, struct str scheme,
                   struct str host, uint32_t port, struct str path, struct str query)
{
    uint32_t usual = scheme.len == 5 ? 443 : 80;
    out_str(o, scheme);
    out_lit(o, "://");
    out_str(o, host);
    if (port && port != usual) {
        out_char(o, ':');
        out_u64(o, port);
    }
    out_str(o, path);
    write_query(o, rules, query);
}

/* What else answers may differ by. Parts are told apart by bytes that are in none of them. */
static void write_rest(struct out *o, const struct exchange *ex)
{
    const struct cache_config *c = ex->handling->cache;
    out_str(o, str_of(ex->site->name));
    out_char(o, '\n');
    out_str(o, str_of(ex->match.route->name));
    out_char(o, '\n');
    for (uint32_t i = 0; i < c->key_headers.items_count; i++) {
        for (uint32_t k = 0; k < ex->head.fields_count; k++) {
            const struct http_field *f = &ex->head.fields[k];
            if (!str_eq_fold(head_str(&ex->head, f->name), c->key_headers.items[i]))
                continue;
            out_char(o, ':');
            out_str(o, head_value(&ex->head, f));
        }
        out_char(o, '\n');
    }
    for (uint32_t i = 0; i < c->key_cookies.items_count; i++) {
        struct str value = http_cookie(&ex->head, c->key_cookies.items[i]);
        if (value.ptr)
            out_char(o, '=');
        out_str(o, value);
        out_char(o, '\n');
    }
}

bool cache_key_make(struct exchange *ex, const struct cache *c, struct cache_key *key)
{
    char *mem = arena_alloc(&ex->arena, CACHE_KEY_BYTES_MAX);
    if (!mem)
        return false;
    struct out o = out_into(mem, CACHE_KEY_BYTES_MAX);
    cache_key_url(&o, ex->handling->cache, request_scheme(ex), ex->host, ex->target.port,
                  ex->target.path, ex->target.query);
    key->url = (struct str){ mem, out_len(&o) };
    write_rest(&o, ex);
    key->rest = (struct str){ mem + key->url.len, out_len(&o) - key->url.len };
    key->hash = cache_key_hash(c, key->url);
    arena_trim(&ex->arena, mem + CACHE_KEY_BYTES_MAX, o.at);
    return !o.full;
}

/* --- heads --- */

/* What says how the body is framed and coded stays with the body (RFC 9111 3.2). */
static bool stays(const struct http_field *f, struct str name)
{
    const uint64_t kept =
        FIELDS_HOP_BY_HOP | FIELDS_FRAMING | FIELD_BIT(CONTENT_ENCODING) | FIELD_BIT(CONTENT_TYPE);
    return (f->id != FIELD_OTHER && kept >> f->id & 1) || str_eq_fold(name, STR("content-range"));
}

static void write_line(struct out *o, const struct http_head *h, const struct http_field *f)
{
    out_str(o, head_str(h, f->name));
    out_lit(o, ": ");
    out_str(o, head_value(h, f));
    out_lit(o, "\r\n");
}

void cache_merge_heads(struct out *o, const struct http_head *stored, const struct http_head *by)
{
    out_lit(o, "HTTP/1.1 ");
    out_u64(o, stored->status);
    out_char(o, ' ');
    out_str(o, head_str(stored, stored->reason));
    out_lit(o, "\r\n");
    for (uint32_t i = 0; i < stored->fields_count; i++) {
        const struct http_field *f = &stored->fields[i];
        struct str name = head_str(stored, f->name);
        if (stays(f, name) || !head_field_named(by, name))
            write_line(o, stored, f);
    }
    for (uint32_t i = 0; i < by->fields_count; i++)
        if (!stays(&by->fields[i], head_str(by, by->fields[i].name)))
            write_line(o, by, &by->fields[i]);
    out_lit(o, "\r\n");
}
