/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/suggest.h"

#include <stddef.h>

#include "core/base/check.h"

#define WORD_BYTES_MAX 64

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t edit_distance(struct str a, struct str b, uint32_t max)
{
    size_t difference = a.len > b.len ? a.len - b.len : b.len - a.len;
    if (a.len > WORD_BYTES_MAX || b.len > WORD_BYTES_MAX || difference > max)
        return max + 1;
    /* Rows i-2, i-1 and i of the usual table. */
    uint32_t rows[3][WORD_BYTES_MAX + 1];
    for (uint32_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (uint32_t i = 1; i <= a.len; i++) {
        uint32_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        row[0] = i;
        for (uint32_t j = 1; j <= b.len; j++) {
            char x = a.ptr[i - 1], y = b.ptr[j - 1];
            row[j] = least(up[j - 1] + (x != y), least(up[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == b.ptr[j - 2] && y == a.ptr[i - 2])
                row[j] = least(row[j], up2[j - 2] + 1);
        }
    }
    return least(rows[a.len % 3][b.len], max + 1);
}

void suggest_begin(struct suggestion *s, struct str word)
{
    *s = (struct suggestion){ .word = word };
    s->distance = least(3, (uint32_t)(word.len < 1000 ? word.len : 1000) / 3 + 1) + 1;
}

void suggest(struct suggestion *s, struct str candidate)
{
    uint32_t d = edit_distance(s->word, candidate, s->distance);
    /* Something of the word must be left. */
    if (d >= s->distance || d >= candidate.len || d >= s->word.len)
        return;
    s->distance = d;
    s->nearest = candidate;
}

/* object NULL: wherever it stands. */
static const struct {
    const char *object, *key, *hint;
} hints[] = {
    { "configuration", "listen", "did you mean 'listeners'?" },
    { "configuration", "upstream", "did you mean 'backends'?" },
    { "configuration", "upstreams", "did you mean 'backends'?" },
    { "configuration", "http",
      "its parts are 'listeners', 'sites' and 'backends' at the top level" },
    { "configuration", "server",
      "a server block is a site: 'listeners' say where, 'sites' say what" },
    { "configuration", "servers", "servers stand in backends.NAME.servers" },
    { "configuration", "frontend",
      "a frontend is a listener with a site: 'listeners' and 'sites'" },
    { "configuration", "global", "its keys stand at the top level: 'workers', 'user', ..." },
    { "configuration", "worker_processes", "did you mean 'workers'?" },
    { "configuration", "nbthread", "did you mean 'workers'?" },
    { "configuration", "routes", "routes stand in sites.NAME.routes" },
    { "configuration", "set_real_ip_from", "did you mean 'trusted_proxies'?" },
    { "configuration", "access_log", "did you mean 'logs'?" },
    { "configuration", "log_format", "did you mean logs.NAME.format?" },
    { "configuration", "stats", "did you mean 'admin'?" },
    { "listener", "listen", "did you mean 'bind'?" },
    { "listener", "address", "did you mean 'bind'?" },
    { "listener", "port", "did you mean 'bind'? as in bind: \":80\"" },
    { "listener", "default_backend", "did you mean 'site'?" },
    { "listener", "routes", "did you mean 'site'? routes stand in sites.NAME.routes" },
    { "listener", "ssl", "did you mean 'tls'?" },
    { "listener", "ssl_certificate", "did you mean tls.certificates?" },
    { "listener", "certificates", "did you mean tls.certificates?" },
    { "tls", "cert", "did you mean 'certificates'? as in certificates: [{ cert: ..., key: ... }]" },
    { "tls", "key", "did you mean 'certificates'? as in certificates: [{ cert: ..., key: ... }]" },
    { "tls", "min_version", "did you mean 'policy'?" },
    { "tls", "ciphers", "did you mean 'policy'?" },
    { "tls", "protocols", "did you mean 'policy'? protocols above TLS are in 'alpn'" },
    { "tls", "ssl_verify_client", "did you mean 'client_certificates'?" },
    { "backend", "server", "did you mean 'servers'?" },
    { "backend", "option", "HAProxy's options have keys of their own; see 'sluice help backends'" },
    { "backend", "keepalive", "did you mean 'pool'?" },
    { "backend", "health_check", "did you mean 'health'?" },
    { "backend", "outlier_detection", "did you mean 'ejection'?" },
    { "backend", "lb_policy", "did you mean 'balance'?" },
    { "backend", "least_conn", "did you mean 'balance'?" },
    { "backend", "ip_hash", "did you mean balance: { policy: maglev, key: client_ip }?" },
    { "backend", "circuit_breakers", "did you mean 'breaker'?" },
    { "backend", "max_requests", "did you mean 'per_server', or breaker.max_requests?" },
    { "backend", "max_connections", "did you mean 'per_server'?" },
    { "server", "max_conns", "did you mean 'max_connections', or 'max_requests'?" },
    { "server", "maxconn", "did you mean 'max_requests', or 'max_connections'?" },
    { "site", "server_name", "hosts are matched by routes: routes[].match.host" },
    { "site", "listen", "addresses stand in listeners.NAME.bind" },
    { "site", "root", "sluice serves no files; send the request to a server that does" },
    { "site", "host", "hosts are matched by routes: routes[].match.host" },
    { "site", "hosts", "hosts are matched by routes: routes[].match.host" },
    { "route", "host", "did you mean match.host?" },
    { "route", "path", "did you mean match.path?" },
    { "route", "method", "did you mean match.method?" },
    { "route", "backend", "did you mean 'to'?" },
    { "route", "return", "did you mean 'respond' or 'redirect'?" },
    { "route", "handle", "did you mean 'match'?" },
    { "route", "handle_path", "did you mean 'match' with 'strip_prefix'?" },
    { "route", "gzip", "did you mean 'compress'?" },
    { "route", "proxy_cache", "did you mean 'cache'?" },
    { "match", "hosts", "did you mean 'host'? it takes a list too" },
    { "match", "paths", "did you mean 'path'? it takes a list too" },
    { "match", "hdr", "did you mean 'headers'?" },
    { "match", "remote_ip", "did you mean 'client'?" },
    { "match", "src", "did you mean 'client'?" },
    { "policy", "leastconn", "did you mean 'least_requests'?" },
    { "policy", "least_conn", "did you mean 'least_requests'?" },
    { "policy", "least_time", "did you mean 'peak_ewma'?" },
    { "policy", "static-rr", "did you mean 'round_robin'?" },
    { "policy", "ip_hash", "did you mean { policy: maglev, key: client_ip }?" },
    { "policy", "source", "did you mean { policy: maglev, key: client_ip }?" },
    { "policy", "uri", "did you mean { policy: maglev, key: path }?" },
    { "policy", "hash", "did you mean 'maglev' with a 'key'?" },
    { "policy", "hdr", "did you mean { policy: maglev, key: \"header:NAME\" }?" },
    { "policy", "cookie", "did you mean { policy: maglev, key: \"cookie:NAME\" }?" },
    { NULL, "proxy_pass", "did you mean routes[].to?" },
    { NULL, "reverse_proxy", "did you mean routes[].to?" },
    { NULL, "use_backend", "did you mean routes[].to?" },
    { NULL, "default_backend", "a last route without 'match' is the default: { to: NAME }" },
    { NULL, "upstream", "did you mean 'backends' at the top level?" },
    { NULL, "location", "did you mean routes[].match.path?" },
    { NULL, "server_name", "did you mean routes[].match.host?" },
    { NULL, "acl", "did you mean routes[].match?" },
    { NULL, "if", "did you mean routes[].match?" },
    { NULL, "frontend", "a frontend is a listener with a site: 'listeners' and 'sites'" },
    { NULL, "backend", "did you mean 'backends' at the top level?" },
    { NULL, "bind", "addresses stand in listeners.NAME.bind" },
    { NULL, "add_header", "did you mean response_headers.add?" },
    { NULL, "header", "did you mean response_headers?" },
    { NULL, "headers", "did you mean 'request_headers' or 'response_headers'?" },
    { NULL, "header_up", "did you mean request_headers?" },
    { NULL, "header_down", "did you mean response_headers?" },
    { NULL, "proxy_set_header", "did you mean request_headers.set?" },
    { NULL, "proxy_hide_header", "did you mean 'hide'?" },
    { NULL, "server_tokens", "did you mean hide: Server?" },
    { NULL, "proxy_redirect", "did you mean 'rewrite_location'?" },
    { NULL, "proxy_cookie_domain", "did you mean rewrite_cookies.domain?" },
    { NULL, "proxy_cookie_path", "did you mean rewrite_cookies.path?" },
    { NULL, "proxy_connect_timeout", "did you mean timeouts.connect?" },
    { NULL, "proxy_read_timeout", "did you mean timeouts.first_byte or timeouts.stall?" },
    { NULL, "proxy_send_timeout", "did you mean timeouts.stall?" },
    { NULL, "keepalive_timeout", "did you mean timeouts.client_idle?" },
    { NULL, "client_header_timeout", "did you mean timeouts.client_head?" },
    { NULL, "client_body_timeout", "did you mean timeouts.client_body?" },
    { NULL, "send_timeout", "did you mean timeouts.client_write?" },
    { NULL, "timeout", "did you mean 'timeouts'?" },
    { NULL, "client_max_body_size", "did you mean 'max_body'?" },
    { NULL, "large_client_header_buffers", "did you mean limits.head?" },
    { NULL, "proxy_buffering", "did you mean buffers.response?" },
    { NULL, "proxy_request_buffering", "did you mean buffers.request?" },
    { NULL, "limit_req", "did you mean 'rate_limit'?" },
    { NULL, "limit_conn", "did you mean 'connection_limit'?" },
    { NULL, "auth_basic", "did you mean 'basic_auth'?" },
    { NULL, "basicauth", "did you mean 'basic_auth'?" },
    { NULL, "auth_request", "did you mean 'external_auth'?" },
    { NULL, "forward_auth", "did you mean 'external_auth'?" },
    { NULL, "error_page", "did you mean 'error_pages'?" },
    { NULL, "errorfile", "did you mean 'error_pages'?" },
    { NULL, "handle_errors", "did you mean 'error_pages'?" },
    { NULL, "access_log", "did you mean 'log'? logs are described in 'logs' at the top level" },
    { NULL, "redir", "did you mean routes[].redirect?" },
    { NULL, "return", "did you mean routes[].respond or routes[].redirect?" },
    { NULL, "uri", "did you mean 'strip_prefix' or 'rewrite'?" },
    { NULL, "set_real_ip_from", "did you mean 'trusted_proxies' at the top level?" },
};

const char *foreign_hint(const char *object, struct str key)
{
    for (size_t i = 0; i < ARRAY_LEN(hints); i++)
        if (str_eq(str_of(hints[i].key), key) &&
            (!hints[i].object || strcmp(hints[i].object, object) == 0))
            return hints[i].hint;
    return NULL;
}
