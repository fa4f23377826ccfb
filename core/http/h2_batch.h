/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What leaves in one send of an HTTP/2 connection: frames of many streams, gathered. Small things
 * are copied next to each other, large pieces of bodies leave from the buffer they are in. */
#ifndef SLUICE_HTTP_H2_BATCH_H
#define SLUICE_HTTP_H2_BATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/base/buf.h"

#define H2_BATCH_PARTS 128
/* No more is begun beyond: others are to have their turn. */
#define H2_BATCH_BYTES_MAX (256 * 1024)

struct h2_batch {
    struct iovec iov[H2_BATCH_PARTS];
    struct buf *bufs[H2_BATCH_PARTS]; /* whose bytes these are: one reference each */
    struct buf *raw;                  /* where small things go; the last reference is in bufs */
    uint32_t raw_used;
    uint32_t parts;
    uint32_t bytes;
};

/* Empty. The memory has undefined contents before. */
void h2_batch_init(struct h2_batch *b);

/* Whether so many bytes can be copied, and so many pieces of bodies be added between: takes a
 * buffer in advance. */
bool h2_batch_room(struct h2_batch *b, struct buf_pool *pool, uint32_t bytes, uint32_t pieces);

/* Copies. False: there is no buffer, or no part left, and it is not whole; never after
 * h2_batch_room() said so. */
bool h2_batch_copy(struct h2_batch *b, struct buf_pool *pool, const void *p, uint32_t len);

/* Adds bytes that stay where they are, with a reference of its own. There is room for it. */
void h2_batch_slice(struct h2_batch *b, struct buf_slice s);

/* Lets go of every buffer; empty again. */
void h2_batch_release(struct h2_batch *b);

#endif
