/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A part of `sluice route`: what stands between a request and its route's action. */
#ifndef SLUICE_OPTIONS_ROUTE_GATES_H
#define SLUICE_OPTIONS_ROUTE_GATES_H

#include <stdbool.h>

#include "core/config/config.h"

/* Prints what would be asked, counted or limited. False: this request would be refused, and with
 * what was printed. h: of the route, or of the site where none matches. */
bool route_print_gates(const struct site_config *site, const struct handling *h,
                       const struct peer_addr *client, struct str method);

#endif
