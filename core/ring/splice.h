/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moving bytes between sockets through a pipe, without their entering user space. Users of a loop
 * do it by op_splice_in() and op_splice_out() (op.h), on the pipes of the loop's pool; both wait by
 * a poll through the ring, and then move by splice(2) or by IORING_OP_SPLICE, as the pool says
 * (DESIGN 6: the latter always goes to a kernel worker thread). The calls below are for programs
 * that do without.
 *
 * splice(2) to a closed socket raises SIGPIPE: the process must ignore it. */
#ifndef SLUICE_RING_SPLICE_H
#define SLUICE_RING_SPLICE_H

#include <stdbool.h>
#include <stdint.h>

/* One operation moves so much at most: others have their turn in between. */
#define SPLICE_BYTES_MAX (1024 * 1024)

enum splice_how {
    SPLICE_BY_CALL, /* splice(2) from the loop's thread */
    SPLICE_BY_RING, /* IORING_OP_SPLICE */
};

struct splice_pipe {
    struct splice_pipe *next; /* the pool's */
    int read_fd, write_fd;
    uint32_t bytes; /* in the pipe */
};

/* Pipes are few and shared, since an unprivileged user's pipes are limited in sum
 * (fs.pipe-user-pages-soft): take one when there is something to move, give it back when empty. */
struct splice_pool {
    struct splice_pipe *free;
    uint32_t free_count;
    uint32_t free_max; /* kept when given back; more are closed */
    uint32_t lent;
    uint32_t pipe_bytes; /* capacity asked for; 0: the system's */
    enum splice_how how;
    uint64_t refused; /* times that there was no pipe to be had */
};

void splice_pool_init(struct splice_pool *pool, uint32_t free_max, uint32_t pipe_bytes);

/* Closes the free pipes. CHECKs that none is lent. */
void splice_pool_destroy(struct splice_pool *pool);

/* An empty pipe, or NULL: out of descriptors or memory. */
struct splice_pipe *splice_take(struct splice_pool *pool);

/* A pipe that is not empty is closed, never reused. */
void splice_give(struct splice_pool *pool, struct splice_pipe *p);

/* splice(2) does not block on sockets with O_NONBLOCK only, whatever its own flag says. Other
 * operations take such a socket too, at some cost; splice_unprepare() ends that. Both take a
 * descriptor that is open for reading and writing. */
void splice_prepare(int fd);
void splice_unprepare(int fd);

/* Moves at most max bytes from fd into the pipe: how many, 0 at the end of the stream, or -errno;
 * -EAGAIN: nothing there, or the pipe has no room. */
int32_t splice_in(struct splice_pipe *p, int fd, uint32_t max);

/* Moves what is in the pipe to fd: how many bytes, or -errno; -EAGAIN: the socket is full. more:
 * further bytes follow soon (the kernel need not send a small packet). */
int32_t splice_out(struct splice_pipe *p, int fd, bool more);

#endif
