/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/rng.h"
#include "core/proxy/route_index.h"

/* The definition, by looking at every pattern. */
static bool matches(const struct route_pattern *p, struct str host, struct str path)
{
    struct str parent = { 0 };
    const char *dot = host.len ? memchr(host.ptr, '.', host.len) : NULL;
    if (dot && dot > host.ptr)
        parent = (struct str){ dot + 1, (size_t)(host.ptr + host.len - dot - 1) };
    if (p->host_kind == HOST_EXACT && !(host.len && str_eq(host, p->host)))
        return false;
    if (p->host_kind == HOST_WILDCARD && !(parent.ptr && str_eq(parent, p->host)))
        return false;
    if (p->path_kind == PATH_EXACT)
        return str_eq(path, p->path);
    if (p->path_kind == PATH_PREFIX)
        return path.len >= p->path.len && memcmp(path.ptr, p->path.ptr, p->path.len) == 0 &&
               (path.len == p->path.len || p->path.len == 0 || path.ptr[p->path.len] == '/');
    return true;
}

static void expect_walk(const struct route_index *x, const struct route_pattern *patterns,
                        uint32_t count, struct str host, struct str path)
{
    struct route_walk w;
    route_walk_begin(&w, x, host, path);
    for (uint32_t i = 0; i < count; i++)
        if (matches(&patterns[i], host, path))
            assert_int_equal(route_walk_next(&w), i);
    assert_int_equal(route_walk_next(&w), UINT32_MAX);
}

static void walks_the_matching_routes_in_their_order(void **state)
{
    (void)state;
    const struct route_pattern patterns[] = {
        { HOST_ANY, PATH_EXACT, { 0 }, STR("/ping") },
        { HOST_WILDCARD, PATH_PREFIX, STR("example.com"), STR("/api") },
        { HOST_EXACT, PATH_ANY, STR("www.example.com"), { 0 } },
        { HOST_ANY, PATH_PREFIX, { 0 }, STR("") },
    };
    struct route_index *x = route_index_create(patterns, ARRAY_LEN(patterns));
    struct route_walk w;
    route_walk_begin(&w, x, STR("www.example.com"), STR("/api/users"));
    assert_int_equal(route_walk_next(&w), 1);
    assert_int_equal(route_walk_next(&w), 2);
    assert_int_equal(route_walk_next(&w), 3);
    assert_int_equal(route_walk_next(&w), UINT32_MAX);
    const struct str hosts[] = { STR("example.com"), STR("www.example.com"), STR("a.b.example.com"),
                                 STR(".example.com"), STR("") };
    const struct str paths[] = { STR("/"),     STR("/ping"), STR("/ping/"),   STR("/api"),
                                 STR("/api/"), STR("/apis"), STR("/api/x/y"), STR("*") };
    for (size_t h = 0; h < ARRAY_LEN(hosts); h++)
        for (size_t p = 0; p < ARRAY_LEN(paths); p++)
            expect_walk(x, patterns, ARRAY_LEN(patterns), hosts[h], paths[p]);
    route_index_destroy(x);
}

static const struct str some_hosts[] = { STR("a"), STR("a.b"), STR("b.a.b"), STR("c.b"), STR("b") };
static const struct str some_paths[] = { STR("/"),   STR("/a"), STR("/a/b"),  STR("/a/b/c"),
                                         STR("/ab"), STR("//"), STR("/a//b"), STR("/b") };

static void agrees_with_looking_at_every_route(void **state)
{
    (void)state;
    struct rng rng = { 7 };
    struct route_pattern patterns[40];
    for (int round = 0; round < 500; round++) {
        uint32_t count = rng_below(&rng, ARRAY_LEN(patterns));
        for (uint32_t i = 0; i < count; i++) {
            patterns[i] = (struct route_pattern){
                (enum host_kind)rng_below(&rng, 3),
                (enum path_kind)rng_below(&rng, 3),
                some_hosts[rng_below(&rng, ARRAY_LEN(some_hosts))],
                some_paths[rng_below(&rng, ARRAY_LEN(some_paths))],
            };
            struct str *path = &patterns[i].path;
            if (patterns[i].path_kind == PATH_PREFIX && path->ptr[path->len - 1] == '/')
                path->len--;
        }
        struct route_index *x = route_index_create(patterns, count);
        for (size_t h = 0; h < ARRAY_LEN(some_hosts); h++)
            for (size_t p = 0; p < ARRAY_LEN(some_paths); p++)
                expect_walk(x, patterns, count, some_hosts[h], some_paths[p]);
        route_index_destroy(x);
    }
}

#define HOSTS 10000

/* Not timed as a test: the figure is printed. */
static void finds_one_of_10000_hosts(void **state)
{
    (void)state;
    static char names[HOSTS][32];
    static struct route_pattern patterns[HOSTS + 1];
    for (uint32_t i = 0; i < HOSTS; i++) {
        int n = snprintf(names[i], sizeof names[i], "host-%u.example.com", i);
        patterns[i] =
            (struct route_pattern){ HOST_EXACT, PATH_PREFIX, { names[i], (size_t)n }, STR("/app") };
    }
    patterns[HOSTS] = (struct route_pattern){ HOST_ANY, PATH_ANY, { 0 }, { 0 } };
    struct route_index *x = route_index_create(patterns, HOSTS + 1);
    struct timespec a, b;
    uint32_t found = 0, rounds = 200000;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (uint32_t i = 0; i < rounds; i++) {
        const struct route_pattern *p = &patterns[(i * 7919u) % HOSTS];
        struct route_walk w;
        route_walk_begin(&w, x, p->host, STR("/app/index.html"));
        found += route_walk_next(&w) < HOSTS;
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    assert_int_equal(found, rounds);
    double ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
    print_message("a lookup among 10,000 hosts: %.0f ns\n", ns / rounds);
    route_index_destroy(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_the_matching_routes_in_their_order),
        cmocka_unit_test(agrees_with_looking_at_every_route),
        cmocka_unit_test(finds_one_of_10000_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
