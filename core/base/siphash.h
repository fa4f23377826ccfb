/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SipHash-2-4 with 128 bits of output (Aumasson and Bernstein 2012): a keyed hash that tells
 * nothing about its input to who does not know the key. For secrets; hash.h is faster. */
#ifndef SLUICE_BASE_SIPHASH_H
#define SLUICE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct siphash {
    uint64_t lo, hi;
};

static inline uint64_t siphash_rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static inline void siphash_rounds(uint64_t v[4], unsigned n)
{
    while (n--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = siphash_rotl(v[1], 13) ^ v[0];
        v[3] = siphash_rotl(v[3], 16) ^ v[2];
        v[0] = siphash_rotl(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = siphash_rotl(v[1], 17) ^ v[2];
        v[3] = siphash_rotl(v[3], 21) ^ v[0];
        v[2] = siphash_rotl(v[2], 32);
    }
}

/* Up to 8 bytes, little endian. */
static inline uint64_t siphash_word(const unsigned char *p, size_t n)
{
    uint64_t w = 0;
    for (size_t i = 0; i < n; i++)
        w |= (uint64_t)p[i] << 8 * i;
    return w;
}

static inline struct siphash siphash_bytes(const void *bytes, size_t n, const uint64_t key[2])
{
    const unsigned char *p = bytes;
    uint64_t v[4] = { key[0] ^ UINT64_C(0x736f6d6570736575),
                      key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
                      key[0] ^ UINT64_C(0x6c7967656e657261),
                      key[1] ^ UINT64_C(0x7465646279746573) };
    uint64_t last = (uint64_t)n << 56;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t m = siphash_word(p, 8);
        v[3] ^= m;
        siphash_rounds(v, 2);
        v[0] ^= m;
    }
    last |= siphash_word(p, n);
    v[3] ^= last;
    siphash_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xee;
    siphash_rounds(v, 4);
    struct siphash h = { .lo = v[0] ^ v[1] ^ v[2] ^ v[3] };
    v[1] ^= 0xdd;
    siphash_rounds(v, 4);
    h.hi = v[0] ^ v[1] ^ v[2] ^ v[3];
    return h;
}

#endif
