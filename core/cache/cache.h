/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A shared cache in memory (RFC 9111): one copy of each response for all workers, found and read
 * without a lock. Times are passed in; nothing here knows of clients or servers.
 *
 * A tier on disks has its place below this header: what leaves a shard goes by shard_remove(), with
 * a reference that can be written out from; and a miss, before it becomes a fetch, is a
 * cache_begin() whose maker may as well be filled from a file. Nothing above knows where bodies
 * lie: they are read by cursors.
 *
 * A key has two parts: the URL, by which it is purged, and the rest (what else a rule puts into
 * keys, and what the response varies by). */
#ifndef SLUICE_CACHE_CACHE_H
#define SLUICE_CACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cache/object.h"
#include "core/cache/shard.h"
#include "core/http/head.h"

#define CACHE_SHARDS_MAX 16
#define CACHE_SHARD_BYTES_MIN (UINT64_C(256) << 20) /* a smaller cache has fewer shards */
#define CACHE_TAG_SLOTS 65536
#define CACHE_VARIANTS_MAX 64 /* of one key's URL: more are not kept */
#define CACHE_KEY_BYTES_MAX 16384

struct cache_stats {
    _Atomic uint64_t stored, broken, refused, purged;
};

struct cache {
    struct reclaim reclaim;
    struct cache_shard *shards;
    uint32_t shards_count; /* a power of two */
    uint64_t seed;         /* of hashes: not to be guessed by who makes URLs */
    /* A purge takes the next number and writes it where objects find it: those begun before are
     * gone. Two tags in one slot are purged together. */
    _Atomic uint32_t purge_seq;
    _Atomic uint32_t bodies; /* begun so far */
    _Atomic uint32_t purged_all;
    _Atomic uint32_t *purged_tags, *stale_tags;
    struct cache_stats stats;
};

/* budget_bytes: of everything, this struct's tables included. readers_count: threads that look.
 * NULL without memory. */
struct cache *cache_create(uint64_t budget_bytes, uint32_t readers_count, uint64_t seed);

/* No object is held by anybody any more (CHECKed). c may be NULL. */
void cache_destroy(struct cache *c);

/* From now on it has another budget. What is too much goes with the next changes. */
void cache_set_budget(struct cache *c, uint64_t budget_bytes);

struct cache_key {
    struct str url, rest; /* together at most CACHE_KEY_BYTES_MAX */
    uint64_t hash;        /* cache_key_hash() */
};

uint64_t cache_key_hash(const struct cache *c, struct str url);

/* The slot of a tag. */
uint16_t cache_tag_slot(const struct cache *c, struct str tag);

/* What there is for such a request, each with a reference for the caller, or NULL. */
struct cache_found {
    struct cache_object *stored; /* has a head (it may still be filled), or OBJECT_PASS */
    struct cache_object *coming; /* newer; its head is to come */
};

/* Counts as a hit of what is stored. Without a lock. reader: the caller's number. */
struct cache_found cache_find(struct cache *c, uint32_t reader, const struct cache_key *key,
                              const struct http_head *request, uint64_t now_s);

/* Whether it was purged softly: it is stale, whatever it says of itself. */
bool cache_is_soft_purged(const struct cache *c, const struct cache_object *o);

enum cache_begun {
    BEGUN_FOUND,  /* somebody was quicker: *o, with a reference */
    BEGUN_MAKER,  /* the caller fetches: *m, until one of the ends below */
    BEGUN_REFUSED /* too many variants, no memory: fetch without storing */
};

/* After cache_find() found nothing of use. stale: what was found and is to be validated (it stays
 * until the maker ends), or NULL. */
enum cache_begun cache_begin(struct cache *c, const struct cache_key *key,
                             const struct http_head *request, const struct cache_object *stale,
                             uint64_t now_s, struct cache_maker *m, struct cache_object **o);

/* The ends of making; each gives up the maker's reference.
 * finish: whole, and stored, in the place of what answered the same requests, and of `stale` (may
 *   be NULL). False: it was shorter than declared: broken.
 * break: readers see its end as a break; nobody new finds it. */
bool cache_finish(struct cache *c, struct cache_maker *m, struct cache_object *stale);
void cache_break(struct cache *c, struct cache_maker *m);

/* Before its head: it will not be stored, and requests like it need not wait for each other for
 * pass_s seconds (0: nothing is remembered). Who asked first reads on, others see passed_on. */
void cache_pass(struct cache *c, struct cache_maker *m, uint32_t pass_s, uint64_t now_s);

/* While it is made: nobody new finds it; its readers go on, and then maker_let_go() may follow. */
void cache_hide(struct cache *c, struct cache_maker *m);

/* --- purging: in effect for every worker when the call returns. They give how many objects went
 * (or became stale), where that is known --- */

uint64_t cache_purge_url(struct cache *c, struct str url, bool soft);
/* Walks all of the cache. */
uint64_t cache_purge_prefix(struct cache *c, struct str url_prefix, bool soft);
void cache_purge_tag(struct cache *c, struct str tag, bool soft);
void cache_purge_all(struct cache *c);

/* --- figures --- */

struct cache_figures {
    uint64_t objects, used_bytes, budget_bytes, evicted, small_bytes, main_bytes;
};

struct cache_figures cache_figures(struct cache *c);

#endif
