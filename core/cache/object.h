/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A stored response, or one that is being stored. Its maker (one thread) appends; everybody else
 * reads what was published: nothing that was published changes or moves. Once whole it never
 * changes at all.
 *
 * The body lies in chunks. A reader holds the chunk that it reads, a chunk the one after it, the
 * object its first: so a body that turns out too big to be kept can be let go of at its beginning
 * while readers are further on. */
#ifndef SLUICE_CACHE_OBJECT_H
#define SLUICE_CACHE_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/coding.h"
#include "core/base/str.h"
#include "core/cache/reclaim.h"
#include "core/http/freshness.h"

#define CACHE_HITS_MAX 3
#define CACHE_LENGTH_UNKNOWN UINT64_MAX
#define CACHE_CHUNK_BYTES (64 * 1024)      /* with its header: what allocators give in one piece */
#define CACHE_FIRST_CHUNK_BYTES (2 * 1024) /* of a body of unknown length; doubling */
#define CACHE_TAGS_MAX 1024

/* Millions of small objects are mostly what is here: it is packed. Of addresses 48 bits count. */
#define CACHE_ADDRESS_BITS 48

struct cache_shard;

struct cache_chunk {
    _Atomic(struct cache_chunk *) next;
    uint64_t shard : CACHE_ADDRESS_BITS; /* whose budget it is of: chunk_shard() */
    uint64_t data_off : 16;              /* where its bytes are: from the chunk's own address */
    _Atomic uint32_t refs;
    _Atomic uint16_t len; /* published */
    uint16_t cap;         /* bytes of body that it has room for */
};

/* How the body is stored. */
enum object_form {
    FORM_FIXED,  /* as the head says, and it is not to be given otherwise */
    FORM_PLAIN,  /* without a coding; may be given in one */
    FORM_OURS,   /* in one that the head does not say: without it is what came */
    FORM_SERVERS /* in one that the head says; may be given without */
};

struct cache_head {
    struct cache_chunk chunk;
    uint64_t length; /* of the body, declared; or CACHE_LENGTH_UNKNOWN */
    struct freshness fresh;
    uint32_t body_id;    /* one for each body that was stored */
    uint16_t text_len;   /* HTTP/1 response head, its empty line included */
    uint16_t vary_len;   /* see vary.h */
    uint16_t tags_count; /* at most CACHE_TAGS_MAX */
    uint8_t form : 4;    /* enum object_form */
    uint8_t coding : 4;  /* of the body: enum coding */
    /* text, vary and body follow the tags */
    uint16_t tags[];
};

enum object_state {
    OBJECT_FILLING, /* head, then body are being published; in the table until it breaks */
    OBJECT_WHOLE,   /* immutable; in the table until it is evicted or purged */
    OBJECT_BROKEN,  /* what was published is all there will be; out of the table */
    OBJECT_PASS,    /* says only that such requests are not to wait for each other */
};

/* Beside the state. Once set they stay. */
enum object_flag {
    OBJECT_SOFT_PURGED = 4, /* stale, whatever its head says */
    OBJECT_REMOVED = 8,     /* out of the table: nobody new finds it */
    OBJECT_PASSED_ON = 16,  /* not to be stored: for the one who asked first only */
};
#define OBJECT_STATE_MASK 3

enum object_queue { QUEUE_NONE, QUEUE_SMALL, QUEUE_MAIN };

/* In cache_object.progress: bytes of the body that are published, and above them how many readers
 * have yet to come to the first chunk. Of OBJECT_PASS: until when it counts, in seconds. */
#define PROGRESS_BYTES_BITS 44
#define PROGRESS_BYTES_MAX ((UINT64_C(1) << PROGRESS_BYTES_BITS) - 1)
#define PROGRESS_READER (UINT64_C(1) << PROGRESS_BYTES_BITS)

/* In cache_object.mark: below it hits since it was last looked at for eviction; from it on the
 * maker's word for why it broke, an enum end_reason. */
#define MARK_WHY (CACHE_HITS_MAX + 1)

struct cache_object {
    _Atomic(struct cache_object *) chain; /* of its bucket */
    union {
        struct { /* in its queue; under the shard's lock */
            uint64_t newer : CACHE_ADDRESS_BITS;
            uint64_t queue : 16; /* enum object_queue */
            uint64_t older : CACHE_ADDRESS_BITS;
        };
        struct retired retired; /* out of the table, and so of its queue */
    };
    _Atomic(struct cache_head *) head; /* NULL: it has not come yet */
    _Atomic uint64_t progress;
    uint64_t shard : CACHE_ADDRESS_BITS; /* object_shard() */
    uint64_t url_len : 16;               /* of the key, which follows */
    uint32_t hash;                       /* of the URL part of the key */
    _Atomic uint32_t refs;               /* the table, the maker, each reader */
    uint32_t purge_seq;                  /* of the cache, when it was begun */
    uint16_t rest_len;                   /* of the key */
    _Atomic uint8_t state;               /* enum object_state, with enum object_flag */
    _Atomic uint8_t mark;
    char key[];
};
_Static_assert(sizeof(struct cache_object) == 64 && offsetof(struct cache_head, tags) <= 64,
               "what a small object costs");

static inline struct cache_shard *object_shard(const struct cache_object *o)
{
    return (struct cache_shard *)(uintptr_t)o->shard;
}

static inline struct cache_shard *chunk_shard(const struct cache_chunk *c)
{
    return (struct cache_shard *)(uintptr_t)c->shard;
}

static inline struct str object_url(const struct cache_object *o)
{
    return (struct str){ o->key, o->url_len };
}

static inline struct str object_rest(const struct cache_object *o)
{
    return (struct str){ o->key + o->url_len, o->rest_len };
}

static inline enum object_state object_state(const struct cache_object *o)
{
    return (enum object_state)(atomic_load_explicit(&o->state, memory_order_acquire) &
                               OBJECT_STATE_MASK);
}

static inline bool object_is(const struct cache_object *o, enum object_flag flag)
{
    return atomic_load_explicit(&o->state, memory_order_acquire) & flag;
}

static inline void object_set(struct cache_object *o, enum object_flag flag)
{
    atomic_fetch_or_explicit(&o->state, (uint8_t)flag, memory_order_acq_rel);
}

/* Bytes of the body so far. */
static inline uint64_t object_bytes(const struct cache_object *o)
{
    return atomic_load_explicit(&o->progress, memory_order_acquire) & PROGRESS_BYTES_MAX;
}

/* Why it broke: an enum end_reason; 0: not said. */
static inline uint8_t object_why(const struct cache_object *o)
{
    uint8_t mark = atomic_load_explicit(&o->mark, memory_order_relaxed);
    return mark >= MARK_WHY ? (uint8_t)(mark - MARK_WHY) : 0;
}

/* The maker says it, before cache_break(). */
static inline void object_set_why(struct cache_object *o, uint8_t why)
{
    atomic_store_explicit(&o->mark, (uint8_t)(MARK_WHY + why), memory_order_relaxed);
}

static inline struct cache_head *object_head(const struct cache_object *o)
{
    return atomic_load_explicit(&o->head, memory_order_acquire);
}

static inline uint8_t *chunk_data(const struct cache_chunk *c)
{
    return (uint8_t *)(uintptr_t)c + c->data_off;
}

static inline struct str cache_head_text(const struct cache_head *h)
{
    return (struct str){ (const char *)(h->tags + h->tags_count), h->text_len };
}

static inline struct str cache_head_vary(const struct cache_head *h)
{
    return (struct str){ (const char *)(h->tags + h->tags_count) + h->text_len, h->vary_len };
}

/* One more reader, by somebody who is one. */
void object_ref(struct cache_object *o);

/* The last one frees it. o may be NULL. */
void object_unref(struct cache_object *o);

/* --- reading --- */

/* Where a reader is. */
struct cache_cursor {
    struct cache_chunk *chunk; /* held; NULL: at the beginning */
    uint32_t off;              /* in it */
};

/* At the beginning of an object that the reader has a reference of; that object must outlive the
 * cursor's first read. */
void cursor_begin(struct cache_cursor *c, struct cache_object *o);

/* The next published bytes, up to max of them: *n, at the address given, in c->chunk, and moves
 * past them. NULL: there are none now. The bytes stay while the chunk is held: chunk_ref() keeps
 * it. */
const uint8_t *cursor_read(struct cache_cursor *c, struct cache_object *o, uint32_t max,
                           uint32_t *n);

/* Lets go of the chunk. */
void cursor_end(struct cache_cursor *c, struct cache_object *o);

void chunk_ref(struct cache_chunk *c);
void chunk_unref(struct cache_chunk *c);

/* The body of a whole object, if all of it stands in one piece in its head's block; else NULL. */
const uint8_t *object_small_body(const struct cache_object *o, uint32_t *n);

/* --- making: by one thread, between cache_begin() and one of its ends (cache.h) --- */

struct cache_maker {
    struct cache_object *o;   /* one reference */
    struct cache_chunk *last; /* held; NULL: the head has not come */
    struct cache_chunk *tail; /* after maker_let_go(): held; every reader before it is gone */
    uint64_t tail_bytes;      /* of the body before the tail */
    uint32_t body_id;
    bool letting_go;
};

struct cache_head_parts {
    struct str text, vary;
    const uint16_t *tags;
    uint32_t tags_count;
    struct freshness fresh;
    uint64_t length;
    enum object_form form;
    enum coding coding;
    bool passes;                  /* maker_let_go() will follow, whatever the length */
    struct cache_object *body_of; /* validated: the body is that whole object's; NULL: own */
};

/* Publishes the head. False without memory. */
bool maker_head(struct cache_maker *m, const struct cache_head_parts *parts);

/* Publishes body bytes (they are copied). False without memory, or when they are more than was
 * declared. */
bool maker_data(struct cache_maker *m, const void *bytes, uint32_t n);

/* A body of unknown length, or one that passes, will not be stored after all: chunks that every
 * reader is past go from now on. No new reader may come. */
void maker_let_go(struct cache_maker *m);

/* Bytes of the body that are held in memory: all, or after maker_let_go() those that some reader
 * still needs. */
uint64_t maker_held_bytes(struct cache_maker *m);

#endif
