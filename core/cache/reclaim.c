/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cache/reclaim.h"

#include <stddef.h>

void reclaim_init(struct reclaim *c, struct reclaim_reader *readers, uint32_t readers_count)
{
    atomic_init(&c->epoch, 1);
    c->readers = readers;
    c->readers_count = readers_count;
    for (uint32_t i = 0; i < readers_count; i++)
        atomic_init(&readers[i].epoch, RECLAIM_IDLE);
}

void limbo_init(struct limbo *l, void (*release)(struct retired *r))
{
    l->release = release;
    l->first = NULL;
    l->last = &l->first;
}

void limbo_add(struct limbo *l, struct reclaim *c, struct retired *r)
{
    /* A reader that shows the next epoch began after this was taken away. */
    r->epoch = atomic_fetch_add_explicit(&c->epoch, 1, memory_order_seq_cst);
    r->next = NULL;
    *l->last = r;
    l->last = &r->next;
}

static uint64_t oldest_shown(struct reclaim *c)
{
    uint64_t oldest = RECLAIM_IDLE;
    for (uint32_t i = 0; i < c->readers_count; i++) {
        uint64_t e = atomic_load_explicit(&c->readers[i].epoch, memory_order_seq_cst);
        if (e < oldest)
            oldest = e;
    }
    return oldest;
}

void limbo_drain(struct limbo *l, struct reclaim *c)
{
    if (!l->first)
        return;
    uint64_t oldest = oldest_shown(c);
    while (l->first && l->first->epoch < oldest) {
        struct retired *r = l->first;
        l->first = r->next;
        if (!l->first)
            l->last = &l->first;
        l->release(r);
    }
}
