/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/slab.h"

#include <stdlib.h>

#include "core/base/check.h"

#define CHUNK_BYTES ((size_t)64 * 1024)

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_POISON 1
#endif
#endif
#ifdef SLAB_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

struct slab_chunk {
    _Alignas(16) struct slab_chunk *next;
};

struct slab_free {
    struct slab_free *next;
};

void slab_init(struct slab *s, size_t object_bytes, uint32_t live_max)
{
    *s = (struct slab){ .object_bytes = (object_bytes + 15) & ~(size_t)15, .live_max = live_max };
    size_t n = CHUNK_BYTES / s->object_bytes;
    s->per_chunk = n < 8 ? 8 : (uint32_t)n;
}

void slab_destroy(struct slab *s)
{
    CHECK(s->live == 0);
    while (s->chunks) {
        struct slab_chunk *c = s->chunks;
        s->chunks = c->next;
        ASAN_UNPOISON_MEMORY_REGION((char *)(c + 1), s->object_bytes * s->per_chunk);
        free(c);
    }
    s->free = NULL;
}

static void push_free(struct slab *s, void *object)
{
    struct slab_free *f = object;
    f->next = s->free;
    s->free = f;
    /* A use after the give is then found by the sanitizer as with malloc. */
    ASAN_POISON_MEMORY_REGION(object, s->object_bytes);
}

static bool grow(struct slab *s)
{
    struct slab_chunk *c = malloc(sizeof *c + s->object_bytes * s->per_chunk);
    if (!c)
        return false;
    c->next = s->chunks;
    s->chunks = c;
    char *object = (char *)(c + 1) + s->object_bytes * s->per_chunk;
    for (uint32_t i = 0; i < s->per_chunk; i++)
        push_free(s, object -= s->object_bytes);
    return true;
}

void *slab_take(struct slab *s)
{
    if (s->live_max && s->live >= s->live_max)
        return NULL;
    if (!s->free && !grow(s))
        return NULL;
    struct slab_free *f = s->free;
    ASAN_UNPOISON_MEMORY_REGION(f, s->object_bytes);
    s->free = f->next;
    s->live++;
    return f;
}

void slab_give(struct slab *s, void *object)
{
    CHECK(s->live > 0);
    s->live--;
    push_free(s, object);
}
