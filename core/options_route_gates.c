/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/options_route_gates.h"

#include <stdio.h>

#include "core/base/check.h"
#include "core/base/end_reason.h"
#include "core/config/networks.h"
#include "core/config/values.h"
#include "core/proxy/access.h"

static bool refused(enum end_reason reason)
{
    const struct end_reason_info *r = end_reason_info(reason);
    printf("%-10s %d: %s (%s)\n", "answered", r->status, r->text, r->word);
    return false;
}

static void print_rate(const struct rate_limit_config *l)
{
    static const struct {
        uint32_t ms;
        const char *unit;
    } units[] = { { 1000, "s" }, { 60000, "m" }, { 3600000, "h" }, { 86400000, "d" } };
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (units[i].ms == l->rate.per_ms)
            printf("%-10s %u/%s by client, %u at once (rate_limit)\n", "limit", l->rate.count,
                   units[i].unit, l->burst);
}

bool route_print_gates(const struct site_config *site, const struct handling *h,
                       const struct peer_addr *client, struct str method)
{
    if (access_in_maintenance(&site->maintenance, client))
        return refused(END_MAINTENANCE);
    if (!access_allowed(&h->access, client))
        return refused(END_ACCESS_DENIED);
    for (uint32_t i = 0; i < h->rate_limits_count; i++)
        if (!networks_has(&h->rate_limits[i].exempt, client))
            print_rate(&h->rate_limits[i]);
    if (!access_method_allowed(&h->methods, method))
        return refused(END_METHOD_NOT_ALLOWED);
    if (h->body_bytes_max != BODY_UNLIMITED) {
        char size[32];
        value_size.format(h->body_bytes_max, size);
        printf("%-10s a body of %s (max_body)\n", "limit", size);
    }
    if (h->basic_auth)
        printf("%-10s for name and password, realm '%.*s' (basic_auth)\n", "asks",
               (int)h->basic_auth->realm.len, h->basic_auth->realm.ptr);
    if (h->external_auth)
        printf("%-10s backend %s first (external_auth)\n", "asks", h->external_auth->backend->name);
    return true;
}
