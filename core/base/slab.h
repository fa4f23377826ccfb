/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fixed-size objects of one worker: a stack of free ones over chunks that grow and are kept, so
 * that taking and giving is two loads and a store, and the newest (warm) object is reused first. */
#ifndef SLUICE_BASE_SLAB_H
#define SLUICE_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slab {
    void *free;
    struct slab_chunk *chunks;
    size_t object_bytes;
    uint32_t live;      /* lent objects: the leak test's figure */
    uint32_t live_max;  /* at most so many; slab_take() answers NULL beyond */
    uint32_t per_chunk; /* objects made at a time */
};

/* object_bytes is rounded up to 16. live_max 0: no limit. */
void slab_init(struct slab *s, size_t object_bytes, uint32_t live_max);

/* Frees the memory. CHECKs that nothing is lent. */
void slab_destroy(struct slab *s);

/* An object with undefined contents, or NULL at the limit or without memory. */
void *slab_take(struct slab *s);

void slab_give(struct slab *s, void *object);

#endif
