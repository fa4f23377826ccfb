/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cache/object.h"

#include <stddef.h>
#include <string.h>

#include "core/base/check.h"
#include "core/cache/shard.h"

/* --- references --- */

void object_ref(struct cache_object *o)
{
    atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
}

static bool was_last(_Atomic uint32_t *refs)
{
    uint32_t before = atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    return before == 1;
}

void object_unref(struct cache_object *o)
{
    if (!o || !was_last(&o->refs))
        return;
    struct cache_head *h = object_head(o);
    if (h)
        chunk_unref(&h->chunk);
    shard_free(object_shard(o), o, sizeof *o + o->url_len + o->rest_len);
}

void chunk_ref(struct cache_chunk *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

static struct cache_chunk *next_of(const struct cache_chunk *c)
{
    return atomic_load_explicit(&c->next, memory_order_acquire);
}

/* A loop, for the chain behind may be long. */
void chunk_unref(struct cache_chunk *c)
{
    while (c && was_last(&c->refs)) {
        struct cache_chunk *next = next_of(c);
        shard_free(chunk_shard(c), c, c->data_off + c->cap);
        c = next;
    }
}

/* --- reading --- */

void cursor_begin(struct cache_cursor *c, struct cache_object *o)
{
    *c = (struct cache_cursor){ 0 };
    atomic_fetch_add_explicit(&o->progress, PROGRESS_READER, memory_order_relaxed);
}

/* The first chunk that has room for bytes; NULL: it has yet to come. */
static struct cache_chunk *first_of(const struct cache_object *o)
{
    struct cache_head *h = object_head(o);
    return !h ? NULL : h->chunk.cap ? &h->chunk : next_of(&h->chunk);
}

const uint8_t *cursor_read(struct cache_cursor *c, struct cache_object *o, uint32_t max,
                           uint32_t *n)
{
    if (!c->chunk) {
        c->chunk = first_of(o);
        if (!c->chunk)
            return NULL;
        chunk_ref(c->chunk);
        atomic_fetch_sub_explicit(&o->progress, PROGRESS_READER, memory_order_release);
    }
    for (;;) {
        uint32_t len = atomic_load_explicit(&c->chunk->len, memory_order_acquire);
        if (c->off < len) {
            *n = len - c->off < max ? len - c->off : max;
            const uint8_t *at = chunk_data(c->chunk) + c->off;
            c->off += *n;
            return at;
        }
        struct cache_chunk *next = next_of(c->chunk);
        if (!next)
            return NULL;
        chunk_ref(next);
        chunk_unref(c->chunk);
        c->chunk = next;
        c->off = 0;
    }
}

void cursor_end(struct cache_cursor *c, struct cache_object *o)
{
    if (c->chunk)
        chunk_unref(c->chunk);
    else
        atomic_fetch_sub_explicit(&o->progress, PROGRESS_READER, memory_order_release);
    *c = (struct cache_cursor){ 0 };
}

const uint8_t *object_small_body(const struct cache_object *o, uint32_t *n)
{
    struct cache_head *h = object_head(o);
    *n = atomic_load_explicit(&h->chunk.len, memory_order_acquire);
    return object_state(o) == OBJECT_WHOLE && *n == h->length ? chunk_data(&h->chunk) : NULL;
}

/* --- making --- */

static void chunk_init(struct cache_chunk *c, struct cache_shard *s, size_t data_off, uint32_t cap)
{
    *c = (struct cache_chunk){ .shard = (uintptr_t)s, .cap = (uint16_t)cap, .data_off = data_off };
    atomic_init(&c->refs, 2); /* the link's, and the maker's */
}

/* The declared body begins in the head's block: a small one needs no other. */
static uint32_t first_cap(const struct cache_head_parts *p, size_t data_off)
{
    uint64_t room = data_off < CACHE_CHUNK_BYTES ? CACHE_CHUNK_BYTES - data_off : 0;
    if (p->body_of || p->passes || p->length == CACHE_LENGTH_UNKNOWN)
        return 0;
    return (uint32_t)(p->length < room ? p->length : room);
}

static void share_body(struct cache_object *o, struct cache_head *h, struct cache_object *of)
{
    struct cache_chunk *first = first_of(of);
    if (first)
        chunk_ref(first);
    atomic_init(&h->chunk.next, first);
    atomic_fetch_add_explicit(&o->progress, object_bytes(of), memory_order_release);
}

bool maker_head(struct cache_maker *m, const struct cache_head_parts *p)
{
    struct cache_shard *s = object_shard(m->o);
    CHECK(p->tags_count <= CACHE_TAGS_MAX && p->text.len <= UINT16_MAX &&
          p->vary.len <= UINT16_MAX);
    size_t data_off = offsetof(struct cache_head, tags) + p->tags_count * sizeof(uint16_t) +
                      p->text.len + p->vary.len;
    if (data_off < sizeof(struct cache_head))
        data_off = sizeof(struct cache_head);
    uint32_t cap = first_cap(p, data_off);
    struct cache_head *h = shard_alloc(s, data_off + cap);
    if (!h)
        return false;
    *h = (struct cache_head){
        .fresh = p->fresh,
        .length = p->length,
        .text_len = (uint16_t)p->text.len,
        .vary_len = (uint16_t)p->vary.len,
        .tags_count = (uint16_t)p->tags_count,
        .form = (uint8_t)p->form,
        .coding = (uint8_t)p->coding,
        .body_id = m->body_id,
    };
    if (p->body_of) {
        const struct cache_head *of = object_head(p->body_of);
        h->form = of->form;
        h->coding = of->coding;
        h->body_id = of->body_id;
    }
    chunk_init(&h->chunk, s, data_off, cap);
    if (p->tags_count)
        memcpy(h->tags, p->tags, p->tags_count * sizeof(uint16_t));
    char *text = (char *)(h->tags + p->tags_count);
    if (p->text.len)
        memcpy(text, p->text.ptr, p->text.len);
    if (p->vary.len)
        memcpy(text + p->text.len, p->vary.ptr, p->vary.len);
    if (p->body_of)
        share_body(m->o, h, p->body_of);
    m->last = &h->chunk;
    atomic_store_explicit(&m->o->head, h, memory_order_release);
    return true;
}

#define CHUNK_CAP_MAX ((uint32_t)(CACHE_CHUNK_BYTES - sizeof(struct cache_chunk)))

/* Sizes double, so that small bodies of unknown length waste little. */
static uint32_t next_cap(const struct cache_maker *m, const struct cache_head *h, uint64_t so_far)
{
    if (h->length != CACHE_LENGTH_UNKNOWN)
        return h->length - so_far < CHUNK_CAP_MAX ? (uint32_t)(h->length - so_far) : CHUNK_CAP_MAX;
    if (m->last->cap == 0)
        return CACHE_FIRST_CHUNK_BYTES - sizeof(struct cache_chunk);
    uint32_t block = 2 * (m->last->cap + (uint32_t)sizeof(struct cache_chunk));
    return block < CACHE_CHUNK_BYTES ? block - (uint32_t)sizeof(struct cache_chunk) : CHUNK_CAP_MAX;
}

static bool add_chunk(struct cache_maker *m, struct cache_head *h, uint64_t so_far)
{
    uint32_t cap = next_cap(m, h, so_far);
    struct cache_chunk *c = shard_alloc(object_shard(m->o), sizeof *c + cap);
    if (!c)
        return false;
    chunk_init(c, object_shard(m->o), sizeof *c, cap);
    atomic_store_explicit(&m->last->next, c, memory_order_release);
    chunk_unref(m->last);
    m->last = c;
    return true;
}

bool maker_data(struct cache_maker *m, const void *bytes, uint32_t n)
{
    struct cache_head *h = object_head(m->o);
    uint64_t so_far = object_bytes(m->o);
    if (n > (h->length != CACHE_LENGTH_UNKNOWN ? h->length : PROGRESS_BYTES_MAX) - so_far)
        return false;
    const uint8_t *at = bytes;
    while (n) {
        uint32_t len = atomic_load_explicit(&m->last->len, memory_order_relaxed);
        if (len == m->last->cap) {
            if (!add_chunk(m, h, so_far))
                return false;
            len = 0;
        }
        uint32_t part = m->last->cap - len < n ? m->last->cap - len : n;
        memcpy(chunk_data(m->last) + len, at, part);
        atomic_store_explicit(&m->last->len, (uint16_t)(len + part), memory_order_release);
        at += part;
        n -= part;
        so_far += part;
        atomic_fetch_add_explicit(&m->o->progress, part, memory_order_release);
    }
    return true;
}

/* --- letting go --- */

/* The head's hold of the first chunk becomes the tail's, once every reader has one. */
static void begin_letting_go(struct cache_maker *m)
{
    struct cache_chunk *head = &object_head(m->o)->chunk;
    CHECK(head->cap == 0);
    if (head == m->last ||
        atomic_load_explicit(&m->o->progress, memory_order_acquire) >= PROGRESS_READER)
        return;
    m->tail = atomic_exchange_explicit(&head->next, NULL, memory_order_acq_rel);
    m->letting_go = true;
}

void maker_let_go(struct cache_maker *m)
{
    if (!m->letting_go)
        begin_letting_go(m);
}

uint64_t maker_held_bytes(struct cache_maker *m)
{
    uint64_t published = object_bytes(m->o);
    while (m->letting_go) {
        struct cache_chunk *next = next_of(m->tail);
        /* Ours alone: whoever was in it, or before it, is past it. */
        if (!next || atomic_load_explicit(&m->tail->refs, memory_order_acquire) > 1)
            break;
        m->tail_bytes += atomic_load_explicit(&m->tail->len, memory_order_relaxed);
        chunk_ref(next);
        chunk_unref(m->tail);
        m->tail = next;
    }
    return published - m->tail_bytes;
}
