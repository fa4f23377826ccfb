/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pooled pipes and splice(2) between sockets. */
#include <poll.h>
#include <signal.h>

#include "core/ring/splice.h"
#include "tests/unit/ring/ring_test.h"

static void pipes_are_reused_when_empty_only(void **state)
{
    (void)state;
    struct splice_pool pool;
    int fds[2];
    unsigned before = open_fds();
    splice_pool_init(&pool, 1, 0);
    struct splice_pipe *a = splice_take(&pool), *b = splice_take(&pool);
    assert_true(a && b && a != b);
    assert_int_equal(open_fds(), before + 4);
    splice_give(&pool, a);
    assert_int_equal(open_fds(), before + 4); /* kept */
    assert_ptr_equal(splice_take(&pool), a);

    tcp_pair(fds);
    splice_prepare(fds[0]);
    assert_int_equal(write(fds[1], "secret", 6), 6);
    assert_int_equal(splice_in(a, fds[0], 4), 4);
    splice_give(&pool, a); /* four bytes are in it: nobody may ever see them */
    assert_int_equal(pool.free_count, 0);
    splice_give(&pool, b);
    assert_int_equal(pool.free_count, 1);
    b = splice_take(&pool);
    a = splice_take(&pool);
    splice_give(&pool, a);
    splice_give(&pool, b); /* one too many to be kept */
    assert_int_equal(pool.free_count, 1);
    close_pair(fds);
    splice_pool_destroy(&pool);
    assert_int_equal(open_fds(), before);
}

static void bytes_pass_through_and_then_the_end(void **state)
{
    (void)state;
    enum { BYTES = 100000 };
    static char bytes[BYTES], got[BYTES];
    struct splice_pool pool;
    int from[2], to[2];
    for (int i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 7);
    splice_pool_init(&pool, 4, 16 * 1024);
    struct splice_pipe *p = splice_take(&pool);
    tcp_pair(from);
    tcp_pair(to);
    splice_prepare(from[1]);
    splice_prepare(to[0]);
    assert_int_equal(splice_in(p, from[1], BYTES), -EAGAIN); /* nothing there: does not block */
    assert_int_equal(write(from[0], bytes, BYTES), BYTES);
    close(from[0]);
    size_t passed = 0, received = 0;
    int32_t n;
    while ((n = splice_in(p, from[1], BYTES)) != 0) {
        assert_true(n > 0);
        assert_int_equal(p->bytes, n);
        while (p->bytes > 0) {
            int32_t out = splice_out(p, to[0], false);
            assert_true(out > 0);
            passed += (size_t)out;
        }
        while (received < passed) {
            ssize_t r = read(to[1], got + received, BYTES - received);
            assert_true(r > 0);
            received += (size_t)r;
        }
    }
    assert_int_equal(received, BYTES);
    assert_memory_equal(bytes, got, BYTES);
    splice_give(&pool, p);
    close(from[1]);
    close_pair(to);
    splice_pool_destroy(&pool);
}

/* A full socket and a full pipe both say -EAGAIN; what is in the pipe waits there. */
static void neither_side_blocks(void **state)
{
    (void)state;
    static char bytes[1024 * 1024];
    struct splice_pool pool;
    int from[2], to[2];
    size_t in = 0;
    splice_pool_init(&pool, 4, 0);
    struct splice_pipe *p = splice_take(&pool);
    tcp_pair(from);
    tcp_pair(to);
    set_nonblocking(from[0]);
    splice_prepare(from[1]);
    splice_prepare(to[0]);
    int32_t n = 0, out;
    do { /* until nobody reads what was sent, and nothing goes any more */
        assert_true(write(from[0], bytes, sizeof bytes) > 0 || errno == EAGAIN);
        n = splice_in(p, from[1], sizeof bytes);
        in += n > 0 ? (size_t)n : 0;
        out = p->bytes > 0 ? splice_out(p, to[0], false) : 0;
    } while (out != -EAGAIN);
    assert_true(p->bytes > 0 && in > p->bytes);
    while ((n = splice_in(p, from[1], sizeof bytes)) > 0)
        ;
    assert_int_equal(n, -EAGAIN);
    splice_give(&pool, p);
    close_pair(from);
    close_pair(to);
    splice_pool_destroy(&pool);
}

static void a_reset_peer_is_an_error(void **state)
{
    (void)state;
    struct splice_pool pool;
    int from[2], to[2];
    splice_pool_init(&pool, 4, 0);
    struct splice_pipe *p = splice_take(&pool);
    tcp_pair(from);
    tcp_pair(to);
    splice_prepare(from[1]);
    splice_prepare(to[0]);
    assert_int_equal(write(from[0], "x", 1), 1);
    assert_int_equal(splice_in(p, from[1], 10), 1);
    sock_close(to[1], true);
    struct pollfd hung_up = { .fd = to[0] };
    assert_int_equal(poll(&hung_up, 1, 10000), 1);
    int32_t n = splice_out(p, to[0], false);
    assert_true(n == -ECONNRESET || n == -EPIPE);
    sock_close(from[0], true);
    hung_up.fd = from[1];
    assert_int_equal(poll(&hung_up, 1, 10000), 1);
    assert_int_equal(splice_in(p, from[1], 10), -ECONNRESET);
    splice_give(&pool, p);
    close(from[1]);
    close(to[0]);
    splice_pool_destroy(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipes_are_reused_when_empty_only),
        cmocka_unit_test(bytes_pass_through_and_then_the_end),
        cmocka_unit_test(neither_side_blocks),
        cmocka_unit_test(a_reset_peer_is_an_error),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
