/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated ring itself: an echo server on op.h between a hostile network and faults, and
 * whether misuse is caught. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/ring/sock.h"
#include "tests/sim/ring_sim.h"

struct world {
    struct sim sim;
    struct net net;
    struct ring_sim ring;
    struct loop *loop;
    struct addr addr;
    int listen_fd;
};

static const struct net_params net_params = {
    .latency_min_ns = 10 * SIM_US,
    .latency_max_ns = 5 * SIM_MS,
    .window_min = 100,
    .window_max = 20000,
};

static void world_open(struct world *w, uint64_t seed, uint32_t buffers_max)
{
    char why[100];
    sim_init(&w->sim, seed, false);
    net_init(&w->net, &w->sim, &net_params);
    ring_sim_init(&w->ring, &w->sim, &w->net);
    ring_sim_install(&w->ring);
    w->loop = loop_create(&(struct loop_config){ .buffers_max = buffers_max }, why, sizeof why);
    assert_non_null(w->loop);
    w->addr = net_addr(1, 80);
    w->listen_fd = sock_listen(&w->addr, 4, 0, NULL);
    assert_true(w->listen_fd >= 0);
}

static void world_close(struct world *w)
{
    loop_destroy(w->loop);
    ring_sim_destroy(&w->ring);
    ring_sim_install(NULL);
    net_destroy(&w->net);
    sim_destroy(&w->sim);
}

/* ---- an echo server on the ring ---------------------------------------------------------------
 */

struct echo {
    struct world *w;
    struct op rx, tx;
    int fd;
    struct buf *buf;
    uint32_t sent, len;
};

struct echo_server {
    struct world *w;
    struct op accept;
    uint32_t accepted;
    uint32_t wanted; /* connections; then it closes */
    bool closing;
};

static void echo_end(struct echo *e)
{
    sock_close(e->fd, false);
    free(e);
}

static void echo_send(struct echo *e)
{
    op_send(e->w->loop, &e->tx, e->fd, e->buf->data + e->sent, e->len - e->sent);
}

static void echo_received(struct op *op, struct op_result r)
{
    struct echo *e = container_of(op, struct echo, rx);
    if (r.res <= 0) {
        assert_int_equal(r.res, 0);
        echo_end(e);
        return;
    }
    e->buf = r.buf;
    e->sent = 0;
    e->len = (uint32_t)r.res;
    echo_send(e);
}

static void echo_sent(struct op *op, struct op_result r)
{
    struct echo *e = container_of(op, struct echo, tx);
    assert_true(r.res > 0);
    e->sent += (uint32_t)r.res;
    if (e->sent < e->len) {
        echo_send(e);
        return;
    }
    buf_unref(e->buf);
    op_recv(e->w->loop, &e->rx, e->fd);
}

static void accepted(struct op *op, struct op_result r)
{
    struct echo_server *s = container_of(op, struct echo_server, accept);
    if (r.res >= 0) {
        struct echo *e = calloc(1, sizeof *e);
        e->w = s->w;
        e->fd = r.res;
        op_init(&e->rx, echo_received);
        op_init(&e->tx, echo_sent);
        op_recv(s->w->loop, &e->rx, e->fd);
        if (++s->accepted == s->wanted) {
            s->closing = true;
            op_cancel(s->w->loop, op);
        }
    }
    if (!r.more && s->closing)
        sock_close(s->w->listen_fd, false);
    else if (!r.more)
        op_accept(s->w->loop, op, s->w->listen_fd);
}

/* ---- its clients, on the bare network ---------------------------------------------------------
 */

#define CLIENT_BYTES 30000

struct client {
    struct net_end *end;
    uint8_t key;
    uint32_t sent, received;
    bool done;
};

static uint8_t byte_at(const struct client *c, uint32_t position)
{
    return (uint8_t)(position * 7 + position / 251 + c->key);
}

static void client_changed(struct net_end *e, void *user)
{
    struct client *c = user;
    uint8_t bytes[1000];
    assert_int_equal(e->state, NET_OPEN);
    while (c->sent < CLIENT_BYTES && net_writable(e)) {
        uint32_t n = CLIENT_BYTES - c->sent < sizeof bytes ? CLIENT_BYTES - c->sent : sizeof bytes;
        for (uint32_t i = 0; i < n; i++)
            bytes[i] = byte_at(c, c->sent + i);
        int res = net_write(e, bytes, n);
        assert_true(res > 0);
        c->sent += (uint32_t)res;
        if (c->sent == CLIENT_BYTES)
            net_shutdown_write(e);
    }
    while (net_readable(e)) {
        int res = net_read(e, bytes, sizeof bytes);
        assert_true(res >= 0);
        for (int i = 0; i < res; i++)
            assert_int_equal(bytes[i], byte_at(c, c->received + (uint32_t)i));
        c->received += (uint32_t)res;
        if (res == 0) {
            assert_int_equal(c->received, CLIENT_BYTES);
            c->done = true;
            net_close(e, false);
            return;
        }
    }
}

#define CLIENTS 6

/* Gives the hash of the trace. */
static uint64_t echo_world(uint64_t seed, uint32_t buffers_max, const struct ring_faults *faults,
                           uint64_t covered[COVER_COUNT])
{
    struct world w;
    struct client clients[CLIENTS] = { 0 };
    world_open(&w, seed, buffers_max);
    w.ring.faults = *faults;
    struct echo_server server = { .w = &w, .wanted = CLIENTS };
    op_init(&server.accept, accepted);
    op_accept(w.loop, &server.accept, w.listen_fd);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct addr from = net_addr(2, (uint16_t)(1000 + i));
        clients[i].key = (uint8_t)(i * 37);
        clients[i].end = net_connect(&w.net, &from, &w.addr, client_changed, &clients[i]);
    }
    while (sim_step(&w.sim, 100 * SIM_S)) {
    }
    for (uint32_t i = 0; i < CLIENTS; i++)
        assert_true(clients[i].done);
    assert_int_equal(loop_ops_in_flight(w.loop), 0);
    uint64_t hash = w.sim.trace_hash;
    for (uint32_t i = 0; i < COVER_COUNT; i++)
        covered[i] += w.sim.covered[i];
    world_close(&w);
    return hash;
}

static const struct ring_faults all_faults = {
    .short_recv = 400,
    .short_send = 400,
    .enobufs = 50,
    .accept_end = 300,
    .accept_error = 200,
    .turn_stall = 20,
    .turn_stall_max_ns = 50 * SIM_MS,
    .op_delay_max_ns = 20 * SIM_US,
    .turn_delay_max_ns = 50 * SIM_US,
};

static void bytes_come_back_whole_and_in_order_whatever_goes_wrong(void **state)
{
    (void)state;
    uint64_t covered[COVER_COUNT] = { 0 };
    for (uint64_t seed = 1; seed <= 20; seed++)
        echo_world(seed, 2, &all_faults, covered);
    assert_true(covered[COVER_SHORT_RECVS] && covered[COVER_SHORT_SENDS]);
    assert_true(covered[COVER_ENOBUFS] && covered[COVER_STARVED] && covered[COVER_REORDERED]);
    assert_true(covered[COVER_ACCEPT_ENDS] && covered[COVER_ACCEPT_ERRORS]);
    assert_true(covered[COVER_STALLED_TURNS]);
}

static void same_seed_same_trace_other_seed_other_trace(void **state)
{
    (void)state;
    uint64_t covered[COVER_COUNT] = { 0 };
    uint64_t one = echo_world(7, 0, &all_faults, covered);
    assert_true(one == echo_world(7, 0, &all_faults, covered));
    assert_true(one != echo_world(8, 0, &all_faults, covered));
}

/* ---- cancelling -------------------------------------------------------------------------------
 */

struct lone {
    struct op op;
    struct op_result result;
    uint32_t times;
};

static void lone_done(struct op *op, struct op_result r)
{
    struct lone *l = container_of(op, struct lone, op);
    l->result = r;
    l->times++;
}

static void ignore_change(struct net_end *e, void *user)
{
    (void)e;
    (void)user;
}

/* A descriptor of the loop's whose far end is *far. */
static int connection(struct world *w, struct net_end **far)
{
    struct addr from = net_addr(2, 1000);
    struct lone accept = { 0 };
    op_init(&accept.op, lone_done);
    op_accept(w->loop, &accept.op, w->listen_fd);
    *far = net_connect(&w->net, &from, &w->addr, ignore_change, NULL);
    while (accept.times == 0)
        loop_turn(w->loop, TIMER_NEVER);
    int fd = accept.result.res;
    assert_true(fd >= 0);
    while (accept.result.more) {
        op_cancel(w->loop, &accept.op);
        loop_turn(w->loop, SIM_MS);
    }
    return fd;
}

static void a_cancelled_receive_ends_once_cancelled_or_with_bytes(void **state)
{
    (void)state;
    uint32_t with_bytes = 0, cancelled = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world w;
        struct net_end *far;
        struct lone rx = { 0 };
        world_open(&w, seed, 0);
        w.ring.faults.op_delay_max_ns = 10 * SIM_US;
        int fd = connection(&w, &far);
        while (far->state != NET_OPEN)
            loop_turn(w.loop, SIM_MS);
        op_init(&rx.op, lone_done);
        op_recv(w.loop, &rx.op, fd);
        assert_int_equal(net_write(far, "hello", 5), 5);
        loop_turn(w.loop, seed % 3 * far->latency_ns);
        op_cancel(w.loop, &rx.op);
        op_cancel(w.loop, &rx.op);
        loop_turn(w.loop, SIM_S);
        assert_int_equal(rx.times, 1);
        if (rx.result.res == 5)
            with_bytes++;
        else
            cancelled++;
        assert_true(rx.result.buf || rx.result.res == -ECANCELED);
        buf_unref(rx.result.buf);
        assert_false(op_busy(&rx.op));
        op_cancel(w.loop, &rx.op);
        sock_close(fd, false);
        sock_close(w.listen_fd, false);
        net_close(far, true);
        world_close(&w);
    }
    assert_true(with_bytes > 0 && cancelled > 0);
}

static void a_reset_is_told_once(void **state)
{
    (void)state;
    struct world w;
    struct net_end *far;
    struct lone rx = { 0 };
    world_open(&w, 3, 0);
    int fd = connection(&w, &far);
    net_close(far, true);
    op_init(&rx.op, lone_done);
    op_recv(w.loop, &rx.op, fd);
    while (rx.times == 0)
        loop_turn(w.loop, TIMER_NEVER);
    assert_int_equal(rx.result.res, -ECONNRESET);
    op_recv(w.loop, &rx.op, fd);
    while (rx.times == 1)
        loop_turn(w.loop, TIMER_NEVER);
    assert_int_equal(rx.result.res, 0);
    op_send(w.loop, &rx.op, fd, "x", 1);
    while (rx.times == 2)
        loop_turn(w.loop, TIMER_NEVER);
    assert_int_equal(rx.result.res, -EPIPE);
    sock_close(fd, false);
    sock_close(w.listen_fd, false);
    world_close(&w);
}

/* ---- misuse -----------------------------------------------------------------------------------
 */

static void start_busy_op(struct world *w, int fd, struct lone *op)
{
    op_recv(w->loop, &op->op, fd);
    op_recv(w->loop, &op->op, fd);
}

static void close_with_op_in_flight(struct world *w, int fd, struct lone *op)
{
    op_recv(w->loop, &op->op, fd);
    sock_close(fd, false);
}

static void close_twice(struct world *w, int fd, struct lone *op)
{
    (void)w;
    (void)op;
    sock_close(fd, false);
    sock_close(fd, false);
}

static void reuse_memory_of_op(struct world *w, int fd, struct lone *op)
{
    op_recv(w->loop, &op->op, fd);
    op_init(&op->op, lone_done);
    loop_turn(w->loop, SIM_MS);
}

static void change_bytes_being_sent(struct world *w, int fd, struct lone *op)
{
    char bytes[] = "hello";
    op_send(w->loop, &op->op, fd, bytes, 5);
    bytes[4] = '!';
    loop_turn(w->loop, SIM_S);
}

static void release_buffer_being_sent(struct world *w, int fd, struct lone *op)
{
    struct buf *b = buf_take(&w->loop->bufs);
    b->data[0] = 'x';
    op_send(w->loop, &op->op, fd, b->data, 1);
    buf_unref(b);
    loop_turn(w->loop, 0);
    loop_turn(w->loop, SIM_S);
}

static void destroy_with_op_in_flight(struct world *w, int fd, struct lone *op)
{
    op_recv(w->loop, &op->op, fd);
    loop_destroy(w->loop);
}

static void two_receives_at_once(struct world *w, int fd, struct lone *op)
{
    struct lone other = { 0 };
    op_init(&other.op, lone_done);
    op_recv(w->loop, &op->op, fd);
    op_recv(w->loop, &other.op, fd);
}

static void leave_descriptor_open(struct world *w, int fd, struct lone *op)
{
    (void)fd;
    (void)op;
    world_close(w);
}

static void nothing_wrong(struct world *w, int fd, struct lone *op)
{
    (void)op;
    sock_close(fd, false);
    sock_close(w->listen_fd, false);
    world_close(w);
}

/* Whether it ends the process by a CHECK. */
static bool is_caught(void (*misuse)(struct world *w, int fd, struct lone *op))
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct world w;
        struct net_end *far;
        struct lone op = { 0 };
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        world_open(&w, 1, 0);
        int fd = connection(&w, &far);
        op_init(&op.op, lone_done);
        misuse(&w, fd, &op);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void misuse_is_caught(void **state)
{
    (void)state;
    assert_false(is_caught(nothing_wrong));
    assert_true(is_caught(start_busy_op));
    assert_true(is_caught(close_with_op_in_flight));
    assert_true(is_caught(close_twice));
    assert_true(is_caught(reuse_memory_of_op));
    assert_true(is_caught(change_bytes_being_sent));
    assert_true(is_caught(release_buffer_being_sent));
    assert_true(is_caught(destroy_with_op_in_flight));
    assert_true(is_caught(two_receives_at_once));
    assert_true(is_caught(leave_descriptor_open));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_whole_and_in_order_whatever_goes_wrong),
        cmocka_unit_test(same_seed_same_trace_other_seed_other_trace),
        cmocka_unit_test(a_cancelled_receive_ends_once_cancelled_or_with_bytes),
        cmocka_unit_test(a_reset_is_told_once),
        cmocka_unit_test(misuse_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
