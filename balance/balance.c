/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "balance/balance.h"

#include <stdlib.h>

#include "core/base/check.h"

_Static_assert(SERVERS_MAX <= SERVER_SET_COUNT_MAX, "a backend's servers fit a set");

static const struct balance_policy *const policies[] = {
    &balance_round_robin, &balance_random, &balance_least_requests, &balance_power_of_two,
    &balance_peak_ewma,   &balance_maglev, &balance_ring_hash,      &balance_rendezvous,
};

struct server_set *server_set_create(uint64_t version, const struct server_info *servers,
                                     uint32_t count)
{
    CHECK(count <= SERVER_SET_COUNT_MAX);
    size_t bytes = sizeof(struct server_set) + count * sizeof(struct server_info);
    size_t names_at = bytes;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(servers[i].weight <= SERVER_WEIGHT_MAX);
        bytes += servers[i].name.len;
    }
    struct server_set *set = malloc(bytes);
    if (!set)
        return NULL;
    set->version = version;
    set->count = count;
    char *name = (char *)set + names_at;
    for (uint32_t i = 0; i < count; i++) {
        set->servers[i] = servers[i];
        set->servers[i].name.ptr = name;
        if (servers[i].name.len)
            memcpy(name, servers[i].name.ptr, servers[i].name.len);
        name += servers[i].name.len;
    }
    return set;
}

void server_set_destroy(struct server_set *set)
{
    free(set);
}

const struct balance_policy *balance_policy_at(uint32_t i)
{
    return i < ARRAY_LEN(policies) ? policies[i] : NULL;
}

const struct balance_policy *balance_policy_find(struct str name)
{
    for (uint32_t i = 0; i < ARRAY_LEN(policies); i++)
        if (str_eq(name, str_of(policies[i]->name)))
            return policies[i];
    return NULL;
}

int32_t pick_the_only_one(const struct server_set *set, const struct pick_ctx *ctx)
{
    int32_t found = -1;
    for (uint32_t word = 0; word < SET_WORDS(set->count); word++) {
        for (uint64_t bits = ctx->usable[word]; bits; bits &= bits - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (set->servers[i].weight == 0)
                continue;
            if (found >= 0)
                return -2;
            found = (int32_t)i;
        }
    }
    return found;
}
