/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Worlds of a route with a cache. A few objects have versions, which change at the servers; clients
 * ask for them in crowds and alone, and some leave. Every byte tells its object and version: the
 * judge wants each orderly answer to be a whole version of its own object, and none that is older
 * than it may be; a truncated one seen to be truncated, and only where a server broke one; no fetch
 * beside another of the same object; every exchange logged once. */
#ifndef SLUICE_SIM_CACHED_H
#define SLUICE_SIM_CACHED_H

#include "tests/sim/world.h"

#define CACHED_VERSIONS_MAX 64

/* What a server has. */
struct cached_object {
    uint32_t id;
    uint32_t lifetime_s; /* max-age; 0: to be validated each time */
    bool passes;         /* is not kept: no-store, or some of its versions are too big */
    bool no_store, validates;
    uint32_t version; /* the newest */
    uint32_t body_bytes[CACHED_VERSIONS_MAX];
    uint64_t given_ns[CACHED_VERSIONS_MAX]; /* when a server last began to answer so */
    uint32_t faults;                        /* answers that a server broke */
};

struct cached_conn;

struct cached {
    struct cached_object *objects;
    uint32_t objects_count, object_bytes_max, grace_s;
    struct cached_client *clients;
    struct cached_conn *conns; /* at the servers, the newest first */
    uint64_t records;
};

/* Objects, rules and the cache; before the plan and the workers are made. */
void cached_configure(struct world *w);

/* The server of that number, in place of server_make(). */
struct addr cached_listen(struct world *w, uint32_t number);

/* Scripts the clients; they start by themselves. */
void cached_make(struct world *w);

void cached_judge_record(struct world *w, const struct record *rec);

/* ended: exchanges that were counted. */
void cached_judge(struct world *w, uint64_t ended);

/* What the bodies of a version consist of: the id for body_byte(). */
static inline uint32_t cached_body_id(const struct cached_object *o, uint32_t version)
{
    return o->id * CACHED_VERSIONS_MAX + version;
}

#endif
