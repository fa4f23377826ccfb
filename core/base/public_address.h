/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which IP addresses are somebody's on the public net (RFC 6890 and IANA's registries of special
 * addresses). */
#ifndef SLUICE_BASE_PUBLIC_ADDRESS_H
#define SLUICE_BASE_PUBLIC_ADDRESS_H

#include <stdbool.h>

#include "core/base/addr.h"

/* False for this machine, private, shared (CGNAT), link-local, unique local, multicast, reserved,
 * benchmark and documentation addresses, tunnels of Teredo and ORCHIDs; IPv6 addresses that hold an
 * IPv4 one (mapped, NAT64, 6to4) are what that is. What is no IP address is not public. */
bool address_is_public(const struct peer_addr *a);

/* The IPv4 address that an IPv6 one stands for (mapped, NAT64, 6to4). False: it holds none. */
bool address_inner(const struct peer_addr *a, struct peer_addr *inner);

#endif
