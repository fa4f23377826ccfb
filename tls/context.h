/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What connections of one listener, or to one backend, have in common. Built per worker and
 * immutable then; a connection holds a reference, so that a new context takes over while old
 * connections end with theirs. */
#ifndef SLUICE_TLS_CONTEXT_H
#define SLUICE_TLS_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ring/loop.h"
#include "tls/certificate.h"
#include "tls/tickets.h"

enum tls_policy {
    TLS_INTERMEDIATE, /* TLS 1.2 with ECDHE and AEAD, and 1.3 */
    TLS_MODERN,       /* TLS 1.3 */
};

enum tls_client_auth {
    TLS_CLIENT_OFF,
    TLS_CLIENT_OPTIONAL, /* verified if there is one */
    TLS_CLIENT_REQUIRED,
};

struct tls_server_config {
    /* Chosen by name, then by what the client can verify: of one name an ECDSA certificate before
     * another. The first serves whoever names none of them. */
    struct certificate *const *certificates;
    uint32_t certificates_count; /* at least 1 */
    enum tls_policy policy;
    const char *alpn; /* "h2,http/1.1", the best first; NULL: not spoken. A client that offers
                         protocols of which none is here is refused (RFC 7301 3.2) */
    enum tls_client_auth client_auth;
    struct str client_ca;                /* PEM; with client_auth */
    const struct ticket_secret *tickets; /* NULL: no resumption. With client_auth there is none */
};

struct tls_client_config {
    struct str ca; /* PEM; empty: nothing is verified */
    const char *alpn;
    const struct certificate *certificate; /* our own; NULL: none */
    enum tls_policy policy;
};

struct tls_context;

/* Before the first context, and after the last: the library's own set-up. Not from two threads at
 * once. */
void tls_library_init(void);
void tls_library_exit(void);

/* NULL, and why in words. The certificates may go afterwards, `alpn` may not. */
struct tls_context *tls_context_server(struct loop *l, const struct tls_server_config *config,
                                       char *why, uint32_t why_bytes);
/* A client's context belongs to no loop yet: l may be NULL, the thread another one. */
struct tls_context *tls_context_client(struct loop *l, const struct tls_client_config *config,
                                       char *why, uint32_t why_bytes);

void tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c);

#endif
