/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plain transport over real sockets: the contract of tls/transport.h. */
#include <stdlib.h>

#include "tests/unit/ring/ring_test.h"
#include "tls/transport.h"

struct end {
    struct transport t;
    unsigned ready, data, ended, sent, closed;
    int ready_err, end_err, sent_err;
    uint64_t sent_bytes, received_bytes;
    uint8_t expected; /* the next byte of a stream 0, 1, ... 255, 0, ... */
    bool keep_reading;
    bool close_on_data;
};

static struct end *end_of(struct transport *t)
{
    return container_of(t, struct end, t);
}

static void on_ready(struct transport *t, int err)
{
    end_of(t)->ready++;
    end_of(t)->ready_err = err;
}

static void on_data(struct transport *t, struct buf_slice data)
{
    struct end *e = end_of(t);
    assert_false(t->closing);
    assert_true(data.len > 0);
    e->data++;
    for (uint32_t i = 0; i < data.len; i++)
        assert_int_equal(data.buf->data[data.off + i], e->expected++);
    e->received_bytes += data.len;
    buf_unref(data.buf);
    if (e->keep_reading)
        transport_read(t);
    if (e->close_on_data)
        transport_close(t, false);
}

static void on_end(struct transport *t, int err)
{
    end_of(t)->ended++;
    end_of(t)->end_err = err;
}

static void on_sent(struct transport *t, int err, uint64_t sent_bytes)
{
    end_of(t)->sent++;
    end_of(t)->sent_err = err;
    end_of(t)->sent_bytes = sent_bytes;
}

static void on_closed(struct transport *t)
{
    struct end *e = end_of(t);
    assert_false(op_busy(&t->rx) || op_busy(&t->tx));
    e->closed++;
    memset(t, 0xee, sizeof *t); /* the memory may go */
}

static const struct transport_user user = {
    .on_ready = on_ready,
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_closed = on_closed,
};

/* One end is a transport, the other a descriptor in *fd. */
static void end_init(struct end *e, struct loop *l, int *fd)
{
    int fds[2];
    tcp_pair(fds);
    *e = (struct end){ 0 };
    transport_init_plain(&e->t, l, &user, fds[0]);
    *fd = fds[1];
}

static uint8_t *pattern(size_t bytes)
{
    uint8_t *p = malloc(bytes);
    assert_non_null(p);
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)i;
    return p;
}

static void close_end(struct loop *l, struct end *e)
{
    transport_close(&e->t, false);
    assert_int_equal(e->closed, 0); /* never nested */
    TURN_UNTIL(l, e->closed == 1);
}

static void one_delivery_for_each_read(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct end e;
    int fd;
    end_init(&e, l, &fd);
    assert_int_equal(write(fd, "\0\1\2", 3), 3);
    loop_turn(l, 0);
    assert_int_equal(e.data, 0); /* not asked for */
    transport_read(&e.t);
    transport_read(&e.t);
    assert_int_equal(e.data, 0);
    TURN_UNTIL(l, e.data == 1);
    assert_int_equal(write(fd, "\3", 1), 1);
    loop_turn(l, 0);
    loop_turn(l, 0);
    assert_int_equal(e.received_bytes, 3);
    transport_read(&e.t);
    TURN_UNTIL(l, e.data == 2);
    close(fd);
    transport_read(&e.t);
    TURN_UNTIL(l, e.ended == 1);
    assert_int_equal(e.end_err, 0);
    close_end(l, &e);
    loop_destroy(l);
}

/* 24 MiB in one call: many short sends, from one piece and from pieces that end anywhere. */
static void sends_all_however_short_the_kernel_takes_it(void **state)
{
    (void)state;
    enum { BYTES = 24 * 1024 * 1024, PIECES = 37 };
    struct loop *l = new_loop((struct loop_config){ 0 });
    uint8_t *bytes = pattern(BYTES);
    for (unsigned pieces = 1; pieces <= PIECES; pieces += PIECES - 1) {
        struct end from, to;
        struct iovec iov[PIECES];
        int fd;
        end_init(&from, l, &fd);
        to = (struct end){ .keep_reading = true };
        transport_init_plain(&to.t, l, &user, fd);
        size_t at = 0;
        for (unsigned i = 0; i < pieces; i++) {
            size_t len = i + 1 < pieces ? BYTES / pieces + 13 * i % 101 : BYTES - at;
            iov[i] = (struct iovec){ bytes + at, len };
            at += len;
        }
        transport_send(&from.t, iov, pieces);
        for (int i = 0; i < 3; i++)
            loop_turn(l, 0);
        assert_int_equal(from.sent, 0); /* too much for the socket's buffers */
        transport_read(&to.t);
        TURN_UNTIL(l, from.sent == 1);
        assert_int_equal(from.sent_err, 0);
        assert_int_equal(from.sent_bytes, BYTES);
        transport_shutdown_write(&from.t);
        TURN_UNTIL(l, to.ended == 1);
        assert_int_equal(to.received_bytes, BYTES);
        close_end(l, &from);
        close_end(l, &to);
    }
    free(bytes);
    loop_destroy(l);
}

static void half_closed_still_receives(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct end e;
    char c;
    int fd;
    end_init(&e, l, &fd);
    transport_shutdown_write(&e.t);
    assert_int_equal(read(fd, &c, 1), 0);
    assert_int_equal(write(fd, "\0", 1), 1);
    transport_read(&e.t);
    TURN_UNTIL(l, e.data == 1);
    close_end(l, &e);
    close(fd);
    loop_destroy(l);
}

static void a_reset_ends_both_directions(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct end e;
    int fd;
    uint8_t *bytes = pattern(32 * 1024 * 1024);
    struct iovec iov = { bytes, 32 * 1024 * 1024 };
    end_init(&e, l, &fd);
    transport_read(&e.t);
    transport_send(&e.t, &iov, 1);
    loop_turn(l, 0);
    sock_close(fd, true);
    TURN_UNTIL(l, e.ended == 1 && e.sent == 1);
    assert_true(e.end_err == -ECONNRESET || e.end_err == 0);
    assert_true(e.sent_err == -ECONNRESET || e.sent_err == -EPIPE);
    assert_true(e.sent_bytes > 0 && e.sent_bytes < 32 * 1024 * 1024);
    close_end(l, &e);
    free(bytes);
    loop_destroy(l);
}

static void closing_joins_what_is_in_flight(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    uint8_t *bytes = pattern(32 * 1024 * 1024);
    for (int reset = 0; reset < 2; reset++) {
        for (int turns = 0; turns < 3; turns++) {
            struct end e;
            struct iovec iov = { bytes, 32 * 1024 * 1024 };
            int fd;
            end_init(&e, l, &fd);
            transport_read(&e.t);
            transport_send(&e.t, &iov, 1);
            for (int i = 0; i < turns; i++)
                loop_turn(l, 0);
            transport_close(&e.t, reset);
            assert_int_equal(e.closed, 0);
            TURN_UNTIL(l, e.closed == 1);
            loop_turn(l, 0);
            assert_int_equal(e.closed, 1);
            assert_int_equal(e.data + e.ended + e.sent, 0);
            ssize_t n;
            char drain[65536];
            while ((n = read(fd, drain, sizeof drain)) > 0)
                ;
            assert_int_equal(n, reset ? -1 : 0);
            close(fd);
        }
    }
    free(bytes);
    loop_destroy(l);
}

/* The data is already there when the transport is closed: its buffer must come back. */
static void what_arrives_while_closing_is_dropped(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct end e;
    int fd;
    end_init(&e, l, &fd);
    assert_int_equal(write(fd, "\0\1\2", 3), 3);
    transport_read(&e.t);
    close_end(l, &e);
    assert_int_equal(e.data, 0);
    close(fd);

    end_init(&e, l, &fd);
    e.keep_reading = e.close_on_data = true; /* closes with a receive just begun */
    assert_int_equal(write(fd, "\0", 1), 1);
    transport_read(&e.t);
    TURN_UNTIL(l, e.closed == 1);
    assert_int_equal(e.data, 1);
    close(fd);
    loop_destroy(l); /* CHECKs that no buffer is lent */
}

static void connects_and_says_so(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct end e = { 0 };
    struct addr at;
    int listener = listen_any(&at);
    transport_init_plain_client(&e.t, l, &user);
    transport_connect(&e.t, &at);
    assert_int_equal(e.ready, 0);
    TURN_UNTIL(l, e.ready == 1);
    assert_int_equal(e.ready_err, 0);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    struct iovec iov = { "\0\1", 2 };
    char got[4];
    transport_send(&e.t, &iov, 1);
    TURN_UNTIL(l, e.sent == 1);
    assert_int_equal(read(fd, got, sizeof got), 2);
    close_end(l, &e);
    close(fd);
    close(listener);

    e = (struct end){ 0 };
    transport_init_plain_client(&e.t, l, &user);
    transport_connect(&e.t, &at);
    TURN_UNTIL(l, e.ready == 1);
    assert_int_equal(e.ready_err, -ECONNREFUSED);
    close_end(l, &e);
    loop_destroy(l);
}

static void without_a_socket_connecting_fails_later(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct addr odd = { .len = sizeof odd.sa, .sa = { .sa_family = AF_MAX } };
    struct end e = { 0 };
    transport_init_plain_client(&e.t, l, &user);
    transport_connect(&e.t, &odd);
    assert_int_equal(e.ready, 0); /* never nested */
    loop_turn(l, TIMER_NEVER);
    assert_int_equal(e.ready, 1);
    assert_int_equal(e.ready_err, -EAFNOSUPPORT);
    close_end(l, &e);

    e = (struct end){ 0 };
    transport_init_plain_client(&e.t, l, &user);
    transport_connect(&e.t, &odd);
    close_end(l, &e);
    assert_int_equal(e.ready, 0);
    loop_destroy(l);
}

static void closing_ends_a_connection_attempt(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct addr any = loopback(0), full;
    int listener = sock_listen(&any, 0, 0, &full);
    int queued = connect_to(&full);
    for (int turns = 0; turns < 3; turns++) {
        struct end e = { 0 };
        transport_init_plain_client(&e.t, l, &user);
        transport_connect(&e.t, &full); /* gets no answer */
        for (int i = 0; i < turns; i++)
            loop_turn(l, 0);
        close_end(l, &e);
        assert_int_equal(e.ready, 0);
    }
    close(queued);
    close(listener);
    loop_destroy(l);
}

static void unconnected_can_be_closed(void **state)
{
    (void)state;
    struct loop *l = new_loop((struct loop_config){ 0 });
    struct end e = { 0 };
    transport_init_plain_client(&e.t, l, &user);
    close_end(l, &e);
    loop_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_delivery_for_each_read),
        cmocka_unit_test(sends_all_however_short_the_kernel_takes_it),
        cmocka_unit_test(half_closed_still_receives),
        cmocka_unit_test(a_reset_ends_both_directions),
        cmocka_unit_test(closing_joins_what_is_in_flight),
        cmocka_unit_test(what_arrives_while_closing_is_dropped),
        cmocka_unit_test(connects_and_says_so),
        cmocka_unit_test(without_a_socket_connecting_fails_later),
        cmocka_unit_test(closing_ends_a_connection_attempt),
        cmocka_unit_test(unconnected_can_be_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
