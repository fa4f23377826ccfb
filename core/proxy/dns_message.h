/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a DNS answer says to one question (RFC 1035 4). Pure: no I/O; hostile bytes are expected. */
#ifndef SLUICE_PROXY_DNS_MESSAGE_H
#define SLUICE_PROXY_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/host_name.h"
#include "core/base/limits.h"

enum dns_type { DNS_TYPE_A = 1, DNS_TYPE_CNAME = 5, DNS_TYPE_AAAA = 28, DNS_TYPE_SRV = 33 };

struct dns_record {
    uint32_t ttl_s;                  /* the smallest of it and of the aliases that led to it */
    unsigned char ip[16];            /* A, AAAA */
    uint16_t priority, weight, port; /* SRV (RFC 2782) */
    struct host_name target;         /* SRV; empty: there is no such service (".") */
};

enum dns_verdict {
    DNS_MESSAGE_OK,        /* at least one record was given */
    DNS_MESSAGE_NO_DATA,   /* no record of that type under the name or what it is an alias of */
    DNS_MESSAGE_MALFORMED, /* also: aliases in a circle, or too many of them */
};

/* Reads an answer (header, question, answers) to the question for `name` (without a dot at its end,
 * in lower case) and calls fn for each record of `type` under it, following CNAMEs in whatever
 * order they stand. Records of other names are passed over, as are targets that are no host names;
 * so is what follows DNS_RECORDS_MAX records. */
#define DNS_RECORDS_MAX LOOKUP_ADDRESSES_MAX
enum dns_verdict dns_message_read(const unsigned char *bytes, size_t len, const char *name,
                                  enum dns_type type,
                                  void (*fn)(void *arg, const struct dns_record *r), void *arg);

#endif
