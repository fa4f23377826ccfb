/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/h2_batch.h"

#include <string.h>

#include "core/base/check.h"

void h2_batch_init(struct h2_batch *b)
{
    b->raw = NULL;
    b->raw_used = b->parts = b->bytes = 0;
}

static bool next_raw(struct h2_batch *b, struct buf_pool *pool)
{
    struct buf *raw = buf_take(pool);
    if (!raw)
        return false;
    b->raw = raw;
    b->raw_used = 0;
    b->bufs[b->parts] = raw;
    b->iov[b->parts++] = (struct iovec){ raw->data, 0 };
    return true;
}

/* The last part is the raw buffer's end and can grow. */
static bool raw_is_last(const struct h2_batch *b)
{
    return b->raw && b->parts && b->bufs[b->parts - 1] == b->raw;
}

bool h2_batch_room(struct h2_batch *b, struct buf_pool *pool, uint32_t bytes, uint32_t pieces)
{
    if (b->bytes >= H2_BATCH_BYTES_MAX || b->parts + 2 * pieces + 4 > H2_BATCH_PARTS)
        return false;
    uint32_t cap = pool->buffer_bytes;
    CHECK(bytes <= cap);
    if (b->raw && cap - b->raw_used >= bytes)
        return true;
    return next_raw(b, pool);
}

static void copy_part(struct h2_batch *b, const void *p, uint32_t len)
{
    if (!raw_is_last(b)) {
        buf_ref(b->raw);
        b->bufs[b->parts] = b->raw;
        b->iov[b->parts++] = (struct iovec){ b->raw->data + b->raw_used, 0 };
    }
    memcpy(b->raw->data + b->raw_used, p, len);
    b->raw_used += len;
    b->iov[b->parts - 1].iov_len += len;
    b->bytes += len;
}

bool h2_batch_copy(struct h2_batch *b, struct buf_pool *pool, const void *p, uint32_t len)
{
    const char *from = p;
    while (len) {
        uint32_t room = b->raw ? b->raw->cap - b->raw_used : 0;
        if (b->parts == H2_BATCH_PARTS || (room == 0 && !next_raw(b, pool)))
            return false;
        room = b->raw->cap - b->raw_used;
        uint32_t n = len < room ? len : room;
        copy_part(b, from, n);
        from += n;
        len -= n;
    }
    return true;
}

void h2_batch_slice(struct h2_batch *b, struct buf_slice s)
{
    CHECK(b->parts < H2_BATCH_PARTS);
    buf_ref(s.buf);
    b->bufs[b->parts] = s.buf;
    b->iov[b->parts++] = (struct iovec){ s.buf->data + s.off, s.len };
    b->bytes += s.len;
}

void h2_batch_release(struct h2_batch *b)
{
    for (uint32_t i = 0; i < b->parts; i++)
        buf_unref(b->bufs[i]);
    h2_batch_init(b);
}
