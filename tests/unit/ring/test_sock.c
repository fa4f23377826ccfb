/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/unit/ring/ring_test.h"

static int get_int(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void what_is_accepted_has_no_delay(void **state)
{
    (void)state;
    int fds[2];
    struct addr peer;
    tcp_pair(fds);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get_int(fds[i], IPPROTO_TCP, TCP_NODELAY), 1);
        assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
        assert_false(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
    }
    assert_int_equal(sock_peer(fds[1], &peer), 0);
    assert_int_equal(peer.sa.sa_family, AF_INET);
    assert_int_equal(ntohl(peer.v4.sin_addr.s_addr), INADDR_LOOPBACK);
    close_pair(fds);
}

static void a_port_in_use_is_refused_unless_shared(void **state)
{
    (void)state;
    struct addr at;
    int one = listen_any(&at);
    assert_int_not_equal(ntohs(at.v4.sin_port), 0);
    assert_int_equal(sock_listen(&at, 16, 0, NULL), -EADDRINUSE);
    assert_int_equal(sock_listen(&at, 16, SOCK_LISTEN_REUSEPORT, NULL), -EADDRINUSE);
    close(one);
    one = sock_listen(&at, 16, SOCK_LISTEN_REUSEPORT, NULL);
    int two = sock_listen(&at, 16, SOCK_LISTEN_REUSEPORT, NULL);
    assert_true(one >= 0 && two >= 0);
    close(one);
    close(two);
}

static void dual_stack_takes_both(void **state)
{
    (void)state;
    struct addr any = { .len = sizeof any.v6,
                        .dual_stack = true,
                        .v6 = { .sin6_family = AF_INET6 } };
    struct addr at;
    int listener = sock_listen(&any, 16, 0, &at);
    assert_true(listener >= 0);
    if (at.sa.sa_family == AF_INET6)
        assert_true(at.dual_stack);
    struct addr v4 = loopback(ntohs(at.v4.sin_port)); /* the same place in both families */
    close(connect_to(&v4));
    close(listener);

    any.dual_stack = false;
    listener = sock_listen(&any, 16, 0, &at);
    if (listener == -EAFNOSUPPORT)
        skip();
    assert_true(listener >= 0);
    v4 = loopback(ntohs(at.v6.sin6_port));
    int fd = sock_open(AF_INET);
    assert_int_equal(connect(fd, &v4.sa, v4.len), -1);
    close(fd);
    close(listener);
}

static void a_stale_unix_socket_is_replaced_and_only_that(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-sock-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct addr a = { .len = sizeof a.un, .un = { .sun_family = AF_UNIX } }, peer;
    snprintf(a.un.sun_path, sizeof a.un.sun_path, "%s/s", dir);
    int listener = sock_listen(&a, 16, 0, NULL);
    assert_true(listener >= 0);
    assert_int_equal(sock_listen(&a, 16, 0, NULL), -EADDRINUSE); /* somebody listens */
    close(listener);
    listener = sock_listen(&a, 16, 0, NULL);
    assert_true(listener >= 0);
    int client = connect_to(&a);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(sock_peer(fd, &peer), 0);
    assert_int_equal(peer.sa.sa_family, AF_UNIX);
    close(fd);
    close(client);
    close(listener);

    /* An ordinary file is not ours to remove. */
    assert_int_equal(unlink(a.un.sun_path), 0);
    FILE *f = fopen(a.un.sun_path, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(sock_listen(&a, 16, 0, NULL), -EADDRINUSE);
    assert_int_equal(unlink(a.un.sun_path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void closes_with_an_end_or_with_a_reset(void **state)
{
    (void)state;
    char c;
    int fds[2];
    tcp_pair(fds);
    sock_close(fds[0], false);
    assert_int_equal(read(fds[1], &c, 1), 0);
    close(fds[1]);
    tcp_pair(fds);
    sock_close(fds[0], true);
    assert_int_equal(read(fds[1], &c, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    close(fds[1]);
}

static void half_closed_still_receives(void **state)
{
    (void)state;
    char c;
    int fds[2];
    tcp_pair(fds);
    sock_shutdown_write(fds[0]);
    assert_int_equal(read(fds[1], &c, 1), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(read(fds[0], &c, 1), 1);
    sock_shutdown(fds[0]);
    assert_int_equal(read(fds[0], &c, 1), 0);
    close_pair(fds);
}

static void failures_are_negative_errno(void **state)
{
    (void)state;
    struct addr peer;
    struct addr elsewhere = loopback(0);
    elsewhere.v4.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1: nobody's */
    assert_int_equal(sock_open(AF_MAX), -EAFNOSUPPORT);
    assert_int_equal(sock_listen(&elsewhere, 16, 0, NULL), -EADDRNOTAVAIL);
    int fd = sock_open(AF_INET);
    assert_int_equal(sock_peer(fd, &peer), -ENOTCONN);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_accepted_has_no_delay),
        cmocka_unit_test(a_port_in_use_is_refused_unless_shared),
        cmocka_unit_test(dual_stack_takes_both),
        cmocka_unit_test(a_stale_unix_socket_is_replaced_and_only_that),
        cmocka_unit_test(closes_with_an_end_or_with_a_reset),
        cmocka_unit_test(half_closed_still_receives),
        cmocka_unit_test(failures_are_negative_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
