/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reference-counted I/O buffers of one fixed size, owned by one worker.
 *
 * Counts are plain integers: a buffer never leaves its worker. The last release returns it to its
 * pool's stack, so that the most recently used (cache-warm) buffer is lent next. */
#ifndef SLUICE_BASE_BUF_H
#define SLUICE_BASE_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/check.h"

struct buf_pool;

struct buf {
    struct buf_pool *pool;
    struct buf *next; /* link in the pool's stack; NULL while lent */
    uint8_t *data;
    uint32_t refs;
    uint32_t cap;   /* bytes */
    uint32_t index; /* in its pool: names the buffer to the kernel */
};

/* A part of a buffer. Holding one means holding one reference. */
struct buf_slice {
    struct buf *buf;
    uint32_t off;
    uint32_t len;
};

struct buf_pool {
    struct buf *free;
    struct buf **all;      /* by index */
    uint32_t count;        /* created so far */
    uint32_t count_max;    /* never more than this many */
    uint32_t lent;         /* out of the stack */
    uint32_t buffer_bytes; /* each one's cap */
    struct buf_chunk *chunks;
    /* NULL: the buffers are the pool's own. Else they stand for other memory, and whoever lends
     * them takes them back here after the last release. */
    void (*take_back)(struct buf *b);
};

/* Prepares a pool of at most count_max buffers of buffer_bytes each; memory is taken in chunks as
 * it is needed and kept. Returns false when out of memory. */
bool buf_pool_init(struct buf_pool *pool, uint32_t buffer_bytes, uint32_t count_max);

/* Frees all memory. CHECKs that nothing is lent. */
void buf_pool_destroy(struct buf_pool *pool);

/* Lends one buffer with one reference, or NULL at the limit or without memory. */
struct buf *buf_take(struct buf_pool *pool);

/* The buffer of that index: created, i.e. index < pool->count. */
static inline struct buf *buf_by_index(struct buf_pool *pool, uint32_t index)
{
    CHECK(index < pool->count);
    return pool->all[index];
}

static inline void buf_ref(struct buf *b)
{
    CHECK(b->refs > 0);
    b->refs++;
}

/* Gives up one reference; b may be NULL. */
static inline void buf_unref(struct buf *b)
{
    if (!b)
        return;
    CHECK(b->refs > 0);
    if (--b->refs == 0) {
        struct buf_pool *pool = b->pool;
        if (__builtin_expect(pool->take_back != NULL, 0)) {
            pool->take_back(b);
            return;
        }
        b->next = pool->free;
        pool->free = b;
        pool->lent--;
    }
}

#endif
