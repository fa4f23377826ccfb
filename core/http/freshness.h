/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a shared cache may keep, for how long it may use it, and what it has to ask for (RFC 9111 3
 * and 4, RFC 5861, RFC 9213). Pure: times are passed in, in seconds since the epoch. */
#ifndef SLUICE_HTTP_FRESHNESS_H
#define SLUICE_HTTP_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/http/cache_control.h"
#include "core/http/head.h"

/* How it is done where the messages leave a choice. */
struct freshness_rules {
    struct str targeted;         /* a field that goes before Cache-Control; empty: none */
    uint32_t heuristic_percent;  /* of the time since Last-Modified; 0: no heuristics */
    uint32_t heuristic_max_s;    /* at most */
    uint32_t default_s;          /* where the response says nothing and no heuristic applies */
    uint32_t override_s;         /* instead of whatever it says; 0: what it says */
    uint32_t grace_s;            /* stale-while-revalidate and -if-error that say nothing */
    bool ignore_request_control; /* clients cannot force a fetch */
    bool store_set_cookie;       /* responses that set cookies are kept, too */
    bool authorized;             /* the request was, by other means than Authorization */
};

/* A response's own account of its keeping, made when its head came. */
struct freshness {
    uint32_t born_s;     /* when it was as good as new: its receipt less its age then */
    uint32_t lifetime_s; /* from born_s on; RFC 9111 4.2.1 */
    uint32_t stale_while_revalidate_s, stale_if_error_s; /* beyond the lifetime */
    bool always_ask : 1;        /* no-cache: never used without validation */
    bool never_stale : 1;       /* must-revalidate, proxy-revalidate, s-maxage: RFC 9111 4.2.4 */
    bool explicit_lifetime : 1; /* the response itself said how long */
};

/* Reads the response's head. requested_s, received_s: when the request left, and when the head
 * came (RFC 9111 4.2.3). */
void freshness_read(struct freshness *f, const struct http_head *h,
                    const struct freshness_rules *rules, uint64_t requested_s, uint64_t received_s);

/* Why a response is not kept; it is the `detail` of Cache-Status (RFC 9211). */
enum store_verdict {
    STORE_OK,
    STORE_METHOD,        /* only what GET brings is kept */
    STORE_REQUEST_NO,    /* the request said no-store */
    STORE_RESPONSE_NO,   /* the response said no-store or private */
    STORE_STATUS,        /* partial, not final, or not understood */
    STORE_AUTHORIZATION, /* RFC 9111 3.5 */
    STORE_SET_COOKIE,
    STORE_VARY_ALL,   /* Vary: * */
    STORE_NO_LIFETIME /* no freshness, and nothing to validate it with */
};

enum store_verdict freshness_may_store(const struct http_head *request,
                                       const struct http_head *response, const struct freshness *f,
                                       const struct freshness_rules *rules);

/* Its age, RFC 9111 4.2.3, of which Age tells. A clock that stepped back makes it no younger than
 * new. */
uint32_t freshness_age_s(const struct freshness *f, uint64_t now_s);

enum reuse {
    REUSE_FRESH,
    REUSE_STALE_MEANWHILE, /* may be used while it is validated (RFC 5861 3) */
    REUSE_STALE_ALLOWED,   /* the client takes it stale (max-stale) */
    REUSE_VALIDATE,        /* not before the server was asked */
};

/* Whether a stored response may answer a request with that head, now. */
enum reuse freshness_reuse(const struct freshness *f, const struct http_head *request,
                           const struct freshness_rules *rules, uint64_t now_s);

/* Whether it may be used because the server could not be asked, or answered 500, 502, 503 or 504
 * (RFC 5861 4, RFC 9111 4.2.4). */
bool freshness_stale_if_error(const struct freshness *f, const struct http_head *request,
                              const struct freshness_rules *rules, uint64_t now_s);

/* Whether the request wants an answer from the cache or none: 504 (RFC 9111 5.2.1.7). */
bool freshness_only_if_cached(const struct http_head *request, const struct freshness_rules *rules);

#endif
