/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/coder.h"

#include <stdlib.h>

#include "core/base/check.h"

/* In front of every block. */
struct coder_block {
    union {
        struct coder_block *next; /* kept */
        size_t asked_bytes;       /* lent */
    };
    size_t bytes; /* without this header */
};

#define BLOCK_BYTES_MIN 64
#define CLASSES_PER_DOUBLING 4

/* --- blocks --- */

/* Rounds up to the size of a class, of which it gives the number. */
static unsigned class_of(size_t *bytes)
{
    size_t n = *bytes < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : *bytes;
    unsigned top = 63 - (unsigned)__builtin_clzll(n); /* n is in [2^top, 2^(top+1)) */
    size_t step = ((size_t)1 << top) / CLASSES_PER_DOUBLING;
    size_t up = (n + step - 1) & ~(step - 1);
    *bytes = up;
    top = 63 - (unsigned)__builtin_clzll(up);
    return (top - 6) * CLASSES_PER_DOUBLING +
           (unsigned)((up - ((size_t)1 << top)) / (((size_t)1 << top) / CLASSES_PER_DOUBLING));
}

static void free_kept(struct coder_pool *p)
{
    for (unsigned i = 0; i < CODER_CLASSES; i++) {
        struct coder_block *b = p->kept[i];
        p->kept[i] = NULL;
        while (b) {
            struct coder_block *next = b->next;
            p->held_bytes -= b->bytes;
            p->kept_bytes -= b->bytes;
            free(b);
            b = next;
        }
    }
}

static struct coder_block *take_block(struct coder_pool *p, size_t bytes)
{
    unsigned class = class_of(&bytes);
    if (class >= CODER_CLASSES)
        return NULL;
    struct coder_block *b = p->kept[class];
    if (b) {
        p->kept[class] = b->next;
        p->kept_bytes -= b->bytes;
        return b;
    }
    /* Kept blocks of other sizes make room. */
    if (p->held_bytes + bytes > p->bytes_max && p->kept_bytes)
        free_kept(p);
    b = malloc(sizeof *b + bytes);
    if (!b)
        return NULL;
    b->bytes = bytes;
    p->held_bytes += bytes;
    return b;
}

void *coder_alloc(void *coder, size_t bytes)
{
    struct coder *c = coder;
    struct coder_block *b =
        bytes <= c->reserved_bytes - c->used_bytes ? take_block(c->pool, bytes) : NULL;
    if (!b)
        return NULL;
    b->asked_bytes = bytes;
    c->used_bytes += bytes;
    return b + 1;
}

void coder_free(void *coder, void *block)
{
    struct coder *c = coder;
    if (!block)
        return;
    struct coder_block *b = (struct coder_block *)block - 1;
    size_t bytes = b->bytes;
    unsigned class = class_of(&bytes);
    CHECK(c->used_bytes >= b->asked_bytes);
    c->used_bytes -= b->asked_bytes;
    b->next = c->pool->kept[class];
    c->pool->kept[class] = b;
    c->pool->kept_bytes += bytes;
}

void coder_pool_init(struct coder_pool *p, size_t bytes_max)
{
    *p = (struct coder_pool){ .bytes_max = bytes_max };
}

void coder_pool_destroy(struct coder_pool *p)
{
    CHECK(p->streams == 0);
    free_kept(p);
    CHECK(p->held_bytes == 0 && p->kept_bytes == 0);
}

/* --- streams --- */

static bool reserve(struct coder *c, struct coder_pool *p, size_t bytes)
{
    *c = (struct coder){ 0 };
    if (p->reserved_bytes + bytes > p->bytes_max)
        return false;
    *c = (struct coder){ .pool = p, .reserved_bytes = bytes };
    p->reserved_bytes += bytes;
    p->streams++;
    return true;
}

static void release(struct coder *c)
{
    CHECK(c->used_bytes == 0);
    c->pool->reserved_bytes -= c->reserved_bytes;
    c->pool->streams--;
    *c = (struct coder){ 0 };
}

static bool begun(struct coder *c, bool well)
{
    if (!well)
        release(c);
    return well;
}

/* What streams need at most, measured (tests/unit/http/test_coder.c looks). */
static size_t encoder_bytes(enum coding coding, unsigned level)
{
    static const size_t brotli_kib[] = { 256, 256, 1280, 1280, 2560, 3072, 4096 };
    static const size_t zstd_kib[] = { 1280, 1280, 1536, 2048, 3328, 4352, 4352 };
    switch (coding) {
    case CODING_GZIP:
        return 320 << 10;
    case CODING_BROTLI:
        return brotli_kib[level] << 10;
    case CODING_ZSTD:
        return zstd_kib[level] << 10;
    default:
        return 0;
    }
}

/* ns per byte, with a reserve; see encoder_bytes() for the order. */
static uint32_t encoder_byte_ns(enum coding coding, unsigned level)
{
    static const uint8_t gzip[] = { 8, 8, 8, 10, 12, 15, 20, 24, 60, 70 };
    static const uint8_t brotli[] = { 5, 6, 9, 10, 16, 30, 32 };
    static const uint8_t zstd[] = { 4, 4, 4, 5, 6, 14, 20 };
    return coding == CODING_GZIP     ? gzip[level]
           : coding == CODING_BROTLI ? brotli[level]
                                     : zstd[level];
}

bool coder_encode(struct coder *c, struct coder_pool *p, enum coding coding, unsigned level,
                  uint64_t length)
{
    if (!reserve(c, p, encoder_bytes(coding, level)))
        return false;
    c->byte_ns = encoder_byte_ns(coding, level);
    c->run_bytes_max = UINT32_MAX;
    switch (coding) {
    case CODING_GZIP:
        return begun(c, gzip_encode(c, level, length));
    case CODING_BROTLI:
        return begun(c, brotli_encode(c, level, length));
    case CODING_ZSTD:
        return begun(c, zstd_encode(c, level, length));
    default:
        return begun(c, false);
    }
}

bool coder_decode(struct coder *c, struct coder_pool *p, enum coding coding, bool ours)
{
    size_t bytes = coding == CODING_GZIP ? 64 << 10 : ours ? 640 << 10 : 9728 << 10;
    if (!reserve(c, p, bytes))
        return false;
    c->decodes = true;
    c->byte_ns = 10;
    c->run_bytes_max = UINT32_MAX;
    switch (coding) {
    case CODING_GZIP:
        return begun(c, gzip_decode(c));
    case CODING_BROTLI:
        return begun(c, brotli_decode(c));
    case CODING_ZSTD:
        return begun(c, zstd_decode(c));
    default:
        return begun(c, false);
    }
}

void coder_end(struct coder *c)
{
    if (!c->ops)
        return;
    c->ops->end(c);
    release(c);
}
