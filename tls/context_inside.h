/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two kinds of contexts have in common; inside tls/ only. */
#ifndef SLUICE_TLS_CONTEXT_INSIDE_H
#define SLUICE_TLS_CONTEXT_INSIDE_H

#include "tls/session.h"

struct server_part;

struct tls_context {
    uint32_t refs;
    const char *alpn;
    /* a client's */
    WOLFSSL_CTX *client;
    bool verify_server;
    /* a server's; NULL: it is a client's */
    struct server_part *server;
};

/* With versions, ciphers and groups by the policy. NULL without memory. */
WOLFSSL_CTX *tls_new_ctx(WOLFSSL_METHOD *method, enum tls_policy policy);

bool tls_use_certificate(WOLFSSL_CTX *ctx, const struct certificate *cert);
/* False: the text holds no certificate. */
bool tls_load_ca(WOLFSSL_CTX *ctx, struct str pem);

/* Speaks ALPN (NULL: does not) on a new connection (NULL: stays NULL); frees it and gives NULL
 * without memory. */
WOLFSSL *tls_with_alpn(const char *alpn, WOLFSSL *ssl);

/* server_context.c */
void tls_server_part_free(struct server_part *p);

#endif
