/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_SIM_ALLOC_SIM_H
#define SLUICE_SIM_ALLOC_SIM_H

#include "tests/sim/sim.h"

/* From now on allocations fail as s->alloc_failures says; NULL: none does. */
void alloc_watch(struct sim *s);

#endif
