/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/expiry.h"

#include "tls/service.h"

#define DAY_S (24 * 3600)
#define NEAR_DAYS 14
/* Of one day: a directory of expired certificates is told of, not listed. */
#define LINES_MAX 20

bool expiry_is_near(int64_t not_after_s, int64_t now_s, int64_t *days)
{
    int64_t left_s = not_after_s - now_s;
    *days = left_s < 0 ? -1 - (-left_s / DAY_S) : left_s / DAY_S;
    return *days < NEAR_DAYS;
}

static void put(FILE *to, const char *path, int64_t days)
{
    if (days < 0)
        fprintf(to, "sluice: warning: '%s' has expired %lld days ago\n", path,
                (long long)(-1 - days));
    else
        fprintf(to, "sluice: warning: '%s' expires in %lld days\n", path, (long long)days);
}

void expiry_warn(const struct config *c, int64_t now_s, FILE *to)
{
    uint32_t near = 0;
    int64_t days;
    for (uint32_t i = 0; i < c->listeners_count; i++) {
        const struct listener_tls *tls = c->listeners[i].tls;
        const struct certificate_set *set = tls && tls->service ? tls->service->certificates : NULL;
        for (uint32_t k = 0; set && k < certificate_set_count(set); k++) {
            const struct certificate_entry *e = certificate_set_at(set, k);
            if (expiry_is_near(e->certificate->not_after_s, now_s, &days) && near++ < LINES_MAX)
                put(to, e->path, days);
        }
    }
    if (near > LINES_MAX)
        fprintf(to, "sluice: warning: %u more certificates have expired or soon will\n",
                near - LINES_MAX);
}
