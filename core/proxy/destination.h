/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers that no configuration names: where a forward proxy's requests go. One worker's server of
 * an address, and of the address that connections to it come from; it is there as long as
 * somebody uses it or a connection is pooled. */
#ifndef SLUICE_PROXY_DESTINATION_H
#define SLUICE_PROXY_DESTINATION_H

#include "core/base/addr.h"

struct server;
struct worker;

/* The caller calls server_use() next. source: NULL: the kernel chooses. Addresses are copied. NULL
 * without memory. */
struct server *destination_take(struct worker *w, const struct addr *to, const struct addr *source);

/* For server.c: the last user and connection are gone. */
void destination_free(struct server *s);

/* Of a worker that has none any more. */
void destinations_destroy(struct worker *w);

#endif
