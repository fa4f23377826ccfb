/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cache/shard.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"

#define BUCKETS_FIRST 256
#define OBJECTS_PER_BUCKET 2
#define SMALL_SHARE 10 /* the small queue gets a tenth */
#define HITS_TO_STAY 2 /* in the small queue, to be moved to the main one */

/* --- memory --- */

size_t shard_block_bytes(size_t n)
{
    if (n <= 128)
        return (n + 15) & ~(size_t)15;
    unsigned top = 63 - (unsigned)__builtin_clzll(n - 1);
    size_t step = (size_t)1 << (top - 2);
    return (n + step - 1) & ~(step - 1);
}

static void account(struct cache_shard *s, uint64_t bytes)
{
    atomic_fetch_add_explicit(&s->used_bytes, bytes, memory_order_relaxed);
}

void *shard_alloc(struct cache_shard *s, size_t bytes)
{
    size_t size = shard_block_bytes(bytes);
    void *block = malloc(size);
    if (block)
        account(s, size);
    return block;
}

void shard_free(struct cache_shard *s, void *block, size_t bytes)
{
    atomic_fetch_sub_explicit(&s->used_bytes, shard_block_bytes(bytes), memory_order_relaxed);
    free(block);
}

/* --- the table --- */

static size_t table_bytes(uint64_t buckets)
{
    return sizeof(struct cache_table) + buckets * sizeof(_Atomic(struct cache_object *));
}

/* Also the ghosts, one for each bucket. */
static uint64_t index_bytes(uint64_t buckets)
{
    return table_bytes(buckets) + buckets * sizeof(struct ghost);
}

static struct cache_table *table_create(uint64_t buckets)
{
    struct cache_table *t = malloc(table_bytes(buckets));
    if (!t)
        return NULL;
    t->mask = buckets - 1;
    for (uint64_t i = 0; i < buckets; i++)
        atomic_init(&t->buckets[i], NULL);
    return t;
}

static struct cache_table *table_of(struct cache_shard *s)
{
    return atomic_load_explicit(&s->table, memory_order_seq_cst);
}

struct cache_object *shard_bucket(struct cache_shard *s, uint64_t hash)
{
    struct cache_table *t = table_of(s);
    return atomic_load_explicit(&t->buckets[hash & t->mask], memory_order_seq_cst);
}

static void release_table(struct retired *r)
{
    free(container_of(r, struct cache_table, retired));
}

static void put_into(struct cache_table *t, struct cache_object *o)
{
    _Atomic(struct cache_object *) *bucket = &t->buckets[o->hash & t->mask];
    atomic_store_explicit(&o->chain, atomic_load_explicit(bucket, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(bucket, o, memory_order_release);
}

/* Twice as many buckets. Who looks meanwhile may be led into another chain and miss what is there:
 * a miss looks again under the lock. Without memory the chains grow longer. */
static void grow(struct cache_shard *s)
{
    struct cache_table *old = table_of(s);
    uint64_t buckets = (old->mask + 1) * 2;
    struct cache_table *t = table_create(buckets);
    struct ghost *ghosts = calloc(buckets, sizeof *ghosts);
    if (!t || !ghosts) {
        free(t);
        free(ghosts);
        return;
    }
    for (uint64_t i = 0; i <= old->mask; i++) {
        struct cache_object *o = atomic_load_explicit(&old->buckets[i], memory_order_relaxed);
        while (o) {
            struct cache_object *next = atomic_load_explicit(&o->chain, memory_order_relaxed);
            put_into(t, o);
            o = next;
        }
    }
    atomic_store_explicit(&s->table, t, memory_order_seq_cst);
    limbo_add(&s->tables, s->reclaim, &old->retired);
    free(s->ghosts);
    s->ghosts = ghosts;
    account(s, index_bytes(buckets) - index_bytes(buckets / 2));
}

void shard_insert(struct cache_shard *s, struct cache_object *o)
{
    struct cache_table *t = table_of(s);
    if (s->count > t->mask * OBJECTS_PER_BUCKET) {
        grow(s);
        t = table_of(s);
    }
    object_ref(o);
    s->count++;
    put_into(t, o);
}

/* --- queues --- */

static struct cache_queue *queue_of(struct cache_shard *s, const struct cache_object *o)
{
    return o->queue == QUEUE_SMALL ? &s->small : &s->main;
}

/* Its memory; a body that it shares with the object it was validated from counts for both. */
static uint64_t weight_of(const struct cache_object *o)
{
    const struct cache_chunk *head = &object_head(o)->chunk;
    return object_bytes(o) - atomic_load_explicit(&head->len, memory_order_relaxed) +
           shard_block_bytes(head->data_off + head->cap) +
           shard_block_bytes(sizeof *o + o->url_len + o->rest_len);
}

static struct cache_object *at(uint64_t address)
{
    return (struct cache_object *)(uintptr_t)address;
}

static void enqueue(struct cache_shard *s, struct cache_object *o, enum object_queue which)
{
    o->queue = which;
    struct cache_queue *q = queue_of(s, o);
    o->newer = 0;
    o->older = (uintptr_t)q->newest;
    if (q->newest)
        q->newest->newer = (uintptr_t)o;
    else
        q->oldest = o;
    q->newest = o;
    q->bytes += weight_of(o);
    q->count++;
}

static void dequeue(struct cache_shard *s, struct cache_object *o)
{
    struct cache_queue *q = queue_of(s, o);
    if (o->newer)
        at(o->newer)->older = o->older;
    else
        q->newest = at(o->older);
    if (o->older)
        at(o->older)->newer = o->newer;
    else
        q->oldest = at(o->newer);
    q->bytes -= weight_of(o);
    q->count--;
    o->queue = QUEUE_NONE;
}

/* --- leaving --- */

static void release_object(struct retired *r)
{
    object_unref(container_of(r, struct cache_object, retired));
}

void shard_remove(struct cache_shard *s, struct cache_object *o)
{
    if (object_is(o, OBJECT_REMOVED))
        return;
    if (o->queue != QUEUE_NONE)
        dequeue(s, o);
    struct cache_table *t = table_of(s);
    _Atomic(struct cache_object *) *at = &t->buckets[o->hash & t->mask];
    struct cache_object *found;
    while ((found = atomic_load_explicit(at, memory_order_relaxed)) != o) {
        CHECK(found);
        at = &found->chain;
    }
    atomic_store_explicit(at, atomic_load_explicit(&o->chain, memory_order_relaxed),
                          memory_order_seq_cst);
    object_set(o, OBJECT_REMOVED);
    s->count--;
    limbo_add(&s->objects, s->reclaim, &o->retired);
}

/* --- ghosts --- */

/* An object's own, whatever part of the URL it shares with others. */
static uint64_t ghost_hash(const struct cache_object *o)
{
    return hash_bytes(o->key + o->url_len, o->rest_len, o->hash);
}

static void remember(struct cache_shard *s, const struct cache_object *o)
{
    uint64_t h = ghost_hash(o);
    struct ghost *g = &s->ghosts[h & table_of(s)->mask];
    *g = (struct ghost){ (uint32_t)(h >> 32) | 1, ++s->ghosts_written };
}

static bool was_here(const struct cache_shard *s, const struct cache_object *o, uint64_t mask)
{
    uint64_t h = ghost_hash(o);
    const struct ghost *g = &s->ghosts[h & mask];
    return g->fingerprint == ((uint32_t)(h >> 32) | 1) &&
           s->ghosts_written - g->written <= s->main.count;
}

/* --- S3-FIFO --- */

static uint8_t hits_of(const struct cache_object *o)
{
    return atomic_load_explicit(&o->mark, memory_order_relaxed); /* it is whole: it has no why */
}

static void evict_small(struct cache_shard *s)
{
    struct cache_object *o = s->small.oldest;
    if (hits_of(o) >= HITS_TO_STAY) {
        dequeue(s, o);
        atomic_store_explicit(&o->mark, 0, memory_order_relaxed);
        enqueue(s, o, QUEUE_MAIN);
        return;
    }
    remember(s, o);
    shard_remove(s, o);
    s->evicted++;
}

static void evict_main(struct cache_shard *s)
{
    struct cache_object *o = s->main.oldest;
    uint8_t hits = hits_of(o);
    if (hits) {
        dequeue(s, o);
        atomic_store_explicit(&o->mark, (uint8_t)(hits - 1), memory_order_relaxed);
        enqueue(s, o, QUEUE_MAIN);
        return;
    }
    shard_remove(s, o);
    s->evicted++;
}

void shard_make_room(struct cache_shard *s)
{
    limbo_drain(&s->tables, s->reclaim);
    limbo_drain(&s->objects, s->reclaim);
    /* What is evicted may be held by readers for a while. Then more goes, down to nothing: the
     * budget is kept first. */
    while (atomic_load_explicit(&s->used_bytes, memory_order_relaxed) > s->budget_bytes) {
        uint64_t queued = s->small.bytes + s->main.bytes;
        if (queued == 0)
            break;
        if (s->small.count && (s->small.bytes >= queued / SMALL_SHARE || !s->main.count))
            evict_small(s);
        else
            evict_main(s);
        limbo_drain(&s->objects, s->reclaim);
    }
}

void shard_admit(struct cache_shard *s, struct cache_object *o)
{
    if (object_is(o, OBJECT_REMOVED))
        return;
    enqueue(s, o, was_here(s, o, table_of(s)->mask) ? QUEUE_MAIN : QUEUE_SMALL);
    shard_make_room(s);
}

/* --- life --- */

bool shard_init(struct cache_shard *s, struct reclaim *reclaim)
{
    *s = (struct cache_shard){ .reclaim = reclaim };
    struct cache_table *t = table_create(BUCKETS_FIRST);
    s->ghosts = calloc(BUCKETS_FIRST, sizeof *s->ghosts);
    if (!t || !s->ghosts) {
        free(t);
        free(s->ghosts);
        return false;
    }
    atomic_init(&s->table, t);
    limbo_init(&s->objects, release_object);
    limbo_init(&s->tables, release_table);
    atomic_init(&s->used_bytes, index_bytes(BUCKETS_FIRST));
    pthread_mutex_init(&s->lock, NULL);
    return true;
}

void shard_destroy(struct cache_shard *s)
{
    struct cache_table *t = table_of(s);
    for (uint64_t i = 0; i <= t->mask; i++) {
        struct cache_object *o;
        while ((o = atomic_load_explicit(&t->buckets[i], memory_order_relaxed)) != NULL)
            shard_remove(s, o);
    }
    limbo_drain(&s->objects, s->reclaim);
    limbo_drain(&s->tables, s->reclaim);
    CHECK(!s->objects.first && !s->tables.first && s->count == 0);
    CHECK(atomic_load(&s->used_bytes) == index_bytes(t->mask + 1));
    free(t);
    free(s->ghosts);
    pthread_mutex_destroy(&s->lock);
}
