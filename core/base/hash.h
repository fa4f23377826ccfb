/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XXH3, 64 bits: for tables and for balancing, the same on every machine. Not for secrets. */
#ifndef SLUICE_BASE_HASH_H
#define SLUICE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, n, seed);
}

#endif
