/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/base/host_name.h"
#include "core/config/loader.h"
#include "core/config/values.h"

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0;
}

static void read_bind(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    (void)k;
    struct bind_config *b = out;
    const char *why;
    if (addr_parse(n->text, true, &b->addr, &why))
        b->text = load_str(l, n->text).ptr;
    else if (all_digits(n->text))
        report_error(l->report, n->place, "'%s' is no address; write \":%s\" for all addresses",
                     quote(n->text).text, quote(n->text).text);
    else
        report_error(l->report, n->place,
                     "'%s': %s (write 127.0.0.1:8080, [::1]:8080, :8080 or unix:/path)",
                     quote(n->text).text, why);
}

/* ---- Servers -------------------------------------------------------------------------------- */

/* Whether it is NAME:PORT; the port goes to *port. */
static bool parse_host_name(struct str text, struct addr *port)
{
    const char *colon = memchr(text.ptr, ':', text.len), *ignored;
    struct str name = { text.ptr, colon ? (size_t)(colon - text.ptr) : 0 };
    struct host_name parsed;
    return name.len && host_name_parse(name, &parsed, &ignored) &&
           addr_parse((struct str){ colon, text.len - name.len }, true, port, &ignored);
}

#define SERVICE_PREFIX_BYTES 4 /* "srv:" */

bool server_address_parse(struct str text, struct server_config *s, const char **why)
{
    struct addr addr, port = { 0 };
    struct host_name name;
    s->kind = SERVER_ADDRESS;
    s->addr = (struct addr){ 0 };
    if (text.len > SERVICE_PREFIX_BYTES && memcmp(text.ptr, "srv:", SERVICE_PREFIX_BYTES) == 0) {
        s->kind = SERVER_SERVICE;
        return host_name_parse(
            (struct str){ text.ptr + SERVICE_PREFIX_BYTES, text.len - SERVICE_PREFIX_BYTES }, &name,
            why);
    }
    if (addr_parse(text, false, &addr, why)) {
        port = s->addr = addr;
    } else if (memmem(text.ptr, text.len, "://", 3)) {
        *why = "an address, not a URL";
        return false;
    } else if (parse_host_name(text, &port)) {
        s->kind = SERVER_NAME;
    } else {
        if (strstr(*why, "the port is missing"))
            *why = "the port is missing";
        else if (strstr(*why, "names are not resolved"))
            *why = "neither an address nor a name with its port";
        return false;
    }
    *why = "a server has no port 0";
    return port.sa.sa_family == AF_UNIX || peer_addr_of(&port).port != 0;
}

static void read_server_address(struct loader *l, const struct schema_key *k, const struct node *n,
                                void *out)
{
    (void)k;
    struct server_config *s = out;
    const char *why;
    if (server_address_parse(n->text, s, &why))
        s->host = load_str(l, n->text).ptr;
    else
        report_error(l->report, n->place,
                     "'%s': %s (write 127.0.0.1:9000, [::1]:9000, app.internal:9000 or "
                     "unix:/path)",
                     quote(n->text).text, why);
}

/* ---- Networks ------------------------------------------------------------------------------- */

static bool parse_bits(struct str s, unsigned max, unsigned *bits)
{
    *bits = 0;
    if (!all_digits(s) || s.len > 3)
        return false;
    for (size_t i = 0; i < s.len; i++)
        *bits = *bits * 10 + (unsigned)(s.ptr[i] - '0');
    return *bits <= max;
}

bool network_parse(struct str text, struct network *out, const char **why)
{
    char ip[INET6_ADDRSTRLEN];
    const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
    size_t len = slash ? (size_t)(slash - text.ptr) : text.len;
    *out = (struct network){ 0 };
    *why = "not an IP address or network";
    if (len >= sizeof ip)
        return false;
    memcpy(ip, text.ptr, len);
    ip[len] = '\0';
    if (inet_pton(AF_INET, ip, out->ip) == 1)
        out->family = AF_INET;
    else if (inet_pton(AF_INET6, ip, out->ip) == 1)
        out->family = AF_INET6;
    else
        return false;
    unsigned max = out->family == AF_INET ? 32 : 128, bits = max;
    if (slash && !parse_bits((struct str){ slash + 1, text.len - len - 1 }, max, &bits)) {
        *why = max == 32 ? "the prefix length is a number from 0 to 32"
                         : "the prefix length is a number from 0 to 128";
        return false;
    }
    out->bits = (unsigned char)bits;
    for (unsigned i = bits; i < max; i++) {
        if (out->ip[i / 8] >> (7 - i % 8) & 1) {
            *why = "the address has bits behind the prefix";
            return false;
        }
    }
    return true;
}

static void read_network(struct loader *l, const struct schema_key *k, const struct node *n,
                         void *out)
{
    (void)k;
    const char *why;
    if (!network_parse(n->text, out, &why))
        report_error(l->report, n->place, "'%s': %s (write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32)",
                     quote(n->text).text, why);
}

const struct value_type value_bind = {
    .name = "address",
    .form = "an address like 127.0.0.1:8080, [::1]:8080, \":8080\" or unix:/path",
    .json = "\"type\":\"string\",\"pattern\":\":\"",
    .bytes = sizeof(struct bind_config),
    .read = read_bind,
    .example = "\":80\"",
};
const struct value_type value_server_address = {
    .name = "address",
    .form = "an address like 127.0.0.1:9000, [::1]:9000, app.internal:9000, "
            "srv:_http._tcp.app.internal or unix:/path",
    .json = "\"type\":\"string\",\"pattern\":\":\"",
    .bytes = sizeof(struct server_config),
    .read = read_server_address,
    .example = "\"127.0.0.1:9000\"",
};
const struct value_type value_network = {
    .name = "network",
    .form = "a network like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32",
    .json = "\"type\":\"string\",\"pattern\":\"^[0-9a-fA-F.:]+(/[0-9]{1,3})?$\"",
    .bytes = sizeof(struct network),
    .read = read_network,
    .example = "10.0.0.0/8",
};

/* ---- Names in TLS --------------------------------------------------------------------------- */

#define SERVER_NAME_BYTES_MAX 253 /* RFC 1035 2.3.4, as text */

static bool is_server_pattern(struct str s)
{
    size_t from = s.len > 2 && s.ptr[0] == '*' && s.ptr[1] == '.' ? 2 : 0;
    bool ok = s.len > from && s.len <= SERVER_NAME_BYTES_MAX && s.ptr[s.len - 1] != '.';
    for (size_t i = from; ok && i < s.len; i++) {
        char c = ascii_lower(s.ptr[i]);
        bool dot = c == '.' && i > from && s.ptr[i - 1] != '.';
        ok = dot || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    }
    return ok;
}

static void read_server_pattern(struct loader *l, const struct schema_key *k, const struct node *n,
                                void *out)
{
    (void)k;
    if (!is_server_pattern(n->text)) {
        report_error(l->report, n->place,
                     "'%s' is neither a host name nor \"*\" and a domain (\"*.example.com\")",
                     quote(n->text).text);
        return;
    }
    struct str s = load_str(l, n->text);
    for (size_t i = 0; i < s.len; i++)
        ((char *)s.ptr)[i] = ascii_lower(s.ptr[i]);
    *(struct str *)out = s;
}

const struct value_type value_server_pattern = {
    .name = "server name",
    .form = "www.example.com or \"*.example.com\"",
    .json = "\"type\":\"string\",\"pattern\":\"^([*][.])?[A-Za-z0-9_.-]{1,253}$\"",
    .bytes = sizeof(struct str),
    .read = read_server_pattern,
};

static void read_https_port(struct loader *l, const struct schema_key *k, const struct node *n,
                            void *out)
{
    (void)k;
    uint32_t port = 0;
    bool number = n->text.len > 0 && n->text.len <= 5;
    for (size_t i = 0; number && i < n->text.len; i++) {
        number = n->text.ptr[i] >= '0' && n->text.ptr[i] <= '9';
        port = 10 * port + (uint32_t)(n->text.ptr[i] - '0');
    }
    if (str_eq(n->text, STR("true")))
        *(uint32_t *)out = 443;
    else if (str_eq(n->text, STR("false")))
        *(uint32_t *)out = 0;
    else if (number && port >= 1 && port <= 65535)
        *(uint32_t *)out = port;
    else
        report_error(l->report, n->place, "'%s' is neither true, false nor a port",
                     quote(n->text).text);
}

static void format_https_port(uint64_t v, char out[32])
{
    if (v)
        snprintf(out, 32, "%u", (unsigned)v);
    else
        snprintf(out, 32, "false");
}

const struct value_type value_https_port = {
    .name = "https port",
    .form = "true, false or a port",
    .json =
        "\"anyOf\":[{\"type\":\"boolean\"},{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}]",
    .bytes = sizeof(uint32_t),
    .read = read_https_port,
    .format = format_https_port,
};

/* ---- Forward proxies ------------------------------------------------------------------------ */

/* 0: it is none. */
static uint32_t parse_port(struct str s)
{
    uint32_t port = 0;
    if (!all_digits(s) || s.len > 5)
        return 0;
    for (size_t i = 0; i < s.len; i++)
        port = port * 10 + (uint32_t)(s.ptr[i] - '0');
    return port <= UINT16_MAX ? port : 0;
}

static void read_port_range(struct loader *l, const struct schema_key *k, const struct node *n,
                            void *out)
{
    (void)k;
    const char *dash = n->text.len ? memchr(n->text.ptr, '-', n->text.len) : NULL;
    struct str from = { n->text.ptr, dash ? (size_t)(dash - n->text.ptr) : n->text.len };
    struct str to = dash ? (struct str){ dash + 1, n->text.len - from.len - 1 } : from;
    uint32_t first = parse_port(from), last = parse_port(to);
    if (first && first <= last)
        *(struct port_range *)out = (struct port_range){ (uint16_t)first, (uint16_t)last };
    else
        report_error(l->report, n->place, "'%s' is neither a port (443) nor a range (8000-8999)",
                     quote(n->text).text);
}

const struct value_type value_port_range = {
    .name = "ports",
    .form = "a port (443) or a range (8000-8999)",
    .json = "\"type\":[\"integer\",\"string\"],\"pattern\":\"^[0-9]{1,5}(-[0-9]{1,5})?$\"",
    .bytes = sizeof(struct port_range),
    .read = read_port_range,
    .example = "443",
};

static void read_source(struct loader *l, const struct schema_key *k, const struct node *n,
                        void *out)
{
    (void)k;
    struct network net;
    struct addr a = { 0 };
    const char *why;
    bool whole = network_parse(n->text, &net, &why) && !memchr(n->text.ptr, '/', n->text.len);
    if (!whole) {
        report_error(l->report, n->place, "'%s' is no IP address", quote(n->text).text);
        return;
    }
    a.sa.sa_family = net.family;
    a.len = net.family == AF_INET ? sizeof a.v4 : sizeof a.v6;
    if (net.family == AF_INET)
        memcpy(&a.v4.sin_addr, net.ip, sizeof a.v4.sin_addr);
    else
        memcpy(&a.v6.sin6_addr, net.ip, sizeof a.v6.sin6_addr);
    *(struct addr *)out = a;
}

const struct value_type value_source = {
    .name = "source address",
    .form = "an IP address of this machine",
    .json = "\"type\":\"string\",\"pattern\":\"^[0-9a-fA-F.:]+$\"",
    .bytes = sizeof(struct addr),
    .read = read_source,
    .example = "192.0.2.10",
};
