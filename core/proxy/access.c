/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/access.h"

#include "core/config/networks.h"

bool access_allowed(const struct access_config *a, const struct peer_addr *client)
{
    if (a->deny.items_count && networks_has(&a->deny, client))
        return false;
    for (uint32_t i = 0; i < a->allows_count; i++)
        if (!networks_has(&a->allows[i], client))
            return false;
    return true;
}

bool access_method_allowed(const struct strings *methods, struct str method)
{
    for (uint32_t i = 0; i < methods->items_count; i++)
        if (str_eq(methods->items[i], method))
            return true;
    return methods->items_count == 0;
}

bool access_in_maintenance(const struct maintenance_config *m, const struct peer_addr *client)
{
    return m->on && !(m->except.items_count && networks_has(&m->except, client));
}
