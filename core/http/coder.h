/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Content codings as streams (RFC 9110 8.4.1): gzip by zlib, br by libbrotli, zstd by libzstd, one
 * interface for all of them and for both directions. The memory of the libraries comes from a pool
 * of blocks, which are kept for the next stream. Pure but for that memory. */
#ifndef SLUICE_HTTP_CODER_H
#define SLUICE_HTTP_CODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/http/accept_encoding.h"

/* Four size classes in each doubling, from 64 bytes to 16 MiB. */
#define CODER_CLASSES 80

struct coder_block;

/* Of one thread. */
struct coder_pool {
    size_t bytes_max;      /* of streams' reservations; blocks may be larger by a quarter */
    size_t reserved_bytes; /* by streams that run */
    size_t held_bytes;     /* of blocks: lent, and kept */
    size_t kept_bytes;
    uint32_t streams;
    struct coder_block *kept[CODER_CLASSES];
};

void coder_pool_init(struct coder_pool *p, size_t bytes_max);

/* No stream runs any more (CHECKed): frees what is kept. */
void coder_pool_destroy(struct coder_pool *p);

/* Bytes in and room for bytes out; both move on as they are used. */
struct coder_io {
    const uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len;
};

enum coder_step {
    CODER_RUN,   /* takes bytes; what it gives may lag behind */
    CODER_FLUSH, /* ... until all that was taken can be decoded from what was given */
    CODER_FINISH /* no more bytes follow */
};

enum coder_result {
    CODER_OK,   /* of FLUSH and FINISH: done; of RUN: all was taken */
    CODER_FULL, /* there is more to give: call again with room */
    CODER_BAD   /* not in that coding, cut short, or no memory */
};

struct coder;

struct coder_ops {
    enum coder_result (*run)(struct coder *c, struct coder_io *io, enum coder_step step);
    void (*end)(struct coder *c);
};

/* A stream. All zero: none. */
struct coder {
    const struct coder_ops *ops; /* NULL: none */
    struct coder_pool *pool;
    void *state;
    size_t reserved_bytes, used_bytes;
    uint32_t byte_ns; /* what a byte of input costs, about: for who divides time among streams */
    uint32_t run_bytes_max; /* a flush is due after so many, or one step would take too long */
    bool decodes;
    bool at_end; /* decoding: nothing came after a member or frame that was whole */
};

/* The levels that there are. Those left out would need more than a turn of the loop for one step:
 * the libraries look at whole blocks then. */
#define GZIP_LEVEL_MAX 9
#define BROTLI_LEVEL_MAX 6
#define ZSTD_LEVEL_MAX 6

/* Begins to encode. length: of the whole body, if known (then short ones need less memory); else
 * UINT64_MAX. False: the pool has no room, or there is no memory; identity is no coding. */
bool coder_encode(struct coder *c, struct coder_pool *p, enum coding coding, unsigned level,
                  uint64_t length);

/* Begins to decode. ours: what coder_encode() made; others may need more memory, which is bounded:
 * a window of 8 MiB (RFC 9659). */
bool coder_decode(struct coder *c, struct coder_pool *p, enum coding coding, bool ours);

static inline enum coder_result coder_run(struct coder *c, struct coder_io *io,
                                          enum coder_step step)
{
    return c->ops->run(c, io, step);
}

/* Gives its memory back. c may be none. */
void coder_end(struct coder *c);

/* --- for the codings --- */

/* Of the pool, in c's account. NULL: more than it reserved, or no memory. */
void *coder_alloc(void *coder, size_t bytes);
void coder_free(void *coder, void *block); /* may be NULL */

bool gzip_encode(struct coder *c, unsigned level, uint64_t length);
bool gzip_decode(struct coder *c);
bool brotli_encode(struct coder *c, unsigned level, uint64_t length);
bool brotli_decode(struct coder *c);
bool zstd_encode(struct coder *c, unsigned level, uint64_t length);
bool zstd_decode(struct coder *c);

/* Bits of the window that is worth it for a body of that length. */
static inline unsigned coder_window_bits(uint64_t length, unsigned least, unsigned most)
{
    unsigned bits = least;
    while (bits < most && UINT64_C(1) << bits < length)
        bits++;
    return bits;
}

#endif
