/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table's rows of sites and routes, and of what both share with `defaults`. */
#include "core/config/inputs.h"
#include "core/config/schema_macros.h"

/* ---- Headers -------------------------------------------------------------------------------- */

#define HEADERS(member, value_type_)                                                               \
    PAIRS_IN(header_edits_input, member, value_header, header_values, values, value_type_),        \
        .many = true

/* The same keys with the variables that a request has, or a response. */
static const struct schema_key request_edits_keys[] = {
    { KEY("remove"), EXAMPLE("[X-Debug]"), LIST_IN(header_edits_input, remove, value_header),
      .doc = "Header fields to take out, first of all." },
    { KEY("set"), EXAMPLE("{ X-Real-IP: $client_ip }"), HEADERS(set, value_template),
      .doc =
          "Header fields to put in place of those of the same name. Values may hold variables." },
    { KEY("add"), EXAMPLE("{ X-Seen-By: $site }"), HEADERS(add, value_template),
      .doc = "Header fields to add beside those of the same name." },
};
static const struct schema_object request_edits = {
    OBJECT_OF("request_headers", header_edits_input, request_edits_keys),
};
static const struct schema_key response_edits_keys[] = {
    { KEY("remove"), EXAMPLE("[X-Debug]"), LIST_IN(header_edits_input, remove, value_header),
      .doc = "Header fields to take out, first of all." },
    { KEY("set"), EXAMPLE("{ X-Frame-Options: DENY }"), HEADERS(set, value_response_template),
      .doc =
          "Header fields to put in place of those of the same name. Values may hold variables." },
    { KEY("add"), EXAMPLE("{ X-Served-By: $server }"), HEADERS(add, value_response_template),
      .doc = "Header fields to add beside those of the same name." },
};
static const struct schema_object response_edits = {
    OBJECT_OF("response_headers", header_edits_input, response_edits_keys),
};

static const struct schema_key location_keys[] = {
    { KEY("own"), VALUE(location_input, own, value_bool), DEFAULT(false),
      .doc = "A Location that names the server's own address names the site instead." },
    { KEY("replace"), EXAMPLE("{ \"http://app.internal\": \"https://www.example.com\" }"),
      PAIRS_IN(location_input, replace, value_url_prefix, prefix_rewrite, to, value_url_prefix),
      .doc = "Beginnings of Location and what takes their place; the longest that fits wins." },
};
static const struct schema_object location = {
    OBJECT_OF("rewrite_location", location_input, location_keys),
    .shorthand = "own",
};

static const struct schema_key cookies_keys[] = {
    { KEY("domain"), EXAMPLE("{ app.internal: www.example.com }"),
      PAIRS_IN(cookies_input, domain, value_url_prefix, prefix_rewrite, to, value_url_prefix),
      .doc = "Domains of Set-Cookie and what takes their place." },
    { KEY("path"), EXAMPLE("{ /: /app/ }"),
      PAIRS_IN(cookies_input, path, value_url_prefix, prefix_rewrite, to, value_url_prefix),
      .doc = "Beginnings of the paths of Set-Cookie and what takes their place." },
};
static const struct schema_object cookies = {
    OBJECT_OF("rewrite_cookies", cookies_input, cookies_keys),
};

/* ---- Gates ---------------------------------------------------------------------------------- */

static const struct schema_key basic_auth_keys[] = {
    { KEY("users"), EXAMPLE("/etc/sluice/users"), VALUE(basic_auth_input, users, value_file),
      .required = true,
      .doc = "A file as htpasswd makes it: NAME:HASH a line, the hash by bcrypt ($2y$), SHA-512 "
             "($6$) or SHA-256 ($5$)." },
    { KEY("realm"), EXAMPLE("staff only"), VALUE(basic_auth_input, realm, value_text),
      .otherwise = "restricted", .doc = "What browsers show when they ask for the password." },
};
static const struct schema_object basic_auth = {
    OBJECT_OF("basic_auth", basic_auth_input, basic_auth_keys),
    .shorthand = "users",
    .off = true,
};

static const struct schema_key external_auth_keys[] = {
    { KEY("to"), VALUE(external_auth_config, backend, value_backend), .required = true,
      .doc = "The backend that is asked." },
    { KEY("path"), EXAMPLE("/verify"), VALUE(external_auth_config, path, value_path_template),
      .otherwise = "$uri", .doc = "The path it is asked for; may hold variables." },
    { KEY("forward"), EXAMPLE("[X-User, X-Groups]"),
      STRINGS(external_auth_config, forward, value_header), .otherwise = "none",
      .doc = "Header fields of its answer that the server gets." },
    { KEY("response"), EXAMPLE("[WWW-Authenticate]"),
      STRINGS(external_auth_config, response, value_header),
      .otherwise = "WWW-Authenticate, Location and Set-Cookie",
      .doc = "Header fields of its refusal that the client gets." },
    { KEY("timeout"), VALUE(external_auth_config, timeout_ms, value_duration), DEFAULT(5000),
      BOUNDS(1, 60000), .doc = "For the whole answer; then the request is refused with 504." },
};
static const struct schema_object external_auth = {
    OBJECT_OF("external_auth", external_auth_config, external_auth_keys),
    .off = true,
};

#define BUCKETS(type_name)                                                                         \
    { KEY("burst"),                                                                                \
      EXAMPLE("50"),                                                                               \
      VALUE(type_name, burst, value_number),                                                       \
      BOUNDS(1, 100000000),                                                                        \
      .otherwise = "the rate's count",                                                             \
      .doc = "So many may come at once." },                                                        \
        { KEY("ipv4_prefix"), VALUE(type_name, ipv4_bits, value_number), DEFAULT(32),              \
          BOUNDS(1, 32),                                                                           \
          .doc = "IPv4 clients whose addresses are equal in so many bits count as one." },         \
        { KEY("ipv6_prefix"), VALUE(type_name, ipv6_bits, value_number), DEFAULT(64),              \
          BOUNDS(1, 128), .doc = "The same for IPv6." },                                           \
    {                                                                                              \
        KEY("exempt"), EXAMPLE("10.0.0.0/8"), NETWORKS(type_name, exempt),                         \
            .otherwise = "nobody", .doc = "Clients that are not limited."                          \
    }

static const struct schema_key rate_limit_keys[] = {
    { KEY("rate"), VALUE(rate_limit_config, rate, value_rate), .required = true,
      .doc = "So many requests in such a time: 100/s, 600/m, 1000/h." },
    BUCKETS(rate_limit_config),
};
static const struct schema_object rate_limit = {
    OBJECT_OF("rate_limit", rate_limit_config, rate_limit_keys),
    .shorthand = "rate",
    .off = true,
};

static const struct schema_key connection_limit_keys[] = {
    { KEY("rate"), VALUE(connection_limit_config, rate, value_rate), .otherwise = "any",
      .doc = "So many new connections in such a time: 10/s." },
    { KEY("concurrent"), EXAMPLE("100"),
      VALUE(connection_limit_config, concurrent_max, value_number), BOUNDS(1, 10000000),
      .otherwise = "any", .doc = "So many connections at a time." },
    BUCKETS(connection_limit_config),
};
const struct schema_object schema_connection_limit = {
    OBJECT_OF("connection_limit", connection_limit_config, connection_limit_keys),
};

/* ---- What defaults, sites and routes share -------------------------------------------------- */

static const struct schema_key buffers_keys[] = {
    { KEY("request"), EXAMPLE("64KiB"), VALUE(handling, request_buffer_bytes, value_size),
      DEFAULT(0), BOUNDS(0, 1 << 30),
      .doc = "A request's body is taken in up to this size before a server is chosen: slow clients "
             "hold no server, and small requests can be sent again. 0B: streaming." },
    { KEY("response"), EXAMPLE("256KiB"), VALUE(handling, response_buffer_bytes, value_size),
      DEFAULT(0), BOUNDS(0, 1 << 30),
      .doc = "How much of a response is taken from the server ahead of a slow client. 0B: "
             "streaming." },
};
static const struct schema_object buffers = {
    OBJECT_OF("buffers", handling, buffers_keys),
    .inherits = true,
};

static const struct word unlimited_words[] = { { "unlimited", BODY_UNLIMITED }, { NULL, 0 } };

static const struct word upgrade_words[] = {
    { "any", UPGRADE_ANY },
    { "websocket", UPGRADE_WEBSOCKET },
    { "off", UPGRADE_OFF },
    { NULL, 0 },
};

static const struct schema_key hsts_keys[] = {
    { KEY("max_age"), EXAMPLE("365d"), VALUE(hsts_input, max_age_s, value_seconds),
      .required = true, BOUNDS(0, 315360000),
      .doc = "For how long browsers ask for nothing but https. 0s: they forget it." },
    { KEY("include_subdomains"), EXAMPLE("true"), VALUE(hsts_input, subdomains, value_bool),
      DEFAULT(false), .doc = "Also for all names below." },
    { KEY("preload"), EXAMPLE("true"), VALUE(hsts_input, preload, value_bool), DEFAULT(false),
      .doc = "Browsers may ship with it; hard to undo." },
};
static const struct schema_object hsts = {
    OBJECT_OF("hsts", hsts_input, hsts_keys),
    .shorthand = "max_age",
    .off = true,
};

static const struct schema_key handling_keys[] = {
    { KEY("log"), EXAMPLE("access"), VALUE(handling, log, value_log), .otherwise = "off",
      .doc = "The access log, by its name in 'logs'; off: none." },
    { KEY("via"), VALUE(handling, via, value_bool), DEFAULT(false),
      .doc = "Add Via to requests and responses." },
    { KEY("forwarded"), VALUE(handling, forwarded, value_bool), DEFAULT(false),
      .doc = "Add Forwarded to requests, beside X-Forwarded-For, -Proto and -Host." },
    { KEY("upgrade"), VALUE(handling, upgrade, value_word), .words = upgrade_words,
      DEFAULT(UPGRADE_ANY),
      .doc = "Whether a client and the server may switch to another protocol, and then have a "
             "tunnel (WebSocket is the usual one). HTTP/2 is never switched to in this way: it "
             "would pass requests by the rules of this file." },
    { KEY("underscores"), VALUE(handling, underscores, value_bool), DEFAULT(false),
      .doc = "Keep request header names with '_'; servers may take it for '-'." },
    { KEY("request_headers"), EXAMPLE("{ set: { X-Real-IP: $client_ip } }"),
      OBJECT_AT(0, request_edits), .take = take_request_edits, .otherwise = "unchanged",
      .doc = "Changes to the request's header on its way to the server. A route's come after its "
             "site's." },
    { KEY("hide"), EXAMPLE("[Server, X-Powered-By]"), LIST(value_header), .take = take_hide,
      .otherwise = "nothing",
      .doc = "Response header fields that clients do not get, like Server or X-Powered-By." },
    { KEY("response_headers"), EXAMPLE("{ set: { X-Frame-Options: DENY } }"),
      OBJECT_AT(0, response_edits), .take = take_response_edits, .otherwise = "unchanged",
      .doc = "Changes to the response's header on its way to the client. A route's come after its "
             "site's." },
    { KEY("rewrite_location"), EXAMPLE("true"), OBJECT_AT(0, location), .take = take_location,
      .otherwise = "unchanged", .doc = "Changes to Location in responses." },
    { KEY("rewrite_cookies"), EXAMPLE("{ domain: { app.internal: www.example.com } }"),
      OBJECT_AT(0, cookies), .take = take_cookies, .otherwise = "unchanged",
      .doc = "Changes to Set-Cookie in responses." },
    { KEY("error_pages"), EXAMPLE("{ 404: pages/404.html, 5xx: pages/5xx.html }"),
      PAIRS(value_status_range, error_page, path, value_file), .take = take_error_pages,
      .otherwise = "sluice's own: text or JSON, by Accept",
      .doc = "Files for sluice's own errors, by status (404) or class (5xx). $request_id and "
             "$status in them are replaced." },
    { KEY("allow"), EXAMPLE("[10.0.0.0/8]"), OBJECT_AT(0, schema_networks), .take = take_allow,
      .otherwise = "everybody",
      .doc = "Only clients of these networks; others get 403. A route's list counts besides its "
             "site's." },
    { KEY("deny"), EXAMPLE("{ file: [blocked.txt] }"), OBJECT_AT(0, schema_networks),
      .take = take_deny, .otherwise = "nobody",
      .doc = "Clients of these networks get 403, whatever 'allow' says." },
    { KEY("basic_auth"), EXAMPLE("/etc/sluice/users"), OBJECT(handling, basic_auth, basic_auth),
      .take = take_basic_auth, .otherwise = "off",
      .doc = "Name and password, by Basic authentication." },
    { KEY("external_auth"), EXAMPLE("{ to: auth, path: /verify, forward: [X-User] }"),
      OBJECT(handling, external_auth, external_auth), .take = take_external_auth,
      .otherwise = "off",
      .doc = "Another service is asked first: with 2xx the request goes on, any other answer goes "
             "to the client." },
    { KEY("max_body"), EXAMPLE("10MiB"), VALUE(handling, body_bytes_max, value_size),
      .words = unlimited_words, DEFAULT(BODY_UNLIMITED), BOUNDS(0, UINT64_C(1) << 50),
      .doc = "The longest body of a request; longer ones get 413." },
    { KEY("methods"), EXAMPLE("[GET, HEAD, POST]"), STRINGS(handling, methods, value_method),
      .otherwise = "all", .doc = "The methods allowed; others get 405." },
    { KEY("rate_limit"), EXAMPLE("{ rate: 100/s, burst: 200 }"), OBJECT_AT(0, rate_limit),
      .take = take_rate_limit, .otherwise = "off",
      .doc = "How many requests a client may make; more get 429 with Retry-After. A route's counts "
             "besides its site's; off ends both." },
    { KEY("buffers"), EXAMPLE("{ request: 64KiB }"), OBJECT_AT(0, buffers),
      .doc = "Bodies taken in on their way." },
    /* What follows is not for forward proxies (HANDLING_KEYS_OWN). */
    { KEY("hsts"), EXAMPLE("{ max_age: 730d, include_subdomains: true }"), OBJECT_AT(0, hsts),
      .take = take_hsts, .otherwise = "off",
      .doc = "Strict-Transport-Security in answers over TLS, in place of a server's." },
    { KEY("host_header"), EXAMPLE("app.internal"), VALUE_WHOLE(value_host_header),
      .otherwise = "preserve",
      .doc = "The Host that servers see. preserve: the client's; server: the server's address, as "
             "configured; or a host, like app.internal." },
    { KEY("cache"), EXAMPLE("{ default_ttl: 10s }"), OBJECT(handling, cache, schema_cache),
      .take = take_cache, .otherwise = "off",
      .doc = "Answers are kept and given again as RFC 9111 says; equal requests at a time become "
             "one." },
    { KEY("compress"), EXAMPLE("{ encodings: [br, gzip] }"),
      OBJECT(handling, compress, schema_compress), .take = take_compress, .otherwise = "off",
      .doc = "Answers leave compressed for clients that take them so." },
};
const struct schema_object schema_handling = {
    OBJECT_OF("handling", handling, handling_keys),
    .inherits = true,
};

#define SHARED(type_name)                                                                          \
    .shared = &schema_handling, .shared_offset = offsetof(struct type_name, handling)
#define TIMEOUTS_DOC "How long things may take. All count progress, unless they say otherwise."

/* ---- Routes --------------------------------------------------------------------------------- */

static const struct schema_key match_keys[] = {
    { KEY("host"), EXAMPLE("[example.com, \"*.example.com\"]"),
      LIST_IN(match_config, hosts, value_host_pattern), .otherwise = "every host",
      .doc = "www.example.com, or \"*.example.com\" (quoted) for one label before it; or a list." },
    { KEY("path"), EXAMPLE("\"/api/*\""), LIST_IN(match_config, paths, value_path_pattern),
      .otherwise = "every path",
      .doc = "/a: exactly that; /a/*: it and all below it; ~ ^/a[0-9]: a regular expression "
             "(PCRE2); or a list. Paths are matched in normal form." },
    { KEY("method"), EXAMPLE("[POST, PUT]"), STRINGS(match_config, methods, value_method),
      .otherwise = "every method", .doc = "A method, or a list." },
    { KEY("headers"), EXAMPLE("{ X-Canary: \"yes\" }"),
      PAIRS_IN(match_config, headers, value_header_lower, field_match, value, value_pattern),
      .otherwise = "any",
      .doc = "Header fields, all of them: the value, \"*\" for any value, or ~ and a regular "
             "expression." },
    { KEY("query"), EXAMPLE("{ version: \"2\" }"),
      PAIRS_IN(match_config, arguments, value_token, field_match, value, value_pattern),
      .otherwise = "any", .doc = "Query arguments, all of them; values as in 'headers'." },
    { KEY("client"), EXAMPLE("10.0.0.0/8"), NETWORKS(match_config, clients),
      .otherwise = "everybody", .doc = "Networks, one of which the client is in." },
};
static const struct schema_object match = {
    OBJECT_OF("match", match_config, match_keys),
    .end = end_match,
};

static const struct schema_key target_keys[] = {
    { KEY("backend"), VALUE(target_config, backend, value_backend), .required = true,
      .doc = "A backend." },
    { KEY("weight"), EXAMPLE("5"), VALUE(target_config, weight, value_number), DEFAULT(1),
      BOUNDS(0, 10000), .doc = "Its share of the requests beside the others." },
};
static const struct schema_object target = {
    OBJECT_OF("target", target_config, target_keys),
    .shorthand = "backend",
};

static const struct word redirect_words[] = {
    { "301", 301 }, { "302", 302 }, { "303", 303 }, { "307", 307 }, { "308", 308 }, { NULL, 0 },
};
static const struct schema_key redirect_keys[] = {
    { KEY("to"), EXAMPLE("https://www.example.com$uri"), VALUE(redirect_config, to, value_template),
      .required = true, .doc = "The Location, like https://www.example.com$uri." },
    { KEY("status"), VALUE(redirect_config, status, value_status_word), .words = redirect_words,
      DEFAULT(308), .doc = "308 and 307 keep the method, 301 to 303 need not." },
};
static const struct schema_object redirect = {
    OBJECT_OF("redirect", redirect_config, redirect_keys),
    .shorthand = "to",
};

static const struct schema_key respond_keys[] = {
    { KEY("status"), EXAMPLE("404"), VALUE(respond_config, status, value_status), DEFAULT(200),
      BOUNDS(200, 599), .doc = "The status." },
    { KEY("body"), EXAMPLE("\"nothing here\""), VALUE(respond_config, body, value_body_template),
      .otherwise = "empty", .doc = "The text; may hold variables, write $$ for $." },
    { KEY("headers"), EXAMPLE("{ Cache-Control: no-store }"),
      PAIRS(value_header, header_values, values, value_template), .many = true,
      .offset = offsetof(struct respond_config, headers), .take = take_respond_headers,
      .otherwise = "none", .doc = "Header fields; without Content-Type the body is text/plain." },
};
static const struct schema_object respond = {
    OBJECT_OF("respond", respond_config, respond_keys),
    .shorthand = "status",
};

static const struct word path_form_words[] = { { "normal", false }, { "raw", true }, { NULL, 0 } };

static const struct schema_key route_keys[] = {
    { KEY("name"), EXAMPLE("api"), VALUE(route_config, name, value_name), .otherwise = "routes[N]",
      .doc = "What logs, variables and 'sluice route' call it." },
    { KEY("match"), EXAMPLE("{ host: www.example.com, path: \"/api/*\" }"),
      OBJECT(route_config, match, match), .otherwise = "every request",
      .doc = "Which requests it is for; the first route that matches answers." },
    { KEY("to"), EXAMPLE("app"), LIST_OF(route_config, targets, target),
      .doc = "The backend, or a list of backends with weights, of which each request gets one. A "
             "route has one of 'to', 'redirect' and 'respond'." },
    { KEY("redirect"), EXAMPLE("https://www.example.com$uri"),
      OBJECT(route_config, redirect, redirect),
      .doc = "Send the client elsewhere. The text may hold variables." },
    { KEY("respond"), EXAMPLE("{ status: 200, body: pong }"),
      OBJECT(route_config, respond, respond), .doc = "Answer without a server." },
    { KEY("path_form"), VALUE(route_config, path_raw, value_flag), .words = path_form_words,
      DEFAULT(false),
      .doc = "normal: the path is matched and passed on in normal form; raw: as it came." },
    { KEY("strip_prefix"), EXAMPLE("/api"), VALUE(route_config, strip_prefix, value_path_prefix),
      .otherwise = "nothing",
      .doc = "Takes this beginning off the path on its way to the server." },
    { KEY("rewrite"), EXAMPLE("/index.html"), VALUE_WHOLE(value_rewrite), .otherwise = "unchanged",
      .doc = "The path that the server gets: /new/$1 (groups of the path's regular expression and "
             "other variables). The query stays, unless this holds a '?'." },
    { KEY("retries"), EXAMPLE("{ on: [connect, 503], try_timeout: 2s }"),
      OBJECT(route_config, retries, schema_route_retries), .take = take_retries,
      .otherwise = "those of the backend",
      .doc = "What happens when a server does not answer, or not well." },
    { KEY("timeouts"), EXAMPLE("{ first_byte: 5m }"),
      OBJECT(route_config, handling.timeouts, schema_timeouts_route),
      .otherwise = "those of the backend, then of the site", .doc = TIMEOUTS_DOC },
};
const struct schema_object schema_route = {
    OBJECT_OF("route", route_config, route_keys),
    SHARED(route_config),
    .begin = begin_route,
    .end = end_route,
};

/* ---- Sites ---------------------------------------------------------------------------------- */

static const struct schema_key limits_keys[] = {
    { KEY("head"), VALUE(head_limits, head_bytes_max, value_size32), DEFAULT(HEAD_BYTES_MAX),
      BOUNDS(1024, HEAD_BYTES_MAX), .doc = "The longest head of a request; longer ones get 431." },
    { KEY("fields"), VALUE(head_limits, fields_max, value_number), DEFAULT(HEAD_FIELDS_MAX),
      BOUNDS(1, HEAD_FIELDS_MAX), .doc = "Fields in a request's head; more get 431." },
    { KEY("target"), VALUE(head_limits, target_bytes_max, value_size32), DEFAULT(TARGET_BYTES_MAX),
      BOUNDS(64, TARGET_BYTES_MAX),
      .doc = "The longest path with its query; longer ones get 414." },
};
static const struct schema_object limits = {
    OBJECT_OF("limits", head_limits, limits_keys),
    .inherits = true,
};

static const struct schema_key maintenance_keys[] = {
    { KEY("enabled"), VALUE(maintenance_input, enabled, value_bool), DEFAULT(false),
      .doc = "Whether every request of the site gets 503." },
    { KEY("retry_after"), EXAMPLE("10m"), VALUE(maintenance_input, retry_after_s, value_seconds),
      BOUNDS(1, 2592000), .otherwise = "not said", .doc = "What Retry-After says." },
    { KEY("page"), EXAMPLE("pages/503.html"), VALUE(maintenance_input, page, value_file),
      .otherwise = "sluice's own", .doc = "A file for the answer; variables as in error_pages." },
    { KEY("except"), EXAMPLE("[10.0.0.0/8]"), NETWORKS(maintenance_input, except),
      .otherwise = "nobody", .doc = "Clients who see the site all the same." },
};
static const struct schema_object maintenance = {
    OBJECT_OF("maintenance", maintenance_input, maintenance_keys),
    .shorthand = "enabled",
};

static const struct schema_key site_keys[] = {
    { KEY("timeouts"), EXAMPLE("{ client_idle: 30s }"),
      OBJECT(site_config, handling.timeouts, schema_timeouts_site),
      .otherwise = "those of 'defaults'", .doc = TIMEOUTS_DOC },
    { KEY("limits"), EXAMPLE("{ head: 16KiB }"), OBJECT(site_config, limits, limits),
      .doc = "What a request's head may be like." },
    { KEY("maintenance"), EXAMPLE("{ enabled: true, retry_after: 10m }"),
      OBJECT(site_config, maintenance, maintenance), .take = take_maintenance,
      .doc = "A switch: the site is closed for a while." },
    { KEY("connection_limit"), EXAMPLE("{ concurrent: 100 }"),
      OBJECT(site_config, connection_limit, schema_connection_limit), .take = take_connection_limit,
      .otherwise = "none", .doc = "How many connections a client may open; more are closed." },
    { KEY("routes"), EXAMPLE("[{ match: { path: \"/api/*\" }, to: api }, { to: app }]"),
      LIST_OF(site_config, routes, schema_route), .required = true,
      .doc = "The routes, in order: the first that matches answers; without one the answer is "
             "404." },
};
const struct schema_object schema_site = {
    OBJECT_OF("site", site_config, site_keys),
    .keys_late = 1, /* routes begin with what the site has */
    SHARED(site_config),
    .begin = begin_site,
};

static const struct schema_key defaults_keys[] = {
    { KEY("timeouts"), EXAMPLE("{ connect: 1s }"),
      OBJECT(defaults, handling.timeouts, schema_timeouts_all), .doc = TIMEOUTS_DOC },
    { KEY("limits"), EXAMPLE("{ head: 16KiB }"), OBJECT(defaults, limits, limits),
      .doc = "What a request's head may be like." },
};
const struct schema_object schema_defaults = {
    OBJECT_OF("defaults", defaults, defaults_keys),
    SHARED(defaults),
    .begin = begin_defaults,
};
