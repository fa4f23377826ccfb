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
        if (c == '%' && i + 2 < written.len && hex(written.ptr[i + 1]) >= 0 &&
            hex(written.ptr[i + 2]) >= 0) {
            c = (char)(hex(written.ptr[i + 1]) << 4 | hex(written.ptr[i + 2]));
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
