/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "balance/tiers.h"

/* Health of a tier in millionths, with what it can take beyond. */
static uint64_t health(uint32_t usable, uint32_t all, uint32_t over_ppm)
{
    uint64_t h = all ? (uint64_t)usable * over_ppm / all : 0;
    return h < 1000000 ? h : 1000000;
}

void tiers_share(struct tiers *t, const uint32_t usable[TIERS_MAX], const uint32_t all[TIERS_MAX],
                 uint32_t over_ppm)
{
    uint64_t sum = 0, left = 1000000;
    for (uint32_t i = 0; i < TIER_BACKUP; i++)
        sum += health(usable[i], all[i], over_ppm);
    if (sum < left)
        left = sum; /* too little altogether: each takes by its health */
    uint64_t whole = left, before = 0;
    t->count = 0;
    for (uint32_t i = 0; i < TIER_BACKUP && left > 0; i++) {
        uint64_t h = health(usable[i], all[i], over_ppm), share = h < left ? h : left;
        if (share == 0)
            continue;
        before += share;
        left -= share;
        t->tier[t->count] = (uint8_t)i;
        t->up_to[t->count++] = before == whole ? UINT32_MAX : (uint32_t)((before << 32) / whole);
    }
    if (t->count == 0 && usable[TIER_BACKUP]) {
        t->tier[0] = TIER_BACKUP;
        t->up_to[0] = UINT32_MAX;
        t->count = 1;
    }
}
