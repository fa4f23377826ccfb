/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A certificate chain with its key, checked when it is read: that it is well-formed, that the key
 * is the certificate's, that we can sign with it. Immutable and shared by workers. Messages name
 * files and causes, never what a file holds. */
#ifndef SLUICE_TLS_CERTIFICATE_H
#define SLUICE_TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

#define CERTIFICATE_FILE_BYTES_MAX (1024 * 1024) /* the CAs of a system take a quarter */
#define CERTIFICATE_NAMES_MAX 1024

enum certificate_kind { CERTIFICATE_ECDSA, CERTIFICATE_RSA, CERTIFICATE_ED25519 };

struct certificate {
    enum certificate_kind kind;
    char *chain; /* PEM */
    uint32_t chain_bytes;
    uint32_t key_bytes;
    uint8_t *key; /* DER; overwritten when freed */
    char **names; /* DNS names, lower case, "*.example.com" too */
    uint32_t names_count;
    int64_t not_before_s, not_after_s; /* since the epoch */
};

/* From PEM text; the passphrase (empty: none) opens an encrypted key. NULL, and why in words. */
struct certificate *certificate_parse(struct str chain, struct str key, struct str passphrase,
                                      char *why, uint32_t why_bytes);

/* From files; key_path may name the same file. passphrase_path may be NULL; of that file the first
 * line counts. */
struct certificate *certificate_load(const char *chain_path, const char *key_path,
                                     const char *passphrase_path, char *why, uint32_t why_bytes);

/* A new P-256 key with a certificate of its own for localhost, the loopback addresses and `name` (a
 * DNS name; may be empty), valid for a year. */
struct certificate *certificate_self_signed(struct str name, char *why, uint32_t why_bytes);

void certificate_free(struct certificate *c);

/* A whole small file, or NULL and why; the caller frees it. Zero-terminated behind its bytes. */
char *certificate_read_file(const char *path, uint32_t *bytes, char *why, uint32_t why_bytes);

#endif
