/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "balance/cap.h"

#include <stdlib.h>

/* Who waits announces it and then looks for a place; who gives one back then looks who waits. All
 * of it is sequentially consistent, so one of the two sees the other. */

#define LEASE_MAX 16

void cap_destroy(struct cap *c)
{
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        free(atomic_load_explicit(&c->leases[i], memory_order_relaxed));
}

/* How many a worker takes at a time: so few that all of them together hold at most an eighth. */
static uint32_t batch_of(const struct cap *c)
{
    uint32_t workers = atomic_load_explicit(&c->leases_count, memory_order_relaxed);
    uint32_t n = atomic_load_explicit(&c->max, memory_order_relaxed) / (16 * (workers + 1));
    return n < 1 ? 1 : n > LEASE_MAX ? LEASE_MAX : n;
}

/* One of what a worker holds in advance. */
static bool take_spare(struct cap_lease *l)
{
    uint32_t n = atomic_load(&l->spare);
    while (n)
        if (atomic_compare_exchange_weak(&l->spare, &n, n - 1))
            return true;
    return false;
}

bool cap_set(struct cap *c, uint32_t max)
{
    uint32_t before = atomic_exchange(&c->max, max);
    if (before == max)
        return false;
    atomic_fetch_add(&c->free, (int64_t)max - (int64_t)before);
    uint32_t count = atomic_load(&c->leases_count);
    for (uint32_t i = 0; max < before && i < count; i++) {
        struct cap_lease *l = atomic_load(&c->leases[i]);
        if (l)
            atomic_fetch_add(&c->free, atomic_exchange(&l->spare, 0));
    }
    return max > before || max == 0;
}

void cap_join(struct cap *c, uint32_t worker)
{
    if (atomic_load(&c->leases[worker]))
        return;
    struct cap_lease *l = aligned_alloc(_Alignof(struct cap_lease), sizeof *l);
    if (!l)
        return;
    atomic_init(&l->spare, 0);
    atomic_store(&c->leases[worker], l);
    uint32_t count = atomic_load(&c->leases_count);
    while (count <= worker && !atomic_compare_exchange_weak(&c->leases_count, &count, worker + 1))
        continue;
}

static bool steal(struct cap *c)
{
    uint32_t count = atomic_load(&c->leases_count);
    for (uint32_t i = 0; i < count; i++) {
        struct cap_lease *l = atomic_load(&c->leases[i]);
        if (l && take_spare(l))
            return true;
    }
    return false;
}

bool cap_take(struct cap *c, uint32_t worker, bool awaited, bool *leased)
{
    struct cap_lease *l = atomic_load_explicit(&c->leases[worker], memory_order_relaxed);
    int64_t free = atomic_load(&c->free);
    if (l && free >= 0 && take_spare(l))
        return true;
    while (free > 0) {
        int64_t n = l && !awaited ? batch_of(c) : 1;
        n = n < free ? n : free;
        if (!atomic_compare_exchange_weak(&c->free, &free, free - n))
            continue;
        if (n > 1) {
            atomic_fetch_add(&l->spare, (uint32_t)n - 1);
            *leased = true;
        }
        return true;
    }
    return free == 0 && steal(c);
}

void cap_give(struct cap *c, uint32_t worker, bool awaited)
{
    struct cap_lease *l = atomic_load_explicit(&c->leases[worker], memory_order_relaxed);
    uint32_t batch = batch_of(c);
    if (!l || awaited || batch == 1 || atomic_load(&c->free) < 0) {
        atomic_fetch_add(&c->free, 1);
        return;
    }
    uint32_t spare = atomic_fetch_add(&l->spare, 1) + 1;
    if (spare > 2 * batch && atomic_compare_exchange_strong(&l->spare, &spare, spare - batch))
        atomic_fetch_add(&c->free, batch);
}

void cap_count(struct cap *c, int64_t n)
{
    atomic_fetch_sub(&c->free, n);
}
