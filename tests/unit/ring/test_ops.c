/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every operation on real sockets: what it answers, how it is cancelled. */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/un.h>

#include "tests/unit/ring/ring_test.h"

static void receives_data_then_the_end(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen s;
    int fds[2];
    seen_init(&s);
    tcp_pair(fds);
    op_recv(l, &s.op, fds[0]);
    assert_int_equal(s.completions, 0);
    assert_int_equal(loop_ops_in_flight(l), 1);
    assert_int_equal(write(fds[1], "hello", 5), 5);
    TURN_UNTIL(l, s.completions == 1);
    assert_int_equal(s.res, 5);
    assert_memory_equal(s.buf->data, "hello", 5);
    buf_unref(s.buf);
    op_recv(l, &s.op, fds[0]);
    close(fds[1]);
    TURN_UNTIL(l, s.completions == 2);
    assert_int_equal(s.res, 0);
    assert_int_equal(loop_ops_in_flight(l), 0);
    close(fds[0]);
    loop_destroy(l);
}

static void a_reset_by_the_peer_is_an_error(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen rx, tx;
    int fds[2];
    seen_init(&rx);
    seen_init(&tx);
    tcp_pair(fds);
    op_recv(l, &rx.op, fds[0]);
    loop_turn(l, 0);
    sock_close(fds[1], true);
    TURN_UNTIL(l, rx.completions == 1);
    assert_int_equal(rx.res, -ECONNRESET);
    op_send(l, &tx.op, fds[0], "x", 1);
    TURN_UNTIL(l, tx.completions == 1);
    assert_int_equal(tx.res, -EPIPE); /* and no SIGPIPE */
    close(fds[0]);
    loop_destroy(l);
}

static void a_full_socket_takes_a_part(void **state)
{
    (void)state;
    enum { BYTES = 32 * 1024 * 1024 };
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen one, two;
    int fds[2];
    char *bytes = calloc(1, BYTES);
    seen_init(&one);
    seen_init(&two);
    tcp_pair(fds);
    op_send(l, &one.op, fds[0], bytes, BYTES);
    TURN_UNTIL(l, one.completions == 1);
    assert_true(one.res > 0 && one.res < BYTES);

    struct iovec iov[2] = { { bytes, BYTES / 2 }, { bytes, BYTES / 2 } };
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
    op_sendmsg(l, &two.op, fds[0], &msg);
    loop_turn(l, ms_to_ns(1));
    assert_int_equal(two.completions, 0); /* it waits: -EAGAIN never surfaces */
    close(fds[1]);
    TURN_UNTIL(l, two.completions == 1);
    assert_true(two.res == -ECONNRESET || two.res == -EPIPE);
    free(bytes);
    close(fds[0]);
    loop_destroy(l);
}

static void sends_what_is_gathered(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen s;
    int fds[2];
    char got[16] = "";
    seen_init(&s);
    tcp_pair(fds);
    struct iovec iov[3] = { { "one ", 4 }, { "two ", 4 }, { "three", 5 } };
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };
    op_sendmsg(l, &s.op, fds[0], &msg);
    TURN_UNTIL(l, s.completions == 1);
    assert_int_equal(s.res, 13);
    assert_int_equal(read(fds[1], got, sizeof got), 13);
    assert_string_equal(got, "one two three");
    close_pair(fds);
    loop_destroy(l);
}

/* Splicing needs O_NONBLOCK on a socket; for the other operations nothing changes. */
static void a_nonblocking_descriptor_makes_no_difference(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen rx, tx;
    int fds[2];
    static char bytes[8 * 1024 * 1024];
    seen_init(&rx);
    seen_init(&tx);
    tcp_pair(fds);
    set_nonblocking(fds[0]);
    op_recv(l, &rx.op, fds[0]);
    loop_turn(l, 0);
    loop_turn(l, 0);
    uint64_t syscalls = loop_syscalls(l);
    loop_turn(l, ms_to_ns(5));
    assert_int_equal(loop_syscalls(l), syscalls + 1);
    assert_int_equal(rx.completions, 0);
    assert_int_equal(write(fds[1], "abc", 3), 3);
    TURN_UNTIL(l, rx.completions == 1);
    assert_int_equal(rx.res, 3);
    buf_unref(rx.buf);

    op_recv(l, &rx.op, fds[0]);
    loop_turn(l, 0);
    loop_turn(l, 0);
    op_cancel(l, &rx.op); /* while a poll stands in for it */
    TURN_UNTIL(l, rx.completions == 2);
    assert_int_equal(rx.res, -ECANCELED);

    do {
        unsigned before = tx.completions;
        op_send(l, &tx.op, fds[0], bytes, sizeof bytes);
        for (int i = 0; i < 3 && tx.completions == before; i++)
            loop_turn(l, ms_to_ns(1));
    } while (!op_busy(&tx.op));
    op_cancel(l, &tx.op);
    TURN_UNTIL(l, !op_busy(&tx.op));
    assert_int_equal(tx.res, -ECANCELED);
    close_pair(fds);
    loop_destroy(l);
}

static void connects_or_says_why_not(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen s;
    struct addr at;
    seen_init(&s);
    int listener = listen_any(&at);
    int fd = sock_open(AF_INET);
    op_connect(l, &s.op, fd, &at.sa, at.len);
    TURN_UNTIL(l, s.completions == 1);
    assert_int_equal(s.res, 0);
    close(fd);
    close(listener);
    fd = sock_open(AF_INET);
    op_connect(l, &s.op, fd, &at.sa, at.len);
    TURN_UNTIL(l, s.completions == 2);
    assert_int_equal(s.res, -ECONNREFUSED);
    close(fd);
    loop_destroy(l);
}

static void a_unix_server_that_accepts_nothing_does_not_block_the_loop(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct addr at = { .un = { .sun_family = AF_UNIX } };
    int name = snprintf(at.un.sun_path + 1, sizeof at.un.sun_path - 1, "sluice-test-%d", getpid());
    at.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)name);
    int listener = sock_listen(&at, 0, 0, NULL);
    assert_true(listener >= 0);
    enum { CLIENTS = 4 };
    struct seen s[CLIENTS];
    int fds[CLIENTS];
    unsigned done = 0;
    for (int i = 0; i < CLIENTS; i++) {
        seen_init(&s[i]);
        fds[i] = sock_open(AF_UNIX);
        op_connect(l, &s[i].op, fds[i], &at.sa, at.len);
    }
    TURN_UNTIL(l, s[0].completions == 1);
    assert_int_equal(s[0].res, 0);
    for (int i = 0; i < CLIENTS; i++)
        op_cancel(l, &s[i].op);
    for (int i = 0; i < CLIENTS; i++) {
        TURN_UNTIL(l, s[i].completions == 1);
        assert_true(s[i].res == 0 || s[i].res == -ECANCELED || s[i].res == -ECONNREFUSED);
        done += s[i].res == 0;
        close(fds[i]);
    }
    assert_true(done < CLIENTS);
    close(listener);
    loop_destroy(l);
}

static void polls_once(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen s;
    int fds[2];
    seen_init(&s);
    tcp_pair(fds);
    op_poll(l, &s.op, fds[0], POLLIN);
    loop_turn(l, 0);
    assert_int_equal(s.completions, 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    TURN_UNTIL(l, s.completions == 1);
    assert_true(s.res & POLLIN);
    assert_false(op_busy(&s.op));
    close_pair(fds);
    loop_destroy(l);
}

static void reads_and_writes_files_at_their_own_position(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen s;
    char got[16] = "";
    FILE *f = tmpfile();
    assert_non_null(f);
    seen_init(&s);
    op_write(l, &s.op, fileno(f), "first ", 6);
    TURN_UNTIL(l, s.completions == 1);
    op_write(l, &s.op, fileno(f), "second", 6);
    TURN_UNTIL(l, s.completions == 2);
    assert_int_equal(s.res, 6);
    assert_int_equal(lseek(fileno(f), 0, SEEK_SET), 0);
    op_read(l, &s.op, fileno(f), got, sizeof got);
    TURN_UNTIL(l, s.completions == 3);
    assert_int_equal(s.res, 12);
    assert_string_equal(got, "first second");
    fclose(f);
    loop_destroy(l);
}

static void accepts_until_cancelled(void **state)
{
    (void)state;
    enum { CLIENTS = 50 };
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen s;
    struct addr at;
    int clients[CLIENTS];
    seen_init(&s);
    int listener = listen_any(&at);
    op_accept(l, &s.op, listener);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = connect_to(&at);
        if (i % 10 == 9)
            TURN_UNTIL(l, s.fd_count == (unsigned)i + 1);
        assert_true(op_busy(&s.op));
    }
    op_cancel(l, &s.op);
    op_cancel(l, &s.op);
    TURN_UNTIL(l, !op_busy(&s.op));
    assert_int_equal(s.res, -ECANCELED);
    assert_int_equal(s.completions, CLIENTS + 1);
    for (int i = 0; i < CLIENTS; i++) {
        assert_true(fcntl(s.fds[i], F_GETFD) & FD_CLOEXEC);
        close(s.fds[i]);
        close(clients[i]);
    }
    close(listener);
    loop_destroy(l);
}

/* A completion queue too small for what is waiting ends a multishot early; nobody notices. */
static void a_multishot_that_ends_early_goes_on(void **state)
{
    (void)state;
    enum { CLIENTS = 100 };
    struct loop *l = new_loop((struct loop_config){ .sq_entries = 2, .cq_entries = 4 });
    struct seen s;
    struct addr at;
    int clients[CLIENTS];
    seen_init(&s);
    int listener = listen_any(&at);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = connect_to(&at);
    op_accept(l, &s.op, listener);
    TURN_UNTIL(l, s.fd_count == CLIENTS);
    assert_true(op_busy(&s.op) && s.more);
    op_cancel(l, &s.op);
    TURN_UNTIL(l, !op_busy(&s.op));
    for (int i = 0; i < CLIENTS; i++) {
        close(s.fds[i]);
        close(clients[i]);
    }
    close(listener);
    loop_destroy(l);
}

static void without_descriptors_accept_says_so_and_can_be_started_again(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen s;
    struct addr at;
    struct rlimit limit, low;
    seen_init(&s);
    int listener = listen_any(&at);
    int client = connect_to(&at);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = (rlim_t)client + 1;
    int lowest = dup(client); /* fills a hole, if there is one below */
    if (lowest >= 0 && lowest < client)
        skip();
    close(lowest);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    op_accept(l, &s.op, listener);
    TURN_UNTIL(l, s.completions == 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(s.res, -EMFILE);
    assert_false(s.more);
    op_accept(l, &s.op, listener);
    TURN_UNTIL(l, s.fd_count == 1); /* the connection was not lost */
    op_cancel(l, &s.op);
    TURN_UNTIL(l, !op_busy(&s.op));
    close(s.fds[0]);
    close(client);
    close(listener);
    loop_destroy(l);
}

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

/* The pool has two buffers, so one is lent to the kernel at a time; both are held for a while. */
static void receives_without_a_buffer_wait_for_one(void **state)
{
    (void)state;
    enum { PAIRS = 20 };
    struct loop *l = new_loop((struct loop_config){ .buffers_max = 2 });
    struct seen s[PAIRS];
    int fds[PAIRS][2];
    unsigned holding = 0, done = 0;
    for (int i = 0; i < PAIRS; i++) {
        seen_init(&s[i]);
        tcp_pair(fds[i]);
        assert_int_equal(write(fds[i][1], &i, sizeof i), (ssize_t)sizeof i);
        op_recv(l, &s[i].op, fds[i][0]);
    }
    while (done < PAIRS) {
        TURN_UNTIL(l, l->bufs.lent == 2 && l->bufs.free == NULL);
        for (int i = 0; i < 3; i++)
            loop_turn(l, 0); /* all that can be received is: the pool is dry */
        holding = 0;
        for (int i = 0; i < PAIRS; i++) {
            if (!s[i].buf)
                continue;
            assert_memory_equal(s[i].buf->data, &i, sizeof i);
            buf_unref(s[i].buf);
            s[i].buf = NULL;
            holding++;
            done++;
        }
        assert_in_range(holding, 1, 2);
    }
    for (int i = 0; i < PAIRS; i++) {
        assert_int_equal(s[i].completions, 1);
        assert_int_equal(s[i].res, (int)sizeof i);
        close_pair(fds[i]);
    }
    loop_destroy(l);
}

/* A waiting receive must get its turn although the only buffer lies with the kernel for another
 * one, which has nothing to receive. */
static void an_idle_receive_does_not_starve_a_waiting_one(void **state)
{
    (void)state;
    enum { PAIRS = 8 };
    struct loop *l = new_loop((struct loop_config){ .buffers_max = 1 });
    struct seen s[PAIRS];
    int fds[PAIRS][2];
    struct buf *held = NULL;
    for (int i = 0; i < PAIRS; i++) {
        seen_init(&s[i]);
        tcp_pair(fds[i]);
    }
    assert_int_equal(write(fds[0][1], "x", 1), 1);
    op_recv(l, &s[0].op, fds[0][0]);
    TURN_UNTIL(l, s[0].completions == 1);
    held = s[0].buf;
    for (int i = 1; i < PAIRS; i++) /* each finds no buffer */
        op_recv(l, &s[i].op, fds[i][0]);
    for (int i = 1; i < PAIRS; i++)
        assert_int_equal(write(fds[i][1], "x", 1), 1);
    TURN_UNTIL(l, s[PAIRS - 1].op.state == OP_STARVED);
    for (int i = 1; i < PAIRS - 1; i++) { /* the last one alone keeps its byte */
        char c;
        assert_int_equal(recv(fds[i][0], &c, 1, 0), 1);
    }
    buf_unref(held);
    TURN_UNTIL(l, s[PAIRS - 1].completions == 1);
    buf_unref(s[PAIRS - 1].buf);
    for (int i = 1; i < PAIRS - 1; i++)
        op_cancel(l, &s[i].op);
    TURN_UNTIL(l, loop_ops_in_flight(l) == 0);
    for (int i = 0; i < PAIRS; i++)
        close_pair(fds[i]);
    loop_destroy(l);
}

static void a_receive_that_waits_for_a_buffer_can_be_cancelled(void **state)
{
    (void)state;
    enum { PAIRS = 6 };
    struct loop *l = new_loop((struct loop_config){ .buffers_max = 1 });
    struct seen s[PAIRS];
    int fds[PAIRS][2];
    for (int i = 0; i < PAIRS; i++) {
        seen_init(&s[i]);
        tcp_pair(fds[i]);
        assert_int_equal(write(fds[i][1], "x", 1), 1);
        op_recv(l, &s[i].op, fds[i][0]);
    }
    TURN_UNTIL(l, s[0].completions == 1);
    for (int i = 1; i < PAIRS; i++) {
        TURN_UNTIL(l, s[i].op.state == OP_STARVED);
        if (i % 2)
            op_cancel(l, &s[i].op);
        assert_int_equal(s[i].completions, 0);
    }
    TURN_UNTIL(l, !op_busy(&s[1].op) && !op_busy(&s[3].op) && !op_busy(&s[5].op));
    for (int i = 1; i < PAIRS; i += 2)
        assert_int_equal(s[i].res, -ECANCELED);
    assert_int_equal(loop_ops_in_flight(l), 2);
    buf_unref(s[0].buf);
    for (int i = 2; i < PAIRS; i += 2) {
        TURN_UNTIL(l, s[i].completions == 1);
        assert_int_equal(s[i].res, 1);
        buf_unref(s[i].buf);
    }
    for (int i = 0; i < PAIRS; i++)
        close_pair(fds[i]);
    loop_destroy(l);
}

/* Lent to the kernel are as many buffers as turns use, not more: they grow cold there. */
static void the_kernel_holds_as_many_buffers_as_are_used(void **state)
{
    (void)state;
    enum { PAIRS = 200 };
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen *s = calloc(PAIRS, sizeof *s);
    int fds[PAIRS][2];
    loop_turn(l, 0);
    uint32_t at_first = l->bufs.lent;
    for (int i = 0; i < PAIRS; i++) {
        seen_init(&s[i]);
        tcp_pair(fds[i]);
        assert_int_equal(write(fds[i][1], "x", 1), 1);
        op_recv(l, &s[i].op, fds[i][0]);
    }
    TURN_UNTIL(l, loop_ops_in_flight(l) == 0);
    for (int i = 0; i < PAIRS; i++) {
        assert_int_equal(s[i].res, 1);
        buf_unref(s[i].buf);
    }
    loop_turn(l, 0);
    assert_true(l->bufs.lent >= 2 * at_first);

    s[0].restart = l;
    op_recv(l, &s[0].op, fds[0][0]);
    uint64_t until = l->turns + 20000;
    while (l->bufs.lent > at_first && l->turns < until) {
        assert_int_equal(write(fds[0][1], "x", 1), 1);
        loop_turn(l, ms_to_ns(100));
    }
    assert_int_equal(l->bufs.lent, at_first);
    op_cancel(l, &s[0].op);
    TURN_UNTIL(l, loop_ops_in_flight(l) == 0);
    buf_unref(s[0].buf);
    for (int i = 0; i < PAIRS; i++)
        close_pair(fds[i]);
    free(s);
    loop_destroy(l);
}

/* Far more operations than either queue has places, all of which can complete at once. */
static void full_queues_lose_nothing(void **state)
{
    (void)state;
    enum { OPS = 1000 };
    struct loop *l = new_loop((struct loop_config){ .sq_entries = 4, .cq_entries = 8 });
    struct seen *s = calloc(OPS, sizeof *s);
    int event = eventfd(1, EFD_CLOEXEC);
    unsigned done = 0;
    for (int i = 0; i < OPS; i++) {
        seen_init(&s[i]);
        op_poll(l, &s[i].op, event, POLLIN);
        assert_int_equal(s[i].completions, 0);
    }
    while (loop_ops_in_flight(l) > 0) {
        loop_turn(l, ms_to_ns(1000));
        unsigned now = 0;
        for (int i = 0; i < OPS; i++)
            now += s[i].completions;
        assert_true(now > done); /* every turn gets on */
        done = now;
    }
    for (int i = 0; i < OPS; i++) {
        assert_int_equal(s[i].completions, 1);
        assert_int_equal(s[i].res, POLLIN);
    }
    free(s);
    close(event);
    loop_destroy(l);
}

static void a_stream_through_few_buffers_arrives_whole(void **state)
{
    (void)state;
    enum { BYTES = 8 * 1024 * 1024 };
    struct loop *l = new_loop((struct loop_config){ .buffers_max = 3 });
    struct seen rx, tx;
    int fds[2];
    char *bytes = calloc(1, BYTES);
    size_t sent = 0;
    seen_init(&rx);
    seen_init(&tx);
    rx.restart = l;
    tcp_pair(fds);
    op_recv(l, &rx.op, fds[1]);
    while (sent < BYTES) {
        unsigned before = tx.completions;
        op_send(l, &tx.op, fds[0], bytes + sent, (uint32_t)(BYTES - sent));
        TURN_UNTIL(l, tx.completions > before);
        assert_true(tx.res > 0);
        sent += (size_t)tx.res;
    }
    sock_shutdown_write(fds[0]);
    TURN_UNTIL(l, !op_busy(&rx.op));
    assert_int_equal(rx.res, 0);
    assert_int_equal(rx.total_bytes, BYTES);
    free(bytes);
    close_pair(fds);
    loop_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receives_data_then_the_end),
        cmocka_unit_test(a_reset_by_the_peer_is_an_error),
        cmocka_unit_test(a_full_socket_takes_a_part),
        cmocka_unit_test(sends_what_is_gathered),
        cmocka_unit_test(a_nonblocking_descriptor_makes_no_difference),
        cmocka_unit_test(connects_or_says_why_not),
        cmocka_unit_test(a_unix_server_that_accepts_nothing_does_not_block_the_loop),
        cmocka_unit_test(polls_once),
        cmocka_unit_test(reads_and_writes_files_at_their_own_position),
        cmocka_unit_test(accepts_until_cancelled),
        cmocka_unit_test(a_multishot_that_ends_early_goes_on),
        cmocka_unit_test(without_descriptors_accept_says_so_and_can_be_started_again),
        cmocka_unit_test(each_kind_can_be_cancelled),
        cmocka_unit_test(a_cancellation_that_comes_too_late_changes_nothing),
        cmocka_unit_test(cancelling_what_completes_in_the_same_turn_is_harmless),
        cmocka_unit_test(receives_without_a_buffer_wait_for_one),
        cmocka_unit_test(an_idle_receive_does_not_starve_a_waiting_one),
        cmocka_unit_test(a_receive_that_waits_for_a_buffer_can_be_cancelled),
        cmocka_unit_test(the_kernel_holds_as_many_buffers_as_are_used),
        cmocka_unit_test(full_queues_lose_nothing),
        cmocka_unit_test(a_stream_through_few_buffers_arrives_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
