/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/check.h"
#include "core/observe/log_format.h"

#define REDACTED "REDACTED"

static int hex(char c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool same_name(struct str written, struct str name)
{
    size_t at = 0;
    for (size_t i = 0; i < written.len; i++, at++) {
        char c = written.ptr[i];
        bool escaped = c == '%' && i + 2 < written.len;
        int high = escaped ? hex(written.ptr[i + 1]) : -1;
        int low = escaped ? hex(written.ptr[i + 2]) : -1;
        if (high >= 0 && low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (at == name.len || c != name.ptr[at])
            return false;
    }
    return at == name.len;
}

static bool is_secret(struct str name, const struct strings *names)
{
    for (uint32_t i = 0; i < names->items_count; i++)
        if (same_name(name, names->items[i]))
            return true;
    return false;
}

/* Some servers take ';' for '&': a name may begin behind both, a value ends at '&' only. */
static bool ends_name(char c)
{
    return c == '&' || c == ';' || c == '=';
}

struct str log_redact(struct str text, const struct strings *names,
                      char into[LOG_REDACTED_BYTES_MAX])
{
    const char *at = names->items_count && text.len ? memchr(text.ptr, '?', text.len) : NULL;
    const char *end = text.ptr + text.len, *copied = text.ptr;
    if (!at)
        return text;
    struct out o = out_into(into, LOG_REDACTED_BYTES_MAX);
    while (at < end) { /* at a separator */
        const char *name = ++at;
        while (at < end && !ends_name(*at))
            at++;
        if (at == end || *at != '=' || !is_secret((struct str){ name, (size_t)(at - name) }, names))
            continue;
        const char *value = at + 1;
        at = memchr(value, '&', (size_t)(end - value));
        at = at ? at : end;
        out_mem(&o, copied, (size_t)(value - copied));
        out_lit(&o, REDACTED);
        copied = at;
    }
    if (copied == text.ptr)
        return text;
    out_mem(&o, copied, (size_t)(end - copied));
    CHECK(!o.full);
    return (struct str){ into, out_len(&o) };
}

/* ---- Paths ---- */

/* Cuts "/segment" off the front of a path; its text is without the slash. */
static struct str next_segment(struct str *path)
{
    const char *end = path->len > 1 ? memchr(path->ptr + 1, '/', path->len - 1) : NULL;
    size_t len = end ? (size_t)(end - path->ptr) : path->len;
    struct str segment = { path->ptr + 1, len - 1 };
    *path = (struct str){ path->ptr + len, path->len - len };
    return segment;
}

static bool fits(struct str path, struct str rule)
{
    while (rule.len > 0) {
        if (path.len == 0)
            return false;
        struct str wanted = next_segment(&rule), segment = next_segment(&path);
        if (!str_eq(wanted, STR("*")) && !same_name(segment, wanted))
            return false;
    }
    return true;
}

static void put_redacted(struct out *o, struct str path, struct str rule)
{
    while (path.len > 0) {
        struct str segment = next_segment(&path);
        bool secret = rule.len > 0 && str_eq(next_segment(&rule), STR("*")) && segment.len > 0;
        if (same_name(segment, STR(".")) || same_name(segment, STR(".."))) {
            out_lit(o, "/" REDACTED);
            return;
        }
        out_char(o, '/');
        out_str(o, secret ? STR(REDACTED) : segment);
    }
}

static bool has_dots(struct str path)
{
    while (path.len > 0) {
        struct str segment = next_segment(&path);
        if (same_name(segment, STR(".")) || same_name(segment, STR("..")))
            return true;
    }
    return false;
}

/* Where the path begins: of an absolute target behind its authority. */
static const char *path_of(struct str text)
{
    const char *authority = text.len ? memmem(text.ptr, text.len, "://", 3) : NULL;
    if (text.len == 0 || *text.ptr == '/' || !authority)
        return text.ptr;
    const char *end = text.ptr + text.len;
    const char *slash = memchr(authority + 3, '/', (size_t)(end - authority - 3));
    return slash ? slash : end;
}

struct str log_redact_path(struct str text, const struct strings *rules,
                           char into[LOG_REDACTED_BYTES_MAX])
{
    if (rules->items_count == 0 || text.len == 0)
        return text;
    const char *begin = path_of(text), *end = text.ptr + text.len;
    const char *query = begin < end ? memchr(begin, '?', (size_t)(end - begin)) : NULL;
    struct str path = { begin, (size_t)((query ? query : end) - begin) };
    if (path.len == 0 || *path.ptr != '/')
        return text;
    struct str rule = { 0 };
    for (uint32_t i = 0; i < rules->items_count && rule.len == 0; i++)
        if (fits(path, rules->items[i]))
            rule = rules->items[i];
    if (rule.len == 0 && !has_dots(path))
        return text;
    struct out o = out_into(into, LOG_REDACTED_BYTES_MAX);
    out_mem(&o, text.ptr, (size_t)(begin - text.ptr));
    put_redacted(&o, path, rule);
    if (query)
        out_mem(&o, query, (size_t)(end - query));
    CHECK(!o.full);
    return (struct str){ into, out_len(&o) };
}
