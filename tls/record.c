/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "tls/session.h"

/* After a pause the first bytes go out in records that fill one packet, so that the peer can use
 * each as it arrives; later ones are as large as they may be, which costs least. The sum is about
 * what TCP sends before the first acknowledgement. */
#define SMALL_RECORD_BYTES 1300
#define SMALL_RECORDS_BYTES (10 * SMALL_RECORD_BYTES)
#define PAUSE_NS UINT64_C(1000000000)
#define RECORD_BYTES_MAX 16384
/* Header, nonce, content type and tag of any cipher we speak. */
#define RECORD_OVERHEAD_MAX 32
/* Pieces smaller than this are copied together into one record. */
#define GATHER_BYTES 4096
/* Never used by data, so that an alert or an answer to a key update has room. */
#define OUT_SPARE_BYTES 1024

int tls_io_receive(WOLFSSL *ssl, char *into, int bytes, void *session)
{
    (void)ssl;
    struct tls_session *s = session;
    if (s->in.len == 0)
        return WOLFSSL_CBIO_ERR_WANT_READ;
    uint32_t n = s->in.len < (uint32_t)bytes ? s->in.len : (uint32_t)bytes;
    memcpy(into, s->in.buf->data + s->in.off, n);
    s->in.off += n;
    s->in.len -= n;
    if (s->in.len == 0) {
        buf_unref(s->in.buf);
        s->in.buf = NULL;
    }
    return (int)n;
}

static uint32_t out_room(const struct tls_session *s)
{
    uint32_t room = (TLS_OUT_BUFFERS - s->out_count) * BUFFER_BYTES;
    return s->out_count ? room + BUFFER_BYTES - s->out_end : room;
}

int tls_io_send(WOLFSSL *ssl, char *from, int bytes, void *session)
{
    (void)ssl;
    struct tls_session *s = session;
    uint32_t left = (uint32_t)bytes;
    while (left > 0) {
        if (s->out_count == 0 || s->out_end == BUFFER_BYTES) {
            struct buf *b = s->out_count < TLS_OUT_BUFFERS ? buf_take(&s->t->loop->bufs) : NULL;
            if (!b) {
                s->no_room = s->out_count < TLS_OUT_BUFFERS;
                break;
            }
            s->out[s->out_count++] = b;
            s->out_end = 0;
        }
        uint32_t room = BUFFER_BYTES - s->out_end, n = left < room ? left : room;
        memcpy(s->out[s->out_count - 1]->data + s->out_end, from, n);
        s->out_end += n;
        from += n;
        left -= n;
    }
    uint32_t taken = (uint32_t)bytes - left;
    return taken ? (int)taken : WOLFSSL_CBIO_ERR_WANT_WRITE;
}

/* --- sending --- */

void tls_out_start(struct tls_session *s)
{
    struct transport *t = s->t;
    CHECK(s->out_count > 0);
    t->send_progress_ns = t->loop->now_ns;
    for (uint32_t i = 0; i < s->out_count; i++) {
        uint32_t from = i == 0 ? s->out_start : 0;
        uint32_t to = i + 1 == s->out_count ? s->out_end : BUFFER_BYTES;
        s->out_iov[i] = (struct iovec){ s->out[i]->data + from, to - from };
    }
    if (s->out_count == 1) {
        op_send(t->loop, &t->tx, t->fd, s->out_iov[0].iov_base, (uint32_t)s->out_iov[0].iov_len);
        return;
    }
    s->out_msg = (struct msghdr){ .msg_iov = s->out_iov, .msg_iovlen = s->out_count };
    op_sendmsg(t->loop, &t->tx, t->fd, &s->out_msg);
}

void tls_out_sent(struct tls_session *s, uint32_t bytes)
{
    if (bytes > 0) {
        s->t->sent_bytes += s->batch_bytes;
        s->batch_bytes = 0;
    }
    uint32_t first = 0;
    s->out_start += bytes;
    while (first < s->out_count) {
        bool last = first + 1 == s->out_count;
        if (s->out_start < (last ? s->out_end : BUFFER_BYTES))
            break;
        s->out_start -= last ? s->out_end : BUFFER_BYTES;
        buf_unref(s->out[first++]);
    }
    s->out_count -= first;
    memmove(s->out, s->out + first, s->out_count * sizeof(struct buf *));
    CHECK(s->out_count > 0 || s->out_start == 0);
}

void tls_out_drop(struct tls_session *s)
{
    for (uint32_t i = 0; i < s->out_count; i++)
        buf_unref(s->out[i]);
    s->out_count = s->out_start = s->out_end = 0;
}

static uint32_t record_limit(struct tls_session *s)
{
    uint64_t now_ns = s->t->loop->now_ns;
    if (now_ns - s->last_write_ns > PAUSE_NS)
        s->small_left = SMALL_RECORDS_BYTES;
    s->last_write_ns = now_ns;
    return s->small_left ? SMALL_RECORD_BYTES : RECORD_BYTES_MAX;
}

/* The bytes of the next record: in place, or copied together when the first piece is small. */
static const void *next_bytes(const struct msghdr *msg, uint32_t limit,
                              uint8_t scratch[GATHER_BYTES], uint32_t *bytes)
{
    const struct iovec *iov = msg->msg_iov;
    if (iov->iov_len >= limit || iov->iov_len >= GATHER_BYTES || msg->msg_iovlen == 1) {
        *bytes = iov->iov_len < limit ? (uint32_t)iov->iov_len : limit;
        return iov->iov_base;
    }
    uint32_t max = limit < GATHER_BYTES ? limit : GATHER_BYTES, have = 0;
    for (size_t i = 0; i < msg->msg_iovlen && have < max; i++) {
        size_t n = iov[i].iov_len < max - have ? iov[i].iov_len : max - have;
        memcpy(scratch + have, iov[i].iov_base, n);
        have += (uint32_t)n;
    }
    *bytes = have;
    return scratch;
}

static void consume(struct msghdr *msg, size_t bytes)
{
    while (msg->msg_iovlen > 0 && bytes >= msg->msg_iov->iov_len) {
        bytes -= msg->msg_iov->iov_len;
        msg->msg_iov++;
        msg->msg_iovlen--;
    }
    if (msg->msg_iovlen > 0) {
        msg->msg_iov->iov_base = (char *)msg->msg_iov->iov_base + bytes;
        msg->msg_iov->iov_len -= bytes;
    }
}

bool tls_encrypt(struct tls_session *s)
{
    uint8_t scratch[GATHER_BYTES];
    struct msghdr *msg = &s->t->msg;
    while (msg->msg_iovlen > 0) {
        uint32_t room = out_room(s), limit = record_limit(s), bytes;
        if (room <= OUT_SPARE_BYTES + RECORD_OVERHEAD_MAX + SMALL_RECORD_BYTES)
            break;
        if (limit > room - OUT_SPARE_BYTES - RECORD_OVERHEAD_MAX)
            limit = room - OUT_SPARE_BYTES - RECORD_OVERHEAD_MAX;
        const void *from = next_bytes(msg, limit, scratch, &bytes);
        int n = bytes ? wolfSSL_write(s->ssl, from, (int)bytes) : 0;
        if (n != (int)bytes) {
            s->failure = s->no_room ? TLS_MEMORY : tls_failure_of(wolfSSL_get_error(s->ssl, n));
            return false;
        }
        consume(msg, bytes);
        s->batch_bytes += bytes;
        s->small_left -= bytes < s->small_left ? bytes : s->small_left;
    }
    return true;
}

/* --- receiving --- */

struct buf_slice tls_decrypt(struct tls_session *s, int *rc)
{
    if (s->peer_ended) {
        *rc = WOLFSSL_ERROR_ZERO_RETURN;
        return (struct buf_slice){ 0 };
    }
    struct buf_slice plain = { buf_take(&s->t->loop->bufs), 0, 0 };
    *rc = 0;
    if (!plain.buf) {
        *rc = MEMORY_E;
        return plain;
    }
    s->more_inside = true;
    while (plain.len < BUFFER_BYTES) {
        int n = wolfSSL_read(s->ssl, plain.buf->data + plain.len, (int)(BUFFER_BYTES - plain.len));
        if (n <= 0) {
            *rc = wolfSSL_get_error(s->ssl, n);
            s->more_inside = *rc != WOLFSSL_ERROR_WANT_READ;
            s->peer_ended = *rc == WOLFSSL_ERROR_ZERO_RETURN;
            break;
        }
        plain.len += (uint32_t)n;
    }
    return plain;
}
