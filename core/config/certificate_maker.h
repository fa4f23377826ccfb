/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the loader asks of who knows TLS: it reads files and knows places, and gives the texts away,
 * so that no key stays in a configuration. What is made is opaque here. Who loads a configuration
 * to serve it, or to check it, gives a maker with the input (load.h). */
#ifndef SLUICE_CONFIG_CERTIFICATE_MAKER_H
#define SLUICE_CONFIG_CERTIFICATE_MAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config/config.h"
#include "core/config/report.h"

/* What a listener's TLS begins with. */
struct tls_terms {
    const char *listener;
    bool modern;         /* TLS 1.3 only */
    const char *alpn;    /* "h2,http/1.1"; "": none */
    bool refuse_unknown; /* names */
    bool tickets;
    bool passes_acme;
    uint32_t ready_max; /* certificates that a worker keeps ready for use */
};

/* Texts of one certificate's files. */
struct certificate_files {
    const char *path;                        /* of the chain */
    struct str chain, key, passphrase, ocsp; /* the last two may be empty */
};

struct certificate_maker {
    /* NULL without memory. Afterwards the others, in any number; end() says that all was given. */
    struct tls_service *(*begin)(struct certificate_maker *m, const struct tls_terms *terms);

    /* What is wrong is reported at the place; lenient: as a warning, and the certificate is left
     * out. */
    void (*add_certificate)(struct certificate_maker *m, struct tls_service *s,
                            const struct certificate_files *files, struct config_report *report,
                            struct place at, bool lenient);
    void (*add_ticket_key)(struct certificate_maker *m, struct tls_service *s, struct str text,
                           struct config_report *report, struct place at);
    void (*add_client_rule)(struct certificate_maker *m, struct tls_service *s,
                            const struct client_rule_config *rule, struct str ca, struct str crl,
                            struct config_report *report, struct place at);
    void (*end)(struct certificate_maker *m, struct tls_service *s, struct config_report *report,
                struct place at);

    /* Gives a service back; the configuration calls it when it is freed. From any thread. */
    void (*release)(struct tls_service *s);
};

#endif
