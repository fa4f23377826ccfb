/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Receive buffers: running out of them, and how many lie with the kernel. */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "core/base/limits.h"
#include "tests/unit/ring/ring_test.h"

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

static void fill(int fd, size_t bytes)
{
    static const char zeros[LARGE_BUFFER_BYTES];
    assert_int_equal(send(fd, zeros, bytes, 0), (ssize_t)bytes);
}

static void what_waits_comes_in_one_large_buffer(void **state)
{
    (void)state;
    enum { BYTES = 3 * BUFFER_BYTES };
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen s;
    int fds[2], waiting = 0;
    seen_init(&s);
    tcp_pair(fds);
    fill(fds[1], BYTES);
    while (waiting < BYTES)
        assert_int_equal(ioctl(fds[0], FIONREAD, &waiting), 0);
    op_recv_large(l, &s.op, fds[0]);
    TURN_UNTIL(l, s.completions == 1);
    assert_int_equal(s.res, BYTES);
    assert_int_equal(s.buf->cap, LARGE_BUFFER_BYTES);
    assert_int_equal(l->large_bufs.lent, 1);
    buf_unref(s.buf);
    assert_int_equal(l->large_bufs.lent, 0);
    close_pair(fds);
    loop_destroy(l);
}

static void waiting_holds_no_large_buffer(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct seen s;
    int fds[2];
    seen_init(&s);
    tcp_pair(fds);
    op_recv_large(l, &s.op, fds[0]);
    TURN_UNTIL(l, l->large_bufs.lent == 0);
    assert_int_equal(s.completions, 0);
    fill(fds[1], 1);
    TURN_UNTIL(l, s.completions == 1);
    assert_int_equal(s.res, 1);
    assert_int_equal(s.buf->cap, BUFFER_BYTES);
    buf_unref(s.buf);
    op_recv_large(l, &s.op, fds[0]);
    op_cancel(l, &s.op);
    TURN_UNTIL(l, s.completions == 2);
    assert_int_equal(s.res, -ECANCELED);
    close(fds[1]);
    op_recv_large(l, &s.op, fds[0]);
    TURN_UNTIL(l, s.completions == 3);
    assert_int_equal(s.res, 0);
    assert_int_equal(l->large_bufs.lent, 0);
    close(fds[0]);
    loop_destroy(l);
}

static void without_large_buffers_an_ordinary_one_does(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ .buffers_max = 4 });
    struct seen s;
    int fds[2];
    seen_init(&s);
    tcp_pair(fds);
    fill(fds[1], 10);
    assert_null(buf_take(&l->large_bufs));
    op_recv_large(l, &s.op, fds[0]);
    TURN_UNTIL(l, s.completions == 1);
    assert_int_equal(s.res, 10);
    buf_unref(s.buf);
    close_pair(fds);
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
        cmocka_unit_test(receives_without_a_buffer_wait_for_one),
        cmocka_unit_test(what_waits_comes_in_one_large_buffer),
        cmocka_unit_test(waiting_holds_no_large_buffer),
        cmocka_unit_test(without_large_buffers_an_ordinary_one_does),
        cmocka_unit_test(an_idle_receive_does_not_starve_a_waiting_one),
        cmocka_unit_test(a_receive_that_waits_for_a_buffer_can_be_cancelled),
        cmocka_unit_test(the_kernel_holds_as_many_buffers_as_are_used),
        cmocka_unit_test(a_stream_through_few_buffers_arrives_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
