/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checked, immutable configuration that workers run on. Today the command line of `sluice
 * proxy` fills it; the configuration file will. */
#ifndef SLUICE_CONFIG_CONFIG_H
#define SLUICE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/limits.h"
#include "core/base/str.h"

struct timeouts {
    uint32_t client_head_ms; /* absolute: first to last byte of a head */
    uint32_t client_body_ms; /* the rest by progress */
    uint32_t client_idle_ms;
    uint32_t client_write_ms;
    uint32_t client_linger_ms;
    uint32_t connect_ms;
    uint32_t first_byte_ms;
    uint32_t stall_ms; /* server: no progress while its answer or our request is on the way */
    uint32_t upstream_idle_ms;
    uint32_t drain_ms;
};

struct listener_config {
    struct addr addr;
    const char *text; /* as written, for messages */
};

struct certificate_config {
    const char *chain; /* files in PEM form; NULL: a self-signed one is made */
    const char *key;
};

struct tls_config {
    struct certificate_config certificates[CERTIFICATES_MAX];
    uint32_t certificates_count; /* 0: listeners speak plain HTTP; the first is the default */
};

struct server_config {
    struct addr addr;
    const char *name; /* stable identity: its address as text, unless named */
    uint32_t weight;  /* 0: gets nothing new */
};

enum balance_key { KEY_NONE, KEY_CLIENT_IP, KEY_HEADER, KEY_COOKIE, KEY_URI };

struct backend_config {
    const char *name;
    const char *policy; /* a name that balance_policy_find() knows */
    enum balance_key key;
    struct str key_name; /* of the header (lower case) or cookie */
    struct server_config *servers;
    uint32_t servers_count;
    uint32_t attempts_max;
    uint32_t pool_idle_max; /* per worker and server; 0: no keep-alive to servers */
    uint32_t pool_uses_max; /* requests on one connection */
    uint32_t backoff_min_ms, backoff_max_ms;
};

enum log_format { LOG_NONE, LOG_JSON, LOG_HUMAN, LOG_COMBINED };

struct config {
    struct listener_config listeners[LISTENERS_MAX];
    uint32_t listeners_count;
    struct tls_config tls; /* of all listeners */
    struct backend_config backend;
    struct timeouts timeouts;
    uint32_t workers;     /* 0: one per CPU of the affinity set */
    uint32_t clients_max; /* per worker; 0: as descriptors allow */
    uint32_t buffers_max; /* per worker, BUFFER_BYTES each; 0: as memory allows */
    bool via;
    bool forwarded;
    bool underscores; /* field names with '_' are kept */
    enum log_format log_format;
    const char *log_path; /* "-": stdout */
};

/* The defaults of DESIGN 8, without listeners and servers. */
void config_defaults(struct config *c);

#endif
