/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers of a backend change while it runs: by DNS, a watched file, the admin API. */
#ifndef SLUICE_FLEET_SERVERS_H
#define SLUICE_FLEET_SERVERS_H

#include "core/fleet.h"

/* On the control thread: from now on the backend (by its index in the configuration in force) has
 * these servers, in each worker as soon as that comes to it. Servers that were there already keep
 * their connections, health and counts; new ones start slowly; those that are gone end with what
 * they are doing. No other connection is touched. `servers` is copied.
 *
 * False, and nothing changes: a plan is being taken up or let go (try again after on_applied, which
 * begins with the servers of the new configuration), or there is no memory. */
bool fleet_change_servers(struct fleet *f, uint32_t backend, const struct server_config *servers,
                          uint32_t count);

#endif
