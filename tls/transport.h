/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The seam between stages and bytes: a connected stream, plain or TLS; the stages cannot tell.
 *
 * Contract:
 *  - Callbacks come from the loop, never from inside a call made on the transport (so no nesting):
 *    from a completion or, with no operation in flight, from a deferred task of the same turn.
 *  - Reading is asked for, one delivery at a time: transport_read() -> one on_data or on_end. Not
 *    asking is back-pressure. on_end comes once; after it nothing is read any more.
 *  - One send at a time: transport_send() -> one on_sent when everything was taken by the kernel,
 *    or failed. The memory stays valid and untouched until then; the iovec array is consumed.
 *  - transport_close(): cancels, joins what is in flight, closes; then on_closed, once, after
 *    which the memory may go. In between no other callback comes. */
#ifndef SLUICE_TLS_TRANSPORT_H
#define SLUICE_TLS_TRANSPORT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/ring/loop.h"
#include "core/ring/op.h"

struct transport;

struct transport_user {
    /* The connection can be used (err 0), or could not be made (-errno): then close it. */
    void (*on_ready)(struct transport *t, int err);
    /* Bytes buf->data[off..off+len), len > 0, with one reference that becomes the user's. */
    void (*on_data)(struct transport *t, struct buf_slice data);
    /* No more bytes will come: err 0 for a clean end of the stream, else -errno. */
    void (*on_end)(struct transport *t, int err);
    /* Bytes that transport_read_pipe() asked for; the pipe is the user's. NULL: there is none to be
     * had, read instead. May be NULL where that is not called. */
    void (*on_piped)(struct transport *t, struct splice_pipe *pipe);
    /* err 0: all was taken. Else -errno; *sent_bytes of the whole were taken before. */
    void (*on_sent)(struct transport *t, int err, uint64_t sent_bytes);
    void (*on_closed)(struct transport *t);
    /* After transport_stop(). May be NULL where that is not called. */
    void (*on_stopped)(struct transport *t);
};

struct transport_ops {
    void (*connect)(struct transport *t, const struct addr *a, const struct addr *source);
    void (*read)(struct transport *t);
    void (*read_large)(struct transport *t); /* NULL: read */
    void (*send)(struct transport *t, struct iovec *iov, unsigned count);
    void (*shutdown_write)(struct transport *t);
    void (*close)(struct transport *t, bool reset);
    void (*moved)(struct transport *t); /* NULL: nothing points to it */
};

struct tls_session;

struct transport {
    const struct transport_ops *ops;
    const struct transport_user *user;
    struct loop *loop;
    struct tls_session *tls; /* NULL: plain */
    int fd;                  /* -1: none (yet) */
    bool reading;            /* a delivery is asked for and has not come */
    bool sending;            /* a send is in flight */
    bool ended;              /* on_end was called: reading again is a CHECK */
    bool closing;            /* transport_close() was called */
    bool reset;              /* ... with RST */
    bool non_blocking;       /* splice_prepare() was called */
    bool stopping;           /* transport_stop() was called */
    bool streamed;           /* no socket is below it, but `stream` of another connection */
    struct op rx;
    struct op tx; /* also the connect */
    struct msghdr msg;
    union {
        struct splice_pipe *pipe; /* what is being sent, in place of msg; the user's */
        void *stream;             /* streamed: its owner */
    };
    uint64_t sent_bytes;       /* of the send in flight */
    uint64_t send_progress_ns; /* when it began, or last got on: for write deadlines */
    struct buf_slice preamble; /* still to be sent before all else; buf NULL: nothing */
    int connect_err;           /* no socket could be had: told by the task */
    struct task task;          /* runs on_closed or on_ready when no op will */
};

/* A plain transport on a connected descriptor (which becomes its own), usable at once: on_ready is
 * not called. */
void transport_init_plain(struct transport *t, struct loop *l, const struct transport_user *user,
                          int fd);

/* A plain transport without a connection: transport_connect() comes next. */
void transport_init_plain_client(struct transport *t, struct loop *l,
                                 const struct transport_user *user);

/* Before transport_connect(): these bytes are sent first, before TLS. The reference becomes the
 * transport's. */
static inline void transport_say_first(struct transport *t, struct buf_slice bytes)
{
    t->preamble = bytes;
}

/* For transports: the connect, or a part of the preamble, was done (a result). True: the next part
 * is being sent by tx, which calls its done again. */
static inline bool transport_preamble(struct transport *t, int32_t res)
{
    struct buf_slice *p = &t->preamble;
    if (!p->buf || res < 0 || t->closing)
        return false;
    p->off += (uint32_t)res;
    p->len -= (uint32_t)res;
    if (p->len == 0) {
        buf_unref(p->buf);
        p->buf = NULL;
        return false;
    }
    op_send(t->loop, &t->tx, t->fd, p->buf->data + p->off, p->len);
    return true;
}

/* Opens a connection; on_ready tells. The address stays valid until then. */
static inline void transport_connect(struct transport *t, const struct addr *a)
{
    t->ops->connect(t, a, NULL);
}

/* The same; source: the address of this machine that it comes from; NULL: the kernel chooses. */
static inline void transport_connect_from(struct transport *t, const struct addr *a,
                                          const struct addr *source)
{
    t->ops->connect(t, a, source);
}

/* Asks for one delivery; without effect when one is asked for already. */
static inline void transport_read(struct transport *t)
{
    if (!t->reading)
        t->ops->read(t);
}

/* The same when the last delivery was all that its buffer holds, so that more is waiting: a large
 * buffer (core/ring/op.h) may be delivered. */
static inline void transport_read_large(struct transport *t)
{
    if (!t->reading)
        (t->ops->read_large ? t->ops->read_large : t->ops->read)(t);
}

static inline void transport_send(struct transport *t, struct iovec *iov, unsigned count)
{
    t->ops->send(t, iov, count);
}

/* Whether the bytes are the socket's own, so that they can go through pipes (core/ring/splice.h):
 * both of the following need it. */
static inline bool transport_can_splice(const struct transport *t)
{
    return !t->tls && !t->streamed;
}

/* As transport_read(), for at most max bytes in a pipe: one on_piped or on_end. */
void transport_read_pipe(struct transport *t, uint32_t max);

/* As transport_send(), of all that is in the pipe, which stays the user's. */
void transport_send_pipe(struct transport *t, struct splice_pipe *pipe);

/* Takes back what transport_read() asked for. True: nothing is in flight any more. False: what had
 * already come is delivered (on_data, on_end), or else on_stopped is called; either is soon. */
bool transport_stop(struct transport *t);

/* For transports: whether what has come in (a result) is the end of what transport_stop() waits
 * for; else it is to be delivered. */
static inline bool transport_stopped(struct transport *t, int32_t res)
{
    bool stopped = t->stopping && res == -ECANCELED;
    t->stopping = false;
    return stopped;
}

/* Moves a connection that has nothing in flight to another place and another user. `from` is not
 * to be used any more, nor to be closed. */
void transport_move(struct transport *to, struct transport *from,
                    const struct transport_user *user);

/* Says that nothing more will be sent (FIN; with TLS, close_notify before it). No send in flight.
 */
static inline void transport_shutdown_write(struct transport *t)
{
    t->ops->shutdown_write(t);
}

static inline void transport_close(struct transport *t, bool reset)
{
    t->ops->close(t, reset);
}

#endif
