/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the configuration (config.h) that is about names: whom to ask, and what this machine
 * knows by itself. */
#ifndef SLUICE_CONFIG_CONFIG_DNS_H
#define SLUICE_CONFIG_CONFIG_DNS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/config/strings.h"

/* Which addresses of a name become servers. */
enum dns_family {
    DNS_AUTO, /* its IPv4 addresses; its IPv6 addresses if it has no others */
    DNS_BOTH,
    DNS_IPV4, /* others are not asked for */
    DNS_IPV6,
};

/* A name of /etc/hosts. */
struct host_entry {
    struct str name;  /* lower case */
    struct addr addr; /* port 0 */
};

struct dns_config {
    struct addr *servers; /* in the order in which they are asked; at least one */
    uint32_t servers_count;
    struct strings search; /* domains that are put behind short names */
    uint32_t ndots;        /* names with so many dots are asked for as they are first */
    uint32_t timeout_ms;   /* of one try; doubled in each round */
    uint32_t attempts;     /* rounds of all servers */
    enum dns_family family;
    uint32_t ttl_min_ms, ttl_max_ms; /* what a TTL is moved into */
    uint32_t retry_ms;               /* after an answer that was none */
    struct host_entry *hosts;        /* sorted by name, then as in the file */
    uint32_t hosts_count;
};

#endif
