/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What wolfSSL asks the machine for, of a simulated world: keys and nonces follow from its seed,
 * certificates and tickets are of its time (the linker sends the calls here: --wrap). */
#include "tests/sim/random_sim.h"

#include <string.h>
#include <sys/time.h>
#include <time.h>

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

/* Long after 1970, and the same in every world: time goes on there, but not for certificates. */
#define WALL_S 1800000000

time_t __wrap_time(time_t *out);
int __wrap_gettimeofday(struct timeval *out, void *zone);

time_t __wrap_time(time_t *out)
{
    if (out)
        *out = WALL_S;
    return WALL_S;
}

int __wrap_gettimeofday(struct timeval *out, void *zone)
{
    (void)zone;
    *out = (struct timeval){ .tv_sec = WALL_S };
    return 0;
}

int sluice_random_block(unsigned char *out, unsigned int bytes)
{
    random_bytes(out, bytes);
    return 0;
}
