/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this machine says of names: resolv.conf(5) and hosts(5). Pure. */
#ifndef SLUICE_CONFIG_DNS_H
#define SLUICE_CONFIG_DNS_H

#include "core/base/limits.h"
#include "core/config/config_dns.h"

struct resolv_conf {
    struct addr servers[DNS_SERVERS_MAX]; /* port 53 */
    uint32_t servers_count;
    struct str search[DNS_SEARCH_MAX]; /* of the text, without dots at their ends */
    uint32_t search_count;
    uint32_t ndots;
    uint32_t timeout_s, attempts; /* 0: not said */
};

/* What is wrong is passed over, as every reader of that file does. */
void resolv_conf_parse(struct str text, struct resolv_conf *out);

/* An address without port, which gets port 53. */
bool dns_server_parse(struct str text, struct addr *out);

/* Writes the names of a text, which they point into, as far as there is room; gives how many there
 * are. Lines without an address are passed over. */
uint32_t hosts_parse(struct str text, struct host_entry *out, uint32_t room);

/* Makes the names lower case, in the text itself, and sorts them. */
void hosts_seal(struct str text, struct host_entry *hosts, uint32_t count);

/* The first entry of that name (lower case), and how many of it follow each other. */
uint32_t hosts_find(const struct host_entry *hosts, uint32_t count, struct str name,
                    uint32_t *found);

#endif
