/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers in tiers (priorities, and within them the own zone before others): all goes to the first
 * as long as enough of it is healthy; what it has too little for spills over to the next, by share.
 * A tier with a healthy share h takes min(1, h * over) of what is left. Backup servers, the last
 * tier, get something only when nothing else is healthy. Pure. */
#ifndef SLUICE_BALANCE_TIERS_H
#define SLUICE_BALANCE_TIERS_H

#include <stdbool.h>
#include <stdint.h>

#define TIERS_MAX 16
#define TIER_BACKUP (TIERS_MAX - 1)
#define TIER_PRIORITIES                                                                            \
    (TIER_BACKUP / 2) /* of servers: two tiers each, the own zone and others                       \
                       */

struct tiers {
    uint32_t count;            /* that anything goes to */
    uint8_t tier[TIERS_MAX];   /* which */
    uint32_t up_to[TIERS_MAX]; /* of 2^32: tier[i] gets what is below, the last one the rest */
};

/* usable, all: weight in each tier. over_ppm: how much more a tier can take than its share. */
void tiers_share(struct tiers *t, const uint32_t usable[TIERS_MAX], const uint32_t all[TIERS_MAX],
                 uint32_t over_ppm);

/* r: random, or by the key. count > 0. */
static inline uint32_t tiers_pick(const struct tiers *t, uint32_t r)
{
    uint32_t i = 0;
    while (i + 1 < t->count && r >= t->up_to[i])
        i++;
    return t->tier[i];
}

#endif
