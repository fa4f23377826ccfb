/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a timer sits: let c be the wheel's tick and t the timer's. Read both as digits of base 64;
 * the highest digit in which they differ is the level, t's digit there is the slot (t == c: level
 * 0). So everything at a level comes before everything at the level above, no slot is ever wrapped
 * around, and the place follows from c and t alone for as long as the timer sits there: when c
 * enters a slot of a level above 0, its timers are placed anew (cascade). */
#include "core/ring/timer.h"

#include "core/base/check.h"

#define TICK_SHIFT 20
#define DIGIT_BITS 6
#define WHEEL_MASK ((UINT64_C(1) << (DIGIT_BITS * TIMER_LEVELS)) - 1)

_Static_assert(TIMER_SLOTS == 1 << DIGIT_BITS, "a digit names a slot");
_Static_assert(TIMER_SLOTS == 64, "used has a bit per slot");

struct place {
    unsigned level, slot;
};

/* For t >= c in the same turn of the wheel (their digits above the levels are equal). */
static struct place place_of(uint64_t c, uint64_t t)
{
    uint64_t differ = c ^ t;
    unsigned level = differ ? (63 - (unsigned)__builtin_clzll(differ)) / DIGIT_BITS : 0;
    return (struct place){ level, (t >> (DIGIT_BITS * level)) & (TIMER_SLOTS - 1) };
}

/* Rounded up, so that nothing fires early. */
static uint64_t tick_of_deadline(uint64_t deadline_ns)
{
    return (deadline_ns >> TICK_SHIFT) + ((deadline_ns & ((1u << TICK_SHIFT) - 1)) != 0);
}

void timer_wheel_init(struct timer_wheel *w, uint64_t now_ns)
{
    w->tick = (now_ns >> TICK_SHIFT) + 1;
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        w->used[level] = 0;
        for (unsigned slot = 0; slot < TIMER_SLOTS; slot++)
            list_init(&w->slots[level][slot]);
    }
}

void timer_init(struct timer *t, timer_fn fn)
{
    list_init(&t->node);
    t->deadline_ns = TIMER_NEVER;
    t->tick = 0;
    t->fn = fn;
}

static bool in_wheel(const struct timer *t)
{
    return t->node.next != &t->node;
}

static void insert(struct timer_wheel *w, struct timer *t)
{
    uint64_t tick = tick_of_deadline(t->deadline_ns);
    uint64_t last = w->tick | WHEEL_MASK; /* of this turn: farther ones are looked at again there */
    if (tick < w->tick)
        tick = w->tick;
    if (tick > last)
        tick = last;
    struct place p = place_of(w->tick, tick);
    t->tick = tick;
    w->used[p.level] |= UINT64_C(1) << p.slot;
    list_push_back(&w->slots[p.level][p.slot], &t->node);
}

void timer_remove(struct timer_wheel *w, struct timer *t)
{
    t->deadline_ns = TIMER_NEVER;
    if (!in_wheel(t))
        return;
    list_remove(&t->node);
    if (t->tick < w->tick)
        return; /* it was due, in the list of timer_wheel_advance() */
    struct place p = place_of(w->tick, t->tick);
    if (list_empty(&w->slots[p.level][p.slot]))
        w->used[p.level] &= ~(UINT64_C(1) << p.slot);
}

void timer_set(struct timer_wheel *w, struct timer *t, uint64_t deadline_ns)
{
    if (in_wheel(t)) {
        /* Where it sits is early enough: it will be looked at there. */
        if (tick_of_deadline(deadline_ns) >= t->tick) {
            t->deadline_ns = deadline_ns;
            return;
        }
        timer_remove(w, t);
    }
    t->deadline_ns = deadline_ns;
    if (deadline_ns != TIMER_NEVER)
        insert(w, t);
}

/* The first slot in use and the tick at which it begins. */
static bool first_slot(const struct timer_wheel *w, struct place *p, uint64_t *begin)
{
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        if (!w->used[level])
            continue;
        unsigned slot = (unsigned)__builtin_ctzll(w->used[level]);
        unsigned shift = DIGIT_BITS * level;
        uint64_t above = w->tick >> shift >> DIGIT_BITS << DIGIT_BITS;
        *p = (struct place){ level, slot };
        *begin = (above | slot) << shift;
        return true;
    }
    return false;
}

uint64_t timer_wheel_next_ns(const struct timer_wheel *w)
{
    struct place p;
    uint64_t begin;
    return first_slot(w, &p, &begin) ? begin << TICK_SHIFT : TIMER_NEVER;
}

/* Moves all of a slot to the end of another list. */
static void empty_slot(struct timer_wheel *w, struct place p, struct list *to)
{
    struct list *slot = &w->slots[p.level][p.slot];
    slot->next->prev = to->prev;
    to->prev->next = slot->next;
    slot->prev->next = to;
    to->prev = slot->prev;
    list_init(slot);
    w->used[p.level] &= ~(UINT64_C(1) << p.slot);
}

static struct timer *take_first(struct list *from)
{
    struct timer *t = container_of(from->next, struct timer, node);
    list_remove(&t->node);
    return t;
}

/* Moves the wheel to a tick; what sat before it goes to `due`. */
static void collect(struct timer_wheel *w, uint64_t tick, struct list *due)
{
    struct place p;
    uint64_t begin;
    while (first_slot(w, &p, &begin) && begin <= tick) {
        if (p.level == 0) {
            if (begin == tick)
                break;
            empty_slot(w, p, due);
            continue;
        }
        struct list entered;
        list_init(&entered);
        empty_slot(w, p, &entered);
        w->tick = begin;
        while (!list_empty(&entered)) {
            struct timer *t = take_first(&entered);
            if (t->deadline_ns != TIMER_NEVER)
                insert(w, t);
        }
    }
    w->tick = tick;
}

void timer_wheel_advance(struct timer_wheel *w, uint64_t now_ns)
{
    uint64_t tick = (now_ns >> TICK_SHIFT) + 1;
    if (tick <= w->tick)
        return;
    struct list due;
    list_init(&due);
    collect(w, tick, &due);
    /* From here on a timer that is set comes in a later advance, so this ends. */
    while (!list_empty(&due)) {
        struct timer *t = take_first(&due);
        if (t->deadline_ns <= now_ns) {
            t->deadline_ns = TIMER_NEVER;
            t->fn(t, now_ns);
        } else if (t->deadline_ns != TIMER_NEVER) {
            insert(w, t);
        }
    }
}
