/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "balance/backoff.h"

#include "core/base/check.h"

uint32_t backoff_begin(struct backoff *b, uint64_t now_ns)
{
    if (b->state != BACKOFF_RESTING || now_ns < b->until_ns)
        return 0;
    b->state = BACKOFF_TRIAL;
    if (++b->trials == 0) /* 0 is no ticket */
        b->trials = 1;
    return b->trials;
}

static bool is_the_trial(const struct backoff *b, uint32_t ticket)
{
    return b->state == BACKOFF_TRIAL && ticket == b->trials;
}

void backoff_succeeded(struct backoff *b)
{
    b->state = BACKOFF_GOOD;
    b->wait_ns = 0;
}

static uint64_t jittered(uint64_t wait_ns, uint64_t max_ns, struct rng *rng)
{
    uint64_t span = wait_ns < max_ns - wait_ns ? wait_ns : max_ns - wait_ns;
    return wait_ns + (span ? rng_next(rng) % span : 0);
}

void backoff_failed(struct backoff *b, uint32_t ticket, const struct backoff_config *config,
                    uint64_t now_ns, struct rng *rng)
{
    CHECK(config->min_ns > 0 && config->min_ns <= config->max_ns);
    if (b->state == BACKOFF_GOOD)
        b->wait_ns = config->min_ns;
    else if (!is_the_trial(b, ticket))
        return;
    else if (b->wait_ns <= config->max_ns / 2)
        b->wait_ns *= 2;
    b->state = BACKOFF_RESTING;
    b->until_ns = now_ns + jittered(b->wait_ns, config->max_ns, rng);
}

void backoff_abandoned(struct backoff *b, uint32_t ticket)
{
    if (is_the_trial(b, ticket))
        b->state = BACKOFF_RESTING; /* until_ns is over */
}
