/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The servers that a backend has at one time: immutable, shared by all workers. A change (a server
 * more or less, another weight) is a new list of a higher version; exchanges that picked from the
 * one before end with it. */
#ifndef SLUICE_PROXY_SERVER_LIST_H
#define SLUICE_PROXY_SERVER_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "balance/balance.h"
#include "core/base/siphash.h"
#include "core/proxy/registry.h"

struct server_caps {
    uint32_t requests_max, connections_max; /* at a time; 0: any number */
};

struct server_list {
    _Atomic uint32_t refs;
    struct shared_backend *backend; /* a reference */
    struct server_set *set;         /* index i is shared[i] */
    struct shared_server **shared;  /* references */
    struct siphash *tags;           /* by index, with sticky clients; else NULL */
    uint8_t *tiers;                 /* by index: balance/tiers.h */
    struct server_caps *caps;       /* by index */
};

/* Takes the servers from the registry, or makes them. At most SERVERS_MAX; they are copied. One
 * reference. now_ns: of the slow start of those that are new; 0: none. NULL without memory. */
struct server_list *server_list_create(struct registry *r, const struct backend_config *bc,
                                       const struct server_config *servers, uint32_t count,
                                       uint64_t version, uint64_t now_ns);
void server_list_ref(struct server_list *l);
void server_list_unref(struct server_list *l); /* may be NULL */

#endif
