/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/h2_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/check.h"

#define PAGE_BYTES ((size_t)4096)
/* What nghttp2 1.52 and later ask for: should another version ask for other sizes, they come from
 * malloc() like everything else. */
#define TABLE_BYTES PAGE_BYTES
#define FRAMES_BYTES_MIN ((size_t)16384)
#define FRAMES_BYTES_MAX (5 * PAGE_BYTES)
#define PAGES_BYTES (TABLE_BYTES + FRAMES_BYTES_MAX)

static uint8_t *frames_of(const struct h2_memory *m)
{
    return m->pages + TABLE_BYTES;
}

static bool is_table(const struct h2_memory *m, const void *p)
{
    return m->pages && p == m->pages;
}

static bool is_frames(const struct h2_memory *m, const void *p)
{
    return m->pages && p == frames_of(m);
}

static void *hook_malloc(size_t bytes, void *user)
{
    struct h2_memory *m = user;
    if (!m->pages || m->frames_lent || bytes <= FRAMES_BYTES_MIN || bytes > FRAMES_BYTES_MAX)
        return malloc(bytes);
    m->frames_lent = true;
    return frames_of(m);
}

static void hook_free(void *p, void *user)
{
    struct h2_memory *m = user;
    if (is_table(m, p))
        m->table_lent = false;
    else if (is_frames(m, p))
        m->frames_lent = false;
    else
        free(p);
}

static void *hook_calloc(size_t count, size_t bytes, void *user)
{
    struct h2_memory *m = user;
    if (!m->pages || m->table_lent || bytes == 0 || count != TABLE_BYTES / bytes ||
        count * bytes != TABLE_BYTES)
        return calloc(count, bytes);
    m->table_lent = true;
    memset(m->pages, 0, TABLE_BYTES);
    return m->pages;
}

static void *hook_realloc(void *p, size_t bytes, void *user)
{
    struct h2_memory *m = user;
    bool table = is_table(m, p);
    if (!p)
        return hook_malloc(bytes, user);
    if (!table && !is_frames(m, p))
        return realloc(p, bytes);
    size_t had = table ? TABLE_BYTES : FRAMES_BYTES_MAX;
    void *other = malloc(bytes);
    if (other) {
        memcpy(other, p, bytes < had ? bytes : had);
        hook_free(p, user);
    }
    return other;
}

void h2_memory_init(struct h2_memory *m)
{
    *m = (struct h2_memory){
        .hooks = { m, hook_malloc, hook_free, hook_calloc, hook_realloc },
        .pages = aligned_alloc(PAGE_BYTES, PAGES_BYTES),
    };
}

void h2_memory_destroy(struct h2_memory *m)
{
    CHECK(!m->table_lent && !m->frames_lent);
    free(m->pages);
}

static bool is_zero(const uint8_t *p, size_t bytes)
{
    return p[0] == 0 && memcmp(p, p + 1, bytes - 1) == 0;
}

void h2_memory_rest(struct h2_memory *m)
{
    if (!m->pages)
        return;
    /* The pages are zero when they are touched again, which an empty table is. */
    bool table = !m->table_lent || is_zero(m->pages, TABLE_BYTES);
    uint8_t *from = table ? m->pages : frames_of(m);
    madvise(from, (size_t)(m->pages + PAGES_BYTES - from), MADV_DONTNEED);
}
