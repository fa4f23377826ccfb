/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checked, immutable configuration that everything runs on. config_load() (load.h) fills it
 * from a file, the command line of `sluice proxy` fills the same.
 *
 * Everything of one configuration lives in its arena: pointers stay valid until config_free(), and
 * nothing is freed before. References between the parts are pointers (a route's backend), resolved
 * and never NULL where the comment does not say so. Whatever is inherited (defaults -> site ->
 * route) is resolved too: who handles a request looks at its route only. */
#ifndef SLUICE_CONFIG_CONFIG_H
#define SLUICE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/arena.h"
#include "core/base/limits.h"
#include "core/base/str.h"
#include "core/config/config_cache.h"
#include "core/config/config_compress.h"
#include "core/config/config_dns.h"
#include "core/config/config_forward.h"
#include "core/config/config_values.h"
#include "core/config/strings.h"
#include "core/config/upstream_tls.h"

/* ---- Timeouts and limits -------------------------------------------------------------------- */

struct timeouts {
    uint32_t client_head_ms; /* absolute: first to last byte of a head */
    uint32_t client_body_ms; /* the rest by progress */
    uint32_t client_idle_ms;
    uint32_t client_write_ms;
    uint32_t client_linger_ms;
    uint32_t connect_ms;
    uint32_t queue_ms; /* for a server that has room */
    uint32_t first_byte_ms;
    uint32_t stall_ms; /* server: no progress while its answer or our request is on the way */
    uint32_t upstream_idle_ms;
    uint32_t tunnel_idle_ms;
    uint32_t drain_ms;
};

struct head_limits {
    uint32_t head_bytes_max;
    uint32_t fields_max;
    uint32_t target_bytes_max;
};

/* ---- Logs ----------------------------------------------------------------------------------- */

enum log_format { LOG_NONE, LOG_JSON, LOG_HUMAN, LOG_COMBINED, LOG_TRACE };
enum log_destination { LOG_TO_FILE, LOG_TO_STDOUT, LOG_TO_SYSLOG };

struct log_config {
    const char *name;
    enum log_format format; /* never LOG_NONE */
    enum log_destination destination;
    const char *path;                /* "-": stdout; "syslog" */
    uint32_t sample_ppm;             /* of the exchanges that went well; others are always logged */
    struct strings redact;           /* query arguments whose values are not written */
    struct strings redact_paths;     /* their segments in a star's place are not written */
    struct strings request_headers;  /* captured, lower case */
    struct strings response_headers; /* captured, lower case */
};

/* ---- Backends ------------------------------------------------------------------------------- */

enum server_kind {
    SERVER_ADDRESS,
    SERVER_NAME,    /* "app.internal:9000": resolved while running, to any number of servers */
    SERVER_SERVICE, /* "srv:_http._tcp.internal": likewise, with ports, priorities and weights */
};

struct server_config {
    enum server_kind kind;
    struct addr addr;  /* len 0: its name did not resolve; never picked */
    const char *name;  /* stable identity: its address as text, unless named */
    const char *host;  /* address as written: a name to be resolved, or the address again */
    uint32_t weight;   /* 0: gets nothing new */
    struct str sni;    /* in place of its backend's; empty: that */
    uint32_t priority; /* 0 first; below TIER_PRIORITIES */
    bool backup;       /* only when no other is healthy */
    const char *zone;  /* NULL: said none */
    uint32_t requests_max, connections_max; /* at a time; 0: any number */
};

enum balance_key {
    KEY_NONE,
    KEY_CLIENT_IP, /* its first ipv4_bits or ipv6_bits */
    KEY_HEADER,
    KEY_COOKIE,
    KEY_PATH, /* normal form, without the query: what caches are spread by */
    KEY_ARGUMENT,
    KEY_SNI, /* what the client asked for in TLS */
};

struct balance_config {
    const char *policy; /* a name that balance_policy_find() knows */
    enum balance_key key;
    struct str key_name; /* of the header (lower case), cookie or query argument */
    uint32_t ipv4_bits, ipv6_bits;
    uint32_t bound_ppm; /* ring_hash: a server's load over its fair share; 0: any */
    uint32_t decay_ms;  /* peak_ewma: how fast a latency is forgotten */
    const char *zone;   /* ours: its servers come first; NULL: none */
    uint32_t spill_ppm; /* how much more than its share a tier can take */
};

/* What is tried again with another server. */
enum retry_on {
    RETRY_CONNECT = 1 << 0,
    RETRY_RESET = 1 << 1,
    RETRY_TIMEOUT = 1 << 2,
    RETRY_5XX = 1 << 3,
    RETRY_SAID = 1 << 4, /* it was said after what */
};

struct retry_config {
    uint32_t attempts_max;
    struct strings words; /* as written */
    uint32_t on;          /* enum retry_on */
    uint16_t statuses[8];
    uint32_t statuses_count;
    bool non_idempotent;
    uint32_t budget_ppm; /* of the requests */
    uint32_t try_ms;     /* for each attempt; 0: none */
};

/* When a backend as a whole gets nothing more. */
struct breaker_config {
    uint32_t requests_max;   /* in flight, on all servers together; 0: any number */
    uint32_t error_rate_ppm; /* 0: any */
    uint32_t requests_min, interval_ms;
    uint32_t time_ms, time_max_ms;
    uint32_t trials;
};

struct sticky_config {
    const char *path;
    struct str secret; /* len 0: clients do not stick */
    struct str cookie;
    uint32_t max_age_s; /* 0: not said */
    bool secure;
};

enum probe_kind { PROBE_NONE, PROBE_HTTP, PROBE_TCP, PROBE_TLS, PROBE_GRPC };

struct health_config {
    enum probe_kind kind;
    struct str path, host; /* host empty: the server's address */
    struct str body;       /* to be found in the answer; empty: anything */
    struct str service;    /* PROBE_GRPC: whose state; empty: the server's */
    uint16_t status_min, status_max;
    uint32_t interval_ms, timeout_ms;
    uint32_t rise, fall;
    uint32_t port; /* 0: the server's */
};

struct ejection_config {
    bool on;
    uint32_t consecutive;    /* 0: any */
    uint32_t error_rate_ppm; /* 0: any */
    uint32_t latency_ppm;    /* of the median; 0: any */
    uint32_t interval_ms, requests_min;
    uint32_t time_ms, time_max_ms;
    uint32_t share_max_ppm;
};

/* The PROXY protocol's header, sent before anything else. */
/* What a backend's servers speak. */
enum upstream_protocol {
    PROTOCOL_H1,
    PROTOCOL_H2,   /* by ALPN over TLS, by prior knowledge in clear */
    PROTOCOL_AUTO, /* what TLS agrees on (ALPN), the best first; in clear HTTP/1 */
};

enum proxy_protocol { PROXY_PROTOCOL_OFF, PROXY_PROTOCOL_V1, PROXY_PROTOCOL_V2 };

struct backend_config {
    const char *name;
    struct balance_config balance;
    struct health_config health; /* PROBE_NONE: no checks */
    struct ejection_config ejection;
    uint32_t panic_ppm; /* with less of the servers healthy, health is not looked at; 0: never */
    uint32_t slow_start_ms; /* 0: none */
    struct server_config *servers;
    uint32_t servers_count;
    struct server_limits_config {
        uint32_t requests_max, connections_max;
    } per_server;       /* of servers that say none; 0: any number */
    uint32_t queue_max; /* requests that wait for a server with room */
    uint32_t queue_ms;  /* 0: as timeouts.queue says */
    struct breaker_config breaker;
    const char *servers_file; /* more of them, watched; NULL: none */
    struct retry_config retry;
    struct sticky_config sticky;
    uint32_t pool_idle_max; /* per worker and server; 0: no keep-alive to servers */
    uint32_t pool_uses_max; /* requests on one connection */
    uint32_t backoff_min_ms, backoff_max_ms;
    enum upstream_protocol protocol;
    uint32_t h2_streams_max; /* at a time on one connection */
    uint32_t h2_ping_ms;     /* a connection that is silent for so long is asked; 0: never */
    uint32_t h2_ping_timeout_ms;
    enum proxy_protocol proxy_protocol;
    const struct upstream_tls_config *tls; /* NULL: the servers speak plain HTTP */
    struct timeouts timeouts;              /* defaults, then its own */
};

/* ---- How requests are handled: shared by sites and routes ----------------------------------- */

enum edit_op { EDIT_REMOVE, EDIT_SET, EDIT_ADD };

/* In the order in which they are done: those of defaults, of the site, of the route. */
struct header_edit {
    enum edit_op op;
    struct str name; /* as written */
    struct template value;
};

struct header_edits {
    struct header_edit *items;
    uint32_t items_count;
};

/* The longest `from` wins; the last of equal ones. */
struct prefix_rewrite {
    struct str from, to;
};

struct prefix_rewrites {
    struct prefix_rewrite *items;
    uint32_t items_count;
};

struct error_page {
    uint16_t status_min, status_max; /* 5xx: 500 to 599 */
    const char *path;
    struct template body; /* the file's text; $request_id and $status are variables */
    struct str content_type;
};

/* The last that fits wins. */
struct error_pages {
    struct error_page *items;
    uint32_t items_count;
};

/* A client must be in each of `allows`, and in nothing of `deny`. */
struct access_config {
    struct networks *allows;
    uint32_t allows_count;
    struct networks deny;
};

struct basic_user {
    struct str name;
    struct str hash; /* as crypt(3) writes it */
};

struct basic_auth_config {
    struct str realm;
    const char *path;
    struct basic_user *users; /* sorted by name */
    uint32_t users_count;
};

struct external_auth_config {
    const struct backend_config *backend;
    struct template path;    /* of the subrequest */
    struct strings forward;  /* from the subrequest's 2xx to the request for the server */
    struct strings response; /* from any other answer to the client */
    uint32_t timeout_ms;
};

/* One bucket per client network of such sizes. */
struct rate_limit_config {
    uint64_t id; /* of where it is written: the same in all that inherit it, and after a reload */
    struct rate rate;
    uint32_t burst;
    uint32_t ipv4_bits, ipv6_bits;
    struct networks exempt;
};

struct connection_limit_config {
    uint64_t id;      /* likewise */
    struct rate rate; /* of new ones; count 0: any */
    uint32_t burst;
    uint32_t concurrent_max; /* 0: any */
    uint32_t ipv4_bits, ipv6_bits;
    struct networks exempt;
};

/* Which switches to another protocol (RFC 9110 7.8) are passed on; never one to HTTP/2. */
enum upgrade_rule { UPGRADE_ANY, UPGRADE_WEBSOCKET, UPGRADE_OFF };

enum host_rule { HOST_PRESERVE, HOST_SERVER, HOST_TEXT };

#define BODY_UNLIMITED UINT64_MAX

struct handling {
    struct timeouts timeouts;     /* of a route: without those of its backend, see struct target */
    const struct log_config *log; /* NULL: none */
    struct str hsts;              /* Strict-Transport-Security of answers over TLS; len 0: none */
    bool via;
    bool forwarded;
    bool underscores; /* field names with '_' are kept */
    enum upgrade_rule upgrade;
    enum host_rule host_rule;
    struct str host_text; /* HOST_TEXT */
    struct header_edits request_edits, response_edits;
    bool location_own; /* Location that points to the server is made to point to the site */
    struct prefix_rewrites location, cookie_domain, cookie_path;
    struct error_pages error_pages;
    struct access_config access;
    const struct basic_auth_config *basic_auth;       /* NULL: none */
    const struct external_auth_config *external_auth; /* NULL: none */
    uint64_t body_bytes_max;                          /* BODY_UNLIMITED */
    struct strings methods;                           /* those allowed; none given: all */
    struct rate_limit_config *rate_limits;            /* all are kept */
    uint32_t rate_limits_count;
    uint64_t request_buffer_bytes, response_buffer_bytes; /* 0: streaming */
    const struct cache_config *cache;                     /* NULL: nothing is kept */
    const struct compress_config *compress;               /* NULL: answers stay as they are */
};

/* ---- Sites and routes ----------------------------------------------------------------------- */

enum match_kind {
    MATCH_EXACT,
    MATCH_PREFIX,   /* path: `text` ("/a") itself and all below it */
    MATCH_WILDCARD, /* host: one label before `text` (".example.com") */
    MATCH_REGEX,
    MATCH_ANY, /* path: all; header or argument: it is there */
};

struct text_match {
    enum match_kind kind;
    struct str text;           /* host: lower case */
    const struct regex *regex; /* MATCH_REGEX */
};

struct field_match {
    struct str name; /* header: lower case */
    struct text_match value;
};

/* Empty lists match everything. Of hosts, paths, methods and clients one must fit, of headers and
 * arguments all. */
struct match_config {
    struct text_match *hosts;
    uint32_t hosts_count;
    struct text_match *paths;
    uint32_t paths_count;
    struct strings methods;
    struct field_match *headers;
    uint32_t headers_count;
    struct field_match *arguments;
    uint32_t arguments_count;
    struct networks clients;
};

struct target_config {
    const struct backend_config *backend;
    uint32_t weight;
    struct timeouts timeouts; /* defaults, site, backend, route: the last that says something */
};

enum action { ACTION_PROXY, ACTION_REDIRECT, ACTION_RESPOND };

struct redirect_config {
    uint16_t status;
    struct template to;
};

struct respond_config {
    uint16_t status;
    struct template body;
    struct header_edits headers; /* EDIT_ADD */
};

struct route_config {
    const char *name; /* as given, or "routes[3]" */
    const char *file; /* where it is written; NULL: on the command line */
    uint32_t line;
    uint32_t index; /* in its site */
    struct match_config match;
    const struct retry_config *retries; /* NULL: its backend's */
    enum action action;
    struct target_config *targets; /* ACTION_PROXY: at least one, weights > 0 in sum */
    uint32_t targets_count;
    struct redirect_config redirect;
    struct respond_config respond;
    bool path_raw;           /* matched and forwarded as it came */
    struct str strip_prefix; /* "/api"; len 0: none */
    bool rewrites;           /* path becomes `rewrite` */
    struct template rewrite;
    struct handling handling;
};

struct maintenance_config {
    bool on;
    uint32_t retry_after_s;  /* 0: not said */
    struct error_page *page; /* NULL: ours */
    struct networks except;
};

struct site_config {
    const char *name;
    struct route_config *routes; /* first match wins */
    uint32_t routes_count;
    struct head_limits limits;
    struct maintenance_config maintenance;
    const struct connection_limit_config *connection_limit; /* NULL: none */
    struct handling handling;             /* of requests that meet no route, or none yet */
    const struct forward_config *forward; /* NULL: it has servers of its own */
};

/* ---- Listeners ------------------------------------------------------------------------------ */

enum client_certificates {
    CLIENT_CERTIFICATES_OFF,
    CLIENT_CERTIFICATES_OPTIONAL, /* judged if there is one */
    CLIENT_CERTIFICATES_REQUIRED,
};

/* Of clients that ask for these names. */
struct client_rule_config {
    struct strings names; /* lower case, "*.example.com" too; none: all that no other rule names */
    enum client_certificates mode;
    struct str header; /* the server gets the certificate in it (RFC 9440); len 0: in none */
};

struct tls_service; /* tls/service.h: certificates, policy, tickets */

struct listener_tls {
    struct tls_service *service; /* counted; NULL: nobody made it (load.h, maker) */
    void (*release)(struct tls_service *s);
    struct client_rule_config *rules; /* in the service's order */
    uint32_t rules_count;
};

struct listener_config {
    const char *name;
    const struct site_config *site;    /* NULL: layer 4 */
    const struct site_config *forward; /* the same, if it is a forward proxy; NULL: it is none */
    const struct backend_config *tcp;  /* NULL: HTTP */
    struct sni_route *sni;             /* those go before `tcp` */
    uint32_t sni_count;
    const struct log_config *log;      /* of layer 4; NULL: none */
    struct networks proxy_protocol;    /* peers that begin with its header */
    struct listener_tls *tls;          /* NULL: plain HTTP */
    const struct backend_config *acme; /* gets tls-alpn-01 challenges; with tls; NULL: nobody */
    uint32_t https_port;               /* requests are sent there by redirect; 0: they are not */
    bool http2;                        /* by ALPN, and by its preface in clear */
    bool h2c_upgrade;                  /* and by Upgrade: h2c; http2, no tls, no tcp */
};

/* An address to listen on. */
struct bind_config {
    struct addr addr;
    const char *text; /* as written, for messages */
    const struct listener_config *listener;
};

/* ---- All of it ------------------------------------------------------------------------------ */

enum trust { TRUST_NEVER, TRUST_PROXIES, TRUST_ALWAYS };

struct request_id_config {
    struct str header; /* as written */
    enum trust trust;  /* whose ids are kept; others are replaced */
};

/* How bodies and tunnels are passed on. */
enum relay_strategy {
    RELAY_AUTO,        /* spliced by splice(2) where it pays */
    RELAY_COPY,        /* never spliced */
    RELAY_SPLICE,      /* wherever it can be, by splice(2) */
    RELAY_RING_SPLICE, /* as AUTO, by the ring's own operation */
};

struct relay_config {
    enum relay_strategy strategy;
    uint64_t splice_bytes; /* from so many bytes that are still to come; never 0 */
    uint64_t pipe_bytes;
};

/* Files that are read anew when they change, without the configuration: those of listeners' TLS. */
struct renewable {
    struct strings paths;
    struct strings directories;
};

struct config_source {
    const char *name;
    struct str text;
};

struct config {
    uint32_t workers;         /* 0: one per CPU of the affinity set */
    uint32_t clients_max;     /* per worker; 0: as descriptors allow */
    uint32_t buffers_max;     /* per worker, BUFFER_BYTES each; 0: as memory allows */
    const char *user;         /* NULL: stays who it is */
    const char *admin_socket; /* path; NULL: none */
    const char *journal;  /* of changes by the admin interface; NULL: they go with the process */
    uint64_t cache_bytes; /* memory of the cache, all of it */
    uint64_t coder_bytes; /* memory of what compresses, per worker */
    uint32_t lame_duck_ms;
    struct networks trusted_proxies;
    struct renewable renewable;
    struct strings
        identity_headers; /* of all listeners' client_certificates: nobody else sets them */
    struct request_id_config request_id;
    struct relay_config relay;
    struct dns_config dns;
    struct timeouts timeouts; /* `defaults`, with drain_ms */

    struct bind_config *binds; /* of all listeners */
    uint32_t binds_count;      /* at most LISTENERS_MAX */
    struct listener_config *listeners;
    uint32_t listeners_count;
    struct site_config *sites;
    uint32_t sites_count;
    struct backend_config *backends;
    uint32_t backends_count;
    struct log_config *logs;
    uint32_t logs_count;

    struct config_source *sources; /* the files it was read from, as they were */
    uint32_t sources_count;
    struct regex *regexes; /* all that are compiled */
    struct pem_file *pem_files;
    struct arena arena;
};

/* An empty configuration with the defaults of DESIGN 8. NULL without memory. memory_max bounds its
 * arena. */
struct config *config_new(size_t memory_max);
#define CONFIG_MEMORY_BYTES_MAX ((size_t)256 << 20)

/* Zeroed memory of the configuration; NULL past its bound or without memory. */
void *config_alloc(struct config *c, size_t bytes);

/* A copy with a NUL behind it; ptr NULL as above. */
struct str config_str(struct config *c, struct str s);

/* c may be NULL. */
void config_free(struct config *c);

/* Completes c->dns with what the machine says: the texts of its resolv.conf and hosts. False
 * without memory. */
bool config_fill_dns(struct config *c, struct str resolv_conf, struct str hosts);

/* The file of that path, if the configuration has read it; else a new one with a copy of the text.
 * NULL without memory. */
const struct pem_file *config_pem_file(const struct config *c, const char *path);
const struct pem_file *config_add_pem_file(struct config *c, const char *path, struct str text);

/* Where systems keep the certificates of the CAs that they trust; NULL past the last. */
const char *config_system_store(uint32_t i);

/* Sets the id. */
void config_seal_upstream_tls(struct upstream_tls_config *t);

/* The defaults of what `sluice proxy` has one of. */
void config_default_timeouts(struct timeouts *t);
void config_default_dns(struct dns_config *d);
void config_default_backend(struct backend_config *b);
void config_default_site(struct site_config *s);

/* One site with one route to one backend "default" without servers, one listener without addresses,
 * no log: what `sluice proxy` begins with. NULL without memory. */
struct config *config_new_proxy(void);

#endif
