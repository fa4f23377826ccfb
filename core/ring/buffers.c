/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel takes receive buffers from a ring, first in, first out: the more lie in it, the colder
 * each one is when its turn comes (measured: 256 cost 10 % more than 64 at bodies of 256 KiB). So
 * it is refilled from the pool's stack each turn, and is only as deep as a turn's use asks for. */
#include <errno.h>

#include "core/ring/internal.h"

/* The only group of buffers there is. */
#define BUFFER_GROUP 0

#define DEPTH_MIN 32

/* The depth is lowered at most so often. */
#define DEPTH_TURNS 1024

int ring_buffers_init(struct ring_loop *r, uint32_t depth_max)
{
    uint32_t entries = 1;
    while (entries < depth_max)
        entries *= 2;
    int rc = 0;
    r->buf_ring = io_uring_setup_buf_ring(&r->ring, entries, BUFFER_GROUP, 0, &rc);
    if (!r->buf_ring)
        return rc;
    r->buf_ring_entries = entries;
    r->depth_max = depth_max;
    r->depth = depth_max < DEPTH_MIN ? depth_max : DEPTH_MIN;
    r->starved_end = &r->starved;
    return 0;
}

void ring_buffers_exit(struct ring_loop *r)
{
    struct buf_pool *pool = &r->loop.bufs;
    CHECK(!r->starved);
    io_uring_free_buf_ring(&r->ring, r->buf_ring, r->buf_ring_entries, BUFFER_GROUP);
    CHECK(pool->lent == r->lent); /* so all that are lent were in the kernel's ring */
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->all[i]->refs > 0)
            buf_unref(pool->all[i]);
}

/* Starts waiting receives again, no more than there are buffers. */
static void feed_starved(struct ring_loop *r)
{
    for (uint32_t n = r->lent; n > 0 && r->starved; n--) {
        struct op *op = r->starved;
        r->starved = op->next;
        if (!r->starved)
            r->starved_end = &r->starved;
        op->state = OP_IN_FLIGHT;
        ring_issue(r, op);
    }
}

/* Deeper at once when a turn used more than half; half as deep when for long none came near. */
static void adapt_depth(struct ring_loop *r)
{
    uint32_t used = r->filled - r->lent;
    if (used > r->used_most)
        r->used_most = used;
    if (used > r->depth / 2) {
        r->depth = 2 * r->depth < r->depth_max ? 2 * r->depth : r->depth_max;
    } else if (r->loop.turns % DEPTH_TURNS == 0) {
        if (r->used_most < r->depth / 8 && r->depth > DEPTH_MIN)
            r->depth /= 2;
        r->used_most = 0;
    }
}

void ring_buffers_refill(struct ring_loop *r)
{
    adapt_depth(r);
    int mask = io_uring_buf_ring_mask(r->buf_ring_entries);
    int added = 0;
    while (r->lent < r->depth) {
        struct buf *b = buf_take(&r->loop.bufs);
        if (!b)
            break; /* at the limit: what is missing comes when it is released */
        io_uring_buf_ring_add(r->buf_ring, b->data, b->cap, (unsigned short)b->index, mask, added);
        added++;
        r->lent++;
    }
    if (added)
        io_uring_buf_ring_advance(r->buf_ring, added);
    r->filled = r->lent;
    /* With cancelled ones among them, they are sorted out first, in this turn's completions. */
    if (unlikely(r->starved && !r->starved_cancelled))
        feed_starved(r);
}

void ring_starve(struct ring_loop *r, struct op *op)
{
    op->state = OP_STARVED;
    op->next = NULL;
    *r->starved_end = op;
    r->starved_end = &op->next;
}

void ring_finish_starved_cancelled(struct ring_loop *r)
{
    struct op *cancelled = NULL, **cancelled_end = &cancelled;
    struct op **at = &r->starved;
    while (*at) {
        struct op *op = *at;
        if (!op->cancelled) {
            at = &op->next;
            continue;
        }
        *at = op->next;
        op->next = NULL;
        *cancelled_end = op;
        cancelled_end = &op->next;
    }
    r->starved_end = at;
    r->starved_cancelled = 0;
    while (cancelled) {
        struct op *op = cancelled;
        cancelled = op->next;
        ring_finish(r, op, (struct op_result){ .res = -ECANCELED });
    }
}
