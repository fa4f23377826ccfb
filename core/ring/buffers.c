/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel takes receive buffers from a ring, first in, first out: the more lie in it, the colder
 * each one is when its turn comes. So it is kept shallow and refilled from the pool's stack. */
#include <errno.h>

#include "core/ring/internal.h"

/* The only group of buffers there is. */
#define BUFFER_GROUP 0

int ring_buffers_init(struct ring_loop *r, uint32_t lend_max)
{
    uint32_t entries = 1;
    while (entries < lend_max)
        entries *= 2;
    int rc = 0;
    r->buf_ring = io_uring_setup_buf_ring(&r->ring, entries, BUFFER_GROUP, 0, &rc);
    if (!r->buf_ring)
        return rc;
    r->buf_ring_entries = entries;
    r->lend_max = lend_max;
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

void ring_buffers_refill(struct ring_loop *r)
{
    int mask = io_uring_buf_ring_mask(r->buf_ring_entries);
    int added = 0;
    while (r->lent < r->lend_max) {
        struct buf *b = buf_take(&r->loop.bufs);
        if (!b)
            break; /* at the limit: what is missing comes when it is released */
        io_uring_buf_ring_add(r->buf_ring, b->data, b->cap, (unsigned short)b->index, mask, added);
        added++;
        r->lent++;
    }
    if (added)
        io_uring_buf_ring_advance(r->buf_ring, added);
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
