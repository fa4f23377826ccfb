/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cache/cache.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/end_reason.h"
#include "core/base/hash.h"
#include "core/cache/vary.h"

_Static_assert(END_REASON_COUNT + MARK_WHY <= UINT8_MAX, "a mark holds every reason");

/* --- life --- */

static uint32_t shards_for(uint64_t budget_bytes)
{
    uint32_t n = 1;
    while (n < CACHE_SHARDS_MAX && budget_bytes / (n * 2) >= CACHE_SHARD_BYTES_MIN)
        n *= 2;
    return n;
}

static void free_tables(struct cache *c)
{
    free(c->reclaim.readers);
    free(c->purged_tags);
    free(c->stale_tags);
    free(c->shards);
    free(c);
}

struct cache *cache_create(uint64_t budget_bytes, uint32_t readers_count, uint64_t seed)
{
    struct cache *c = aligned_alloc(_Alignof(struct cache), sizeof *c);
    if (!c)
        return NULL;
    *c = (struct cache){ .seed = seed };
    uint32_t shards = shards_for(budget_bytes);
    size_t tags_bytes = CACHE_TAG_SLOTS * sizeof *c->purged_tags;
    struct reclaim_reader *readers =
        aligned_alloc(_Alignof(struct reclaim_reader), readers_count * sizeof *readers);
    c->shards = aligned_alloc(_Alignof(struct cache_shard), shards * sizeof *c->shards);
    c->purged_tags = calloc(1, tags_bytes);
    c->stale_tags = calloc(1, tags_bytes);
    c->reclaim.readers = readers;
    if (!readers || !c->shards || !c->purged_tags || !c->stale_tags) {
        free_tables(c);
        return NULL;
    }
    reclaim_init(&c->reclaim, readers, readers_count);
    while (c->shards_count < shards) {
        if (!shard_init(&c->shards[c->shards_count], &c->reclaim)) {
            cache_destroy(c);
            return NULL;
        }
        c->shards_count++;
    }
    cache_set_budget(c, budget_bytes);
    return c;
}

void cache_set_budget(struct cache *c, uint64_t budget_bytes)
{
    uint64_t fixed = sizeof *c + 2 * CACHE_TAG_SLOTS * sizeof *c->purged_tags +
                     c->reclaim.readers_count * sizeof *c->reclaim.readers;
    uint64_t each = budget_bytes > fixed ? (budget_bytes - fixed) / c->shards_count : 0;
    for (uint32_t i = 0; i < c->shards_count; i++) {
        pthread_mutex_lock(&c->shards[i].lock);
        c->shards[i].budget_bytes = each;
        pthread_mutex_unlock(&c->shards[i].lock);
    }
}

void cache_destroy(struct cache *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->shards_count; i++)
        shard_destroy(&c->shards[i]);
    free_tables(c);
}

/* --- keys --- */

uint64_t cache_key_hash(const struct cache *c, struct str url)
{
    return hash_bytes(url.ptr, url.len, c->seed);
}

uint16_t cache_tag_slot(const struct cache *c, struct str tag)
{
    return (uint16_t)hash_bytes(tag.ptr, tag.len, c->seed);
}

/* By the upper bits: the lower ones choose the bucket. */
static struct cache_shard *shard_of(struct cache *c, uint64_t hash)
{
    return &c->shards[(hash >> 48) & (c->shards_count - 1)];
}

static bool has_key(const struct cache_object *o, const struct cache_key *k)
{
    return o->hash == (uint32_t)k->hash && str_eq(object_url(o), k->url) &&
           str_eq(object_rest(o), k->rest);
}

/* --- purged? --- */

static bool any_tag_after(const _Atomic uint32_t *slots, const struct cache_object *o)
{
    const struct cache_head *h = object_head(o);
    for (uint32_t i = 0; h && i < h->tags_count; i++)
        if (atomic_load_explicit(&slots[h->tags[i]], memory_order_acquire) > o->purge_seq)
            return true;
    return false;
}

static bool is_purged(const struct cache *c, const struct cache_object *o)
{
    return atomic_load_explicit(&c->purged_all, memory_order_acquire) > o->purge_seq ||
           any_tag_after(c->purged_tags, o);
}

bool cache_is_soft_purged(const struct cache *c, const struct cache_object *o)
{
    return object_is(o, OBJECT_SOFT_PURGED) || any_tag_after(c->stale_tags, o);
}

/* --- finding --- */

static bool answers(const struct cache *c, const struct cache_object *o,
                    const struct cache_key *key, const struct http_head *request, uint64_t now_s)
{
    if (!has_key(o, key) || object_is(o, OBJECT_REMOVED))
        return false;
    switch (object_state(o)) {
    case OBJECT_PASS:
        return now_s < object_bytes(o);
    case OBJECT_BROKEN:
        return false;
    case OBJECT_FILLING:
    case OBJECT_WHOLE:
        break;
    }
    const struct cache_head *h = object_head(o);
    return !is_purged(c, o) && (!h || vary_matches(cache_head_vary(h), request));
}

static bool is_coming(const struct cache_object *o)
{
    return object_state(o) == OBJECT_FILLING && !object_head(o);
}

/* The newest that answers: the newer stands before the older in their chain. */
static struct cache_found find_in(struct cache *c, struct cache_shard *s,
                                  const struct cache_key *key, const struct http_head *request,
                                  uint64_t now_s)
{
    struct cache_found found = { 0 };
    struct cache_object *o = shard_bucket(s, key->hash);
    for (; o && !found.stored; o = atomic_load_explicit(&o->chain, memory_order_seq_cst)) {
        if (!answers(c, o, key, request, now_s))
            continue;
        if (!is_coming(o))
            found.stored = o;
        else if (!found.coming)
            found.coming = o;
    }
    if (found.stored)
        object_ref(found.stored);
    if (found.coming)
        object_ref(found.coming);
    return found;
}

struct cache_found cache_find(struct cache *c, uint32_t reader, const struct cache_key *key,
                              const struct http_head *request, uint64_t now_s)
{
    reclaim_enter(&c->reclaim, reader);
    struct cache_found found = find_in(c, shard_of(c, key->hash), key, request, now_s);
    reclaim_leave(&c->reclaim, reader);
    struct cache_object *o = found.stored;
    if (o) {
        uint8_t hits = atomic_load_explicit(&o->mark, memory_order_relaxed);
        if (hits < CACHE_HITS_MAX) /* not exact: a hit more or less is nothing */
            atomic_compare_exchange_strong_explicit(&o->mark, &hits, (uint8_t)(hits + 1),
                                                    memory_order_relaxed, memory_order_relaxed);
    }
    return found;
}

/* --- beginning --- */

static struct cache_object *object_create(struct cache *c, struct cache_shard *s,
                                          const struct cache_key *key)
{
    struct cache_object *o = shard_alloc(s, sizeof *o + key->url.len + key->rest.len);
    if (!o)
        return NULL;
    *o = (struct cache_object){
        .shard = (uintptr_t)s,
        .hash = (uint32_t)key->hash,
        .purge_seq = atomic_load_explicit(&c->purge_seq, memory_order_acquire),
        .url_len = key->url.len,
        .rest_len = (uint16_t)key->rest.len,
    };
    atomic_init(&o->refs, 1);
    memcpy(o->key, key->url.ptr, key->url.len);
    if (key->rest.len)
        memcpy(o->key + key->url.len, key->rest.ptr, key->rest.len);
    return o;
}

/* Takes out of the URL's chain what nobody may use any more; gives how many stay. */
static uint32_t sweep_chain(struct cache *c, struct cache_shard *s, const struct cache_key *key,
                            uint64_t now_s)
{
    uint32_t variants = 0;
    struct cache_object *o = shard_bucket(s, key->hash), *next;
    for (; o; o = next) {
        next = atomic_load_explicit(&o->chain, memory_order_relaxed);
        if (o->hash != (uint32_t)key->hash || !str_eq(object_url(o), key->url))
            continue;
        enum object_state state = object_state(o);
        if (is_purged(c, o) || (state == OBJECT_PASS && now_s >= object_bytes(o)))
            shard_remove(s, o);
        else
            variants++;
    }
    return variants;
}

enum cache_begun cache_begin(struct cache *c, const struct cache_key *key,
                             const struct http_head *request, const struct cache_object *stale,
                             uint64_t now_s, struct cache_maker *m, struct cache_object **found)
{
    struct cache_shard *s = shard_of(c, key->hash);
    CHECK(key->url.len + key->rest.len <= CACHE_KEY_BYTES_MAX);
    *m = (struct cache_maker){ 0 };
    pthread_mutex_lock(&s->lock);
    struct cache_found f = find_in(c, s, key, request, now_s);
    if (f.stored == stale || f.coming) {
        object_unref(f.stored);
        f.stored = NULL;
    }
    *found = f.coming ? f.coming : f.stored;
    if (*found) {
        pthread_mutex_unlock(&s->lock);
        return BEGUN_FOUND;
    }
    if (sweep_chain(c, s, key, now_s) < CACHE_VARIANTS_MAX)
        m->o = object_create(c, s, key);
    if (m->o)
        shard_insert(s, m->o);
    shard_make_room(s);
    pthread_mutex_unlock(&s->lock);
    m->body_id = atomic_fetch_add_explicit(&c->bodies, 1, memory_order_relaxed);
    if (m->o)
        return BEGUN_MAKER;
    atomic_fetch_add_explicit(&c->stats.refused, 1, memory_order_relaxed);
    return BEGUN_REFUSED;
}

/* --- ending --- */

/* From OBJECT_FILLING, once. */
static void set_state(struct cache_object *o, enum object_state state)
{
    atomic_fetch_or_explicit(&o->state, (uint8_t)state, memory_order_acq_rel);
}

static void remove_locked(struct cache_shard *s, struct cache_object *o)
{
    pthread_mutex_lock(&s->lock);
    shard_remove(s, o);
    shard_make_room(s);
    pthread_mutex_unlock(&s->lock);
}

static void maker_end(struct cache_maker *m)
{
    if (m->last)
        chunk_unref(m->last);
    if (m->tail)
        chunk_unref(m->tail);
    object_unref(m->o);
    *m = (struct cache_maker){ 0 };
}

void cache_break(struct cache *c, struct cache_maker *m)
{
    struct cache_object *o = m->o;
    atomic_fetch_add_explicit(&c->stats.broken, 1, memory_order_relaxed);
    remove_locked(object_shard(o), o);
    set_state(o, OBJECT_BROKEN);
    maker_end(m);
}

void cache_hide(struct cache *c, struct cache_maker *m)
{
    (void)c;
    remove_locked(object_shard(m->o), m->o);
}

void cache_pass(struct cache *c, struct cache_maker *m, uint32_t pass_s, uint64_t now_s)
{
    struct cache_object *o = m->o;
    struct cache_shard *s = object_shard(o);
    struct cache_key key = { object_url(o), object_rest(o), o->hash };
    pthread_mutex_lock(&s->lock);
    shard_remove(s, o);
    struct cache_object *pass = pass_s ? object_create(c, s, &key) : NULL;
    if (pass) {
        atomic_init(&pass->progress, now_s + pass_s);
        atomic_init(&pass->state, OBJECT_PASS);
        shard_insert(s, pass);
        object_unref(pass);
    }
    shard_make_room(s);
    pthread_mutex_unlock(&s->lock);
    object_set(o, OBJECT_PASSED_ON);
}

/* What the same requests were answered with until now. */
static void remove_replaced(struct cache_shard *s, struct cache_object *by)
{
    struct cache_key key = { object_url(by), object_rest(by), by->hash };
    struct cache_object *o = shard_bucket(s, by->hash), *next;
    for (; o; o = next) {
        next = atomic_load_explicit(&o->chain, memory_order_relaxed);
        if (o != by && has_key(o, &key) && object_state(o) == OBJECT_WHOLE &&
            str_eq(cache_head_vary(object_head(o)), cache_head_vary(object_head(by))))
            shard_remove(s, o);
    }
}

bool cache_finish(struct cache *c, struct cache_maker *m, struct cache_object *stale)
{
    struct cache_object *o = m->o;
    struct cache_shard *s = object_shard(o);
    struct cache_head *h = object_head(o);
    uint64_t length = object_bytes(o);
    if (h->length != CACHE_LENGTH_UNKNOWN && h->length != length) {
        cache_break(c, m);
        return false;
    }
    set_state(o, OBJECT_WHOLE);
    pthread_mutex_lock(&s->lock);
    /* What was purged meanwhile is older than what answers its requests now. */
    bool removed = object_is(o, OBJECT_REMOVED);
    if (!removed && !is_purged(c, o))
        remove_replaced(s, o);
    if (stale)
        shard_remove(s, stale);
    if (!removed)
        atomic_fetch_add_explicit(&c->stats.stored, 1, memory_order_relaxed);
    shard_admit(s, o);
    pthread_mutex_unlock(&s->lock);
    maker_end(m);
    return true;
}

/* --- purging --- */

static uint32_t next_purge(struct cache *c)
{
    return atomic_fetch_add_explicit(&c->purge_seq, 1, memory_order_acq_rel) + 1;
}

static void purge_one(struct cache_shard *s, struct cache_object *o, bool soft)
{
    if (soft)
        object_set(o, OBJECT_SOFT_PURGED);
    else
        shard_remove(s, o);
}

uint64_t cache_purge_url(struct cache *c, struct str url, bool soft)
{
    uint64_t hash = cache_key_hash(c, url), count = 0;
    struct cache_shard *s = shard_of(c, hash);
    pthread_mutex_lock(&s->lock);
    struct cache_object *o = shard_bucket(s, hash), *next;
    for (; o; o = next) {
        next = atomic_load_explicit(&o->chain, memory_order_relaxed);
        if (o->hash != (uint32_t)hash || !str_eq(object_url(o), url))
            continue;
        purge_one(s, o, soft);
        count++;
    }
    shard_make_room(s);
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add_explicit(&c->stats.purged, count, memory_order_relaxed);
    return count;
}

static bool begins_with(struct str s, struct str prefix)
{
    return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

static uint64_t purge_prefix_in(struct cache_shard *s, struct str prefix, bool soft)
{
    uint64_t count = 0;
    struct cache_table *t = atomic_load_explicit(&s->table, memory_order_relaxed);
    for (uint64_t i = 0; i <= t->mask; i++) {
        struct cache_object *o = atomic_load_explicit(&t->buckets[i], memory_order_relaxed), *next;
        for (; o; o = next) {
            next = atomic_load_explicit(&o->chain, memory_order_relaxed);
            if (!begins_with(object_url(o), prefix))
                continue;
            purge_one(s, o, soft);
            count++;
        }
    }
    shard_make_room(s);
    return count;
}

uint64_t cache_purge_prefix(struct cache *c, struct str url_prefix, bool soft)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < c->shards_count; i++) {
        pthread_mutex_lock(&c->shards[i].lock);
        count += purge_prefix_in(&c->shards[i], url_prefix, soft);
        pthread_mutex_unlock(&c->shards[i].lock);
    }
    atomic_fetch_add_explicit(&c->stats.purged, count, memory_order_relaxed);
    return count;
}

void cache_purge_tag(struct cache *c, struct str tag, bool soft)
{
    _Atomic uint32_t *slots = soft ? c->stale_tags : c->purged_tags;
    atomic_store_explicit(&slots[cache_tag_slot(c, tag)], next_purge(c), memory_order_release);
}

void cache_purge_all(struct cache *c)
{
    atomic_store_explicit(&c->purged_all, next_purge(c), memory_order_release);
}

/* --- figures --- */

struct cache_figures cache_figures(struct cache *c)
{
    struct cache_figures f = { 0 };
    for (uint32_t i = 0; i < c->shards_count; i++) {
        struct cache_shard *s = &c->shards[i];
        pthread_mutex_lock(&s->lock);
        f.objects += s->count;
        f.evicted += s->evicted;
        f.small_bytes += s->small.bytes;
        f.main_bytes += s->main.bytes;
        f.budget_bytes += s->budget_bytes;
        pthread_mutex_unlock(&s->lock);
        f.used_bytes += atomic_load_explicit(&s->used_bytes, memory_order_relaxed);
    }
    return f;
}
