/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What connections of one listener, or to one backend, have in common on one worker. A connection
 * holds a reference, so that a new context takes over while old connections end with theirs. */
#ifndef SLUICE_TLS_CONTEXT_H
#define SLUICE_TLS_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ring/loop.h"
#include "tls/certificate.h"
#include "tls/service.h"

struct tls_worker;

struct tls_client_config {
    struct str ca; /* PEM; empty: nothing is verified */
    const char *alpn;
    const struct certificate *certificate; /* our own; NULL: none */
    enum tls_policy policy;
    bool classic; /* key exchange by elliptic curves alone, as clients before 2024 */
};

struct tls_context;

/* Before the first context, and after the last: the library's own set-up. Not from two threads at
 * once. */
void tls_library_init(void);
void tls_library_exit(void);

/* A listener's, on one worker: certificates are made ready for use when somebody asks for them, and
 * those least asked for are let go again. NULL without memory. */
struct tls_context *tls_context_server(struct tls_worker *w, struct tls_service *service);

/* NULL, and why in words. The certificate may go afterwards, `alpn` may not. It belongs to no loop
 * yet: l may be NULL, the thread another one. */
struct tls_context *tls_context_client(struct loop *l, const struct tls_client_config *config,
                                       char *why, uint32_t why_bytes);

/* Whether clients' certificates could be judged by these texts; *why: why not. crl may be empty. */
bool tls_client_ca_check(struct str ca, struct str crl, char *why, uint32_t why_bytes);

void tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c);

#endif
