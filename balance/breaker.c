/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "balance/breaker.h"

static void count_from(struct breaker *b, enum breaker_state state, uint64_t until_ns)
{
    b->state = state;
    b->answered = b->failed = 0;
    b->until_ns = until_ns;
}

static void open_it(struct breaker *b, const struct breaker_rules *r, uint64_t now_ns)
{
    uint64_t time_ns = r->time_ns;
    for (uint32_t i = 0; i < b->times && time_ns < r->time_max_ns; i++)
        time_ns *= 2;
    if (time_ns > r->time_max_ns)
        time_ns = r->time_max_ns;
    b->times++;
    b->opened++;
    count_from(b, BREAKER_OPEN, now_ns + time_ns);
}

static bool fails_often(const struct breaker *b, const struct breaker_rules *r)
{
    uint64_t all = (uint64_t)b->answered + b->failed;
    return all >= r->requests_min && b->failed * UINT64_C(1000000) >= all * r->error_rate_ppm;
}

static bool observe_closed(struct breaker *b, const struct breaker_rules *r, uint64_t now_ns)
{
    if (fails_often(b, r)) {
        open_it(b, r, now_ns);
        return true;
    }
    if (now_ns >= b->until_ns) {
        if (b->times)
            b->times--;
        count_from(b, BREAKER_CLOSED, now_ns + r->interval_ns);
    }
    return false;
}

static void grant(struct breaker *b, const struct breaker_rules *r, uint64_t now_ns)
{
    b->granted++;
    count_from(b, BREAKER_HALF_OPEN, now_ns + r->time_ns);
}

static bool observe_half_open(struct breaker *b, const struct breaker_rules *r, uint64_t now_ns)
{
    if (b->failed)
        open_it(b, r, now_ns);
    else if (b->answered >= r->trials)
        count_from(b, BREAKER_CLOSED, now_ns + r->interval_ns);
    else if (now_ns >= b->until_ns)
        grant(b, r, now_ns); /* those of before were given up by their clients, or there was none */
    else
        return false;
    return true;
}

bool breaker_observe(struct breaker *b, const struct breaker_rules *r, uint32_t answered,
                     uint32_t failed, uint64_t now_ns)
{
    if (r->error_rate_ppm == 0) {
        bool was_closed = b->state == BREAKER_CLOSED;
        *b = (struct breaker){ .opened = b->opened, .granted = b->granted };
        return !was_closed;
    }
    if (b->state == BREAKER_OPEN) { /* what ends now was begun before */
        if (now_ns < b->until_ns)
            return false;
        grant(b, r, now_ns);
        return true;
    }
    if (!b->until_ns)
        count_from(b, BREAKER_CLOSED, now_ns + r->interval_ns);
    b->answered += answered;
    b->failed += failed;
    return b->state == BREAKER_CLOSED ? observe_closed(b, r, now_ns)
                                      : observe_half_open(b, r, now_ns);
}
