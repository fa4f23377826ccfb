/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of keys whose value is put together before it goes into the configuration, and the
 * functions that put it there (schema_key.take, schema_object.begin and end). */
#ifndef SLUICE_CONFIG_INPUTS_H
#define SLUICE_CONFIG_INPUTS_H

#include "core/config/config_forward.h"
#include "core/config/loader.h"
#include "core/config/values.h"

struct networks_input {
    struct network *networks;
    uint32_t networks_count;
    const char **files;
    uint32_t files_count;
};

struct header_values {
    struct str name;
    struct template *values;
    uint32_t values_count;
};

struct header_edits_input {
    struct str *remove;
    uint32_t remove_count;
    struct header_values *set;
    uint32_t set_count;
    struct header_values *add;
    uint32_t add_count;
};

struct location_input {
    bool own;
    struct prefix_rewrite *replace;
    uint32_t replace_count;
};

struct cookies_input {
    struct prefix_rewrite *domain;
    uint32_t domain_count;
    struct prefix_rewrite *path;
    uint32_t path_count;
};

struct maintenance_input {
    bool enabled;
    uint32_t retry_after_s;
    const char *page;
    struct networks except;
};

struct upstream_tls_input {
    bool enabled;
    struct str sni;
    bool verify;
    bool tls13_only;
    const char *ca, *cert, *key, *passphrase;
};

struct certificate_input {
    const char *cert, *key, *passphrase, *ocsp, *directory;
};

struct client_rule_input {
    struct strings names;
    enum client_certificates mode;
    const char *ca, *crl;
    struct str header;
};

struct listener_tls_input {
    struct certificate_input *certificates;
    uint32_t certificates_count;
    bool modern, refuse_unknown, tickets;
    const char **alpn;
    uint32_t alpn_count;
    const char **ticket_keys;
    uint32_t ticket_keys_count;
    struct client_rule_input *clients;
    uint32_t clients_count;
    uint32_t ready_max;
};

struct cache_input {
    bool enabled, client_control;
    enum query_key query;
    struct str *only;
    uint32_t only_count;
    struct str *except;
    uint32_t except_count;
    uint32_t heuristic_ppm;
    struct cache_config cache;
};

struct compress_input {
    bool enabled;
    const char **encodings;
    uint32_t encodings_count;
    uint32_t gzip_level, brotli_level, zstd_level;
    struct compress_config compress;
};

struct hsts_input {
    uint32_t max_age_s;
    bool subdomains, preload;
};

struct hosts_input {
    struct str *names;
    uint32_t names_count;
    const char **files;
    uint32_t files_count;
};

struct forward_input {
    struct site_config site;
    struct forward_config forward;
    const char *pac;
};

struct basic_auth_input {
    struct str realm;
    const char *users;
};

typedef void take_fn(struct loader *l, const struct node *n, void *read, uint32_t count, void *out);
typedef void object_fn(struct loader *l, const struct node *n, void *out);

/* inputs.c, inputs_site.c */
extern take_fn take_networks;                                      /* struct networks */
extern take_fn take_allow, take_deny;                              /* struct handling */
extern take_fn take_request_edits, take_response_edits, take_hide; /* struct handling */
extern take_fn take_respond_headers;                               /* struct header_edits */
extern take_fn take_location, take_cookies;                        /* struct handling */
extern take_fn take_rate_limit;                                    /* struct handling */
extern take_fn take_connection_limit; /* const struct connection_limit_config * */
extern take_fn take_external_auth;    /* const struct external_auth_config * */
extern take_fn take_bind;     /* struct listener_config; goes to the configuration's binds */
extern take_fn take_defaults; /* the loader's, whatever out is */
extern take_fn take_retries;  /* const struct retry_config * */
extern take_fn take_nothing;
extern take_fn take_sites; /* the configuration's, whatever out is */
extern object_fn begin_defaults, begin_site, begin_route, end_route, begin_backend, end_backend,
    end_server, end_match, end_balance, end_listener, end_health, end_ejection;

/* inputs_forward.c */
extern take_fn take_hosts;          /* struct suffix_set of a struct forward_rule */
extern take_fn take_source;         /* struct forward_rule */
extern take_fn take_forward_source; /* struct forward_input */
extern take_fn take_forward;        /* struct site_config * of a struct listener_config */
extern object_fn begin_forward, begin_forward_rule;

/* inputs_cache.c */
extern take_fn take_cache; /* const struct cache_config * */

/* inputs_compress.c */
extern take_fn take_compress; /* const struct compress_config * */

/* upstream_tls.c */
extern take_fn take_upstream_tls; /* const struct upstream_tls_config * */

/* listener_tls.c */
extern const char *const certificate_patterns[]; /* of files in a directory; ends with NULL */
extern take_fn take_listener_tls;                /* struct listener_tls * */
extern take_fn take_hsts;                        /* struct handling */

/* files.c: what other files hold */
extern take_fn take_basic_auth;  /* const struct basic_auth_config * */
extern take_fn take_error_pages; /* struct handling */
extern take_fn take_maintenance; /* struct maintenance_config */

/* Adds the networks of a file, one a line, '#' begins a comment. False: reported. */
bool load_networks(struct loader *l, const struct node *n, const char *path, struct networks *out);

#endif
