/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the configuration (config.h) that is about caching. */
#ifndef SLUICE_CONFIG_CONFIG_CACHE_H
#define SLUICE_CONFIG_CONFIG_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config/strings.h"

enum query_key {
    QUERY_ALL,
    QUERY_NONE,
    QUERY_ONLY,   /* arguments of these names */
    QUERY_EXCEPT, /* all others */
};

/* What is kept of a route's answers, for how long, under which keys. */
struct cache_config {
    struct str targeted;         /* a field that goes before Cache-Control; empty: none */
    uint32_t heuristic_percent;  /* of the time since Last-Modified; 0: none */
    uint32_t heuristic_max_s;    /* */
    uint32_t default_s;          /* of answers that say nothing */
    uint32_t override_s;         /* whatever they say; 0: what they say */
    uint32_t grace_s;            /* stale answers, while they are validated and instead of errors */
    uint32_t pass_s;             /* how long it is remembered that something is not kept */
    bool ignore_request_control; /* of clients */
    bool store_set_cookie;       /* */
    bool status_field;           /* Cache-Status is added */
    bool query_sorted;           /* arguments in any order are one key */
    uint64_t object_bytes_max;   /* longer bodies are not kept */
    enum query_key query_key;    /* */
    struct strings query_names;  /* QUERY_ONLY, QUERY_EXCEPT */
    struct strings key_headers, key_cookies;       /* whose values are part of the key */
    struct strings bypass_headers, bypass_cookies; /* requests that have one go past the cache */
};

#endif
