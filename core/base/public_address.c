/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/public_address.h"

#include <string.h>

#include "core/base/check.h"

struct prefix {
    unsigned char ip[16];
    unsigned char bits;
};

static const struct prefix special4[] = {
    { { 0 }, 8 },             /* this network */
    { { 10 }, 8 },            /* private */
    { { 100, 64 }, 10 },      /* shared: CGNAT */
    { { 127 }, 8 },           /* loopback */
    { { 169, 254 }, 16 },     /* link-local; clouds tell secrets there */
    { { 172, 16 }, 12 },      /* private */
    { { 192, 0, 0 }, 24 },    /* protocol assignments */
    { { 192, 0, 2 }, 24 },    /* documentation */
    { { 192, 88, 99 }, 24 },  /* relays of 6to4, once */
    { { 192, 168 }, 16 },     /* private */
    { { 198, 18 }, 15 },      /* benchmarks */
    { { 198, 51, 100 }, 24 }, /* documentation */
    { { 203, 0, 113 }, 24 },  /* documentation */
    { { 224 }, 3 },           /* multicast, reserved, broadcast */
};

/* Of what is global unicast at all, 2000::/3. */
static const struct prefix special6[] = {
    { { 0x20, 0x01 }, 23 },             /* protocol assignments: Teredo, ORCHID, ... */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
    { { 0x3f, 0xff }, 20 },             /* documentation */
};

static const struct prefix global6 = { { 0x20 }, 3 };
static const struct prefix mapped = { { [10] = 0xff, [11] = 0xff }, 96 };
static const struct prefix nat64 = { { 0x00, 0x64, 0xff, 0x9b }, 96 };
static const struct prefix six_to_four = { { 0x20, 0x02 }, 16 };

static bool lies_in(const unsigned char *ip, const struct prefix *p)
{
    unsigned whole = p->bits / 8, rest = p->bits % 8;
    return memcmp(ip, p->ip, whole) == 0 &&
           (rest == 0 || ((ip[whole] ^ p->ip[whole]) & (0xff << (8 - rest)) & 0xff) == 0);
}

bool address_inner(const struct peer_addr *a, struct peer_addr *inner)
{
    size_t at;
    if (a->family != AF_INET6)
        return false;
    if (lies_in(a->ip, &mapped) || lies_in(a->ip, &nat64))
        at = 12;
    else if (lies_in(a->ip, &six_to_four))
        at = 2;
    else
        return false;
    *inner = (struct peer_addr){ .family = AF_INET, .port = a->port };
    memcpy(inner->ip, a->ip + at, 4);
    return true;
}

bool address_is_public(const struct peer_addr *a)
{
    struct peer_addr inner;
    if (address_inner(a, &inner))
        return address_is_public(&inner);
    const struct prefix *special = a->family == AF_INET ? special4 : special6;
    size_t count = a->family == AF_INET ? ARRAY_LEN(special4) : ARRAY_LEN(special6);
    if (a->family != AF_INET && (a->family != AF_INET6 || !lies_in(a->ip, &global6)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (lies_in(a->ip, &special[i]))
            return false;
    return true;
}
