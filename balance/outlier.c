/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "balance/outlier.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/limits.h"

void outlier_observe(struct outlier *o, uint32_t answered, uint32_t failed, uint64_t latency_us)
{
    o->run = answered ? 0 : o->run + failed;
    o->answered += answered;
    o->failed += failed;
    o->latency_sum_us += latency_us;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Mean latency of a server that answered enough; 0: it did not. */
static double mean_of(const struct outlier *o, const struct outlier_rules *r)
{
    return o->answered && o->answered >= r->requests_min
               ? (double)o->latency_sum_us / (double)o->answered
               : 0;
}

/* Of those that are in; 0: fewer than three say something. */
static double median_of(struct outlier *const *all, uint32_t count, const struct outlier_rules *r)
{
    double means[SERVERS_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        double mean = all[i]->ejected ? 0 : mean_of(all[i], r);
        if (mean > 0)
            means[n++] = mean;
    }
    if (n < 3)
        return 0;
    qsort(means, n, sizeof means[0], by_value);
    return means[(n - 1) / 2];
}

static bool fails_often(const struct outlier *o, const struct outlier_rules *r)
{
    uint64_t all = (uint64_t)o->answered + o->failed;
    return r->error_rate_ppm && all && all >= r->requests_min &&
           o->failed * UINT64_C(1000000) >= all * r->error_rate_ppm;
}

void outlier_judge(struct outlier *const *all, uint32_t count, const struct outlier_rules *r,
                   bool *verdicts)
{
    CHECK(count <= SERVERS_MAX);
    double median = r->latency_factor > 0 ? median_of(all, count, r) : 0;
    for (uint32_t i = 0; i < count; i++) {
        struct outlier *o = all[i];
        bool slow = median > 0 && mean_of(o, r) > median * r->latency_factor;
        verdicts[i] = !o->ejected && (fails_often(o, r) || slow);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct outlier *o = all[i];
        if (!o->ejected && !verdicts[i] && o->times)
            o->times--;
        o->answered = o->failed = 0;
        o->latency_sum_us = 0;
    }
}

bool outlier_eject(struct outlier *o, const struct outlier_rules *r, uint32_t out, uint32_t count,
                   uint64_t now_ns)
{
    if (o->ejected || (out + 1) * UINT64_C(1000000) > (uint64_t)count * r->share_max_ppm)
        return false;
    uint64_t time = r->time_ns;
    for (uint32_t i = 0; i < o->times && time < r->time_max_ns; i++)
        time *= 2;
    o->ejected = true;
    o->until_ns = now_ns + (time < r->time_max_ns ? time : r->time_max_ns);
    o->times++;
    o->run = 0;
    return true;
}

bool outlier_release(struct outlier *o, uint64_t now_ns)
{
    if (!o->ejected || now_ns < o->until_ns)
        return false;
    o->ejected = false;
    o->run = 0;
    return true;
}
