/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice-cache-sum: what the cache costs and saves, without a network; and a crowd of clients.
 *
 *   sluice-cache-sum                   one JSON object: memory for a million small objects, by our
 *                                      account and by the process's; misses beside those of LRU
 *   sluice-cache-sum crowd PORT PATH N N clients ask for it at once: when each got its first byte
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/cache_crowd.h"
#include "bench/cache_trace.h"
#include "core/cache/cache.h"

#define HEAD_TEXT "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
#define NOW_S UINT64_C(1795000000)

static void store(struct cache *c, const char *url, uint32_t length)
{
    static const uint8_t bytes[65536] = { 'x' };
    struct http_head none = { 0 };
    struct cache_key k = { str_of(url), { 0 }, cache_key_hash(c, str_of(url)) };
    struct cache_object *found;
    struct cache_maker m;
    struct cache_head_parts p = { .text = STR(HEAD_TEXT), .length = length };
    CHECK(cache_begin(c, &k, &none, NULL, NOW_S, &m, &found) == BEGUN_MAKER);
    bool well = maker_head(&m, &p) && maker_data(&m, bytes, length) && cache_finish(c, &m, NULL);
    CHECK(well);
}

static bool is_stored(struct cache *c, const char *url)
{
    struct http_head none = { 0 };
    struct cache_key k = { str_of(url), { 0 }, cache_key_hash(c, str_of(url)) };
    struct cache_found f = cache_find(c, 0, &k, &none, NOW_S);
    object_unref(f.stored);
    object_unref(f.coming);
    return f.stored != NULL;
}

/* --- memory --- */

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0, all;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f && fscanf(f, "%llu %llu", &all, &pages) == 2);
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void put_memory(void)
{
    enum { COUNT = 1000000, BODY = 13, URL = 16 };
    uint64_t before = resident_bytes();
    struct cache *c = cache_create(UINT64_C(1) << 30, 1, 7);
    uint64_t used = cache_figures(c).used_bytes;
    for (int i = 0; i < COUNT; i++) {
        char url[40];
        snprintf(url, sizeof url, "http://a/%07d", i);
        store(c, url, BODY);
    }
    struct cache_figures f = cache_figures(c);
    const uint64_t own = BODY + URL + sizeof HEAD_TEXT - 1;
    printf("{\"objects\":%llu,\"metadata_bytes\":%llu,\"resident_bytes\":%llu,\"own_bytes\":%llu",
           (unsigned long long)f.objects, (unsigned long long)((f.used_bytes - used) / COUNT - own),
           (unsigned long long)((resident_bytes() - before) / COUNT), (unsigned long long)own);
    cache_destroy(c);
}

/* --- misses --- */

static double misses(const uint32_t *trace, uint32_t *capacity)
{
    struct cache *c = cache_create(UINT64_C(4) << 20, 1, 7);
    uint32_t count = 0;
    for (int i = 0; i < REQUESTS; i++) {
        char url[40];
        snprintf(url, sizeof url, "http://a/%u", trace[i]);
        if (is_stored(c, url))
            continue;
        count++;
        store(c, url, OBJECT);
    }
    *capacity = (uint32_t)cache_figures(c).objects;
    cache_destroy(c);
    return (double)count / REQUESTS;
}

static void put_misses(void)
{
    static const double exponents[] = { 0.7, 0.8, 0.9, 1.0, 1.1 };
    printf(",\"misses\":[");
    for (size_t i = 0; i < 2 * ARRAY_LEN(exponents); i++) {
        double exponent = exponents[i / 2];
        uint32_t *trace = make_trace(exponent, i % 2), capacity;
        double ours = misses(trace, &capacity), lru = lru_misses(trace, capacity);
        printf("%s{\"zipf\":%.1f,\"scans\":%s,\"ours\":%.4f,\"lru\":%.4f}", i ? "," : "", exponent,
               i % 2 ? "true" : "false", ours, lru);
        free(trace);
    }
    printf("]}\n");
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "crowd") == 0)
        return crowd_run((uint16_t)atoi(argv[2]), argv[3], (unsigned)atoi(argv[4]));
    put_memory();
    put_misses();
    return 0;
}
