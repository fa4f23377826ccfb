/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What TLS on a listener is: its certificates, its policy, whom it asks for a certificate.
 * Immutable once it serves, counted, shared by all workers. */
#ifndef SLUICE_TLS_SERVICE_H
#define SLUICE_TLS_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"
#include "tls/certificate_set.h"
#include "tls/tickets.h"

#define TLS_CLIENT_RULES_MAX 64
#define TLS_TICKET_FILES_MAX 4

enum tls_policy {
    TLS_INTERMEDIATE, /* TLS 1.2 with ECDHE and AEAD, and 1.3 */
    TLS_MODERN,       /* TLS 1.3 */
};

enum tls_client_auth {
    TLS_CLIENT_OFF,
    TLS_CLIENT_OPTIONAL, /* verified if there is one */
    TLS_CLIENT_REQUIRED,
};

/* Which clients are asked for a certificate. */
struct tls_client_rule {
    struct str *names; /* lower case, "*.example.com" too; none: all that no other rule names */
    uint32_t names_count;
    enum tls_client_auth mode;
    struct str ca;  /* PEM; unless mode is off */
    struct str crl; /* PEM; empty: revocation is not looked at */
};

struct tls_service {
    _Atomic uint32_t refs;
    struct certificate_set *certificates; /* owned; not empty */
    enum tls_policy policy;
    char *alpn; /* "h2,http/1.1", the best first; NULL: not spoken. A client that offers protocols
                   of which none is here is refused (RFC 7301 3.2) */
    bool refuse_unknown; /* who asks for a name of no certificate, or for none, gets an alert */
    bool passes_acme;    /* who speaks acme-tls/1 alone (RFC 8737) is not for us: see tls.h */
    bool tickets;        /* sessions may be resumed; never those that had to show a certificate */
    /* Of files: the first seals, all open. None: the worker's own. */
    struct ticket_secret ticket_files[TLS_TICKET_FILES_MAX];
    uint32_t ticket_files_count;
    struct tls_client_rule *rules; /* owned with all they hold */
    uint32_t rules_count;
    uint32_t ready_max; /* certificates that a worker keeps ready for use; at least 1 */
    uint64_t scope;     /* tickets of other scopes are not taken */
};

/* One reference; everything zero but ready_max, which is 1. NULL without memory. */
struct tls_service *tls_service_create(void);

/* Copies the rule. False without memory. */
bool tls_service_add_rule(struct tls_service *s, const struct tls_client_rule *rule);

#define TLS_NO_RULE UINT32_MAX

/* The rule for a name (lower case; may be empty): the exact one, then the wildcard, then the one
 * for all others. TLS_NO_RULE: nobody is asked. */
uint32_t tls_service_rule(const struct tls_service *s, struct str name);

/* Whether somebody who was let in as one name may ask for another: the same rule is for both, or
 * no rule asks for anything. */
bool tls_service_same_clients(const struct tls_service *s, struct str name, struct str other);

/* From any thread; s may be NULL to unref. */
void tls_service_ref(struct tls_service *s);
void tls_service_unref(struct tls_service *s);

#endif
