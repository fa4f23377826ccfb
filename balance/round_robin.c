/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Smooth weighted round robin from a schedule made once per set.
 *
 * With W the sum of the weights (divided by their greatest common divisor), the schedule has W
 * slots, and a server of weight w owns w of them, spread as evenly as whole slots allow: its k-th
 * turn (from 0) lies in the window [floor(k W / w), ceil((k + 1) W / w)). Then in every prefix of
 * the schedule each server's count is less than one away from its exact share. Such a schedule
 * always exists, and taking, slot by slot, the open window that closes first finds it (Tijdeman,
 * "The chairman assignment problem", 1980).
 *
 * Picking walks the schedule. An unusable server's slots are passed over, so in one round each
 * other server still gets exactly its weight. */
#include "balance/balance.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/hash.h"

struct round_robin {
    struct balancer balancer;
    uint32_t next;   /* slot */
    uint32_t length; /* of the schedule; 0: every weight is zero */
    uint16_t slots[];
};

/* A binary heap of (slot << 16 | server index), the smallest first. */
struct heap {
    uint64_t *items;
    uint32_t count;
};

static void heap_push(struct heap *h, uint64_t item)
{
    uint32_t i = h->count++;
    for (; i > 0 && h->items[(i - 1) / 2] > item; i = (i - 1) / 2)
        h->items[i] = h->items[(i - 1) / 2];
    h->items[i] = item;
}

static uint64_t heap_pop(struct heap *h)
{
    CHECK(h->count > 0);
    uint64_t top = h->items[0], last = h->items[--h->count];
    uint32_t i = 0;
    for (uint32_t child; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && h->items[child + 1] < h->items[child])
            child++;
        if (h->items[child] >= last)
            break;
        h->items[i] = h->items[child];
    }
    h->items[i] = last;
    return top;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Slot at which a window of turn k opens, and by which it closes. */
static uint64_t opens_at(uint64_t k, uint32_t length, uint32_t weight)
{
    return k * length / weight;
}

static uint64_t closes_at(uint64_t k, uint32_t length, uint32_t weight)
{
    return ((k + 1) * length + weight - 1) / weight;
}

/* memory: three words a server. */
static void make_schedule(struct round_robin *rr, uint32_t divisor, uint64_t *memory)
{
    const struct server_set *set = rr->balancer.set;
    struct heap closed = { memory, 0 };            /* the next turns, by opening */
    struct heap open = { memory + set->count, 0 }; /* those that may be taken now, by closing */
    uint64_t *turns = memory + 2 * (size_t)set->count;
    for (uint32_t i = 0; i < set->count; i++) {
        turns[i] = 0;
        if (set->servers[i].weight)
            heap_push(&closed, i);
    }
    for (uint32_t slot = 0; slot < rr->length; slot++) {
        while (closed.count && closed.items[0] >> 16 <= slot) {
            uint64_t i = heap_pop(&closed) & 0xffff;
            uint32_t weight = set->servers[i].weight / divisor;
            heap_push(&open, closes_at(turns[i], rr->length, weight) << 16 | i);
        }
        uint64_t top = heap_pop(&open), i = top & 0xffff;
        CHECK(top >> 16 > slot);
        rr->slots[slot] = (uint16_t)i;
        uint32_t weight = set->servers[i].weight / divisor;
        heap_push(&closed, opens_at(++turns[i], rr->length, weight) << 16 | i);
    }
}

static struct balancer *round_robin_create(const struct server_set *set,
                                           const struct balance_options *options, uint32_t worker)
{
    (void)options;
    uint32_t sum = 0, divisor = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        sum += set->servers[i].weight;
        divisor = gcd(divisor, set->servers[i].weight);
    }
    uint32_t length = divisor ? sum / divisor : 0;
    struct round_robin *rr = malloc(sizeof *rr + length * sizeof rr->slots[0]);
    uint64_t *memory = malloc(3 * (size_t)set->count * sizeof *memory + 1);
    if (!rr || !memory) {
        free(rr);
        free(memory);
        return NULL;
    }
    *rr = (struct round_robin){ .balancer = { &balance_round_robin, set }, .length = length };
    if (length) {
        make_schedule(rr, divisor, memory);
        /* Workers go through the schedule side by side, one slot apart: together they are as even
         * as it is. Each version starts elsewhere, so that frequent changes favour nobody. */
        uint64_t start = hash_bytes(&set->version, sizeof set->version, 0) >> 32;
        rr->next = (uint32_t)((start + worker) % length);
    }
    free(memory);
    return &rr->balancer;
}

static inline uint32_t take_slot(struct round_robin *rr)
{
    uint32_t index = rr->slots[rr->next];
    rr->next = rr->next + 1 < rr->length ? rr->next + 1 : 0;
    return index;
}

static int32_t round_robin_pick(struct balancer *b, const struct pick_ctx *ctx)
{
    struct round_robin *rr = container_of(b, struct round_robin, balancer);
    if (ctx->usable_count == 0 || rr->length == 0)
        return -1;
    uint32_t index = take_slot(rr);
    if (likely(server_usable(ctx, index)))
        return (int32_t)index;
    int32_t only = pick_the_only_one(b->set, ctx);
    if (only != -2)
        return only;
    do
        index = take_slot(rr);
    while (!server_usable(ctx, index));
    return (int32_t)index;
}

static void round_robin_destroy(struct balancer *b)
{
    free(container_of(b, struct round_robin, balancer));
}

const struct balance_policy balance_round_robin = {
    .name = "round_robin",
    .create = round_robin_create,
    .pick = round_robin_pick,
    .destroy = round_robin_destroy,
};
