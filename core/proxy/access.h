/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may ask what, by address and method. Pure: the stages and `sluice route` judge alike. */
#ifndef SLUICE_PROXY_ACCESS_H
#define SLUICE_PROXY_ACCESS_H

#include <stdbool.h>

#include "core/config/config.h"

/* The client is in none of the denied networks, and in each of the lists of allowed ones. */
bool access_allowed(const struct access_config *a, const struct peer_addr *client);

/* methods: those allowed; none: all. Names are case-sensitive (RFC 9110 9.1). */
bool access_method_allowed(const struct strings *methods, struct str method);

/* The site is closed for this client. */
bool access_in_maintenance(const struct maintenance_config *m, const struct peer_addr *client);

#endif
