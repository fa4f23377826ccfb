/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/buf.h"

#include <stdlib.h>

/* Buffers are made this many at a time. */
#define CHUNK_BUFFERS 32

/* Data areas are this much further apart than their size, so that the first lines of all buffers
 * do not compete for the same few cache sets. */
#define COLOUR_BYTES 128

struct buf_chunk {
    struct buf_chunk *next;
    uint8_t *data;
    struct buf bufs[CHUNK_BUFFERS];
};

bool buf_pool_init(struct buf_pool *pool, uint32_t buffer_bytes, uint32_t count_max)
{
    *pool = (struct buf_pool){ .count_max = count_max, .buffer_bytes = buffer_bytes };
    pool->all = calloc(count_max ? count_max : 1, sizeof *pool->all);
    return pool->all != NULL;
}

void buf_pool_destroy(struct buf_pool *pool)
{
    CHECK(pool->lent == 0);
    while (pool->chunks) {
        struct buf_chunk *c = pool->chunks;
        pool->chunks = c->next;
        free(c->data);
        free(c);
    }
    free(pool->all);
    *pool = (struct buf_pool){ 0 };
}

static bool grow(struct buf_pool *pool)
{
    uint32_t n = pool->count_max - pool->count;
    if (n == 0)
        return false;
    if (n > CHUNK_BUFFERS)
        n = CHUNK_BUFFERS;
    struct buf_chunk *c = calloc(1, sizeof *c);
    if (!c)
        return false;
    size_t stride = (size_t)pool->buffer_bytes + COLOUR_BYTES;
    size_t bytes = (stride * CHUNK_BUFFERS + 63) & ~(size_t)63;
    c->data = aligned_alloc(64, bytes);
    if (!c->data) {
        free(c);
        return false;
    }
    c->next = pool->chunks;
    pool->chunks = c;
    for (uint32_t i = 0; i < n; i++) {
        struct buf *b = &c->bufs[i];
        b->pool = pool;
        b->data = c->data + i * stride;
        b->cap = pool->buffer_bytes;
        b->index = pool->count;
        pool->all[pool->count++] = b;
        b->next = pool->free;
        pool->free = b;
    }
    return true;
}

struct buf *buf_take(struct buf_pool *pool)
{
    if (!pool->free && !grow(pool))
        return NULL;
    struct buf *b = pool->free;
    pool->free = b->next;
    b->next = NULL;
    CHECK(b->refs == 0);
    b->refs = 1;
    pool->lent++;
    return b;
}
