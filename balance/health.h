/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What active checks say of one server: it goes down after `fall` bad ones in a row, comes back
 * after `rise` good ones. The first result decides alone. Pure: time and randomness are passed in.
 */
#ifndef SLUICE_BALANCE_HEALTH_H
#define SLUICE_BALANCE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/rng.h"

struct health_rules {
    uint32_t rise, fall;  /* > 0 */
    uint64_t interval_ns; /* > 0 */
};

enum health_state {
    HEALTH_UNKNOWN, /* no result yet: counts as up, so that a start needs no check; streak == 0 */
    HEALTH_UP,      /* streak: bad results in a row, < fall */
    HEALTH_DOWN,    /* streak: good results in a row, < rise */
};

/* All zero: UNKNOWN. */
struct health {
    enum health_state state;
    uint32_t streak;
};

/* A result came. True: it is up or down now and was not before. */
bool health_result(struct health *h, const struct health_rules *r, bool good);

/* When to check again after a result: the interval, up to a tenth more or less, so that servers are
 * not all asked at once. While it is down or in doubt, half of that. */
uint64_t health_next_ns(const struct health *h, const struct health_rules *r, uint64_t now_ns,
                        struct rng *rng);

#endif
