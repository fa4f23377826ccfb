/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A part of the cache: a hash table with a budget. Looked up without a lock by any thread; changed
 * under its lock, by whoever has to (a miss, an end of a fill, a purge): a change is rare beside
 * what it goes with, a fetch.
 *
 * Who leaves when the budget is reached is decided by S3-FIFO (Yang et al., "FIFO queues are all
 * you need for cache eviction", SOSP 2023): new objects pass a small queue, a tenth of the budget,
 * and those that were asked for again there are moved to the main queue, where each further hit
 * buys another round. What left the small queue is remembered for as long as the main queue is: if
 * it comes back it goes to the main queue at once. A hit only counts, which needs no lock. */
#ifndef SLUICE_CACHE_SHARD_H
#define SLUICE_CACHE_SHARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/cache/object.h"
#include "core/cache/reclaim.h"

struct cache_table {
    struct retired retired;
    uint64_t mask; /* buckets - 1 */
    _Atomic(struct cache_object *) buckets[];
};

/* First the newest. */
struct cache_queue {
    struct cache_object *newest, *oldest;
    uint64_t bytes, count;
};

/* A fingerprint and when it was written, for each slot: what left the small queue lately. */
struct ghost {
    uint32_t fingerprint, written;
};

struct cache_shard {
    _Alignas(64) _Atomic(struct cache_table *) table;
    struct reclaim *reclaim;
    _Alignas(64) pthread_mutex_t lock; /* all below */
    struct cache_queue small, main;
    struct limbo objects, tables; /* that went */
    struct ghost *ghosts;         /* as many as buckets */
    uint32_t ghosts_written;
    uint64_t count; /* objects in the table */
    uint64_t budget_bytes;
    uint64_t evicted;
    _Alignas(64) _Atomic uint64_t used_bytes; /* all memory, tables included */
};

/* Its budget is 0 until it is set. False without memory. */
bool shard_init(struct cache_shard *s, struct reclaim *reclaim);

/* Nobody uses it or its objects any more. CHECKs that no memory is left. */
void shard_destroy(struct cache_shard *s);

/* Memory of the budget's account. Rounded up to what an allocator would give (size classes: four
 * in each doubling), so that the account is true. NULL without memory. */
void *shard_alloc(struct cache_shard *s, size_t bytes);
void shard_free(struct cache_shard *s, void *block, size_t bytes);

/* What the account says of an allocation of so many bytes. */
size_t shard_block_bytes(size_t bytes);

/* The head of a bucket, between reclaim_enter() and reclaim_leave(), or under the lock. */
struct cache_object *shard_bucket(struct cache_shard *s, uint64_t hash);

/* --- under the lock --- */

/* Makes it findable; takes a reference of its own. */
void shard_insert(struct cache_shard *s, struct cache_object *o);

/* Out of the table and of its queue, if it is still in. */
void shard_remove(struct cache_shard *s, struct cache_object *o);

/* A whole object, which takes part in eviction from now on. */
void shard_admit(struct cache_shard *s, struct cache_object *o);

/* Evicts until the budget is kept, as far as there is something to evict, and frees what can be
 * freed. */
void shard_make_room(struct cache_shard *s);

#endif
