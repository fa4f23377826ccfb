/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hash_DRBG with SHA-256 (NIST SP 800-90A Rev. 1, 10.1.1): the arithmetic, without a source of
 * entropy. */
#ifndef SLUICE_TLS_DRBG_H
#define SLUICE_TLS_DRBG_H

#include <stdbool.h>
#include <stdint.h>

#define DRBG_SEED_BYTES 55 /* seedlen: 440 bits */
#define DRBG_REQUEST_BYTES_MAX 65536

struct drbg {
    uint8_t v[DRBG_SEED_BYTES];
    uint8_t c[DRBG_SEED_BYTES];
    uint64_t requests; /* since it was seeded, from 1; 0: never was */
};

/* Takes entropy and nonce, in one piece. */
void drbg_instantiate(struct drbg *d, const uint8_t *material, uint32_t bytes);

void drbg_reseed(struct drbg *d, const uint8_t *entropy, uint32_t bytes);

/* bytes <= DRBG_REQUEST_BYTES_MAX */
void drbg_generate(struct drbg *d, uint8_t *out, uint32_t bytes);

#endif
