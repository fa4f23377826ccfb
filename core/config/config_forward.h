/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the configuration (config.h) that is about forward proxies. */
#ifndef SLUICE_CONFIG_CONFIG_FORWARD_H
#define SLUICE_CONFIG_CONFIG_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/suffix_set.h"
#include "core/config/config_values.h"

struct port_range {
    uint16_t first, last;
};

struct port_ranges {
    struct port_range *items;
    uint32_t items_count;
};

/* Where connections come from, by the family of the destination; len 0: the kernel chooses. */
struct source_addresses {
    struct addr v4, v6;
};

/* What is not given fits everything. */
struct forward_rule {
    const char *name; /* as given, or "rules[3]" */
    bool allows;
    bool any_host; /* no hosts are given */
    struct suffix_set hosts;
    struct port_ranges ports;
    struct networks clients;
    struct strings users;
    struct source_addresses source; /* neither: the proxy's */
};

/* What is done with fields that tell of the client: X-Forwarded-*, Forwarded, Via and the like. */
enum client_headers {
    CLIENT_HEADERS_REMOVE,
    CLIENT_HEADERS_KEEP, /* those that came are passed on, none is added */
    CLIENT_HEADERS_ADD,  /* as towards servers of our own */
};

/* A site that answers for all others: requests name their destination. */
struct forward_config {
    struct forward_rule *rules; /* first match wins */
    uint32_t rules_count;
    bool otherwise_allows;          /* what meets no rule */
    struct port_ranges ports;       /* that may be asked for at all */
    struct networks private_allows; /* addresses that are not public, and may be asked for */
    struct source_addresses source;
    enum client_headers client_headers;
    struct str via_name; /* what Via calls us */
    uint32_t fallback_ms;
    bool pac;            /* a PAC file is served ... */
    struct str pac_text; /* ... this one; empty: one that is made up */
};

#endif
