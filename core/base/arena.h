/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bump allocator for what lives as long as one exchange. The first block belongs to the owner
 * (so the usual exchange allocates nothing); further blocks come from malloc, bounded in sum. */
#ifndef SLUICE_BASE_ARENA_H
#define SLUICE_BASE_ARENA_H

#include <stddef.h>

struct arena {
    char *at, *end;
    struct arena_block *more;
    size_t extra_bytes;     /* in malloc'd blocks */
    size_t extra_bytes_max; /* arena_alloc() answers NULL beyond */
};

/* block: first_bytes of the owner's memory, kept until arena_reset(). */
void arena_init(struct arena *a, void *block, size_t first_bytes, size_t extra_bytes_max);

/* Frees the further blocks; what was allocated is invalid. arena_init() makes it usable again. */
void arena_reset(struct arena *a);

/* n bytes, aligned to 8, undefined contents; NULL past the limit or without memory. */
void *arena_alloc(struct arena *a, size_t n);

/* Gives back the unused tail of the newest allocation (ending at old_end, used to new_end).
 * Without effect when something was allocated since. */
void arena_trim(struct arena *a, const void *old_end, void *new_end);

#endif
