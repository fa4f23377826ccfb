/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>

#include "core/ring/internal.h"

/* The user_data of a cancellation: its op's address with this bit. */
#define CANCELLATION 1

struct io_uring_sqe *ring_sqe(struct ring_loop *r)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);
    while (unlikely(!sqe)) {
        ring_submit(r);
        sqe = io_uring_get_sqe(&r->ring);
    }
    return sqe;
}

static inline void issue(struct ring_loop *r, struct op *op)
{
    struct io_uring_sqe *sqe = ring_sqe(r);
    switch ((enum op_kind)op->kind) {
    case OP_RECV:
        if (op->mem) {
            struct buf *large = op->mem;
            io_uring_prep_recv(sqe, op->fd, large->data, large->cap, MSG_DONTWAIT);
            break;
        }
        io_uring_prep_recv(sqe, op->fd, NULL, 0, 0); /* length: the buffer's */
        sqe->flags |= IOSQE_BUFFER_SELECT;
        if (op->flags & FLAG_DRAINED)
            sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
        break;
    case OP_SEND:
        io_uring_prep_send(sqe, op->fd, op->mem, op->len, MSG_NOSIGNAL);
        break;
    case OP_SENDMSG:
        io_uring_prep_sendmsg(sqe, op->fd, op->mem, MSG_NOSIGNAL);
        break;
    case OP_ACCEPT:
        io_uring_prep_multishot_accept(sqe, op->fd, NULL, NULL, SOCK_CLOEXEC);
        break;
    case OP_CONNECT:
        io_uring_prep_connect(sqe, op->fd, op->mem, op->len);
        break;
    case OP_POLL:
        io_uring_prep_poll_add(sqe, op->fd, op->len);
        break;
    case OP_READ:
        io_uring_prep_read(sqe, op->fd, op->mem, op->len, (uint64_t)-1);
        break;
    case OP_WRITE:
        io_uring_prep_write(sqe, op->fd, op->mem, op->len, (uint64_t)-1);
        break;
    case OP_SPLICE_IN:
        io_uring_prep_poll_add(sqe, op->fd, POLLIN | POLLRDHUP);
        break;
    case OP_SPLICE_OUT:
        io_uring_prep_poll_add(sqe, op->fd, POLLOUT);
        break;
    case OP_NONE:
        CHECK(op->kind != OP_NONE);
    }
    io_uring_sqe_set_data(sqe, op);
}

void ring_issue(struct ring_loop *r, struct op *op)
{
    issue(r, op);
}

static inline void start(struct loop *l, struct op *op, enum op_kind kind, int fd, void *mem,
                         uint32_t len)
{
    ring_begin(ring_of(l), op, kind, fd, mem, len);
    issue(ring_of(l), op);
}

void op_recv(struct loop *l, struct op *op, int fd)
{
    start(l, op, OP_RECV, fd, NULL, 0);
}

void op_recv_large(struct loop *l, struct op *op, int fd)
{
    start(l, op, OP_RECV, fd, buf_take(&l->large_bufs), 0);
}

void op_send(struct loop *l, struct op *op, int fd, const void *bytes, uint32_t len)
{
    start(l, op, OP_SEND, fd, (void *)bytes, len);
}

void op_sendmsg(struct loop *l, struct op *op, int fd, const struct msghdr *msg)
{
    start(l, op, OP_SENDMSG, fd, (void *)msg, 0);
}

void op_accept(struct loop *l, struct op *op, int listen_fd)
{
    start(l, op, OP_ACCEPT, listen_fd, NULL, 0);
}

void op_connect(struct loop *l, struct op *op, int fd, const struct sockaddr *sa, socklen_t len)
{
    start(l, op, OP_CONNECT, fd, (void *)sa, len);
}

void op_poll(struct loop *l, struct op *op, int fd, uint32_t events)
{
    start(l, op, OP_POLL, fd, NULL, events);
}

void op_read(struct loop *l, struct op *op, int fd, void *bytes, uint32_t len)
{
    start(l, op, OP_READ, fd, bytes, len);
}

void op_write(struct loop *l, struct op *op, int fd, const void *bytes, uint32_t len)
{
    start(l, op, OP_WRITE, fd, (void *)bytes, len);
}

static void issue_cancel(struct ring_loop *r, struct op *op)
{
    struct io_uring_sqe *sqe = ring_sqe(r);
    io_uring_prep_cancel(sqe, op, 0);
    io_uring_sqe_set_data64(sqe, (uintptr_t)op | CANCELLATION);
}

/* Both the op and its cancellation are joined: an op ends when the kernel knows neither. */
void op_cancel(struct loop *l, struct op *op)
{
    struct ring_loop *r = ring_of(l);
    if (op->state == OP_IDLE || op->cancelled)
        return;
    op->cancelled = 1;
    if (op->state == OP_STARVED) {
        r->starved_cancelled++;
        return;
    }
    if (op->state == OP_DONE)
        return;
    op->flags |= FLAG_CANCEL_UNANSWERED;
    issue_cancel(r, op);
}

void ring_finish(struct ring_loop *r, struct op *op, struct op_result result)
{
    if (unlikely(op->flags & FLAG_CANCEL_UNANSWERED)) {
        op->state = OP_ENDED;
        op->len = (uint32_t)result.res;
        op->mem = result.buf;
        return;
    }
    op->state = OP_IDLE;
    r->ops_in_flight--;
    op->done(op, result);
}

/* What is just being moved from one of the kernel's queues to another is not found (-ENOENT),
 * and would then stay for good: such an op is looked for again until it has ended. */
static void cancel_answered(struct ring_loop *r, struct op *op, int res)
{
    if (op->state == OP_IN_FLIGHT && res == -ENOENT) {
        issue_cancel(r, op);
        return;
    }
    op->flags &= (uint8_t)~FLAG_CANCEL_UNANSWERED;
    if (op->state == OP_ENDED)
        ring_finish(r, op, (struct op_result){ .res = (int32_t)op->len, .buf = op->mem });
}

static void poll_first(struct ring_loop *r, struct op *op)
{
    bool out = op->kind == OP_SEND || op->kind == OP_SENDMSG || op->kind == OP_WRITE;
    op->flags |= FLAG_POLLS_FIRST;
    struct io_uring_sqe *sqe = ring_sqe(r);
    io_uring_prep_poll_add(sqe, op->fd, out ? POLLOUT : POLLIN);
    io_uring_sqe_set_data(sqe, op);
}

/* accept(2): the network errors of a connection that is gone already, no reason to stop. */
static bool only_that_connection(int res)
{
    switch (-res) {
    case ECONNABORTED:
    case EPERM: /* a firewall's */
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* An error: either the operation is started again, or it is told. */
static void failed(struct ring_loop *r, struct op *op, int res)
{
    bool again = res == -EINTR || res == -EAGAIN || res == -ENOBUFS;
    op->flags &= (uint8_t)~FLAG_POLLS_FIRST;
    if (op->cancelled) {
        res = again ? -ECANCELED : res;
    } else if (op->kind == OP_CONNECT) {
        if (res == -EAGAIN)
            res = -ECONNREFUSED; /* a Unix socket whose queue is full: the server takes no more */
    } else if (res == -EINTR || (op->kind == OP_ACCEPT && only_that_connection(res))) {
        issue(r, op);
        return;
    } else if (res == -EAGAIN) {
        poll_first(r, op);
        return;
    } else if (res == -ENOBUFS && op->kind == OP_RECV) {
        ring_starve(r, op);
        return;
    }
    if (res == -ENOBUFS)
        res = -ENOMEM; /* the kernel's own memory, not our buffers */
    ring_finish(r, op, (struct op_result){ .res = res });
}

/* The descriptor is ready, by the poll that stood in for the operation. */
static void polled(struct ring_loop *r, struct op *op)
{
    op->flags &= (uint8_t) ~(FLAG_POLLS_FIRST | FLAG_DRAINED);
    if (op->cancelled)
        ring_finish(r, op, (struct op_result){ .res = -ECANCELED });
    else
        issue(r, op);
}

/* A multishot may end without an error; then it is started again before the descriptor is told. */
static void accepted(struct ring_loop *r, struct op *op, int fd, bool more)
{
    if (!more && !op->cancelled) {
        issue(r, op);
        more = true;
    }
    if (more)
        op->done(op, (struct op_result){ .res = fd, .more = true });
    else
        ring_finish(r, op, (struct op_result){ .res = fd });
}

/* Where a receive that has ended put its bytes. */
static inline struct buf *received_into(struct ring_loop *r, struct op *op,
                                        const struct io_uring_cqe *cqe)
{
    struct buf *large = op->mem;
    if (large) {
        op->mem = NULL;
        return large;
    }
    r->lent--;
    return buf_by_index(&r->loop.bufs, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
}

static inline void complete(struct ring_loop *r, const struct io_uring_cqe *cqe)
{
    struct op *op = (struct op *)(uintptr_t)(cqe->user_data & ~(uint64_t)CANCELLATION);
    struct op_result result = { .res = cqe->res };
    if (unlikely(cqe->user_data & CANCELLATION)) {
        cancel_answered(r, op, result.res);
        return;
    }
    CHECK(op->state == OP_IN_FLIGHT);
    if (unlikely(ring_op_splices(op))) {
        ring_splice_completed(r, op, result.res);
        return;
    }
    if (cqe->flags & IORING_CQE_F_BUFFER || (op->kind == OP_RECV && op->mem)) {
        result.buf = received_into(r, op, cqe);
        op->flags &= (uint8_t)~FLAG_DRAINED;
        if (!(cqe->flags & IORING_CQE_F_SOCK_NONEMPTY))
            op->flags |= FLAG_DRAINED;
        if (unlikely(result.res <= 0)) {
            buf_unref(result.buf);
            result.buf = NULL;
        }
    }
    if (unlikely(result.res < 0)) {
        failed(r, op, result.res);
    } else if (unlikely(op->flags & FLAG_POLLS_FIRST)) {
        polled(r, op);
    } else if (unlikely(op->kind == OP_ACCEPT)) {
        accepted(r, op, result.res, cqe->flags & IORING_CQE_F_MORE);
    } else {
        ring_finish(r, op, result);
    }
}

void ring_run_completions(struct ring_loop *r)
{
    struct io_uring_cqe *cqe;
    unsigned head, left = io_uring_cq_ready(&r->ring), taken = left;
    io_uring_for_each_cqe(&r->ring, head, cqe)
    {
        if (left-- == 0)
            break;
        complete(r, cqe);
    }
    io_uring_cq_advance(&r->ring, taken);
    if (unlikely(r->starved_cancelled))
        ring_finish_starved_cancelled(r);
}
