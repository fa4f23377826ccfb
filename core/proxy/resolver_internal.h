/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the lookups (lookup.c) and the library that asks for them (resolver.c). */
#ifndef SLUICE_PROXY_RESOLVER_INTERNAL_H
#define SLUICE_PROXY_RESOLVER_INTERNAL_H

#include "core/proxy/dns_message.h"
#include "core/proxy/resolver.h"

/* One question to the name servers. */
struct query {
    /* bytes: the answer if status is LOOKUP_OK. Called once for each query, also from within
     * resolver_query() and resolver_destroy(). */
    void (*done)(struct query *q, enum lookup_status status, const unsigned char *bytes,
                 size_t len);
};

void resolver_query(struct resolver *r, struct query *q, const char *name, enum dns_type type);

struct loop *resolver_loop(const struct resolver *r);
const struct dns_config *resolver_config(const struct resolver *r);

/* Counts the jobs whose memory is there. False: there are too many. */
bool resolver_enter(struct resolver *r);
void resolver_leave(struct resolver *r);

#endif
