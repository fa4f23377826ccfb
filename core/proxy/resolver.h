/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names to addresses, on a loop: by what is an address already, by /etc/hosts, by DNS (c-ares).
 * Nothing here waits, and nothing is read from disk: what the machine says of names is in the
 * configuration. One resolver per thread that asks. */
#ifndef SLUICE_PROXY_RESOLVER_H
#define SLUICE_PROXY_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/str.h"
#include "core/config/config_dns.h"
#include "core/ring/loop.h"

struct resolver;
struct lookup_job;

enum lookup_kind {
    LOOKUP_ADDRESSES, /* A and AAAA (RFC 1035, RFC 3596) */
    LOOKUP_SERVICE,   /* SRV (RFC 2782), and the addresses of its targets */
};

enum lookup_status {
    LOOKUP_OK,        /* there are answers */
    LOOKUP_BAD_NAME,  /* it is no host name, nor an address; nobody was asked */
    LOOKUP_NO_NAME,   /* NXDOMAIN */
    LOOKUP_NO_DATA,   /* the name has no records of this kind */
    LOOKUP_FAILED,    /* all name servers answer SERVFAIL, REFUSED and the like, or are not there */
    LOOKUP_TIMED_OUT, /* of all name servers */
    LOOKUP_MALFORMED, /* the answer makes no sense */
};

struct dns_answer {
    struct addr addr;   /* port 0 of LOOKUP_ADDRESSES; len 0: the target did not resolve */
    const char *target; /* the name that it is the address of, lower case, without dot at its end */
    uint16_t port, priority, weight; /* LOOKUP_SERVICE */
};

struct dns_answers {
    const struct dns_answer *items; /* IPv4 before IPv6; targets in the order of the answer */
    uint32_t count;                 /* at most LOOKUP_ADDRESSES_MAX */
    uint32_t ttl_s;                 /* the smallest of all; UINT32_MAX: it does not come from DNS */
    bool partial; /* something could not be found out; there may be more, of these families: */
    bool ipv4_missing, ipv6_missing;
};

/* A question, embedded in its owner. */
struct lookup {
    /* Called once, from the loop, unless it is cancelled; answers, which are empty unless status is
     * LOOKUP_OK, are valid until it returns. It may start the lookup anew or free its owner. */
    void (*done)(struct lookup *k, enum lookup_status status, const struct dns_answers *answers);
    struct lookup_job *job; /* NULL: not under way */
};

/* The configuration is copied. NULL without memory. */
struct resolver *resolver_create(struct loop *l, const struct dns_config *config);

/* No lookup is under way any more. on_none is called, later and from the loop, when all is closed
 * and freed. */
void resolver_destroy(struct resolver *r, void (*on_none)(void *arg), void *arg);

/* Begins. name: a host name, or for LOOKUP_ADDRESSES an IP address ("192.0.2.1", "::1", "[::1]");
 * with a dot at its end no domain is put behind it. False, and done() is not called: without
 * memory, or with LOOKUPS_MAX under way. */
bool lookup_start(struct resolver *r, struct lookup *k, enum lookup_kind kind, struct str name);

/* done() will not be called; the memory is the owner's at once. Without effect on one that is not
 * under way. */
void lookup_cancel(struct lookup *k);

static inline bool lookup_busy(const struct lookup *k)
{
    return k->job;
}

/* In words: "there is no such name". */
const char *lookup_status_text(enum lookup_status status);

#endif
