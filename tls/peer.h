/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who a client is, by the certificate that it showed and that was accepted. */
#ifndef SLUICE_TLS_PEER_H
#define SLUICE_TLS_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

#define PEER_FINGERPRINT_HEX 64

struct tls_session;

/* Texts without control characters, in one piece of memory. */
struct tls_peer {
    struct str subject,
        issuer;        /* RFC 4514: "CN=joe,O=Example"; other characters than ASCII as \XX */
    struct str serial; /* hexadecimal, upper case, without leading zeros */
    struct str der;    /* the certificate */
    char fingerprint[PEER_FINGERPRINT_HEX]; /* SHA-256 of it, hexadecimal, lower case */
};

/* NULL: malformed, or without memory. */
struct tls_peer *tls_peer_create(const uint8_t *der, uint32_t bytes);
void tls_peer_free(struct tls_peer *p); /* p may be NULL */

/* Of the session's client. False as above. */
bool tls_peer_keep(struct tls_session *s, const uint8_t *der, uint32_t bytes);

#endif
