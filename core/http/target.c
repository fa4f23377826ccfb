/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/target.h"

#include <arpa/inet.h>

#include "core/http/chars.h"
#include "core/http/path.h"

#define PORT_DIGITS_MAX 5

static struct str from(struct str s, size_t i)
{
    return (struct str){ s.ptr + i, s.len - i };
}

static bool starts_fold(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq_fold((struct str){ s.ptr, prefix.len }, prefix);
}

/* Length of "[IPv6]" at the start of s, or 0. */
static size_t bracketed_len(struct str s)
{
    const char *close = memchr(s.ptr, ']', s.len);
    char text[INET6_ADDRSTRLEN];
    size_t len = close ? (size_t)(close - s.ptr) - 1 : 0; /* inside */
    if (len == 0 || len >= sizeof text)
        return 0;
    memcpy(text, s.ptr + 1, len);
    text[len] = '\0';
    struct in6_addr address;
    if (strlen(text) != len || inet_pton(AF_INET6, text, &address) != 1)
        return 0;
    return len + 2;
}

/* host [ ":" [ port ] ], a host being a name, an IPv4 or a bracketed IPv6 address. An empty port
 * is left out of t->authority (RFC 3986 6.2.3). */
static bool read_authority(struct str s, struct target *t)
{
    size_t host = 0;
    if (s.len && s.ptr[0] == '[')
        host = bracketed_len(s);
    else
        while (host < s.len && char_is(s.ptr[host], CHAR_HOST))
            host++;
    if (host == 0)
        return false;
    t->host = (struct str){ s.ptr, host };
    t->authority = t->host;
    t->port = 0;
    if (host == s.len)
        return true;
    struct str port = from(s, host + 1);
    if (s.ptr[host] != ':' || port.len > PORT_DIGITS_MAX)
        return false;
    if (port.len == 0)
        return true;
    for (size_t i = 0; i < port.len; i++) {
        if (!char_is_digit(port.ptr[i]))
            return false;
        t->port = t->port * 10 + (uint32_t)(port.ptr[i] - '0');
    }
    t->authority = s;
    return t->port > 0 && t->port <= UINT16_MAX;
}

/* RFC 9112 3.2: exactly one, but for HTTP/1.0, where none is allowed. */
static bool read_host_field(const struct http_head *h, struct target *t)
{
    const struct http_field *f = head_field(h, FIELD_HOST);
    if (!f)
        return h->version_minor == 0;
    if (f->next)
        return false;
    struct str value = head_value(h, f);
    return value.len == 0 || read_authority(value, t);
}

static bool query_valid(struct str query)
{
    for (size_t i = 0; i < query.len; i++) {
        if (char_is(query.ptr[i], CHAR_QUERY))
            continue;
        if (query.ptr[i] != '%' || query.len - i < 3 || char_hex_value(query.ptr[i + 1]) < 0 ||
            char_hex_value(query.ptr[i + 2]) < 0)
            return false;
        i += 2;
    }
    return true;
}

/* path [ "?" query ], the path perhaps empty */
static enum end_reason read_path(struct str s, struct arena *a, struct target *t)
{
    const char *question = memchr(s.ptr, '?', s.len);
    t->path = (struct str){ s.ptr, question ? (size_t)(question - s.ptr) : s.len };
    t->query = from(s, t->path.len);
    if (t->path.len == 0)
        t->path = STR("/");
    bool valid;
    bool normal = path_is_normal(t->path, &valid);
    if (!valid || !query_valid(t->query))
        return END_BAD_TARGET;
    if (normal)
        return END_OK;
    char *out = arena_alloc(a, t->path.len);
    if (!out)
        return END_OVERLOADED;
    size_t len = path_normalise(t->path, out);
    arena_trim(a, out + t->path.len, out + len);
    t->path = (struct str){ out, len };
    return END_OK;
}

/* What follows "http://". */
static enum end_reason read_absolute(const struct http_head *h, struct str s, struct arena *a,
                                     struct target *t)
{
    size_t authority = 0;
    while (authority < s.len && s.ptr[authority] != '/' && s.ptr[authority] != '?')
        authority++;
    if (!read_authority((struct str){ s.ptr, authority }, t))
        return END_BAD_TARGET;
    if (authority == s.len && h->method_id == METHOD_OPTIONS) {
        t->form = TARGET_ASTERISK;
        t->path = STR("*");
        return END_OK;
    }
    t->form = TARGET_ABSOLUTE;
    return read_path(from(s, authority), a, t);
}

enum end_reason target_parse(const struct http_head *h, struct arena *a, struct target *out)
{
    struct str s = head_str(h, h->target);
    *out = (struct target){ .form = TARGET_ORIGIN };
    if (!read_host_field(h, out))
        return END_BAD_HOST;
    if (h->method_id == METHOD_CONNECT) {
        out->form = TARGET_AUTHORITY;
        return read_authority(s, out) && out->port ? END_OK : END_BAD_TARGET;
    }
    if (s.len && s.ptr[0] == '/')
        return read_path(s, a, out);
    if (h->method_id == METHOD_OPTIONS && str_eq(s, STR("*"))) {
        out->form = TARGET_ASTERISK;
        out->path = STR("*");
        return END_OK;
    }
    if (starts_fold(s, STR("http://")))
        return read_absolute(h, from(s, sizeof "http://" - 1), a, out);
    if (starts_fold(s, STR("https://")))
        return read_absolute(h, from(s, sizeof "https://" - 1), a, out);
    return END_BAD_TARGET;
}
