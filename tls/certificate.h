/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A certificate chain with its key, checked when it is read: that it is well-formed, that the key
 * is the certificate's, that we can sign with it. Immutable, counted, shared by workers. Messages
 * name files and causes, never what a file holds. */
#ifndef SLUICE_TLS_CERTIFICATE_H
#define SLUICE_TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

#define CERTIFICATE_NAMES_MAX 1024
#define CERTIFICATE_SERIAL_BYTES_MAX 32
#define CERTIFICATE_PASSPHRASE_BYTES_MAX 1024

enum certificate_kind { CERTIFICATE_ECDSA, CERTIFICATE_RSA, CERTIFICATE_ED25519 };

struct certificate {
    _Atomic uint32_t refs;
    enum certificate_kind kind;
    char *chain; /* PEM */
    uint32_t chain_bytes;
    uint32_t key_bytes;
    uint8_t *key; /* DER; overwritten when freed */
    char **names; /* DNS names, lower case, "*.example.com" too */
    uint32_t names_count;
    int64_t not_before_s, not_after_s;            /* since the epoch */
    uint8_t serial[CERTIFICATE_SERIAL_BYTES_MAX]; /* without leading zeros */
    uint32_t serial_bytes;
    bool alone;      /* signed by somebody else, of whom the chain holds nothing */
    bool disordered; /* one of the chain did not sign the one before it */
    uint64_t hash;   /* of the texts that it was made from */
};

/* What a certificate is made from, as PEM. */
struct certificate_texts {
    struct str chain, key; /* may be the same */
    struct str passphrase; /* its first line opens an encrypted key; empty: none */
};

/* One reference, the caller's. NULL, and why in words. */
struct certificate *certificate_parse(const struct certificate_texts *texts, char *why,
                                      uint32_t why_bytes);

/* The hash that a certificate made from these has. */
uint64_t certificate_hash(const struct certificate_texts *texts);

/* A new P-256 key with a certificate of its own for localhost, the loopback addresses and `name` (a
 * DNS name; may be empty), valid for a year. */
struct certificate *certificate_self_signed(struct str name, char *why, uint32_t why_bytes);

/* From any thread. free: gives one reference back; c may be NULL. */
void certificate_ref(struct certificate *c);
void certificate_free(struct certificate *c);

#endif
