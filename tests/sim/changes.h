/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers that come and go while requests run, as DNS or the admin interface would have it. */
#ifndef SLUICE_SIM_CHANGES_H
#define SLUICE_SIM_CHANGES_H

#include "tests/sim/world.h"

/* If the plan says so: from time to time the backend has other servers, of those that the world
 * has; always at least one. */
void changes_begin(struct world *w);

#endif
