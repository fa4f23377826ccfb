/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who leaves: the budget, the memory for each object, and misses beside those of LRU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "bench/cache_trace.h"
#include "core/base/rng.h"
#include "tests/unit/cache/stored.h"

static void the_budget_is_kept(void **state)
{
    (void)state;
    const uint64_t budget = UINT64_C(8) << 20;
    struct cache *c = cache_create(budget, 1, 7);
    struct rng rng = { 3 };
    for (int i = 0; i < 20000; i++) {
        char url[40];
        snprintf(url, sizeof url, "http://a/%d", i);
        store(c, url, (uint32_t)(rng_below(&rng, 50) ? rng_below(&rng, 4000) : 300000));
        assert_true(cache_figures(c).used_bytes <= budget);
    }
    struct cache_figures f = cache_figures(c);
    assert_true(f.used_bytes > budget / 2);
    assert_true(f.evicted > 10000);
    cache_destroy(c);
}

static void small_objects_cost_little(void **state)
{
    (void)state;
    enum { COUNT = 200000, BODY = 13, URL = 16 };
    struct cache *c = cache_create(UINT64_C(1) << 30, 1, 7);
    uint64_t before = cache_figures(c).used_bytes;
    for (int i = 0; i < COUNT; i++) {
        char url[40];
        assert_int_equal(snprintf(url, sizeof url, "http://a/%07d", i), URL);
        store(c, url, BODY);
    }
    struct cache_figures f = cache_figures(c);
    assert_int_equal(f.objects, COUNT);
    uint64_t each = (f.used_bytes - before) / COUNT - BODY - URL - (sizeof HEAD_TEXT - 1);
    print_message("metadata: %llu bytes each\n", (unsigned long long)each);
    assert_true(each <= 150); /* the allocator's rounding included */
    cache_destroy(c);
}

static void a_held_object_outlives_its_eviction(void **state)
{
    (void)state;
    struct cache *c = cache_create(UINT64_C(2) << 20, 1, 7);
    store(c, "http://a/held", 100000);
    struct cache_found f = find(c, "http://a/held");
    for (int i = 0; !object_is(f.stored, OBJECT_REMOVED); i++) { /* a look would be a hit */
        char url[40];
        snprintf(url, sizeof url, "http://a/%d", i);
        store(c, url, 10000);
        assert_true(i < 1000);
    }
    struct cache_cursor cur;
    cursor_begin(&cur, f.stored);
    uint32_t n, sum = 0;
    while (cursor_read(&cur, f.stored, 5000, &n))
        sum += n;
    assert_int_equal(sum, 100000);
    cursor_end(&cur, f.stored);
    object_unref(f.stored);
    cache_destroy(c);
}

/* --- traces --- */

/* The same through the cache. *capacity: how many objects it held at the end. */
static double cache_misses(const uint32_t *trace, uint32_t *capacity)
{
    struct cache *c = cache_create(UINT64_C(4) << 20, 1, 7);
    uint32_t misses = 0;
    for (int i = 0; i < REQUESTS; i++) {
        char url[40];
        snprintf(url, sizeof url, "http://a/%u", trace[i]);
        if (is_stored(c, url))
            continue;
        misses++;
        store(c, url, OBJECT);
    }
    *capacity = (uint32_t)cache_figures(c).objects;
    cache_destroy(c);
    return (double)misses / REQUESTS;
}

static void misses_are_fewer_than_those_of_lru(void **state)
{
    (void)state;
    static const struct {
        double exponent;
        bool scans;
    } rows[] = { { 0.9, false }, { 0.7, true }, { 0.9, true }, { 1.1, true } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t *trace = make_trace(rows[i].exponent, rows[i].scans), capacity;
        double ours = cache_misses(trace, &capacity), lru = lru_misses(trace, capacity);
        print_message("zipf %.1f%s: misses %.4f, LRU of %u objects %.4f: %.1f %% fewer\n",
                      rows[i].exponent, rows[i].scans ? " with scans" : "", ours, capacity, lru,
                      100 * (1 - ours / lru));
        assert_true(ours <= 0.9 * lru);
        free(trace);
    }
}

/* --- threads --- */

enum { READERS = 3 };

struct crew {
    struct cache *c;
    _Atomic bool stop;
    _Atomic uint32_t number;
};

/* Whatever is found is whole and right. */
static void *read_on(void *arg)
{
    struct crew *crew = arg;
    uint32_t reader = atomic_fetch_add(&crew->number, 1), found = 0;
    struct rng rng = { reader + 1 };
    struct http_head none = { 0 };
    while (!atomic_load(&crew->stop)) {
        char url[40];
        snprintf(url, sizeof url, "http://a/%u", (unsigned)rng_below(&rng, 500));
        struct cache_key k = key_of(crew->c, url);
        struct cache_found f = cache_find(crew->c, reader, &k, &none, NOW_S);
        if (f.stored) {
            struct cache_cursor cur;
            uint32_t n;
            uint64_t sum = 0;
            cursor_begin(&cur, f.stored);
            CHECK(str_eq(object_url(f.stored), str_of(url)));
            while (cursor_read(&cur, f.stored, 1000, &n))
                sum += n;
            CHECK(object_state(f.stored) != OBJECT_WHOLE || sum <= object_head(f.stored)->length);
            cursor_end(&cur, f.stored);
            found++;
        }
        object_unref(f.stored);
        object_unref(f.coming);
    }
    return (void *)(uintptr_t)found;
}

static void readers_need_no_lock(void **state)
{
    (void)state;
    struct crew crew = { .c = cache_create(UINT64_C(2) << 20, READERS + 1, 7), .number = 1 };
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &crew), 0);
    struct rng rng = { 9 };
    for (int i = 0; i < 20000; i++) {
        char url[40];
        snprintf(url, sizeof url, "http://a/%u", (unsigned)rng_below(&rng, 500));
        if (!is_stored(crew.c, url))
            store(crew.c, url, (uint32_t)rng_below(&rng, 20000));
        if (i % 1000 == 0)
            cache_purge_prefix(crew.c, STR("http://a/1"), false);
        if (i % 50 == 0)
            cache_purge_url(crew.c, str_of(url), false);
    }
    atomic_store(&crew.stop, true);
    for (int i = 0; i < READERS; i++) {
        void *found;
        pthread_join(threads[i], &found);
        assert_true((uintptr_t)found > 0);
    }
    cache_destroy(crew.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_budget_is_kept),
        cmocka_unit_test(small_objects_cost_little),
        cmocka_unit_test(a_held_object_outlives_its_eviction),
        cmocka_unit_test(misses_are_fewer_than_those_of_lru),
        cmocka_unit_test(readers_need_no_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
