/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asynchronous operations: a small struct embedded in its owner, one completion function.
 *
 * Contract (DESIGN 4, "Completion and buffer"):
 *  - An op is idle or in flight. Starting one that is in flight is a CHECK.
 *  - Starting never calls done(); every start is followed by completions run from the loop, the
 *    last one with more == false; then the op is idle again, before done() is called, so done() may
 *    start it anew or free its owner.
 *  - Only op_accept gives several completions (more == true on all but the last).
 *  - The memory given to an op stays valid until its last completion.
 *  - An object with an op in flight is never freed; op_cancel() hurries the completion along.
 *  - Errors are negative errno values. -EINTR, -EAGAIN and -ENOBUFS never surface: the ring layer
 *    starts again by itself, for a receive without a free buffer as soon as one is released.
 * Nothing of io_uring shows: the simulator (tests/sim) fills this header too. */
#ifndef SLUICE_RING_OP_H
#define SLUICE_RING_OP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/buf.h"

struct loop;
struct op;
struct splice_pipe;

struct op_result {
    int32_t res; /* bytes, a descriptor, poll bits, 0, or -errno */
    union {
        struct buf *buf;          /* op_recv: the bytes are buf->data[0..res), one reference is the
                                     caller's; NULL when res <= 0 */
        struct splice_pipe *pipe; /* op_splice_in: it holds res bytes and is the caller's; NULL when
                                     res <= 0 */
    };
    bool more; /* further completions follow */
};

typedef void (*op_done_fn)(struct op *op, struct op_result result);

enum op_kind {
    OP_NONE,
    OP_RECV,
    OP_SEND,
    OP_SENDMSG,
    OP_ACCEPT,
    OP_CONNECT,
    OP_POLL,
    OP_READ,
    OP_WRITE,
    OP_SPLICE_IN,
    OP_SPLICE_OUT,
};

enum op_state {
    OP_IDLE,      /* not known to the ring */
    OP_IN_FLIGHT, /* known to the kernel */
    OP_STARVED, /* a receive that waits for a free buffer: in the loop's list, not in the kernel */
    OP_ENDED,   /* its result is here, the answer to its cancellation is not */
    OP_DONE,    /* it succeeded at once; its completion runs at the end of the turn */
};

struct op {
    op_done_fn done;
    struct op *next; /* the ring layer's: list of starved receives */
    void *mem;       /* what the operation works on: kept for starting again */
    uint32_t len;    /* of mem; both hold the result once ended */
    int fd;
    uint8_t kind;
    uint8_t state;
    uint8_t cancelled; /* op_cancel() was called: not started again */
    uint8_t flags;
    uint32_t seq; /* simulator: which start this is */
};

/* A zeroed op with done set is ready for use. */
static inline void op_init(struct op *op, op_done_fn done)
{
    *op = (struct op){ .done = done };
}

static inline bool op_busy(const struct op *op)
{
    return op->state != OP_IDLE;
}

/* Receives once into a buffer of the loop's pool. res 0: end of stream. */
void op_recv(struct loop *l, struct op *op, int fd);

/* The same for a socket that has more than an ordinary buffer holds: what is there comes in a
 * buffer of LARGE_BUFFER_BYTES. If there is nothing, or no such buffer, it is op_recv(): waiting
 * holds no large buffer. */
void op_recv_large(struct loop *l, struct op *op, int fd);

/* Sends what the socket takes: res may be short. SIGPIPE is never raised (-EPIPE). */
void op_send(struct loop *l, struct op *op, int fd, const void *bytes, uint32_t len);

/* The same, gathered. The msghdr and its iovecs stay valid until done. */
void op_sendmsg(struct loop *l, struct op *op, int fd, const struct msghdr *msg);

/* Accepts until cancelled or an error: res a connected descriptor (the caller's), or -errno.
 * After an error with more == false, start again when it makes sense (-EMFILE: later). */
void op_accept(struct loop *l, struct op *op, int listen_fd);

/* res 0: connected. The address stays valid until done. */
void op_connect(struct loop *l, struct op *op, int fd, const struct sockaddr *sa, socklen_t len);

/* Waits for poll(2) events once; res: the bits. */
void op_poll(struct loop *l, struct op *op, int fd, uint32_t events);

/* Files, eventfds, signalfds; offset -1: the file's own position. */
void op_read(struct loop *l, struct op *op, int fd, void *bytes, uint32_t len);
void op_write(struct loop *l, struct op *op, int fd, const void *bytes, uint32_t len);

/* Moves bytes into a pipe of the loop's pool without their entering user space (splice.h): once
 * something can be received, at most max bytes, at most SPLICE_BYTES_MAX. res 0: end of stream.
 * -EMFILE: there is no pipe; receive instead. Waiting holds no pipe. fd: a plain stream socket. */
void op_splice_in(struct loop *l, struct op *op, int fd, uint32_t max);

/* Sends what is in the pipe, as much as the socket takes: res may be short. The pipe stays the
 * caller's. fd was given to splice_prepare(). */
void op_splice_out(struct loop *l, struct op *op, int fd, struct splice_pipe *pipe);

/* Asks for an early end: the op still completes through done(), with -ECANCELED or with what had
 * already happened. Without effect on an idle op; may be repeated. Never calls done() itself. */
void op_cancel(struct loop *l, struct op *op);

#endif
