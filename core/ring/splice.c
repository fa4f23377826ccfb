/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/ring/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/check.h"

void splice_pool_init(struct splice_pool *pool, uint32_t free_max, uint32_t pipe_bytes)
{
    *pool = (struct splice_pool){ .free_max = free_max, .pipe_bytes = pipe_bytes };
}

static void destroy(struct splice_pipe *p)
{
    close(p->read_fd);
    close(p->write_fd);
    free(p);
}

void splice_pool_destroy(struct splice_pool *pool)
{
    CHECK(pool->lent == 0);
    while (pool->free) {
        struct splice_pipe *p = pool->free;
        pool->free = p->next;
        destroy(p);
    }
    pool->free_count = 0;
}

static struct splice_pipe *create(uint32_t pipe_bytes)
{
    int fds[2];
    struct splice_pipe *p = malloc(sizeof *p);
    if (!p)
        return NULL;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        free(p);
        return NULL;
    }
    if (pipe_bytes > 0)
        (void)fcntl(fds[1], F_SETPIPE_SZ, (int)pipe_bytes); /* refused: a smaller one works too */
    *p = (struct splice_pipe){ .read_fd = fds[0], .write_fd = fds[1] };
    return p;
}

struct splice_pipe *splice_take(struct splice_pool *pool)
{
    struct splice_pipe *p = pool->free;
    if (p) {
        pool->free = p->next;
        pool->free_count--;
    } else {
        p = create(pool->pipe_bytes);
        if (!p) {
            pool->refused++;
            return NULL;
        }
    }
    pool->lent++;
    return p;
}

void splice_give(struct splice_pool *pool, struct splice_pipe *p)
{
    CHECK(pool->lent > 0);
    pool->lent--;
    if (p->bytes > 0 || pool->free_count == pool->free_max) {
        destroy(p);
        return;
    }
    p->next = pool->free;
    pool->free = p;
    pool->free_count++;
}

void splice_prepare(int fd)
{
    int rc = fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
    CHECK(rc == 0);
}

void splice_unprepare(int fd)
{
    int rc = fcntl(fd, F_SETFL, O_RDWR);
    CHECK(rc == 0);
}

static int32_t move(int from, int to, uint32_t max, unsigned flags)
{
    ssize_t n;
    do
        n = splice(from, NULL, to, NULL, max, SPLICE_F_MOVE | SPLICE_F_NONBLOCK | flags);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (int32_t)n;
}

int32_t splice_in(struct splice_pipe *p, int fd, uint32_t max)
{
    int32_t n = move(fd, p->write_fd, max, 0);
    if (n > 0)
        p->bytes += (uint32_t)n;
    return n;
}

int32_t splice_out(struct splice_pipe *p, int fd, bool more)
{
    CHECK(p->bytes > 0);
    int32_t n = move(p->read_fd, fd, p->bytes, more ? SPLICE_F_MORE : 0);
    if (n > 0)
        p->bytes -= (uint32_t)n;
    return n;
}
