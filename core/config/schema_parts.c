/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table's rows of timeouts, networks, logs and backends. */
#include "core/config/inputs.h"
#include "core/config/schema_macros.h"

#define TIMEOUT(member, fallback_)                                                                 \
    VALUE(timeouts, member, value_duration), DEFAULT(fallback_), BOUNDS(1, 86400000)

/* ---- Timeouts ------------------------------------------------------------------------------- */

/* Each place has its run of them. */
static const struct schema_key timeouts_keys[] = {
    { KEY("drain"), TIMEOUT(drain_ms, DRAIN_TIMEOUT_MS),
      .doc = "When sluice ends or a listener goes, what runs may end within this time." },
    { KEY("client_head"), TIMEOUT(client_head_ms, CLIENT_HEAD_TIMEOUT_MS),
      .doc = "From the first to the last byte of a request's head." },
    { KEY("client_idle"), TIMEOUT(client_idle_ms, CLIENT_IDLE_TIMEOUT_MS),
      .doc = "How long a connection may wait for its next request." },
    { KEY("client_linger"), TIMEOUT(client_linger_ms, CLIENT_LINGER_TIMEOUT_MS),
      .doc = "After an early answer the rest of the request is read and dropped for so long, so "
             "that the client sees the answer." },
    { KEY("client_body"), TIMEOUT(client_body_ms, CLIENT_BODY_TIMEOUT_MS),
      .doc = "How long a request's body may stand still." },
    { KEY("client_write"), TIMEOUT(client_write_ms, CLIENT_WRITE_TIMEOUT_MS),
      .doc = "How long a client may take none of its response." },
    { KEY("connect"), TIMEOUT(connect_ms, UPSTREAM_CONNECT_TIMEOUT_MS),
      .doc = "For a connection to a server; then another server is tried." },
    { KEY("queue"), TIMEOUT(queue_ms, UPSTREAM_QUEUE_TIMEOUT_MS),
      .doc = "How long a request may wait for a server that has room." },
    { KEY("first_byte"), TIMEOUT(first_byte_ms, UPSTREAM_FIRST_BYTE_TIMEOUT_MS),
      .doc = "From the request's end to the first byte of the server's answer." },
    { KEY("stall"), TIMEOUT(stall_ms, UPSTREAM_STALL_TIMEOUT_MS),
      .doc = "How long a server may neither take nor give a byte of what is on the way." },
    { KEY("tunnel_idle"), VALUE(timeouts, tunnel_idle_ms, value_duration),
      DEFAULT(TUNNEL_IDLE_TIMEOUT_MS), BOUNDS(1, 2592000000),
      .doc = "How long a tunnel (WebSocket) may be silent." },
    { KEY("upstream_idle"), TIMEOUT(upstream_idle_ms, UPSTREAM_IDLE_TIMEOUT_MS),
      .doc = "How long an unused connection to a server is kept." },
};

#define TIMEOUTS(first, last)                                                                      \
    .name = "timeouts", .keys = &timeouts_keys[first], .keys_count = (last) - (first),             \
    .inherits = true, .bytes = sizeof(struct timeouts)

const struct schema_object schema_timeouts_all = { TIMEOUTS(0, ARRAY_LEN(timeouts_keys)) };
const struct schema_object schema_timeouts_site = { TIMEOUTS(1, 11) };
const struct schema_object schema_timeouts_route = { TIMEOUTS(4, 11) };
const struct schema_object schema_timeouts_backend = { TIMEOUTS(6, 12) };

/* ---- Networks ------------------------------------------------------------------------------- */

static const struct schema_key networks_keys[] = {
    { KEY("networks"), EXAMPLE("[10.0.0.0/8, 192.0.2.7, \"2001:db8::/32\"]"),
      LIST_IN(networks_input, networks, value_network),
      .doc = "Networks and addresses: 10.0.0.0/8, 192.0.2.7, 2001:db8::/32." },
    { KEY("file"), EXAMPLE("[office.txt]"), LIST_IN(networks_input, files, value_file),
      .doc = "A file with one network a line ('#' begins a comment), or a list of such files." },
};
const struct schema_object schema_networks = {
    OBJECT_OF("networks", networks_input, networks_keys),
    .shorthand = "networks",
};

/* ---- Logs ----------------------------------------------------------------------------------- */

static const struct word format_words[] = {
    { "json", LOG_JSON },
    { "human", LOG_HUMAN },
    { "combined", LOG_COMBINED },
    { "trace", LOG_TRACE },
    { NULL, 0 },
};

static const struct schema_key log_keys[] = {
    { KEY("to"), VALUE_WHOLE(value_log_destination), .required = true,
      .doc = "A file (opened anew on USR1), stdout or syslog." },
    { KEY("format"), VALUE(log_config, format, value_word), .words = format_words,
      DEFAULT(LOG_JSON),
      .doc = "json: an object a line; combined: Apache's; human: for terminals; trace: what "
             "'sluice-bench replay' plays (method, path, sizes, times)." },
    { KEY("sample"), EXAMPLE("10%"), VALUE(log_config, sample_ppm, value_percent), DEFAULT(1000000),
      BOUNDS(0, 1000000),
      .doc = "The share of requests that is logged. What ends in an error is always logged." },
    { KEY("redact"), EXAMPLE("[token, password]"), STRINGS(log_config, redact, value_token),
      .otherwise = "none", .doc = "Query arguments whose values are not written." },
    { KEY("redact_paths"), EXAMPLE("[\"/users/*\"]"),
      STRINGS(log_config, redact_paths, value_path_rule), .otherwise = "none",
      .doc = "Segments of paths that are not written: of /users/7/orders, /users/* leaves "
             "/users/REDACTED/orders. Any number of stars; the first pattern that fits counts." },
    { KEY("request_headers"), EXAMPLE("[accept-language]"),
      STRINGS(log_config, request_headers, value_header_lower), .otherwise = "none",
      .doc = "Headers of the request to log (json only)." },
    { KEY("response_headers"), EXAMPLE("[x-cache]"),
      STRINGS(log_config, response_headers, value_header_lower), .otherwise = "none",
      .doc = "Headers of the response to log (json only)." },
};
const struct schema_object schema_log = { OBJECT_OF("log", log_config, log_keys) };

/* ---- Backends ------------------------------------------------------------------------------- */

static const struct schema_key server_keys[] = {
    { KEY("address"), VALUE_WHOLE(value_server_address), .required = true,
      .doc = "127.0.0.1:9000, \"[::1]:9000\", unix:/path; app.internal:9000: a server for each "
             "address that the name has, looked up again while sluice runs (see 'dns'); "
             "srv:_http._tcp.app.internal: the servers of an SRV record, with its ports, weights "
             "and priorities. When DNS fails, servers stay as they were." },
    { KEY("weight"), EXAMPLE("2"), VALUE(server_config, weight, value_number), DEFAULT(1),
      BOUNDS(0, SERVER_WEIGHT_MAX), .doc = "Its share beside the others; 0: gets nothing new." },
    { KEY("name"), EXAMPLE("app-1"), VALUE(server_config, name, value_name),
      .otherwise = "the address",
      .doc = "What logs and metrics call it, and what balancing by key knows it by." },
    { KEY("priority"), EXAMPLE("1"), VALUE(server_config, priority, value_number), DEFAULT(0),
      BOUNDS(0, 6),
      .doc = "Servers of a lower number come first; others get what those cannot take." },
    { KEY("backup"), VALUE(server_config, backup, value_bool), DEFAULT(false),
      .doc = "Gets something only when no other server is healthy." },
    { KEY("zone"), EXAMPLE("eu-1"), VALUE(server_config, zone, value_name), .otherwise = "none",
      .doc = "Where it is; see balance.zone." },
    { KEY("max_requests"), EXAMPLE("100"), VALUE(server_config, requests_max, value_number),
      BOUNDS(1, CAP_MAX), .otherwise = "per_server's",
      .doc = "So many requests at a time, of all workers together. With all servers of a backend "
             "at their limits, requests wait in its 'queue'." },
    { KEY("max_connections"), EXAMPLE("50"), VALUE(server_config, connections_max, value_number),
      BOUNDS(1, CAP_MAX), .otherwise = "per_server's",
      .doc = "So many connections at a time, unused ones among them, of all workers together." },
    { KEY("sni"), EXAMPLE("app-1.internal"), VALUE(server_config, sni, value_server_name),
      .otherwise = "the backend's", .doc = "This server's own tls.sni." },
};
const struct schema_object schema_server = {
    OBJECT_OF("server", server_config, server_keys),
    .shorthand = "address",
    .end = end_server,
};

static const struct schema_key pool_keys[] = {
    { KEY("idle"), VALUE(backend_config, pool_idle_max, value_number), DEFAULT(POOL_IDLE_MAX),
      BOUNDS(0, 100000),
      .doc = "How many unused connections a worker keeps to each server; 0: none." },
    { KEY("uses"), VALUE(backend_config, pool_uses_max, value_number), DEFAULT(POOL_USES_MAX),
      BOUNDS(1, 1000000000), .doc = "How many requests one connection serves." },
};
static const struct schema_object pool = {
    OBJECT_OF("pool", backend_config, pool_keys),
    .inherits = true,
};

static const struct word on_words[] = {
    { "on", true }, { "off", false }, { "true", true }, { "false", false }, { NULL, 0 },
};
static const struct word oldest_words[] = { { "1.2", false }, { "1.3", true }, { NULL, 0 } };

static const struct schema_key upstream_tls_keys[] = {
    { KEY("enabled"), EXAMPLE("on"), VALUE(upstream_tls_input, enabled, value_flag),
      .words = on_words, DEFAULT(true), .doc = "'tls: on' is short for it." },
    { KEY("sni"), EXAMPLE("app.internal"), VALUE(upstream_tls_input, sni, value_server_name),
      .otherwise = "the server's name, as its address is written; the request's host for servers "
                   "that are given by IP address or as Unix socket",
      .doc = "The name that is asked for (SNI) and that the certificate has to be for. $host: the "
             "host that the server is sent in the request." },
    { KEY("verify"), EXAMPLE("off"), VALUE(upstream_tls_input, verify, value_flag),
      .words = on_words, DEFAULT(true),
      .doc = "off: any certificate will do; whoever is between can read all." },
    { KEY("ca"), EXAMPLE("/etc/sluice/internal-ca.pem"), VALUE(upstream_tls_input, ca, value_file),
      .otherwise = "the system's CAs",
      .doc = "A file with the certificates (PEM) that sign the servers'." },
    { KEY("cert"), EXAMPLE("/etc/sluice/client.pem"), VALUE(upstream_tls_input, cert, value_file),
      .otherwise = "none",
      .doc = "A file with our own certificate and what leads to its CA (PEM), for servers that ask "
             "for one." },
    { KEY("key"), EXAMPLE("/etc/sluice/client.key"), VALUE(upstream_tls_input, key, value_file),
      .otherwise = "in the same file", .doc = "The file with its key (PEM)." },
    { KEY("passphrase_file"), EXAMPLE("/etc/sluice/client.pass"),
      VALUE(upstream_tls_input, passphrase, value_file), .otherwise = "none",
      .doc = "A file whose first line opens the key, if that is encrypted." },
    { KEY("min_version"), EXAMPLE("1.3"), VALUE(upstream_tls_input, tls13_only, value_flag),
      .words = oldest_words, DEFAULT(false), .doc = "The oldest version of TLS that is spoken." },
};
static const struct schema_object upstream_tls = {
    OBJECT_OF("tls", upstream_tls_input, upstream_tls_keys),
    .shorthand = "enabled",
    .off = true,
};

static const struct word protocol_words[] = {
    { "h1", PROTOCOL_H1 },
    { "h2", PROTOCOL_H2 },
    { "auto", PROTOCOL_AUTO },
    { NULL, 0 },
};
static const struct schema_key upstream_http2_keys[] = {
    { KEY("streams"), EXAMPLE("200"), VALUE(backend_config, h2_streams_max, value_number),
      DEFAULT(H2_STREAMS_MAX), BOUNDS(1, 1000),
      .doc = "How many requests one connection carries at a time, at most: the server may take "
             "fewer. When all connections are full, a worker opens another." },
    { KEY("ping"), EXAMPLE("30s"), VALUE(backend_config, h2_ping_ms, value_duration),
      BOUNDS(100, 86400000), .otherwise = "none",
      .doc = "A server that was silent for so long is asked whether it is there (PING). Servers of "
             "gRPC take it amiss if that is less than their own limit, often 5 minutes." },
    { KEY("ping_timeout"), EXAMPLE("2s"), VALUE(backend_config, h2_ping_timeout_ms, value_duration),
      DEFAULT(H2_PING_TIMEOUT_MS), BOUNDS(1, 3600000),
      .doc = "Without an answer to that for so long the connection is given up." },
};
static const struct schema_object upstream_http2 = {
    OBJECT_OF("http2", backend_config, upstream_http2_keys),
    .inherits = true,
};

static const struct word proxy_protocol_words[] = {
    { "off", PROXY_PROTOCOL_OFF },
    { "v1", PROXY_PROTOCOL_V1 },
    { "v2", PROXY_PROTOCOL_V2 },
    { NULL, 0 },
};

static const struct schema_key backend_keys[] = {
    { KEY("servers"), EXAMPLE("[\"10.0.0.1:9000\", { address: \"10.0.0.2:9000\", weight: 2 }]"),
      LIST_OF(backend_config, servers, schema_server), .otherwise = "none",
      .doc = "The servers: addresses or names, or maps with address, weight and name." },
    { KEY("servers_file"), EXAMPLE("/run/sluice/app.servers"),
      VALUE(backend_config, servers_file, value_file), .otherwise = "none",
      .doc = "A file with further servers, looked at twice a second: one a line, with keys like "
             "weight=2 behind the address, or a list as 'servers' is, in YAML or JSON. One that "
             "is missing or has mistakes leaves the servers as they were. Best replaced by "
             "renaming a new one over it." },
    { KEY("balance"), EXAMPLE("{ policy: maglev, key: client_ip }"),
      OBJECT(backend_config, balance, schema_balance), .otherwise = "round_robin",
      .doc = "Which server gets a request." },
    { KEY("tls"), EXAMPLE("{ sni: app.internal, min_version: 1.3 }"),
      OBJECT(backend_config, tls, upstream_tls), .take = take_upstream_tls, .otherwise = "off",
      .doc = "TLS with the servers: on, or how." },
    { KEY("protocol"), EXAMPLE("h2"), VALUE(backend_config, protocol, value_word),
      .words = protocol_words, DEFAULT(PROTOCOL_H1),
      .doc = "What the servers speak: HTTP/1.1 (h1); HTTP/2 (h2), in clear by prior knowledge; or "
             "what TLS agrees on (auto), HTTP/2 if it can be, in clear HTTP/1.1." },
    { KEY("http2"), EXAMPLE("{ streams: 200, ping: 30s }"), OBJECT_AT(0, upstream_http2),
      .doc = "How HTTP/2 is spoken with the servers." },
    { KEY("health"), EXAMPLE("{ path: /healthz, interval: 5s }"),
      OBJECT(backend_config, health, schema_health), .otherwise = "none",
      .doc = "Asks the servers how they are. A server that is down gets nothing." },
    { KEY("ejection"), EXAMPLE("{ failures: 5, time: 10s }"),
      OBJECT(backend_config, ejection, schema_ejection), .otherwise = "none",
      .doc = "Takes servers out for a while by how they answer." },
    { KEY("panic"), EXAMPLE("50%"), VALUE(backend_config, panic_ppm, value_percent),
      BOUNDS(0, 1000000), .otherwise = "0%",
      .doc = "With less of the servers healthy, all are used, healthy or not. 0%: never; without "
             "a healthy server requests are answered 503." },
    { KEY("slow_start"), EXAMPLE("30s"), VALUE(backend_config, slow_start_ms, value_duration),
      BOUNDS(1, 3600000), .otherwise = "none",
      .doc = "A server that is new or back gets its share little by little in this time." },
    { KEY("per_server"), EXAMPLE("{ max_requests: 100 }"),
      OBJECT(backend_config, per_server, schema_per_server), .otherwise = "no limits",
      .doc = "What each server takes at a time." },
    { KEY("queue"), EXAMPLE("{ max: 500, timeout: 2s }"), OBJECT_AT(0, schema_queue),
      .doc = "Requests that no server has room for wait here, first come, first served." },
    { KEY("breaker"), EXAMPLE("{ max_requests: 1000, error_rate: 50% }"),
      OBJECT(backend_config, breaker, schema_breaker), .otherwise = "none",
      .doc = "When the backend as a whole gets nothing more." },
    { KEY("pool"), EXAMPLE("{ idle: 64 }"), OBJECT_AT(0, pool),
      .doc = "Connections kept for the next request." },
    { KEY("retries"), EXAMPLE("{ attempts: 2 }"), OBJECT_AT(0, schema_backend_retries),
      .doc = "What happens when a server does not answer, or not well." },
    { KEY("sticky"), EXAMPLE("{ secret: sticky.key }"),
      OBJECT(backend_config, sticky, schema_sticky), .otherwise = "none",
      .doc = "A client's requests go to the server that answered its first, by a signed cookie." },
    { KEY("proxy_protocol"), VALUE(backend_config, proxy_protocol, value_word),
      .words = proxy_protocol_words, DEFAULT(PROXY_PROTOCOL_OFF),
      .doc = "Tell the servers who the client is, by the PROXY protocol's header in text (v1) or "
             "binary (v2) form at the begin of each connection. Connections are not pooled then." },
    { KEY("timeouts"), EXAMPLE("{ connect: 500ms, first_byte: 20s }"),
      OBJECT(backend_config, timeouts, schema_timeouts_backend), .otherwise = "those of the site",
      .doc = "Timeouts of these servers; they go before the site's, a route's go before them." },
};
const struct schema_object schema_backend = {
    OBJECT_OF("backend", backend_config, backend_keys),
    .begin = begin_backend,
    .end = end_backend,
};
