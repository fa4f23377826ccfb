/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "balance/health.h"

#include "core/base/check.h"

static bool become(struct health *h, enum health_state state)
{
    bool was_up = h->state != HEALTH_DOWN;
    h->state = state;
    h->streak = 0;
    return was_up != (state != HEALTH_DOWN);
}

bool health_result(struct health *h, const struct health_rules *r, bool good)
{
    CHECK(r->rise > 0 && r->fall > 0);
    switch (h->state) {
    case HEALTH_UNKNOWN:
        return become(h, good ? HEALTH_UP : HEALTH_DOWN);
    case HEALTH_UP:
        h->streak = good ? 0 : h->streak + 1;
        return h->streak >= r->fall && become(h, HEALTH_DOWN);
    case HEALTH_DOWN:
        h->streak = good ? h->streak + 1 : 0;
        return h->streak >= r->rise && become(h, HEALTH_UP);
    }
    CHECK(false);
}

uint64_t health_next_ns(const struct health *h, const struct health_rules *r, uint64_t now_ns,
                        struct rng *rng)
{
    CHECK(r->interval_ns > 0);
    bool sure = h->state == HEALTH_UP && h->streak == 0;
    uint64_t wait = sure ? r->interval_ns : r->interval_ns / 2, spread = wait / 5;
    return now_ns + wait - wait / 10 + (spread ? rng_next(rng) % spread : 0);
}
