/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the admin API shows of servers. NULL without memory. */
#ifndef SLUICE_SERVERS_VIEW_H
#define SLUICE_SERVERS_VIEW_H

#include <jansson.h>

#include "core/servers/servers.h"

json_t *view_backends(const struct servers *s);
json_t *view_backend(const struct servers *s, const struct backend_servers *b);
json_t *view_server(const struct servers *s, const struct backend_servers *b,
                    const struct merged_server *m);

#endif
