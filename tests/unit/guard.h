/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory between two pages that may not be touched: input flush against either of them shows the
 * first byte read too many. */
#ifndef SLUICE_TESTS_GUARD_H
#define SLUICE_TESTS_GUARD_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/str.h"

struct guard {
    char *start; /* first usable byte: the page before it is forbidden */
    size_t bytes;
    size_t page;
};

static inline struct guard guard_new(size_t bytes)
{
    struct guard g = { .page = (size_t)sysconf(_SC_PAGESIZE) };
    g.bytes = (bytes + g.page - 1) / g.page * g.page;
    char *all = mmap(NULL, g.bytes + 2 * g.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(all != MAP_FAILED);
    g.start = all + g.page;
    CHECK(mprotect(g.start, g.bytes, PROT_READ | PROT_WRITE) == 0);
    return g;
}

static inline void guard_free(struct guard *g)
{
    CHECK(munmap(g->start - g->page, g->bytes + 2 * g->page) == 0);
}

/* A copy of s, its last byte before the forbidden page. */
static inline struct str guard_end(struct guard *g, struct str s)
{
    CHECK(s.len <= g->bytes);
    char *at = g->start + g->bytes - s.len;
    if (s.len)
        memcpy(at, s.ptr, s.len);
    return (struct str){ at, s.len };
}

/* A copy of s, its first byte after the forbidden page. */
static inline struct str guard_start(struct guard *g, struct str s)
{
    CHECK(s.len <= g->bytes);
    if (s.len)
        memcpy(g->start, s.ptr, s.len);
    return (struct str){ g->start, s.len };
}

#endif
