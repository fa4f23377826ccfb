/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The admin API of servers: /backends, /backends/NAME/servers, /backends/NAME/servers/ID. JSON both
 * ways; the manual (operating) describes it. */
#ifndef SLUICE_SERVERS_API_H
#define SLUICE_SERVERS_API_H

#include "core/observe/admin_request.h"
#include "core/servers/servers.h"

void servers_api(struct servers *s, const struct admin_request *r, struct admin_reply *out);

#endif
