/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The transport without TLS: the bytes are the socket's. */
#include <errno.h>

#include "core/ring/sock.h"
#include "tls/transport.h"

/* The close procedure: what is in flight is cancelled and joined, then the descriptor goes. Called
 * whenever one of the two ops has ended while closing. */
static void close_if_joined(struct transport *t)
{
    if (op_busy(&t->rx) || op_busy(&t->tx))
        return;
    if (t->fd >= 0)
        sock_close(t->fd, t->reset);
    t->fd = -1;
    buf_unref(t->preamble.buf);
    t->user->on_closed(t);
}

static void run_deferred(struct task *task)
{
    struct transport *t = container_of(task, struct transport, task);
    if (t->closing)
        close_if_joined(t);
    else
        t->user->on_ready(t, t->connect_err);
}

static void received(struct op *op, struct op_result result)
{
    struct transport *t = container_of(op, struct transport, rx);
    t->reading = false;
    if (unlikely(t->closing)) {
        buf_unref(result.buf);
        close_if_joined(t);
    } else if (unlikely(transport_stopped(t, result.res))) {
        t->user->on_stopped(t);
    } else if (likely(result.res > 0)) {
        struct buf_slice data = { result.buf, 0, (uint32_t)result.res };
        t->user->on_data(t, data);
    } else {
        t->ended = true;
        t->user->on_end(t, result.res);
    }
}

static void start_send(struct transport *t)
{
    t->send_progress_ns = t->loop->now_ns;
    struct iovec *iov = t->msg.msg_iov;
    if (t->msg.msg_iovlen == 1)
        op_send(t->loop, &t->tx, t->fd, iov->iov_base, (uint32_t)iov->iov_len);
    else
        op_sendmsg(t->loop, &t->tx, t->fd, &t->msg);
}

/* Steps over what was sent; true when that was all. */
static bool consume(struct msghdr *msg, size_t sent)
{
    while (msg->msg_iovlen > 0 && sent >= msg->msg_iov->iov_len) {
        sent -= msg->msg_iov->iov_len;
        msg->msg_iov++;
        msg->msg_iovlen--;
    }
    if (msg->msg_iovlen == 0)
        return true;
    msg->msg_iov->iov_base = (char *)msg->msg_iov->iov_base + sent;
    msg->msg_iov->iov_len -= sent;
    return false;
}

static void sent(struct op *op, struct op_result result)
{
    struct transport *t = container_of(op, struct transport, tx);
    if (result.res > 0)
        t->sent_bytes += (uint32_t)result.res;
    if (unlikely(t->closing)) {
        t->sending = false;
        close_if_joined(t);
    } else if (result.res < 0) {
        t->sending = false;
        t->user->on_sent(t, result.res, t->sent_bytes);
    } else if (consume(&t->msg, (size_t)result.res)) {
        t->sending = false;
        t->user->on_sent(t, 0, t->sent_bytes);
    } else {
        start_send(t);
    }
}

/* --- through pipes --- */

static void piped_in(struct op *op, struct op_result result)
{
    struct transport *t = container_of(op, struct transport, rx);
    t->rx.done = received;
    t->reading = false;
    if (unlikely(t->closing)) {
        if (result.res > 0)
            splice_give(&t->loop->pipes, result.pipe);
        close_if_joined(t);
    } else if (unlikely(transport_stopped(t, result.res))) {
        t->user->on_stopped(t);
    } else if (likely(result.res > 0)) {
        t->user->on_piped(t, result.pipe);
    } else if (result.res == -EMFILE) {
        t->user->on_piped(t, NULL);
    } else {
        t->ended = true;
        t->user->on_end(t, result.res);
    }
}

void transport_read_pipe(struct transport *t, uint32_t max)
{
    CHECK(t->fd >= 0 && !t->closing && !t->ended && !t->reading && transport_can_splice(t));
    t->reading = true;
    t->rx.done = piped_in;
    op_splice_in(t->loop, &t->rx, t->fd, max);
}

static void piped_out(struct op *op, struct op_result result)
{
    struct transport *t = container_of(op, struct transport, tx);
    if (result.res > 0) {
        t->sent_bytes += (uint32_t)result.res;
        t->send_progress_ns = t->loop->now_ns;
        if (t->pipe->bytes > 0 && !t->closing) {
            op_splice_out(t->loop, &t->tx, t->fd, t->pipe);
            return;
        }
    }
    t->tx.done = sent;
    t->sending = false;
    if (unlikely(t->closing))
        close_if_joined(t);
    else
        t->user->on_sent(t, result.res < 0 ? result.res : 0, t->sent_bytes);
}

void transport_send_pipe(struct transport *t, struct splice_pipe *pipe)
{
    CHECK(t->fd >= 0 && !t->closing && !t->sending && transport_can_splice(t));
    if (!t->non_blocking)
        splice_prepare(t->fd);
    t->non_blocking = true;
    t->sending = true;
    t->sent_bytes = 0;
    t->send_progress_ns = t->loop->now_ns;
    t->pipe = pipe;
    t->tx.done = piped_out;
    op_splice_out(t->loop, &t->tx, t->fd, pipe);
}

/* --- connecting, closing --- */

static void connected(struct op *op, struct op_result result)
{
    struct transport *t = container_of(op, struct transport, tx);
    if (transport_preamble(t, result.res))
        return;
    op->done = sent;
    if (t->closing)
        close_if_joined(t);
    else
        t->user->on_ready(t, result.res < 0 ? result.res : 0);
}

static void plain_connect(struct transport *t, const struct addr *a, const struct addr *source)
{
    CHECK(t->fd < 0 && !t->closing);
    int fd = sock_open_from(a->sa.sa_family, source);
    if (fd < 0) {
        t->connect_err = fd;
        loop_defer(t->loop, &t->task);
        return;
    }
    t->fd = fd;
    t->tx.done = connected;
    op_connect(t->loop, &t->tx, fd, &a->sa, a->len);
}

static void plain_read(struct transport *t)
{
    CHECK(t->fd >= 0 && !t->closing && !t->ended);
    t->reading = true;
    op_recv(t->loop, &t->rx, t->fd);
}

static void plain_read_large(struct transport *t)
{
    CHECK(t->fd >= 0 && !t->closing && !t->ended);
    t->reading = true;
    op_recv_large(t->loop, &t->rx, t->fd);
}

static void plain_send(struct transport *t, struct iovec *iov, unsigned count)
{
    CHECK(t->fd >= 0 && !t->closing && !t->sending && count > 0);
    t->sending = true;
    t->sent_bytes = 0;
    if (unlikely(t->non_blocking))
        splice_unprepare(t->fd);
    t->non_blocking = false;
    t->msg.msg_iov = iov;
    t->msg.msg_iovlen = count;
    start_send(t);
}

static void plain_shutdown_write(struct transport *t)
{
    CHECK(t->fd >= 0 && !t->closing && !t->sending);
    sock_shutdown_write(t->fd);
}

static void plain_close(struct transport *t, bool reset)
{
    CHECK(!t->closing);
    t->closing = true;
    t->reset = reset;
    op_cancel(t->loop, &t->rx);
    op_cancel(t->loop, &t->tx);
    if (!op_busy(&t->rx) && !op_busy(&t->tx))
        loop_defer(t->loop, &t->task);
}

static const struct transport_ops plain_ops = {
    .connect = plain_connect,
    .read = plain_read,
    .read_large = plain_read_large,
    .send = plain_send,
    .shutdown_write = plain_shutdown_write,
    .close = plain_close,
};

void transport_init_plain(struct transport *t, struct loop *l, const struct transport_user *user,
                          int fd)
{
    *t = (struct transport){ .ops = &plain_ops, .user = user, .loop = l, .fd = fd };
    op_init(&t->rx, received);
    op_init(&t->tx, sent);
    t->task.run = run_deferred;
}

void transport_init_plain_client(struct transport *t, struct loop *l,
                                 const struct transport_user *user)
{
    transport_init_plain(t, l, user, -1);
}

/* --- of all transports --- */

bool transport_stop(struct transport *t)
{
    CHECK(!t->closing && !t->sending);
    if (!op_busy(&t->rx) && !op_busy(&t->tx) && !t->task.queued)
        return true;
    t->stopping = true;
    op_cancel(t->loop, &t->rx);
    return false;
}

void transport_move(struct transport *to, struct transport *from, const struct transport_user *user)
{
    CHECK(!op_busy(&from->rx) && !op_busy(&from->tx) && !from->task.queued && !from->closing);
    *to = *from;
    to->user = user;
    from->fd = -1;
    from->tls = NULL;
    if (to->ops->moved)
        to->ops->moved(to);
}
