/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/ring/splice.h: pipes of memory. */
#include "core/ring/splice.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "tests/sim/ring_sim.h"

void splice_pool_init(struct splice_pool *pool, uint32_t free_max, uint32_t pipe_bytes)
{
    *pool = (struct splice_pool){ .free_max = free_max, .pipe_bytes = pipe_bytes };
}

void splice_pool_destroy(struct splice_pool *pool)
{
    CHECK(pool->lent == 0); /* else: a pipe was lost */
    while (pool->free) {
        struct splice_pipe *p = pool->free;
        pool->free = p->next;
        free(p);
    }
}

struct splice_pipe *splice_take(struct splice_pool *pool)
{
    struct splice_pipe *p = pool->free;
    if (p) {
        pool->free = p->next;
        pool->free_count--;
    } else {
        struct sim_pipe *made = malloc(sizeof *made);
        if (!made) {
            pool->refused++;
            return NULL;
        }
        p = &made->pipe;
        *p = (struct splice_pipe){ 0 };
    }
    CHECK(p->bytes == 0); /* else: another's bytes */
    pool->lent++;
    return p;
}

void splice_give(struct splice_pool *pool, struct splice_pipe *p)
{
    CHECK(pool->lent > 0);
    pool->lent--;
    if (p->bytes > 0 || pool->free_count == pool->free_max) {
        free(p);
        return;
    }
    p->next = pool->free;
    pool->free = p;
    pool->free_count++;
}

void splice_prepare(int fd)
{
    vfd_get(ring_sim_installed(), fd)->non_blocking = true;
}

void splice_unprepare(int fd)
{
    vfd_get(ring_sim_installed(), fd)->non_blocking = false;
}
