/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/arena.h"

#include <stdint.h>
#include <stdlib.h>

#define BLOCK_BYTES ((size_t)8 * 1024)

struct arena_block {
    _Alignas(16) struct arena_block *next;
};

void arena_init(struct arena *a, void *block, size_t first_bytes, size_t extra_bytes_max)
{
    *a = (struct arena){ .at = block,
                         .end = (char *)block + first_bytes,
                         .extra_bytes_max = extra_bytes_max };
}

void arena_reset(struct arena *a)
{
    while (a->more) {
        struct arena_block *b = a->more;
        a->more = b->next;
        free(b);
    }
    a->at = a->end = NULL;
    a->extra_bytes = 0;
}

static char *round_up(char *p)
{
    return (char *)(((uintptr_t)p + 7) & ~(uintptr_t)7);
}

void *arena_alloc(struct arena *a, size_t n)
{
    char *p = round_up(a->at);
    if (p <= a->end && n <= (size_t)(a->end - p)) {
        a->at = p + n;
        return p;
    }
    size_t bytes = n + 16 > BLOCK_BYTES ? n + 16 : BLOCK_BYTES;
    if (n > a->extra_bytes_max || bytes > a->extra_bytes_max - a->extra_bytes)
        return NULL;
    struct arena_block *b = malloc(sizeof *b + bytes);
    if (!b)
        return NULL;
    b->next = a->more;
    a->more = b;
    a->extra_bytes += bytes;
    a->at = (char *)(b + 1);
    a->end = a->at + bytes;
    p = a->at;
    a->at += n;
    return p;
}

void arena_trim(struct arena *a, const void *old_end, void *new_end)
{
    if (a->at == old_end)
        a->at = new_end;
}
