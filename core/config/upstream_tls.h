/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration's part (config.h) about TLS with servers, and about TLS that is passed on. */
#ifndef SLUICE_CONFIG_UPSTREAM_TLS_H
#define SLUICE_CONFIG_UPSTREAM_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

struct backend_config;

/* A file in PEM form, as it was when the configuration was read. */
struct pem_file {
    const char *path;
    struct str text;       /* may be a key: config_free() overwrites it */
    struct pem_file *next; /* of config.pem_files */
};

/* TLS with a backend's servers. */
struct upstream_tls_config {
    /* The name that is asked for and that the certificate is to be for. Empty: the server's own, if
     * it was given by name, else the request's host; "$host": always that. */
    struct str sni;
    bool verify;
    bool tls13_only;
    const struct pem_file *ca;                      /* NULL without verify */
    const struct pem_file *cert, *key, *passphrase; /* our own; NULL: none */
    uint64_t id;                                    /* of all of this, contents of files included */
    const char *file; /* where it is written; NULL: on the command line */
    uint32_t line;
};

/* TLS that is passed on unopened, by the name that clients ask for. */
struct sni_route {
    struct str name; /* lower case; "*.example.com": one label before it */
    const struct backend_config *backend;
};

#endif
