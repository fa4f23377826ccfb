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

static void connected(struct op *op, struct op_result result)
{
    struct transport *t = container_of(op, struct transport, tx);
    op->done = sent;
    if (t->closing)
        close_if_joined(t);
    else
        t->user->on_ready(t, result.res);
}

static void plain_connect(struct transport *t, const struct addr *a)
{
    CHECK(t->fd < 0 && !t->closing);
    int fd = sock_open(a->sa.sa_family);
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

static void plain_send(struct transport *t, struct iovec *iov, unsigned count)
{
    CHECK(t->fd >= 0 && !t->closing && !t->sending && count > 0);
    t->sending = true;
    t->sent_bytes = 0;
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
