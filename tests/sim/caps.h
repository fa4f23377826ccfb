/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Worlds whose servers take only so much at a time, and whose control thread tells of servers that
 * are down, drained or back. What must hold: no server ever has more than it takes, as the proxy's
 * ends of its connections show; nobody waits for what is there. */
#ifndef SLUICE_SIM_CAPS_H
#define SLUICE_SIM_CAPS_H

#include "tests/sim/world.h"

/* Of a server's configuration, as the plan says. */
void caps_of_server(struct world *w, struct server_config *c);

/* After the workers are made: begins to look, to sum up loads, and to mark servers. */
void caps_begin(struct world *w);

/* A connection, or a request, has reached a server that has so many in flight now. */
void caps_check_server(struct world *w, uint32_t server, uint32_t requests);

#endif
