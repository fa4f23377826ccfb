/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of `cache`. */
#include "core/config/schema.h"
#include "core/config/schema_macros.h"

static const struct word query_words[] = {
    { "all", QUERY_ALL },
    { "none", QUERY_NONE },
    { NULL, 0 },
};

static const struct schema_key key_keys[] = {
    { KEY("query"), VALUE(cache_input, query, value_flag), .words = query_words, DEFAULT(QUERY_ALL),
      .doc = "all: every query is a page of its own; none: the query is no part of the key." },
    { KEY("only"), EXAMPLE("[page, sort]"), LIST_IN(cache_input, only, value_token),
      .otherwise = "all",
      .doc = "The query arguments that are part of the key, all others are not." },
    { KEY("except"), EXAMPLE("[utm_source, fbclid]"), LIST_IN(cache_input, except, value_token),
      .otherwise = "none", .doc = "Query arguments that are no part of the key." },
    { KEY("sort"), VALUE(cache_input, cache.query_sorted, value_bool), DEFAULT(false),
      .doc = "Whether query arguments in any order are one key." },
    { KEY("headers"), EXAMPLE("[X-Device]"), STRINGS(cache_input, cache.key_headers, value_header),
      .otherwise = "none",
      .doc = "Request header fields that are part of the key. Other X-... fields of requests are "
             "not passed on when an answer may be kept: they could change what others get." },
    { KEY("cookies"), EXAMPLE("[language]"), STRINGS(cache_input, cache.key_cookies, value_token),
      .otherwise = "none", .doc = "Cookies whose values are part of the key." },
};
static const struct schema_object key = { OBJECT_OF("key", cache_input, key_keys) };

static const struct schema_key bypass_keys[] = {
    { KEY("headers"), EXAMPLE("[X-Preview]"),
      STRINGS(cache_input, cache.bypass_headers, value_header), .otherwise = "none",
      .doc = "Requests with one of these header fields go past the cache." },
    { KEY("cookies"), EXAMPLE("[session]"), STRINGS(cache_input, cache.bypass_cookies, value_token),
      .otherwise = "none", .doc = "Requests with one of these cookies go past the cache." },
};
static const struct schema_object bypass = { OBJECT_OF("bypass", cache_input, bypass_keys) };

static const struct schema_key cache_keys[] = {
    { KEY("enabled"), VALUE(cache_input, enabled, value_bool), DEFAULT(true),
      .doc = "Whether answers are kept." },
    { KEY("ttl"), EXAMPLE("5m"), VALUE(cache_input, cache.override_s, value_seconds),
      BOUNDS(1, 31536000), .otherwise = "what the answers say",
      .doc = "How long answers are fresh, whatever they say of it themselves. Those that say "
             "no-store or private are not kept all the same." },
    { KEY("default_ttl"), EXAMPLE("10s"), VALUE(cache_input, cache.default_s, value_seconds),
      BOUNDS(1, 31536000), .otherwise = "not at all",
      .doc =
          "How long answers are fresh that say nothing of it, of statuses that may be kept (200, "
          "301, 404 and others)." },
    { KEY("heuristic"), EXAMPLE("10%"), VALUE(cache_input, heuristic_ppm, value_percent),
      BOUNDS(0, 1000000), .otherwise = "10%",
      .doc = "Answers with a Last-Modified that say nothing else are fresh for this part of the "
             "time since then, for a day at most. 0%: not at all." },
    { KEY("grace"), EXAMPLE("1m"), VALUE(cache_input, cache.grace_s, value_seconds),
      BOUNDS(1, 31536000), .otherwise = "what the answers say",
      .doc = "For how long stale answers may be given while a new one is fetched, and in place of "
             "errors, when they do not say so themselves (stale-while-revalidate, "
             "stale-if-error)." },
    { KEY("max_object"), VALUE(cache_input, cache.object_bytes_max, value_size), DEFAULT(8 << 20),
      BOUNDS(1024, 1 << 30), .doc = "Answers with longer bodies are passed on, not kept." },
    { KEY("pass"), VALUE(cache_input, cache.pass_s, value_seconds), DEFAULT(10), BOUNDS(1, 86400),
      .doc = "For how long it is remembered that an answer was not to be kept: requests for it do "
             "not wait for each other." },
    { KEY("key"), EXAMPLE("{ except: [utm_source, fbclid], sort: true }"), OBJECT_AT(0, key),
      .otherwise = "the whole URL",
      .doc = "What makes two requests equal, beside the host and "
             "path." },
    { KEY("bypass"), EXAMPLE("{ cookies: [session] }"), OBJECT_AT(0, bypass), .otherwise = "none",
      .doc = "Requests that go past the cache." },
    { KEY("client_control"), VALUE(cache_input, client_control, value_bool), DEFAULT(true),
      .doc = "Whether the Cache-Control of requests counts: with false clients cannot force a "
             "fetch." },
    { KEY("set_cookie"), VALUE(cache_input, cache.store_set_cookie, value_bool), DEFAULT(false),
      .doc = "Whether answers that set cookies are kept: every client gets the same cookie." },
    { KEY("targeted"), EXAMPLE("My-Cache-Control"),
      VALUE(cache_input, cache.targeted, value_header), .otherwise = "CDN-Cache-Control",
      .doc = "The response header field that goes before Cache-Control (RFC 9213)." },
    { KEY("status"), VALUE(cache_input, cache.status_field, value_bool), DEFAULT(true),
      .doc = "Add Cache-Status to responses (RFC 9211)." },
};
const struct schema_object schema_cache = {
    OBJECT_OF("cache", cache_input, cache_keys),
    .shorthand = "enabled",
    .off = true,
};
