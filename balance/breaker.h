/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backend's circuit breaker: when too many of its requests fail it gets none for a while, then a
 * few on trial, and only their success lets the others back. Pure: time is passed in. */
#ifndef SLUICE_BALANCE_BREAKER_H
#define SLUICE_BALANCE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

struct breaker_rules {
    uint32_t error_rate_ppm; /* of an interval's requests; 0: it never opens */
    uint32_t requests_min;   /* of an interval, to say something; > 0 */
    uint64_t interval_ns;
    uint64_t time_ns; /* open for so long at first; the n-th time in a row 2^(n-1) times that */
    uint64_t time_max_ns;
    uint32_t trials; /* > 0 */
};

enum breaker_state {
    BREAKER_CLOSED,    /* all goes through. answered, failed: of the interval that ends at until */
    BREAKER_OPEN,      /* nothing goes through before until */
    BREAKER_HALF_OPEN, /* `trials` requests go through. answered: how many of them well. Without a
                          verdict at until, as many go through again */
};

/* All zero: CLOSED. */
struct breaker {
    enum breaker_state state;
    uint32_t answered, failed;
    uint64_t until_ns;
    uint32_t times;   /* opened in a row; one less for each interval in which it stayed closed */
    uint64_t opened;  /* since ever */
    uint32_t granted; /* HALF_OPEN: times that `trials` requests were let through */
};

/* So many requests ended since the last call; called as time goes by, too. True: the state changed,
 * or new trials are to be let through. */
bool breaker_observe(struct breaker *b, const struct breaker_rules *r, uint32_t answered,
                     uint32_t failed, uint64_t now_ns);

#endif
