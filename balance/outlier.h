/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server's own answers say of it: one that fails, or is much slower than the others, is
 * ejected for a while, longer each time. Never more than the configured share of a backend is out
 * at the same time. Pure: time is passed in. */
#ifndef SLUICE_BALANCE_OUTLIER_H
#define SLUICE_BALANCE_OUTLIER_H

#include <stdbool.h>
#include <stdint.h>

struct outlier_rules {
    uint32_t consecutive;    /* failures in a row; 0: not looked at */
    uint32_t error_rate_ppm; /* of an interval's requests; 0: not looked at */
    double latency_factor;   /* times the median of the servers' means; 0: not looked at */
    uint32_t requests_min;   /* of an interval, for rate and latency to say something */
    uint64_t time_ns;        /* of the first ejection; the n-th in a row lasts 2^(n-1) times that */
    uint64_t time_max_ns;
    uint32_t share_max_ppm; /* of a backend's servers */
};

/* All zero: nothing is known. */
struct outlier {
    uint32_t run; /* failures since the last good answer */
    uint32_t failed, answered;
    uint64_t latency_sum_us; /* these three: of this interval */
    bool ejected;
    uint64_t until_ns; /* ejected: back then */
    uint32_t times;    /* ejections in a row; one less for each interval without */
};

/* So many requests ended since the last call (which come so often that order does not matter:
 * with a good one among them there is no run of failures). */
void outlier_observe(struct outlier *o, uint32_t answered, uint32_t failed, uint64_t latency_us);

/* The end of an interval for all servers of a backend: verdicts[i] becomes true for those that
 * ought to be ejected by their rate or latency. Begins the next. count <= SERVERS_MAX */
void outlier_judge(struct outlier *const *all, uint32_t count, const struct outlier_rules *r,
                   bool *verdicts);

static inline bool outlier_run_is_over(const struct outlier *o, const struct outlier_rules *r)
{
    return r->consecutive && o->run >= r->consecutive && !o->ejected;
}

/* out: how many of `count` are ejected. False: one more would be too many. */
bool outlier_eject(struct outlier *o, const struct outlier_rules *r, uint32_t out, uint32_t count,
                   uint64_t now_ns);

/* True: its time is over, it is back. */
bool outlier_release(struct outlier *o, uint64_t now_ns);

#endif
