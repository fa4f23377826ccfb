/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory that runs out: the linker sends all allocations here (--wrap), and some of those that the
 * stages make in a turn of a loop fail. What the simulator allocates for itself never does. */
#include "tests/sim/alloc_sim.h"

#include <stdlib.h>

/* malloc() has no argument that leads to a world. */
static struct sim *watched;

void alloc_watch(struct sim *s)
{
    watched = s;
}

static bool fails(void)
{
    if (!watched || watched->allocating || !sim_chance(watched, watched->alloc_failures))
        return false;
    sim_cover(watched, COVER_ALLOC_FAILURES);
    return true;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, bytes);
}
