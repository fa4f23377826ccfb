/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Randomness of a simulated world: what keys and nonces are made of follows from its seed. */
#include "tests/sim/random_sim.h"

#include <string.h>

#include "tls/random.h"

/* wolfSSL's hook has no argument that leads to a world. */
static struct rng source;

void random_sim_seed(uint64_t seed)
{
    source.state = seed;
}

void random_bytes(void *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
        uint64_t n = rng_next(&source);
        memcpy((char *)out + i, &n, bytes - i < sizeof n ? bytes - i : sizeof n);
    }
}

int sluice_random_block(unsigned char *out, unsigned int bytes)
{
    random_bytes(out, bytes);
    return 0;
}
