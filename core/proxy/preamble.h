/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_PROXY_PREAMBLE_H
#define SLUICE_PROXY_PREAMBLE_H

#include <stdbool.h>

#include "core/base/addr.h"
#include "core/config/config.h"
#include "tls/transport.h"

/* A connection to a server of that backend is about to be opened: it will begin with a PROXY header
 * if the backend wants one. from: the client, NULL: we speak for ourselves; client_fd: its
 * connection. False without a buffer. */
bool preamble_set(struct transport *t, const struct backend_config *backend,
                  const struct peer_addr *from, int client_fd);

#endif
