/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/addr.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/out.h"

_Static_assert(ADDR_TEXT_MAX >= sizeof "unix:" + sizeof((struct sockaddr_un *)0)->sun_path,
               "a Unix address fits");
_Static_assert(ADDR_TEXT_MAX >= INET6_ADDRSTRLEN + sizeof "[]:65535", "an IPv6 address fits");

static bool parse_port(struct str s, in_port_t *port, const char **why)
{
    unsigned v = 0;
    if (s.len == 0) {
        *why = "the port is missing";
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            *why = "the port is not a number";
            return false;
        }
        v = v * 10 + (unsigned)(s.ptr[i] - '0');
        if (v > 65535) {
            *why = "the port is above 65535";
            return false;
        }
    }
    *port = htons((in_port_t)v);
    return true;
}

/* path: what follows "unix:". */
static bool parse_unix(struct str path, struct addr *out, const char **why)
{
    if (path.len == 0 || (path.ptr[0] != '/' && path.ptr[0] != '@')) {
        *why = "a Unix socket is written unix:/path or unix:@name";
        return false;
    }
    if (memchr(path.ptr, 0, path.len)) {
        *why = "the Unix socket's path holds a NUL";
        return false;
    }
    if (path.len >= sizeof out->un.sun_path) {
        *why = "the Unix socket's path is longer than 107 bytes";
        return false;
    }
    out->un.sun_family = AF_UNIX;
    memcpy(out->un.sun_path, path.ptr, path.len);
    bool abstract = path.ptr[0] == '@';
    if (abstract)
        out->un.sun_path[0] = 0;
    /* A path counts its NUL, an abstract name has none. */
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + !abstract);
    return true;
}

/* inet_pton() wants a NUL; a text with one inside is no address. */
static bool parse_ip(int family, struct str s, void *out)
{
    char text[INET6_ADDRSTRLEN];
    if (s.len == 0 || s.len >= sizeof text || memchr(s.ptr, 0, s.len))
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = 0;
    return inet_pton(family, text, out) == 1;
}

static bool parse_v6(struct str host, struct str port, struct addr *out, const char **why)
{
    out->v6.sin6_family = AF_INET6;
    out->len = sizeof out->v6;
    if (!parse_ip(AF_INET6, host, &out->v6.sin6_addr)) {
        *why = "malformed IPv6 address";
        return false;
    }
    return parse_port(port, &out->v6.sin6_port, why);
}

static bool parse_any(struct str port, bool any_allowed, struct addr *out, const char **why)
{
    if (!any_allowed) {
        *why = "the address is missing";
        return false;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_addr = in6addr_any;
    out->len = sizeof out->v6;
    out->dual_stack = true;
    return parse_port(port, &out->v6.sin6_port, why);
}

bool addr_parse(struct str text, bool any_allowed, struct addr *out, const char **why)
{
    *out = (struct addr){ 0 };
    if (text.len >= 5 && memcmp(text.ptr, "unix:", 5) == 0)
        return parse_unix((struct str){ text.ptr + 5, text.len - 5 }, out, why);
    if (text.len && text.ptr[0] == '[') {
        const char *close = memchr(text.ptr, ']', text.len);
        size_t after = close ? (size_t)(close - text.ptr) + 1 : text.len;
        if (after >= text.len || text.ptr[after] != ':') {
            *why = "an IPv6 address is written [address]:port";
            return false;
        }
        return parse_v6((struct str){ text.ptr + 1, after - 2 },
                        (struct str){ text.ptr + after + 1, text.len - after - 1 }, out, why);
    }
    const char *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
    if (!colon) {
        *why = "the port is missing (write address:port)";
        return false;
    }
    struct str host = { text.ptr, (size_t)(colon - text.ptr) };
    struct str port = { colon + 1, text.len - host.len - 1 };
    if (port.len && memchr(port.ptr, ':', port.len)) {
        *why = "an IPv6 address is written [address]:port";
        return false;
    }
    if (host.len == 0 || str_eq(host, STR("*")))
        return parse_any(port, any_allowed, out, why);
    out->v4.sin_family = AF_INET;
    out->len = sizeof out->v4;
    if (!parse_ip(AF_INET, host, &out->v4.sin_addr)) {
        *why = "not an IP address (names are not resolved)";
        return false;
    }
    return parse_port(port, &out->v4.sin_port, why);
}

static void put_ip(struct out *o, int family, const void *ip)
{
    char text[INET6_ADDRSTRLEN];
    CHECK(inet_ntop(family, ip, text, sizeof text));
    out_str(o, str_of(text));
}

static void put_ip_port(struct out *o, const struct peer_addr *p)
{
    if (p->family == AF_INET6)
        out_char(o, '[');
    put_ip(o, p->family, p->ip);
    if (p->family == AF_INET6)
        out_char(o, ']');
    out_char(o, ':');
    out_u64(o, p->port);
}

static void put_unix(struct out *o, const struct addr *a)
{
    size_t n = a->len - offsetof(struct sockaddr_un, sun_path);
    const char *path = a->un.sun_path;
    if (a->len <= offsetof(struct sockaddr_un, sun_path)) { /* unnamed */
        out_lit(o, "unix");
        return;
    }
    out_lit(o, "unix:");
    if (path[0]) {
        out_mem(o, path, strnlen(path, n));
        return;
    }
    for (size_t i = 0; i < n; i++) /* an abstract name's NULs are shown as ss(8) does */
        out_char(o, path[i] ? path[i] : '@');
}

static size_t finish(struct out *o)
{
    out_char(o, 0);
    CHECK(!o->full);
    return out_len(o) - 1;
}

size_t addr_format(const struct addr *a, char out[ADDR_TEXT_MAX])
{
    struct out o = out_into(out, ADDR_TEXT_MAX);
    struct peer_addr p = peer_addr_of(a);
    if (p.family == AF_UNIX) {
        put_unix(&o, a);
    } else if (a->len && a->dual_stack) {
        out_char(&o, ':');
        out_u64(&o, p.port);
    } else if (p.family) {
        put_ip_port(&o, &p);
    } else {
        out_char(&o, '-');
    }
    return finish(&o);
}

struct peer_addr peer_addr_of(const struct addr *a)
{
    struct peer_addr p = { 0 };
    if (a->len == 0)
        return p;
    p.family = (unsigned char)a->sa.sa_family;
    if (a->sa.sa_family == AF_INET) {
        memcpy(p.ip, &a->v4.sin_addr, 4);
        p.port = ntohs(a->v4.sin_port);
    } else if (a->sa.sa_family == AF_INET6) {
        p.port = ntohs(a->v6.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
            p.family = AF_INET;
            memcpy(p.ip, a->v6.sin6_addr.s6_addr + 12, 4);
        } else {
            memcpy(p.ip, &a->v6.sin6_addr, 16);
        }
    }
    return p;
}

size_t peer_addr_format_ip(const struct peer_addr *p, char out[ADDR_TEXT_MAX])
{
    struct out o = out_into(out, ADDR_TEXT_MAX);
    if (p->family == AF_INET || p->family == AF_INET6)
        put_ip(&o, p->family, p->ip);
    else
        out_str(&o, p->family == AF_UNIX ? STR("unix") : STR("-"));
    return finish(&o);
}

size_t peer_addr_format(const struct peer_addr *p, char out[ADDR_TEXT_MAX])
{
    if (p->family != AF_INET && p->family != AF_INET6)
        return peer_addr_format_ip(p, out);
    struct out o = out_into(out, ADDR_TEXT_MAX);
    put_ip_port(&o, p);
    return finish(&o);
}
