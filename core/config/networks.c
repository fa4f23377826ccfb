/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/networks.h"

#include <stdlib.h>
#include <string.h>

/* By family, first address, then the wider first: what lies inside another follows it. */
static int order(const void *pa, const void *pb)
{
    const struct network *a = pa, *b = pb;
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    int c = memcmp(a->ip, b->ip, sizeof a->ip);
    return c ? c : (int)a->bits - (int)b->bits;
}

static bool holds(const struct network *n, unsigned family, const unsigned char *ip)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    if (n->family != family || memcmp(n->ip, ip, whole) != 0)
        return false;
    return rest == 0 || ((n->ip[whole] ^ ip[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}

void networks_seal(struct networks *n)
{
    if (n->items_count == 0)
        return;
    qsort(n->items, n->items_count, sizeof *n->items, order);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < n->items_count; i++)
        if (!holds(&n->items[kept - 1], n->items[i].family, n->items[i].ip))
            n->items[kept++] = n->items[i];
    n->items_count = kept;
}

bool networks_has(const struct networks *n, const struct peer_addr *p)
{
    unsigned char ip[sizeof p->ip] = { 0 };
    memcpy(ip, p->ip, p->family == AF_INET ? 4 : sizeof ip);
    struct network key = { .family = p->family, .bits = 255 };
    memcpy(key.ip, ip, sizeof ip);
    uint32_t low = 0, high = n->items_count; /* the last item not after the address */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (order(&n->items[middle], &key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && holds(&n->items[low - 1], p->family, ip);
}
