/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One server as one worker finds it when connecting: after a failure it is left alone for a while,
 * then one attempt tries it (half-open), and only its success lets the others back. Pure: time and
 * randomness are passed in.
 *
 * The waits: the n-th in a row is random in [d, 2d), d = min, 2 min, 4 min, ..., and 2d at most
 * max; so they always lie in min..max, and workers and servers do not come back in step. */
#ifndef SLUICE_BALANCE_BACKOFF_H
#define SLUICE_BALANCE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/rng.h"

struct backoff_config {
    uint64_t min_ns, max_ns; /* 0 < min <= max */
};

enum backoff_state {
    BACKOFF_GOOD,    /* nothing is known against it: wait_ns == 0. Any number of attempts */
    BACKOFF_RESTING, /* the last attempt failed: wait_ns >= min. None before until_ns */
    BACKOFF_TRIAL,   /* as RESTING, until_ns is over, and exactly one attempt is under way */
};

/* All zero: GOOD. */
struct backoff {
    uint64_t until_ns; /* RESTING: when the trial may begin */
    uint64_t wait_ns;  /* the d of the last wait */
    uint32_t trials;   /* begun so far; TRIAL: the number of the one under way */
    enum backoff_state state;
};

/* May an attempt begin now? */
static inline bool backoff_usable(const struct backoff *b, uint64_t now_ns)
{
    return b->state == BACKOFF_GOOD || (b->state == BACKOFF_RESTING && now_ns >= b->until_ns);
}

/* An attempt to connect begins. It keeps the ticket and gives it back with its outcome, exactly one
 * of the next three. Not zero: it is the trial. (An attempt may begin on a server that is not
 * usable, when there is no other; it is never the trial.) */
uint32_t backoff_begin(struct backoff *b, uint64_t now_ns);

/* It connected: the server is good again, whoever found out. */
void backoff_succeeded(struct backoff *b);

/* It did not connect. An attempt begun before the server was found bad tells nothing new. */
void backoff_failed(struct backoff *b, uint32_t ticket, const struct backoff_config *config,
                    uint64_t now_ns, struct rng *rng);

/* It was given up for another reason (the client left): another attempt may be the trial. */
void backoff_abandoned(struct backoff *b, uint32_t ticket);

#endif
