/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/cookie.h"

static struct str in_field(struct str rest, struct str name)
{
    while (rest.len) {
        const char *semi = memchr(rest.ptr, ';', rest.len);
        size_t n = semi ? (size_t)(semi - rest.ptr) : rest.len;
        struct str pair = { rest.ptr, n };
        while (pair.len && pair.ptr[0] == ' ')
            pair = (struct str){ pair.ptr + 1, pair.len - 1 };
        if (pair.len > name.len && pair.ptr[name.len] == '=' &&
            memcmp(pair.ptr, name.ptr, name.len) == 0)
            return (struct str){ pair.ptr + name.len + 1, pair.len - name.len - 1 };
        n += semi ? 1 : 0;
        rest = (struct str){ rest.ptr + n, rest.len - n };
    }
    return (struct str){ 0 };
}

struct str http_cookie(const struct http_head *h, struct str name)
{
    struct str value = { 0 };
    for (const struct http_field *f = head_field(h, FIELD_COOKIE); f && !value.ptr;
         f = head_field_next(h, f))
        value = in_field(head_value(h, f), name);
    return value;
}
