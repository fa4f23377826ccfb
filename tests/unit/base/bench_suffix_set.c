/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a list of host names costs: bytes a name, time to make it, nanoseconds to look one up.
 * Usage: bench_suffix_set [FILE], one name a line; without one, a million made-up names. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/check.h"
#include "core/base/rng.h"
#include "core/base/suffix_set.h"

#define NAMES 1000000
#define LOOKUPS 2000000

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* As block lists are: mostly a label or two below a common ending, of 4 to 18 letters. */
static size_t make_up(struct rng *r, char out[64])
{
    static const char *const endings[] = { "com", "net", "org", "info", "co.uk",
                                           "xyz", "de",  "ru",  "top",  "com.br" };
    size_t n = 0, deep = rng_below(r, 4) == 0 ? 2 : 1;
    for (size_t i = 0; i < deep; i++) {
        size_t len = 4 + rng_below(r, 8) + rng_below(r, 8);
        for (size_t k = 0; k < len; k++)
            out[n++] = "etaoinshrdlucmfwypvbgkjqxz0123456789-"[rng_below(r, 4) ? rng_below(r, 20)
                                                                               : rng_below(r, 36)];
        out[n++] = '.';
    }
    return n + (size_t)snprintf(out + n, 64 - n, "%s", endings[rng_below(r, 4) * rng_below(r, 4)]);
}

static void fill(struct suffix_builder *b, const char *path)
{
    const char *why;
    char line[1024];
    struct rng r = { 7 };
    FILE *f = path ? fopen(path, "r") : NULL;
    if (path && !f) {
        perror(path);
        exit(1);
    }
    for (uint32_t i = 0; f ? fgets(line, sizeof line, f) != NULL : i < NAMES; i++) {
        size_t n = f ? strcspn(line, "\r\n") : make_up(&r, line);
        suffix_builder_add(b, (struct str){ line, n }, &why);
    }
    if (f)
        fclose(f);
}

static double look_up(const struct suffix_set *s, bool known, uint64_t *found)
{
    struct rng r = { known ? 7 : 8 };
    static char names[65536][80];
    static uint8_t lens[65536];
    for (uint32_t i = 0; i < 65536; i++) {
        char name[64];
        size_t n = make_up(&r, name);
        lens[i] = (uint8_t)(n + 4);
        snprintf(names[i], sizeof names[i], "www.%s", name);
    }
    double begin = now_ns();
    for (uint32_t i = 0; i < LOOKUPS; i++) {
        uint32_t k = i * 40503u % 65536;
        *found += suffix_set_has(s, (struct str){ names[k], lens[k] }, NULL);
    }
    return (now_ns() - begin) / LOOKUPS;
}

int main(int argc, char **argv)
{
    struct suffix_builder b = { 0 };
    struct suffix_set s;
    double begin = now_ns();
    fill(&b, argc > 1 ? argv[1] : NULL);
    double added = now_ns();
    uint32_t all = b.count;
    size_t text = b.pool_len, bytes = suffix_builder_seal(&b);
    void *memory = malloc(bytes);
    CHECK(memory);
    suffix_builder_write(&b, memory, &s);
    double made = now_ns();
    uint64_t found = 0;
    printf("%u names, %u kept, %.1f bytes of text each: %.2f bytes a name; read %.0f ms, made "
           "%.0f ms\n",
           all, s.names_count, (double)text / all, (double)bytes / s.names_count,
           (added - begin) / 1e6, (made - added) / 1e6);
    double unknown_ns = look_up(&s, false, &found), known_ns = look_up(&s, true, &found);
    printf("lookup: %.0f ns of names that are not there, %.0f ns of names below one that is (%llu "
           "found)\n",
           unknown_ns, known_ns, (unsigned long long)found);
    suffix_builder_free(&b);
    free(memory);
    return 0;
}
