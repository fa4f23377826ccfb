/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/drbg.h"

#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/sha256.h>

#include "core/base/check.h"

struct piece {
    const uint8_t *bytes;
    uint32_t len;
};

/* Hashing from memory to memory cannot fail. */
static void hash(const struct piece *pieces, uint32_t count, uint8_t out[WC_SHA256_DIGEST_SIZE])
{
    wc_Sha256 sha;
    CHECK(wc_InitSha256(&sha) == 0);
    for (uint32_t i = 0; i < count; i++)
        CHECK(wc_Sha256Update(&sha, pieces[i].bytes, pieces[i].len) == 0);
    CHECK(wc_Sha256Final(&sha, out) == 0);
    wc_Sha256Free(&sha);
}

/* 10.3.1 for one seedlen of output. */
static void derive(uint8_t out[DRBG_SEED_BYTES], const struct piece *input, uint32_t count)
{
    uint8_t prefix[5] = { 0, 0, 0, (DRBG_SEED_BYTES * 8) >> 8, (DRBG_SEED_BYTES * 8) & 0xff };
    uint8_t digest[WC_SHA256_DIGEST_SIZE];
    struct piece pieces[5] = { { prefix, sizeof prefix } };
    CHECK(count < ARRAY_LEN(pieces));
    memcpy(&pieces[1], input, count * sizeof *input);
    for (uint32_t done = 0; done < DRBG_SEED_BYTES; done += sizeof digest) {
        uint32_t left = DRBG_SEED_BYTES - done;
        prefix[0]++;
        hash(pieces, count + 1, digest);
        memcpy(out + done, digest, left < sizeof digest ? left : sizeof digest);
    }
}

/* v = (v + n) mod 2^440, both big-endian. */
static void add(uint8_t v[DRBG_SEED_BYTES], const uint8_t *n, uint32_t bytes)
{
    unsigned carry = 0;
    for (uint32_t i = 1; i <= DRBG_SEED_BYTES; i++) {
        carry += v[DRBG_SEED_BYTES - i] + (i <= bytes ? n[bytes - i] : 0U);
        v[DRBG_SEED_BYTES - i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static void start(struct drbg *d)
{
    static const uint8_t zero = 0;
    struct piece pieces[] = { { &zero, 1 }, { d->v, sizeof d->v } };
    derive(d->c, pieces, 2);
    d->requests = 1;
}

void drbg_instantiate(struct drbg *d, const uint8_t *material, uint32_t bytes)
{
    derive(d->v, &(struct piece){ material, bytes }, 1);
    start(d);
}

void drbg_reseed(struct drbg *d, const uint8_t *entropy, uint32_t bytes)
{
    static const uint8_t one = 1;
    uint8_t seed[DRBG_SEED_BYTES];
    struct piece pieces[] = { { &one, 1 }, { d->v, sizeof d->v }, { entropy, bytes } };
    derive(seed, pieces, 3);
    memcpy(d->v, seed, sizeof seed);
    explicit_bzero(seed, sizeof seed);
    start(d);
}

void drbg_generate(struct drbg *d, uint8_t *out, uint32_t bytes)
{
    static const uint8_t one = 1, three = 3;
    uint8_t data[DRBG_SEED_BYTES], digest[WC_SHA256_DIGEST_SIZE], counter[8];
    CHECK(d->requests > 0 && bytes <= DRBG_REQUEST_BYTES_MAX);
    memcpy(data, d->v, sizeof data);
    while (bytes > 0) {
        uint32_t n = bytes < sizeof digest ? bytes : (uint32_t)sizeof digest;
        hash(&(struct piece){ data, sizeof data }, 1, digest);
        memcpy(out, digest, n);
        out += n;
        bytes -= n;
        add(data, &one, 1);
    }
    hash((struct piece[]){ { &three, 1 }, { d->v, sizeof d->v } }, 2, digest);
    for (int i = 0; i < 8; i++)
        counter[i] = (uint8_t)(d->requests >> (56 - 8 * i));
    add(d->v, digest, sizeof digest);
    add(d->v, d->c, sizeof d->c);
    add(d->v, counter, sizeof counter);
    d->requests++;
    explicit_bzero(data, sizeof data);
    explicit_bzero(digest, sizeof digest);
}
