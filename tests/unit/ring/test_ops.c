/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every operation on real sockets: what it answers. */
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
        cmocka_unit_test(full_queues_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
