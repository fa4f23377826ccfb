/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was changed by hand of the servers of one backend: at most one change per server. */
#ifndef SLUICE_SERVERS_OVERLAY_H
#define SLUICE_SERVERS_OVERLAY_H

#include "core/servers/merge.h"

#define OVERLAY_CHANGES_MAX (2 * SERVERS_MAX) /* of one backend */

struct overlay {
    struct server_change **items; /* in the order in which their servers were changed first */
    uint32_t count;
};

/* The change of that id; NULL: none. */
struct server_change *overlay_find(const struct overlay *o, const char *id);

/* Puts a copy in the place of the change of the same id, or behind all. False: there is no memory,
 * or there are too many; nothing has changed. */
bool overlay_put(struct overlay *o, const struct server_change *c);

/* Without effect if there is none. */
void overlay_drop(struct overlay *o, const char *id);
void overlay_free(struct overlay *o);

#endif
