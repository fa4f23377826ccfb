/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of a real ring share: loops, pairs of sockets, waiting on events. */
#ifndef SLUICE_TESTS_RING_TEST_H
#define SLUICE_TESTS_RING_TEST_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/ring/loop.h"
#include "core/ring/op.h"
#include "core/ring/sock.h"

/* Only a test that fails waits so long. */
#define PATIENCE_NS UINT64_C(10000000000)

/* Turns until the condition holds. */
#define TURN_UNTIL(loop, cond)                                                                     \
    do {                                                                                           \
        uint64_t until_ns_ = (loop)->now_ns + PATIENCE_NS;                                         \
        while (!(cond)) {                                                                          \
            loop_turn((loop), ms_to_ns(100));                                                      \
            if ((loop)->now_ns > until_ns_)                                                        \
                fail_msg("waited in vain for: %s", #cond);                                         \
        }                                                                                          \
    } while (0)

static inline struct loop *new_loop(struct loop_config config)
{
    char why[512] = "";
    struct loop *l = loop_create(&config, why, sizeof why);
    if (!l)
        fail_msg("%s", why);
    return l;
}

#define FDS_MAX 256

/* An op that remembers what became of it. */
struct seen {
    struct op op;
    unsigned completions;
    int32_t res;
    struct buf *buf;
    bool more;
    int fds[FDS_MAX]; /* accepted */
    unsigned fd_count;
    struct loop *restart; /* not NULL: a receive that is started again on data */
    uint64_t total_bytes;
};

static inline void note(struct op *op, struct op_result result)
{
    struct seen *s = container_of(op, struct seen, op);
    assert_int_equal(op_busy(op), result.more);
    s->completions++;
    s->res = result.res;
    s->buf = result.buf;
    s->more = result.more;
    if (op->kind == OP_ACCEPT && result.res >= 0) {
        assert_true(s->fd_count < FDS_MAX);
        s->fds[s->fd_count++] = result.res;
    }
    if (op->kind == OP_RECV && result.res > 0) {
        assert_non_null(result.buf);
        assert_int_equal(result.buf->refs, 1);
        s->total_bytes += (uint32_t)result.res;
        if (s->restart) {
            buf_unref(result.buf);
            s->buf = NULL;
            op_recv(s->restart, op, op->fd);
        }
    } else {
        assert_null(result.buf);
    }
}

static inline void seen_init(struct seen *s)
{
    *s = (struct seen){ .res = INT32_MIN };
    op_init(&s->op, note);
}

static inline struct addr loopback(uint16_t port)
{
    return (struct addr){
        .len = sizeof(struct sockaddr_in),
        .v4 = { .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr = { htonl(INADDR_LOOPBACK) } },
    };
}

static inline int listen_any(struct addr *bound)
{
    struct addr any = loopback(0);
    int fd = sock_listen(&any, 512, 0, bound);
    assert_true(fd >= 0);
    return fd;
}

static inline int connect_to(const struct addr *a)
{
    int fd = sock_open(a->sa.sa_family);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &a->sa, a->len), 0);
    return fd;
}

/* Two ends of one TCP connection over loopback. */
static inline void tcp_pair(int fds[2])
{
    struct addr at;
    int listener = listen_any(&at);
    fds[0] = connect_to(&at);
    fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fds[1] >= 0);
    close(listener);
}

static inline void close_pair(int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static inline void set_nonblocking(int fd)
{
    assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

/* How many descriptors the process has open. */
static inline unsigned open_fds(void)
{
    unsigned n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

#endif
