/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peers that do not speak TLS as they should, and a network that changes bytes: each gets its
 * reason, and nothing stays. */
#include <poll.h>
#include <stdlib.h>

#include "tests/unit/ring/ring_test.h"
#include "tls/tls.h"

struct end {
    struct transport t;
    unsigned ready, data, ended, sent, closed;
    int ready_err, end_err, sent_err;
    enum tls_failure failure;
};

static struct end *end_of(struct transport *t)
{
    return container_of(t, struct end, t);
}

static void on_ready(struct transport *t, int err)
{
    end_of(t)->ready++;
    end_of(t)->ready_err = err;
    end_of(t)->failure = transport_tls_failure(t);
}

static void on_data(struct transport *t, struct buf_slice data)
{
    end_of(t)->data++;
    buf_unref(data.buf);
    transport_read(t);
}

static void on_end(struct transport *t, int err)
{
    end_of(t)->ended++;
    end_of(t)->end_err = err;
    end_of(t)->failure = transport_tls_failure(t);
}

static void on_sent(struct transport *t, int err, uint64_t sent_bytes)
{
    (void)sent_bytes;
    end_of(t)->sent++;
    end_of(t)->sent_err = err;
}

static void on_closed(struct transport *t)
{
    end_of(t)->closed++;
}

static const struct transport_user user = {
    .on_ready = on_ready,
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_closed = on_closed,
};

struct world {
    struct loop *l;
    struct tls_worker tls;
    struct certificate *certificate;
    struct tls_context *server, *client;
};

static int begin(void **state)
{
    static struct world w;
    static const struct tls_client_config unverified = { .alpn = NULL };
    char why[256];
    tls_library_init();
    w.l = new_loop((struct loop_config){ 0 });
    tls_worker_init(&w.tls, w.l);
    w.certificate = certificate_self_signed(STR("a.example"), why, sizeof why);
    assert_non_null(w.certificate);
    struct tls_service *service = tls_service_create();
    assert_non_null(service);
    service->certificates = certificate_set_create();
    certificate_ref(w.certificate);
    assert_true(
        certificate_set_add(service->certificates, w.certificate, "test", (struct str){ 0 }, 0));
    assert_true(certificate_set_seal(service->certificates, NULL, NULL));
    w.server = tls_context_server(&w.tls, service);
    tls_service_unref(service);
    w.client = tls_context_client(w.l, &unverified, why, sizeof why);
    assert_true(w.server && w.client);
    *state = &w;
    return 0;
}

static int finish(void **state)
{
    struct world *w = *state;
    tls_context_unref(w->server);
    tls_context_unref(w->client);
    certificate_free(w->certificate);
    tls_worker_destroy(&w->tls);
    loop_destroy(w->l);
    tls_library_exit();
    return 0;
}

static void serve(struct world *w, struct end *e, int fd)
{
    *e = (struct end){ 0 };
    assert_true(transport_init_tls_server(&e->t, &w->tls, &user, w->server, fd));
}

static void close_end(struct world *w, struct end *e)
{
    transport_close(&e->t, false);
    TURN_UNTIL(w->l, e->closed == 1);
}

/* Bytes sent to a server, at once or one by one, then the end of the stream; what comes of it. */
static void give(struct world *w, struct str bytes, bool slowly, int err, enum tls_failure failure)
{
    struct end e;
    int fds[2];
    tcp_pair(fds);
    serve(w, &e, fds[0]);
    for (size_t i = 0; i < bytes.len; i += slowly ? 1 : bytes.len) {
        size_t n = slowly ? 1 : bytes.len;
        assert_int_equal(write(fds[1], bytes.ptr + i, n), n);
        for (int k = 0; slowly && k < 3 && !e.ready; k++)
            loop_turn(w->l, 0);
        if (e.ready)
            break;
    }
    for (int i = 0; i < 20 && !e.ready; i++)
        loop_turn(w->l, ms_to_ns(1));
    if (!e.ready)
        shutdown(fds[1], SHUT_WR);
    TURN_UNTIL(w->l, e.ready);
    assert_int_equal(e.ready_err, err);
    assert_int_equal(e.failure, failure);
    close_end(w, &e);
    assert_int_equal(w->tls.sessions.live, 0);
    close(fds[1]);
}

static void peers_that_speak_something_else(void **state)
{
    struct world *w = *state;
    for (int slowly = 0; slowly < 2; slowly++) {
        give(w, STR(""), slowly, -ECONNABORTED, TLS_TRUNCATED);
        give(w, STR("GET / HTTP/1.1\r\n\r\n"), slowly, -EPROTOTYPE, TLS_FINE); /* now plain */
        give(w, STR("SSH-2.0-OpenSSH\r\n"), slowly, -EPROTO, TLS_NOT_TLS);
        give(w, STR("\x80\x2e\x01\x03\x01\x00\x15"), slowly, -EPROTO, TLS_NOT_TLS);
        give(w, STR("\x17\x03\x03\x00\x05hello"), slowly, -EPROTO, TLS_NOT_TLS);
        give(w, STR("\x16\x03\x01\x02\x00\x01\x00"), slowly, -ECONNABORTED, TLS_TRUNCATED);
    }
}

static void records_that_no_client_sends(void **state)
{
    struct world *w = *state;
    struct end e;
    static const struct str cases[] = {
        { "\x16\x03\x01\x00\x00\x16\x03\x01\x00\x05\x01", 11 }, /* an empty record */
        { "\x16\x03\x01\xff\xff\x01\x00\x00\x01\x00", 10 },     /* an oversize one */
        { "\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", 10 },     /* a ServerHello */
        { "\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9 },          /* an empty ClientHello */
        { "\x16\x02\x00\x00\x05\x01\x00\x00\x01\x00", 10 },     /* version 2.0 */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int fds[2];
        tcp_pair(fds);
        serve(w, &e, fds[0]);
        assert_int_equal(write(fds[1], cases[i].ptr, cases[i].len), cases[i].len);
        shutdown(fds[1], SHUT_WR);
        TURN_UNTIL(w->l, e.ready);
        assert_true(e.ready_err < 0);
        assert_true(e.failure == TLS_BAD_HANDSHAKE || e.failure == TLS_BAD_RECORD ||
                    e.failure == TLS_NO_COMMON || e.failure == TLS_TRUNCATED);
        close_end(w, &e);
        close(fds[1]);
    }
    assert_int_equal(w->tls.sessions.live, 0);
}

/* Half handshakes cost their bytes, and nothing when they are closed. */
static void a_flood_of_half_handshakes(void **state)
{
    enum { CLIENTS = 100 };
    struct world *w = *state;
    static struct end ends[CLIENTS];
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        int pair[2];
        tcp_pair(pair);
        serve(w, &ends[i], pair[0]);
        fds[i] = pair[1];
        assert_int_equal(write(fds[i], "\x16\x03\x01\x02\x00\x01", 6), 6);
    }
    for (int i = 0; i < 10; i++)
        loop_turn(w->l, ms_to_ns(1));
    assert_int_equal(w->tls.sessions.live, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(ends[i].ready, 0);
        transport_close(&ends[i].t, i % 2);
    }
    for (int i = 0; i < CLIENTS; i++) {
        TURN_UNTIL(w->l, ends[i].closed);
        close(fds[i]);
    }
    assert_int_equal(w->tls.sessions.live, 0);
}

/* --- between a client and a server of ours --- */

struct middle {
    int client_fd, server_fd; /* our sides */
    uint64_t to_server_bytes; /* passed on so far */
    uint64_t damage_at;       /* of them; UINT64_MAX: none */
    uint64_t cut_at;
};

static void pass(int from, int to, struct middle *m)
{
    uint8_t bytes[4096];
    ssize_t n = recv(from, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n <= 0)
        return;
    if (m) {
        uint64_t at = m->to_server_bytes;
        if (m->damage_at >= at && m->damage_at < at + (uint64_t)n)
            bytes[m->damage_at - at] ^= 0x40;
        if (at + (uint64_t)n > m->cut_at)
            n = m->cut_at > at ? (ssize_t)(m->cut_at - at) : 0;
        m->to_server_bytes += (uint64_t)n;
    }
    if (n > 0)
        assert_int_equal(send(to, bytes, (size_t)n, MSG_NOSIGNAL), n);
    if (m && m->to_server_bytes == m->cut_at)
        shutdown(to, SHUT_WR);
}

static void connect_through(struct world *w, struct end *server, struct end *client,
                            struct middle *m)
{
    struct addr at;
    int fds[2], listener = listen_any(&at);
    *client = (struct end){ 0 };
    assert_true(
        transport_init_tls_client(&client->t, &w->tls, &user, w->client, STR("a.example"), NULL));
    transport_connect(&client->t, &at);
    loop_turn(w->l, 0);
    m->client_fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    tcp_pair(fds);
    m->server_fd = fds[1];
    serve(w, server, fds[0]);
}

#define PASS_UNTIL(w, m, cond)                                                                     \
    do {                                                                                           \
        uint64_t until_ns_ = (w)->l->now_ns + PATIENCE_NS;                                         \
        while (!(cond)) {                                                                          \
            pass((m)->client_fd, (m)->server_fd, (m));                                             \
            pass((m)->server_fd, (m)->client_fd, NULL);                                            \
            loop_turn((w)->l, 0);                                                                  \
            if ((w)->l->now_ns > until_ns_)                                                        \
                fail_msg("waited in vain for: %s", #cond);                                         \
        }                                                                                          \
    } while (0)

static void give_up(struct world *w, struct end *server, struct end *client, struct middle *m)
{
    close_end(w, server);
    close_end(w, client);
    close(m->client_fd);
    close(m->server_fd);
    assert_int_equal(w->tls.sessions.live, 0);
}

/* Where the client's first application byte lies in its stream, by a run without damage. */
static uint64_t handshake_bytes(struct world *w)
{
    struct end server, client;
    struct middle m = { .damage_at = UINT64_MAX, .cut_at = UINT64_MAX };
    connect_through(w, &server, &client, &m);
    PASS_UNTIL(w, &m, server.ready && client.ready);
    assert_int_equal(server.ready_err, 0);
    uint64_t bytes = m.to_server_bytes;
    give_up(w, &server, &client, &m);
    return bytes;
}

static void a_changed_byte_is_noticed_wherever_it_is(void **state)
{
    struct world *w = *state;
    uint64_t handshake = handshake_bytes(w);
    for (uint64_t at = 0; at < handshake + 60; at += at < handshake ? 37 : 1) {
        struct end server, client;
        struct iovec iov = { "0123456789012345678901234567890123456789", 40 };
        struct middle m = { .damage_at = at, .cut_at = UINT64_MAX };
        connect_through(w, &server, &client, &m);
        for (int i = 0; i < (at < handshake ? 60 : 2000) && !server.ended; i++) {
            pass(m.client_fd, m.server_fd, &m);
            pass(m.server_fd, m.client_fd, NULL);
            loop_turn(w->l, 0);
            if (client.ready && !client.ready_err && !client.sent && !client.t.sending)
                transport_send(&client.t, &iov, 1);
            if (server.ready && !server.ready_err && !server.t.reading && !server.ended)
                transport_read(&server.t);
            if (server.ready_err || client.ready_err)
                break;
        }
        assert_int_equal(server.data, 0); /* nothing that was changed gets through */
        bool length = at == handshake + 3 || at == handshake + 4; /* then more is waited for */
        if (at >= handshake && !length) {
            assert_int_equal(server.ended, 1);
            assert_true(server.end_err < 0);
            assert_true(server.failure == TLS_BAD_RECORD || server.failure == TLS_BAD_HANDSHAKE ||
                        server.failure == TLS_NO_COMMON);
        }
        give_up(w, &server, &client, &m);
    }
}

static void a_cut_anywhere_is_no_clean_end(void **state)
{
    struct world *w = *state;
    uint64_t handshake = handshake_bytes(w);
    for (uint64_t at = 1; at < handshake + 62; at += at < handshake ? 41 : 1) {
        struct end server, client;
        struct iovec iov = { "0123456789012345678901234567890123456789", 40 };
        struct middle m = { .damage_at = UINT64_MAX, .cut_at = at };
        connect_through(w, &server, &client, &m);
        for (int i = 0; i < 2000 && !server.ended && !server.ready_err; i++) {
            pass(m.client_fd, m.server_fd, &m);
            pass(m.server_fd, m.client_fd, NULL);
            loop_turn(w->l, 0);
            if (client.ready && !client.ready_err && !client.sent && !client.t.sending)
                transport_send(&client.t, &iov, 1);
            if (server.ready && !server.ready_err && !server.t.reading && !server.ended)
                transport_read(&server.t);
        }
        assert_true(server.ready_err == -ECONNABORTED || server.end_err == -ECONNABORTED);
        assert_int_equal(server.failure, TLS_TRUNCATED);
        give_up(w, &server, &client, &m);
    }
}

/* Others get their turn between the steps of a storm of handshakes. */
static void a_storm_is_cut_into_turns(void **state)
{
    enum { CLIENTS = 40, STEPS_MAX = 8 };
    struct world *w = *state;
    static struct end servers[CLIENTS], clients[CLIENTS];
    static struct middle middles[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        middles[i] = (struct middle){ .damage_at = UINT64_MAX, .cut_at = UINT64_MAX };
        connect_through(w, &servers[i], &clients[i], &middles[i]);
    }
    for (int i = 0; i < 20; i++)
        loop_turn(w->l, 0);
    for (int i = 0; i < CLIENTS; i++) /* all ClientHellos at once */
        pass(middles[i].client_fd, middles[i].server_fd, &middles[i]);
    uint64_t turns = w->l->turns;
    unsigned ready = 0;
    while (ready < CLIENTS) {
        for (int i = 0; i < CLIENTS; i++) {
            pass(middles[i].client_fd, middles[i].server_fd, &middles[i]);
            pass(middles[i].server_fd, middles[i].client_fd, NULL);
        }
        unsigned before = ready;
        ready = 0;
        loop_turn(w->l, 0);
        for (int i = 0; i < CLIENTS; i++)
            ready += servers[i].ready && clients[i].ready;
        assert_in_range(ready - before, 0, STEPS_MAX);
        assert_true(w->l->turns - turns < 10000);
    }
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(servers[i].ready_err, 0);
        transport_close(&servers[i].t, false);
        transport_close(&clients[i].t, false);
    }
    for (int i = 0; i < CLIENTS; i++) {
        TURN_UNTIL(w->l, servers[i].closed && clients[i].closed);
        close(middles[i].client_fd);
        close(middles[i].server_fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_that_speak_something_else),
        cmocka_unit_test(records_that_no_client_sends),
        cmocka_unit_test(a_flood_of_half_handshakes),
        cmocka_unit_test(a_changed_byte_is_noticed_wherever_it_is),
        cmocka_unit_test(a_cut_anywhere_is_no_clean_end),
        cmocka_unit_test(a_storm_is_cut_into_turns),
    };
    return cmocka_run_group_tests_name("hostile", tests, begin, finish);
}
