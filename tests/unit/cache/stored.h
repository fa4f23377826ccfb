/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Responses stored by a test. */
#ifndef SLUICE_TESTS_STORED_H
#define SLUICE_TESTS_STORED_H

#include "core/base/check.h"
#include "core/cache/cache.h"
#include "tests/unit/http/heads.h"

#define NOW_S UINT64_C(1795000000)
#define HEAD_TEXT "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"

static inline struct cache_key key_of(const struct cache *c, const char *url)
{
    return (struct cache_key){ str_of(url), { 0 }, cache_key_hash(c, str_of(url)) };
}

static inline struct cache_found find(struct cache *c, const char *url)
{
    struct http_head none = { 0 };
    struct cache_key k = key_of(c, url);
    return cache_find(c, 0, &k, &none, NOW_S);
}

static inline bool is_stored(struct cache *c, const char *url)
{
    struct cache_found f = find(c, url);
    object_unref(f.stored);
    object_unref(f.coming);
    return f.stored != NULL;
}

static inline void begin(struct cache *c, const char *url, struct cache_maker *m)
{
    struct http_head none = { 0 };
    struct cache_object *found;
    struct cache_key k = key_of(c, url);
    if (cache_begin(c, &k, &none, NULL, NOW_S, m, &found) != BEGUN_MAKER)
        fail_msg("%s was begun before", url);
}

static inline struct cache_head_parts parts_of(uint64_t length)
{
    return (struct cache_head_parts){ .text = STR(HEAD_TEXT), .length = length };
}

/* Stores a body of that length. */
static inline void store(struct cache *c, const char *url, uint32_t length)
{
    static const uint8_t bytes[65536] = { 'x' };
    struct cache_maker m;
    begin(c, url, &m);
    struct cache_head_parts p = parts_of(length);
    assert_true(maker_head(&m, &p));
    for (uint32_t n; length; length -= n) {
        n = length < sizeof bytes ? length : (uint32_t)sizeof bytes;
        assert_true(maker_data(&m, bytes, n));
    }
    assert_true(cache_finish(c, &m, NULL));
}

#endif
