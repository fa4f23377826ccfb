/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_SIM_RANDOM_SIM_H
#define SLUICE_SIM_RANDOM_SIM_H

#include "core/base/rng.h"

/* From now on random_bytes() (tls/random.h) gives what follows from the seed. */
void random_sim_seed(uint64_t seed);

#endif
