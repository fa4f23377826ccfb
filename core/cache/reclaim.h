/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When may memory be freed that other threads look at without a lock? Epoch-based reclamation
 * (Fraser, "Practical lock-freedom", 2004, 5.2.3): a reader shows, while it looks, the epoch in
 * which it began; what was taken out of sight in an epoch is freed once no reader shows that epoch
 * or an older one. Looking costs two stores, and a reader that looks at nothing holds up nobody.
 *
 * The loads of pointers by which a reader finds things, and the stores that take things out of
 * sight, are sequentially consistent, like what is here: then a reader that found the old pointer
 * has shown its epoch before limbo_drain() looks. */
#ifndef SLUICE_CACHE_RECLAIM_H
#define SLUICE_CACHE_RECLAIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RECLAIM_IDLE UINT64_MAX

struct reclaim_reader {
    _Alignas(64) _Atomic uint64_t epoch; /* RECLAIM_IDLE: looks at nothing */
};

struct reclaim {
    _Alignas(64) _Atomic uint64_t epoch;
    struct reclaim_reader *readers; /* one per thread */
    uint32_t readers_count;
};

/* Embedded in what is retired. */
struct retired {
    struct retired *next;
    uint64_t epoch;
};

/* What one writer (under its lock) has taken out of sight, the oldest first: of one kind. */
struct limbo {
    struct retired *first, **last;
    void (*release)(struct retired *r);
};

/* readers: the caller's, readers_count of them, zeroed. */
void reclaim_init(struct reclaim *c, struct reclaim_reader *readers, uint32_t readers_count);

/* Around each look. Not nested. */
static inline void reclaim_enter(struct reclaim *c, uint32_t reader)
{
    uint64_t epoch = atomic_load_explicit(&c->epoch, memory_order_relaxed);
    atomic_store_explicit(&c->readers[reader].epoch, epoch, memory_order_seq_cst);
}

static inline void reclaim_leave(struct reclaim *c, uint32_t reader)
{
    atomic_store_explicit(&c->readers[reader].epoch, RECLAIM_IDLE, memory_order_release);
}

void limbo_init(struct limbo *l, void (*release)(struct retired *r));

/* It can no longer be found by whoever begins to look now. It is released later, by
 * limbo_drain(). */
void limbo_add(struct limbo *l, struct reclaim *c, struct retired *r);

/* Releases those that no reader can see any more. */
void limbo_drain(struct limbo *l, struct reclaim *c);

#endif
