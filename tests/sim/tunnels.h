/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Worlds of tunnels: layer 4, upgrades and CONNECT. Scripted peers send bytes both ways, end their
 * side or break; the judge wants all of them on the other side, in order, unless somebody broke,
 * never an orderly end after less than all, and each tunnel logged opened and closed once. */
#ifndef SLUICE_SIM_TUNNELS_H
#define SLUICE_SIM_TUNNELS_H

#include "tests/sim/world.h"

struct sim_tunnel;

/* What the configuration of the plan lacks for them; before the plan is made. */
void tunnels_configure(struct world *w);

/* The server of that number, in place of server_make(). */
struct addr tunnels_listen(struct world *w, uint32_t number);

/* Scripts the clients; they start by themselves. */
void tunnels_make(struct world *w);

void tunnels_judge_record(struct world *w, const struct record *rec);
/* The clients are gone; whether all servers know. */
bool tunnels_over(const struct world *w);

void tunnels_judge(struct world *w);

#endif
