/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cancelling: every kind of operation, at every moment. */
#include <poll.h>
#include <sys/eventfd.h>

#include "tests/unit/ring/ring_test.h"

/* What keeps an op of each kind in flight. */
struct fixture {
    int pair[2]; /* nothing to read and no room to write at [0] */
    int listener;
    int full_listener, queued; /* a queue that is full: further connections get no answer */
    struct addr full_at;
    int connecting;
    int event;   /* an eventfd at 0 */
    int pipe[2]; /* full */
    char bytes[4096];
    struct iovec iov;
    struct msghdr msg;
};

static void fill_up(int fd)
{
    static const char zeros[65536];
    int flags = fcntl(fd, F_GETFL);
    set_nonblocking(fd);
    while (write(fd, zeros, sizeof zeros) > 0 || write(fd, zeros, 1) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

static void fixture_init(struct fixture *f)
{
    struct addr any = loopback(0), at;
    *f = (struct fixture){ 0 };
    tcp_pair(f->pair);
    fill_up(f->pair[0]);
    f->listener = listen_any(&at);
    f->full_listener = sock_listen(&any, 0, 0, &f->full_at);
    assert_true(f->full_listener >= 0);
    f->queued = connect_to(&f->full_at);
    f->connecting = sock_open(AF_INET);
    f->event = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(pipe2(f->pipe, O_CLOEXEC), 0);
    fill_up(f->pipe[1]);
    f->iov = (struct iovec){ f->bytes, sizeof f->bytes };
    f->msg = (struct msghdr){ .msg_iov = &f->iov, .msg_iovlen = 1 };
}

static void fixture_end(struct fixture *f)
{
    close_pair(f->pair);
    close_pair(f->pipe);
    close(f->listener);
    close(f->full_listener);
    close(f->queued);
    close(f->connecting);
    close(f->event);
}

static void start(struct loop *l, struct op *op, enum op_kind kind, struct fixture *f)
{
    switch (kind) {
    case OP_RECV:
        return op_recv(l, op, f->pair[0]);
    case OP_SEND:
        return op_send(l, op, f->pair[0], f->bytes, sizeof f->bytes);
    case OP_SENDMSG:
        return op_sendmsg(l, op, f->pair[0], &f->msg);
    case OP_ACCEPT:
        return op_accept(l, op, f->listener);
    case OP_CONNECT: /* a socket tries once */
        close(f->connecting);
        f->connecting = sock_open(AF_INET);
        return op_connect(l, op, f->connecting, &f->full_at.sa, f->full_at.len);
    case OP_POLL:
        return op_poll(l, op, f->pair[0], POLLIN);
    case OP_READ:
        return op_read(l, op, f->event, f->bytes, 8);
    case OP_WRITE:
        return op_write(l, op, f->pipe[1], f->bytes, sizeof f->bytes);
    case OP_SPLICE_IN:  /* test_splice.c has both */
    case OP_SPLICE_OUT: /* */
    case OP_NONE:
        break;
    }
    fail();
}

static void each_kind_can_be_cancelled(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct fixture f;
    struct seen s;
    fixture_init(&f);
    seen_init(&s);
    for (enum op_kind kind = OP_RECV; kind <= OP_WRITE; kind++) {
        /* in the turn that started it, and when the kernel knows it well */
        for (int turns = 0; turns < 3; turns++) {
            s.completions = 0;
            start(l, &s.op, kind, &f);
            for (int i = 0; i < turns; i++)
                loop_turn(l, 0);
            assert_int_equal(s.completions, 0);
            op_cancel(l, &s.op);
            op_cancel(l, &s.op);
            assert_int_equal(s.completions, 0); /* never nested */
            TURN_UNTIL(l, !op_busy(&s.op));
            loop_turn(l, 0);
            assert_int_equal(s.completions, 1);
            assert_int_equal(s.res, -ECANCELED);
        }
    }
    op_cancel(l, &s.op); /* idle: without effect */
    loop_turn(l, 0);
    assert_int_equal(s.completions, 1);
    fixture_end(&f);
    loop_destroy(l);
}

/* Everything is ready before the kernel sees operation and cancellation, in this order. */
static void a_cancellation_that_comes_too_late_changes_nothing(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct fixture f;
    char drain[65536];
    fixture_init(&f);
    set_nonblocking(f.pair[1]);
    set_nonblocking(f.pipe[0]);
    while (read(f.pair[1], drain, sizeof drain) > 0 || read(f.pipe[0], drain, sizeof drain) > 0)
        ;
    assert_int_equal(write(f.pair[1], "abc", 3), 3);
    eventfd_write(f.event, 1);
    close(accept4(f.full_listener, NULL, NULL, SOCK_CLOEXEC));
    static const enum op_kind kinds[] = {
        OP_POLL, OP_RECV, OP_SEND, OP_SENDMSG, OP_READ, OP_WRITE
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct seen s;
        seen_init(&s);
        start(l, &s.op, kinds[i], &f);
        op_cancel(l, &s.op);
        TURN_UNTIL(l, !op_busy(&s.op));
        loop_turn(l, 0);
        assert_int_equal(s.completions, 1);
        assert_true(s.res > 0);
        buf_unref(s.buf);
        /* and the op is as new: a cancellation does not stick to it */
        if (kinds[i] != OP_SEND)
            continue;
        start(l, &s.op, kinds[i], &f);
        TURN_UNTIL(l, s.completions == 2);
        assert_true(s.res > 0);
    }
    fixture_end(&f);
    loop_destroy(l);
}

struct chain {
    struct op op;
    struct loop *loop;
    struct op *other;
    int fd;
    unsigned completions;
};

static void cancel_other_and_start_again(struct op *op, struct op_result result)
{
    struct chain *c = container_of(op, struct chain, op);
    c->completions++;
    if (result.res == -ECANCELED)
        return;
    assert_int_equal(result.res, 1);
    buf_unref(result.buf);
    op_cancel(c->loop, c->other); /* may have completed in this turn, and be in flight anew */
    op_recv(c->loop, op, c->fd);
}

/* Two ops complete in one turn; the first cancels the second, whose completion lies behind it. */
static void cancelling_what_completes_in_the_same_turn_is_harmless(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    int a[2], b[2];
    struct seen second;
    struct chain first = { .loop = l, .other = &second.op };
    op_init(&first.op, cancel_other_and_start_again);
    seen_init(&second);
    tcp_pair(a);
    tcp_pair(b);
    first.fd = a[0];
    op_recv(l, &first.op, a[0]);
    op_recv(l, &second.op, b[0]);
    assert_int_equal(write(a[1], "1", 1), 1);
    assert_int_equal(write(b[1], "2", 1), 1);
    TURN_UNTIL(l, second.completions == 1);
    assert_int_equal(second.res, 1);
    buf_unref(second.buf);
    assert_int_equal(first.completions, 1);
    op_recv(l, &second.op, b[0]); /* the late cancellation is not for this one */
    loop_turn(l, 0);
    loop_turn(l, 0);
    assert_true(op_busy(&second.op));
    assert_int_equal(write(b[1], "3", 1), 1);
    TURN_UNTIL(l, second.completions == 2);
    assert_int_equal(second.res, 1);
    buf_unref(second.buf);
    op_cancel(l, &first.op);
    TURN_UNTIL(l, !op_busy(&first.op));
    close_pair(a);
    close_pair(b);
    loop_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_can_be_cancelled),
        cmocka_unit_test(a_cancellation_that_comes_too_late_changes_nothing),
        cmocka_unit_test(cancelling_what_completes_in_the_same_turn_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
