/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pooled pipes and splice(2) between sockets. */
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

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

/* --- the loop's operations --- */

static void note_splice(struct op *op, struct op_result result)
{
    struct seen *s = container_of(op, struct seen, op);
    s->completions++;
    s->res = result.res;
    s->buf = result.buf;
}

static void splice_seen(struct seen *s)
{
    *s = (struct seen){ .res = INT32_MIN };
    op_init(&s->op, note_splice);
}

static void ops_move_bytes(enum splice_how how)
{
    enum { BYTES = 300000 };
    static char bytes[BYTES], got[BYTES];
    struct loop *l = new_loop((struct loop_config){ 0 });
    int from[2], to[2];
    l->pipes.how = how;
    for (int i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 11);
    tcp_pair(from);
    tcp_pair(to);
    splice_prepare(to[0]);
    struct seen in, out;
    splice_seen(&in);
    splice_seen(&out);
    op_splice_in(l, &in.op, from[1], BYTES);
    loop_turn(l, 0);
    assert_int_equal(in.completions, 0);
    assert_int_equal(l->pipes.lent, 0); /* waiting holds no pipe */
    size_t written = 0, received = 0;
    while (received < BYTES) {
        size_t part = BYTES - written < 50000 ? BYTES - written : 50000;
        if (part)
            assert_int_equal(write(from[0], bytes + written, part), part);
        written += part;
        TURN_UNTIL(l, in.completions == 1);
        assert_true(in.res > 0);
        struct splice_pipe *p = (struct splice_pipe *)in.buf;
        assert_int_equal(p->bytes, in.res);
        while (p->bytes > 0) {
            splice_seen(&out);
            op_splice_out(l, &out.op, to[0], p);
            assert_int_equal(out.completions, 0); /* never from inside the start */
            TURN_UNTIL(l, out.completions == 1);
            assert_true(out.res > 0);
        }
        splice_give(&l->pipes, p);
        for (int32_t left = in.res; left > 0;) {
            ssize_t n = read(to[1], got + received, (size_t)left);
            assert_true(n > 0);
            received += (size_t)n;
            left -= (int32_t)n;
        }
        splice_seen(&in);
        op_splice_in(l, &in.op, from[1], BYTES);
    }
    assert_memory_equal(bytes, got, BYTES);
    close(from[0]);
    TURN_UNTIL(l, in.completions == 1);
    assert_int_equal(in.res, 0); /* the end */
    assert_int_equal(l->pipes.lent, 0);
    close(from[1]);
    close_pair(to);
    loop_destroy(l);
}

static void ops_move_bytes_by_call(void **state)
{
    (void)state;
    ops_move_bytes(SPLICE_BY_CALL);
}

static void ops_move_bytes_by_ring(void **state)
{
    (void)state;
    ops_move_bytes(SPLICE_BY_RING);
}

/* Nobody reads: moving out waits for room, and can be cancelled; so can moving in. */
static void ops_wait_and_are_cancelled(void **state)
{
    (void)state;
    static char bytes[1024 * 1024];
    for (int how = SPLICE_BY_CALL; how <= SPLICE_BY_RING; how++) {
        struct loop *l = new_loop((struct loop_config){ 0 });
        int from[2], to[2];
        l->pipes.how = (enum splice_how)how;
        tcp_pair(from);
        tcp_pair(to);
        splice_prepare(to[0]);
        set_nonblocking(to[0]);
        while (write(to[0], bytes, sizeof bytes) > 0)
            ;
        assert_int_equal(write(from[0], bytes, 100), 100);
        struct seen in, out;
        splice_seen(&in);
        splice_seen(&out);
        op_splice_in(l, &in.op, from[1], 1000);
        TURN_UNTIL(l, in.completions == 1);
        assert_int_equal(in.res, 100);
        struct splice_pipe *p = (struct splice_pipe *)in.buf;
        op_splice_out(l, &out.op, to[0], p);
        op_splice_in(l, &in.op, from[1], 1000);
        for (int i = 0; i < 5; i++)
            loop_turn(l, 0);
        assert_int_equal(out.completions, 0);
        assert_int_equal(in.completions, 1);
        op_cancel(l, &out.op);
        op_cancel(l, &in.op);
        TURN_UNTIL(l, out.completions == 1 && in.completions == 2);
        assert_int_equal(out.res, -ECANCELED);
        assert_int_equal(in.res, -ECANCELED);
        assert_int_equal(p->bytes, 100);
        splice_give(&l->pipes, p); /* not empty: closed */
        assert_int_equal(l->pipes.free_count, 0);
        close_pair(from);
        close_pair(to);
        loop_destroy(l);
    }
}

static void without_a_pipe_it_is_said(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    int from[2], spare[FDS_MAX], count = 0;
    struct rlimit before, tight;
    tcp_pair(from);
    assert_int_equal(write(from[0], "x", 1), 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    while ((spare[count] = dup(from[0])) >= 0)
        count++;
    struct seen in;
    splice_seen(&in);
    op_splice_in(l, &in.op, from[1], 1000);
    TURN_UNTIL(l, in.completions == 1);
    assert_int_equal(in.res, -EMFILE);
    assert_int_equal(l->pipes.refused, 1);
    while (count > 0)
        close(spare[--count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    op_splice_in(l, &in.op, from[1], 1000); /* nothing was lost */
    TURN_UNTIL(l, in.completions == 2);
    assert_int_equal(in.res, 1);
    splice_give(&l->pipes, (struct splice_pipe *)in.buf);
    close_pair(from);
    loop_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipes_are_reused_when_empty_only),
        cmocka_unit_test(bytes_pass_through_and_then_the_end),
        cmocka_unit_test(neither_side_blocks),
        cmocka_unit_test(a_reset_peer_is_an_error),
        cmocka_unit_test(ops_move_bytes_by_call),
        cmocka_unit_test(ops_move_bytes_by_ring),
        cmocka_unit_test(ops_wait_and_are_cancelled),
        cmocka_unit_test(without_a_pipe_it_is_said),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
