/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ClientHello, read before TLS begins: it says which certificate is wanted. Pure, no
 * allocation; the same bytes then go to wolfSSL, which judges them. */
#ifndef SLUICE_TLS_CLIENT_HELLO_H
#define SLUICE_TLS_CLIENT_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#define SERVER_NAME_BYTES_MAX 253 /* RFC 1035 2.3.4, as text */

/* A message longer than this is not read: browsers send some 2 KiB. */
#define CLIENT_HELLO_BYTES_MAX (12 * 1024)

enum hello_result {
    HELLO_PARTIAL,    /* more bytes are needed */
    HELLO_OK,         /* understood */
    HELLO_BAD,        /* TLS, but malformed or too long: wolfSSL has the alert for it */
    HELLO_PLAIN_HTTP, /* a request in clear */
    HELLO_NOT_TLS,
};

struct client_hello {
    uint16_t name_len;
    char name[SERVER_NAME_BYTES_MAX]; /* lower case, without a final dot; none: name_len 0 */
    bool tls13;                       /* offered */
    bool ecdsa;                       /* an ECDSA certificate with P-256 will do */
    bool acme;                        /* "acme-tls/1" is the only protocol offered (RFC 8737) */
};

/* Reads records from their first byte; the message may be cut into records and into pieces
 * anywhere. */
enum hello_result client_hello_parse(const uint8_t *bytes, uint32_t len, struct client_hello *out);

#endif
