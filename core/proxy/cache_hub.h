/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cache of a process and each worker's part in it: who reads what is being fetched is told when
 * more of it came, on whatever worker it is fetched. */
#ifndef SLUICE_PROXY_CACHE_HUB_H
#define SLUICE_PROXY_CACHE_HUB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/list.h"
#include "core/base/slab.h"
#include "core/cache/cache.h"
#include "core/proxy/attempt.h"
#include "core/ring/loop.h"

struct worker;

/* A worker's part. Only what is atomic is touched by others. */
struct cache_port {
    struct cache_hub *hub;
    struct cache *cache;
    struct worker *w;
    uint32_t index;
    struct list followers; /* struct cache_reader: exchanges that read what is being fetched */
    struct task wake_task; /* looks after all of them */
    struct slab fetches, views, variants; /* struct fetch, cache_view, cache_variant */
    struct list fetch_list;
    struct attempt_ops fetch_ops;
    struct buf_pool view_pool; /* buffers that stand for bytes of stored bodies */

    /* Another worker has more for us: one message at a time. */
    _Alignas(64) _Atomic(struct loop *) loop; /* NULL: closed */
    _Atomic uint32_t following;               /* followers: without any nobody tells us */
    _Atomic uint32_t tellers;                 /* threads that may be about to post */
    _Atomic bool told;                        /* the message is on its way */
    struct msg msg;
};

struct cache_hub {
    struct cache *cache;
    struct cache_port *ports;
    uint32_t ports_count;
    _Atomic uint32_t used_count; /* ports beyond were never opened */
};

/* For so many workers. NULL without memory. */
struct cache_hub *cache_hub_create(uint64_t budget_bytes, uint32_t workers);

/* Every port is closed. hub may be NULL. */
void cache_hub_destroy(struct cache_hub *hub);

/* On the worker's thread, once it has its loop: its port. */
void cache_port_open(struct cache_port *p, struct worker *w);

/* Whether nothing of the port is in use. When the worker drains, nothing else is. */
bool cache_port_idle(struct cache_port *p);

/* On the worker's thread, idle. */
void cache_port_close(struct cache_port *p);

/* More was published by this worker: its own followers, and those of others, get it. */
void cache_port_tell(struct cache_port *p);

/* A buffer that stands for n bytes of a chunk, of which it takes a reference. One reference, the
 * caller's; NULL without memory. */
struct buf *cache_view(struct cache_port *p, struct cache_chunk *chunk, const uint8_t *at,
                       uint32_t n);

#endif
