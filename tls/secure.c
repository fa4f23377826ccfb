/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The transport with TLS: wolfSSL between the user and the socket's operations. */
#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/ring/sock.h"
#include "tls/session.h"

#define CLOSE_NS UINT64_C(5000000000)

void tls_session_free(struct tls_session *s)
{
    struct tls_worker *w = s->w;
    list_remove(&s->pending);
    wolfSSL_free(s->ssl);
    tls_peer_free(s->peer);
    buf_unref(s->in.buf);
    tls_out_drop(s);
    tls_context_unref(s->context);
    s->t->tls = NULL;
    slab_give(&w->sessions, s);
}

static void close_if_joined(struct transport *t)
{
    if (op_busy(&t->rx) || op_busy(&t->tx) || t->task.queued)
        return;
    timer_remove(&t->loop->timers, &t->tls->close_timer);
    if (t->fd >= 0)
        sock_close(t->fd, t->reset);
    t->fd = -1;
    buf_unref(t->preamble.buf);
    tls_session_free(t->tls);
    t->user->on_closed(t);
}

void tls_flush(struct tls_session *s)
{
    if (!tls_out_empty(s) && !op_busy(&s->t->tx))
        tls_out_start(s);
}

void tls_wait(struct tls_session *s)
{
    struct transport *t = s->t;
    tls_flush(s);
    if (!op_busy(&t->rx))
        op_recv(t->loop, &t->rx, t->fd);
}

void tls_session_fail(struct tls_session *s, enum tls_failure why, int cause)
{
    list_remove(&s->pending); /* what had come before does not matter any more */
    s->state = SESSION_FAILED;
    s->failure = (uint8_t)why;
    s->err = cause ? cause : tls_failure_err(why);
    s->w->failed++;
    tls_flush(s);
}

/* --- reading --- */

static void end(struct transport *t, int err)
{
    t->stopping = false;
    t->reading = false;
    t->ended = true;
    t->user->on_end(t, err);
}

/* TLS 1.3 sends its ticket after the handshake: with the first answer it has come. */
static void keep_session(struct tls_session *s)
{
    bool kept = tls_resume_keep(s->resume, s->name, s->ssl, s->offered);
    s->resume_tries = kept ? 0 : s->resume_tries - 1;
}

static void deliver(struct tls_session *s)
{
    struct transport *t = s->t;
    int rc;
    struct buf_slice plain = tls_decrypt(s, &rc);
    if (likely(plain.len > 0)) {
        if (unlikely(s->resume_tries))
            keep_session(s);
        t->reading = t->stopping = false;
        t->user->on_data(t, plain);
        return;
    }
    buf_unref(plain.buf);
    if (rc == WOLFSSL_ERROR_WANT_READ && t->stopping) {
        t->stopping = t->reading = false;
        t->user->on_stopped(t);
    } else if (rc == WOLFSSL_ERROR_WANT_READ) {
        tls_wait(s);
    } else if (rc == WOLFSSL_ERROR_ZERO_RETURN) {
        end(t, 0);
    } else {
        tls_session_fail(s, s->no_room ? TLS_MEMORY : tls_failure_of(rc), 0);
        end(t, s->err);
    }
}

/* A ClientHello may come in several pieces; they are kept together in the first one's buffer. */
static bool keep(struct tls_session *s, struct buf *b, uint32_t bytes)
{
    if (s->in.len == 0) {
        s->in = (struct buf_slice){ b, 0, bytes };
        return true;
    }
    bool fits = bytes <= BUFFER_BYTES - s->in.off - s->in.len;
    if (fits) {
        memcpy(s->in.buf->data + s->in.off + s->in.len, b->data, bytes);
        s->in.len += bytes;
    }
    buf_unref(b);
    return fits;
}

static void received(struct op *op, struct op_result result)
{
    struct transport *t = container_of(op, struct transport, rx);
    struct tls_session *s = t->tls;
    if (unlikely(t->closing)) {
        buf_unref(result.buf);
        close_if_joined(t);
        return;
    }
    if (unlikely(t->stopping) && result.res == -ECANCELED) {
        t->stopping = t->reading = false;
        t->user->on_stopped(t);
        return;
    }
    bool open = s->state == SESSION_OPEN;
    if (unlikely(s->state == SESSION_FAILED)) {
        buf_unref(result.buf);
        if (t->reading)
            end(t, s->err);
    } else if (unlikely(result.res <= 0)) {
        tls_session_fail(s, result.res ? TLS_SOCKET : TLS_TRUNCATED, result.res);
        if (open)
            end(t, s->err);
        else
            t->user->on_ready(t, s->err);
    } else if (unlikely(!keep(s, result.buf, (uint32_t)result.res))) {
        tls_session_fail(s, TLS_BAD_HANDSHAKE, 0);
        t->user->on_ready(t, s->err);
    } else if (likely(open)) {
        deliver(s);
    } else {
        tls_handshake_due(s);
    }
}

/* --- sending --- */

static void told_sent(struct transport *t, int err)
{
    t->sending = false;
    t->user->on_sent(t, err, t->sent_bytes);
}

static void send_failed(struct tls_session *s, int err)
{
    struct transport *t = s->t;
    tls_out_drop(s);
    if (t->sending) {
        told_sent(t, err);
    } else if (s->state == SESSION_HANDSHAKE) {
        tls_session_fail(s, TLS_SOCKET, err);
        t->user->on_ready(t, err);
    }
    /* Else nobody waits for it; the receiving side tells. */
}

/* All that waited is sent. */
static void drained(struct tls_session *s)
{
    struct transport *t = s->t;
    if (s->state == SESSION_HANDSHAKE && s->handshake_blocked) {
        s->handshake_blocked = false;
        tls_handshake_due(s);
    } else if (t->sending && t->msg.msg_iovlen == 0) {
        told_sent(t, 0);
    } else if (t->sending && s->state == SESSION_OPEN && tls_encrypt(s)) {
        tls_out_start(s);
    } else if (t->sending) {
        if (s->state == SESSION_OPEN)
            tls_session_fail(s, (enum tls_failure)s->failure, 0);
        told_sent(t, s->err);
    } else if (s->fin_after) {
        sock_shutdown_write(t->fd);
    }
}

static void sent(struct op *op, struct op_result result)
{
    struct transport *t = container_of(op, struct transport, tx);
    struct tls_session *s = t->tls;
    if (result.res > 0)
        tls_out_sent(s, (uint32_t)result.res);
    if (unlikely(t->closing)) {
        bool more = result.res > 0 && !tls_out_empty(s) && s->last_words;
        t->sending = false;
        if (more)
            tls_out_start(s);
        else
            close_if_joined(t);
    } else if (unlikely(result.res < 0)) {
        send_failed(s, result.res);
    } else if (!tls_out_empty(s)) {
        tls_out_start(s);
    } else {
        drained(s);
    }
}

/* --- what happens outside of a completion --- */

static void run_deferred(struct task *task)
{
    struct transport *t = container_of(task, struct transport, task);
    struct tls_session *s = t->tls;
    if (t->closing) {
        close_if_joined(t);
        return;
    }
    if (s->state == SESSION_TCP) {
        t->user->on_ready(t, t->connect_err);
        return;
    }
    if (t->sending && !op_busy(&t->tx))
        told_sent(t, s->err);
    if (!t->reading || t->closing || op_busy(&t->rx))
        return;
    if (s->state == SESSION_FAILED)
        end(t, s->err);
    else
        deliver(s);
}

static void connected(struct op *op, struct op_result result)
{
    struct transport *t = container_of(op, struct transport, tx);
    struct tls_session *s = t->tls;
    if (transport_preamble(t, result.res))
        return;
    op->done = sent;
    if (t->closing) {
        close_if_joined(t);
    } else if (result.res < 0) {
        tls_session_fail(s, TLS_CONNECT, result.res);
        t->user->on_ready(t, result.res);
    } else {
        s->state = SESSION_HANDSHAKE;
        tls_handshake_due(s);
    }
}

/* --- the transport's operations --- */

static void tls_connect(struct transport *t, const struct addr *a, const struct addr *source)
{
    CHECK(t->fd < 0 && !t->closing && t->tls->state == SESSION_TCP);
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

static void tls_read(struct transport *t)
{
    struct tls_session *s = t->tls;
    CHECK(t->fd >= 0 && !t->closing && !t->ended && s->state >= SESSION_OPEN);
    t->reading = true;
    if (s->in.len > 0 || s->more_inside || s->state == SESSION_FAILED)
        loop_defer(t->loop, &t->task);
    else
        tls_wait(s);
}

static void tls_send(struct transport *t, struct iovec *iov, unsigned count)
{
    struct tls_session *s = t->tls;
    CHECK(t->fd >= 0 && !t->closing && !t->sending && count > 0 && s->state >= SESSION_OPEN);
    t->sending = true;
    t->sent_bytes = 0;
    s->batch_bytes = 0;
    t->msg.msg_iov = iov;
    t->msg.msg_iovlen = count;
    t->send_progress_ns = t->loop->now_ns;
    if (s->state == SESSION_OPEN && !tls_encrypt(s))
        tls_session_fail(s, (enum tls_failure)s->failure, 0);
    if (s->state == SESSION_OPEN)
        tls_flush(s);
    if (!op_busy(&t->tx))
        loop_defer(t->loop, &t->task);
}

static void tls_shutdown_write(struct transport *t)
{
    struct tls_session *s = t->tls;
    CHECK(t->fd >= 0 && !t->closing && !t->sending);
    s->fin_after = true;
    if (s->state == SESSION_OPEN)
        wolfSSL_shutdown(s->ssl);
    if (tls_out_empty(s))
        sock_shutdown_write(t->fd);
    else
        tls_flush(s);
}

static void on_close_timer(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    struct tls_session *s = container_of(timer, struct tls_session, close_timer);
    s->last_words = false;
    op_cancel(s->t->loop, &s->t->tx);
}

/* Without its close_notify the other side could not know that it has all: it, or an alert, is given
 * some time to leave, so that a peer who does not read holds nothing up for long. */
static void tls_close(struct transport *t, bool reset)
{
    struct tls_session *s = t->tls;
    CHECK(!t->closing);
    t->closing = true;
    t->reset = reset;
    list_remove(&s->pending);
    bool may_send = !reset && s->state >= SESSION_OPEN && !t->sending;
    if (may_send && s->state == SESSION_OPEN && !s->fin_after)
        wolfSSL_shutdown(s->ssl);
    if (may_send)
        tls_flush(s);
    op_cancel(t->loop, &t->rx);
    s->last_words = may_send && op_busy(&t->tx);
    if (s->last_words)
        loop_timer_set(t->loop, &s->close_timer, t->loop->now_ns + CLOSE_NS);
    else
        op_cancel(t->loop, &t->tx);
    if (!op_busy(&t->rx) && !op_busy(&t->tx))
        loop_defer(t->loop, &t->task);
}

static void tls_moved(struct transport *t)
{
    t->tls->t = t;
}

const struct transport_ops tls_transport_ops = {
    .connect = tls_connect,
    .read = tls_read,
    .send = tls_send,
    .shutdown_write = tls_shutdown_write,
    .close = tls_close,
    .moved = tls_moved,
};

void tls_session_init_ops(struct tls_session *s)
{
    struct transport *t = s->t;
    op_init(&t->rx, received);
    op_init(&t->tx, sent);
    t->task.run = run_deferred;
    timer_init(&s->close_timer, on_close_timer);
}
