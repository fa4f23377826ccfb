/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of networks: as many as an operator's list may hold, a lookup by bisection. */
#ifndef SLUICE_CONFIG_NETWORKS_H
#define SLUICE_CONFIG_NETWORKS_H

#include <stdbool.h>

#include "core/base/addr.h"
#include "core/config/config.h"

/* Sorts the items and drops those that lie inside another: needed once, before networks_has(). */
void networks_seal(struct networks *n);

/* Whether the address lies in one of the (sealed) networks. A Unix peer lies in none. */
bool networks_has(const struct networks *n, const struct peer_addr *p);

#endif
