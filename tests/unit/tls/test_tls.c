/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS on both ends, over real sockets: what the transport promises, with keys and records in
 * between. */
#include <netinet/tcp.h>
#include <stdlib.h>

#include "tests/unit/ring/ring_test.h"
#include "tls/tls.h"

struct end {
    struct transport t;
    unsigned ready, data, ended, sent, closed;
    int ready_err, end_err, sent_err;
    uint64_t sent_bytes, received_bytes;
    uint8_t expected; /* the next byte of a stream 0, 1, ... 255, 0, ... */
    bool keep_reading;
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
}

static void on_end(struct transport *t, int err)
{
    end_of(t)->ended++;
    end_of(t)->end_err = err;
    end_of(t)->failure = transport_tls_failure(t);
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

/* What a test wants of its server; zero: a self-signed certificate, tickets. */
struct serving {
    const char *alpn;
    enum tls_client_auth client_auth;
    struct str client_ca;
};

/* A loop with a server's and a client's context. */
struct world {
    struct loop *l;
    struct tls_worker tls;
    struct certificate *certificate;
    struct tls_context *server, *client;
};

static struct tls_service *make_service(struct certificate *c, const struct serving *serving)
{
    struct tls_service *s = tls_service_create();
    assert_non_null(s);
    s->certificates = certificate_set_create();
    certificate_ref(c);
    assert_true(certificate_set_add(s->certificates, c, "test", (struct str){ 0 }, 0));
    assert_true(certificate_set_seal(s->certificates, NULL, NULL));
    s->alpn = serving->alpn ? strdup(serving->alpn) : NULL;
    s->tickets = true;
    const struct tls_client_rule rule = { .mode = serving->client_auth, .ca = serving->client_ca };
    if (serving->client_auth != TLS_CLIENT_OFF)
        assert_true(tls_service_add_rule(s, &rule));
    return s;
}

static void world_begin(struct world *w, struct serving serving, struct tls_client_config cc)
{
    char why[256] = "";
    *w = (struct world){ .l = new_loop((struct loop_config){ 0 }) };
    tls_library_init();
    tls_worker_init(&w->tls, w->l);
    w->certificate = certificate_self_signed(STR("a.example"), why, sizeof why);
    if (!w->certificate)
        fail_msg("%s", why);
    struct ticket_secret secret;
    ticket_secret_random(&secret, w->l->wall_us / 1000000);
    assert_true(tls_worker_use_tickets(&w->tls, &secret));
    if (!cc.ca.len)
        cc.ca = (struct str){ w->certificate->chain, w->certificate->chain_bytes };
    struct tls_service *service = make_service(w->certificate, &serving);
    w->server = tls_context_server(&w->tls, service);
    tls_service_unref(service);
    assert_non_null(w->server);
    w->client = tls_context_client(w->l, &cc, why, sizeof why);
    if (!w->client)
        fail_msg("%s", why);
}

static void world_end(struct world *w)
{
    tls_context_unref(w->server);
    tls_context_unref(w->client);
    certificate_free(w->certificate);
    tls_worker_destroy(&w->tls);
    loop_destroy(w->l); /* CHECKs that no buffer is lent */
    tls_library_exit();
}

static void serve(struct world *w, struct end *e, int fd)
{
    *e = (struct end){ 0 };
    assert_true(transport_init_tls_server(&e->t, &w->tls, &user, w->server, fd));
}

/* Both ends, connected over loopback, their handshake not begun. */
static void pair_begin(struct world *w, struct end *server, struct end *client, const char *name)
{
    struct addr at;
    int listener = listen_any(&at);
    *client = (struct end){ 0 };
    assert_true(
        transport_init_tls_client(&client->t, &w->tls, &user, w->client, str_of(name), NULL));
    transport_connect(&client->t, &at);
    loop_turn(w->l, 0);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(listener);
    serve(w, server, fd);
}

static void pair_open(struct world *w, struct end *server, struct end *client)
{
    pair_begin(w, server, client, "a.example");
    TURN_UNTIL(w->l, server->ready && client->ready);
    assert_int_equal(server->ready_err, 0);
    assert_int_equal(client->ready_err, 0);
}

static void close_end(struct loop *l, struct end *e)
{
    transport_close(&e->t, false);
    assert_int_equal(e->closed, 0); /* never nested */
    TURN_UNTIL(l, e->closed == 1);
}

static uint8_t *pattern(size_t bytes)
{
    uint8_t *p = malloc(bytes);
    assert_non_null(p);
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)i;
    return p;
}

static void agrees_and_tells_what_on(void **state)
{
    (void)state;
    struct world w;
    struct end server, client;
    struct tls_facts facts;
    world_begin(&w, (struct serving){ .alpn = "h2,http/1.1" },
                (struct tls_client_config){ .alpn = "http/1.1" });
    pair_open(&w, &server, &client);
    assert_true(transport_tls_facts(&server.t, &facts));
    assert_string_equal(facts.version, "TLSv1.3");
    assert_string_equal(facts.cipher, "TLS_AES_128_GCM_SHA256");
    assert_string_equal(facts.group, "X25519MLKEM768");
    assert_true(str_eq(facts.server_name, STR("a.example")));
    assert_true(str_eq(facts.protocol, STR("http/1.1")));
    assert_false(facts.resumed);
    assert_int_equal(transport_tls_failure(&server.t), TLS_FINE);
    close_end(w.l, &server);
    close_end(w.l, &client);
    world_end(&w);
}

/* Every size around records, buffers and batches, in both directions, in one piece and in many. */
static void carries_every_size(void **state)
{
    (void)state;
    static const uint32_t sizes[] = { 1,     13,    1299,  1300,   1301,   4095,
                                      4096,  13000, 16351, 16384,  16385,  32768,
                                      65535, 65536, 65537, 100000, 262144, 1000003 };
    struct world w;
    struct end ends[2];
    struct iovec iov[23];
    world_begin(&w, (struct serving){ 0 }, (struct tls_client_config){ 0 });
    pair_open(&w, &ends[0], &ends[1]);
    uint8_t *bytes = pattern(1000003 + 256);
    for (int way = 0; way < 2; way++) {
        struct end *from = &ends[way], *to = &ends[!way];
        to->keep_reading = true;
        transport_read(&to->t);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            for (unsigned pieces = 1; pieces <= ARRAY_LEN(iov); pieces += ARRAY_LEN(iov) - 1) {
                uint64_t expected = to->received_bytes + sizes[i];
                uint8_t *at = bytes + to->received_bytes % 256, *last = at + sizes[i];
                unsigned n = 0;
                for (; n + 1 < pieces && at < last; n++) {
                    size_t len = (size_t)(last - at) / 3;
                    iov[n] = (struct iovec){ at, len ? len : 1 };
                    at += iov[n].iov_len;
                }
                if (at < last)
                    iov[n++] = (struct iovec){ at, (size_t)(last - at) };
                from->sent = 0;
                transport_send(&from->t, iov, n);
                assert_int_equal(from->sent, 0);
                TURN_UNTIL(w.l, from->sent == 1 && to->received_bytes == expected);
                assert_int_equal(from->sent_err, 0);
                assert_int_equal(from->sent_bytes, sizes[i]);
            }
        }
    }
    free(bytes);
    close_end(w.l, &ends[0]);
    close_end(w.l, &ends[1]);
    world_end(&w);
}

static void an_end_is_clean_with_close_notify_and_truncated_without(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct world w;
        struct end server, client;
        world_begin(&w, (struct serving){ 0 }, (struct tls_client_config){ 0 });
        pair_open(&w, &server, &client);
        transport_read(&server.t);
        struct iovec iov = { "\0\1\2", 3 };
        transport_send(&client.t, &iov, 1);
        TURN_UNTIL(w.l, server.data == 1);
        transport_read(&server.t);
        if (how == 0) { /* the other direction goes on */
            transport_shutdown_write(&client.t);
            TURN_UNTIL(w.l, server.ended == 1);
            assert_int_equal(server.end_err, 0);
            transport_read(&client.t);
            iov = (struct iovec){ "\0\1", 2 };
            transport_send(&server.t, &iov, 1);
            TURN_UNTIL(w.l, client.received_bytes == 2);
        } else if (how == 1) {
            close_end(w.l, &client);
            TURN_UNTIL(w.l, server.ended == 1);
            assert_int_equal(server.end_err, 0);
        } else {
            shutdown(client.t.fd, SHUT_WR);
            TURN_UNTIL(w.l, server.ended == 1);
            assert_int_equal(server.end_err, -ECONNABORTED);
            assert_int_equal(server.failure, TLS_TRUNCATED);
        }
        close_end(w.l, &server);
        if (!client.closed)
            close_end(w.l, &client);
        world_end(&w);
    }
}

static void the_servers_name_is_checked(void **state)
{
    (void)state;
    struct world w;
    struct end server, client;
    world_begin(&w, (struct serving){ 0 }, (struct tls_client_config){ 0 });
    pair_begin(&w, &server, &client, "b.example");
    TURN_UNTIL(w.l, server.ready && client.ready);
    assert_int_equal(client.ready_err, -EACCES);
    assert_int_equal(client.failure, TLS_NAME);
    assert_true(server.ready_err < 0);
    assert_int_equal(server.failure, TLS_ALERT);
    close_end(w.l, &server);
    close_end(w.l, &client);
    world_end(&w);
}

static void an_address_is_checked_too(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int err;
    } cases[] = { { "127.0.0.1", 0 },
                  { "::1", 0 },
                  { "localhost", 0 },
                  { "127.0.0.2", -EACCES },
                  { "::2", -EACCES } };
    struct world w;
    world_begin(&w, (struct serving){ 0 }, (struct tls_client_config){ 0 });
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct end server, client;
        pair_begin(&w, &server, &client, cases[i].name);
        TURN_UNTIL(w.l, server.ready && client.ready);
        if (client.ready_err != cases[i].err)
            fail_msg("%s: %d, %s", cases[i].name, client.ready_err,
                     tls_failure_text(client.failure));
        close_end(w.l, &server);
        close_end(w.l, &client);
    }
    world_end(&w);
}

/* Clients with the CA's certificate, with another's, with none. */
static void clients_show_a_certificate(void **state)
{
    (void)state;
    char why[256];
    tls_library_init();
    struct certificate *good = certificate_self_signed(STR("good.client"), why, sizeof why);
    struct certificate *bad = certificate_self_signed(STR("bad.client"), why, sizeof why);
    assert_true(good && bad);
    static const enum tls_client_auth auths[] = { TLS_CLIENT_OFF, TLS_CLIENT_OPTIONAL,
                                                  TLS_CLIENT_REQUIRED };
    static const bool accepted[3][3] = { { true, true, true },
                                         { true, false, true },
                                         { true, false, false } };
    for (int auth = 0; auth < 3; auth++) {
        for (int which = 0; which < 3; which++) {
            struct world w;
            struct end server, client;
            world_begin(&w,
                        (struct serving){ .client_auth = auths[auth],
                                          .client_ca = { good->chain, good->chain_bytes } },
                        (struct tls_client_config){ .certificate = which == 0   ? good
                                                                   : which == 1 ? bad
                                                                                : NULL });
            pair_begin(&w, &server, &client, "a.example");
            TURN_UNTIL(w.l, server.ready && client.ready);
            if (accepted[auth][which]) {
                assert_int_equal(server.ready_err, 0);
            } else {
                assert_int_equal(server.ready_err, -EACCES);
                assert_int_equal(server.failure, which == 1 ? TLS_UNTRUSTED : TLS_CERTIFICATE);
            }
            close_end(w.l, &server);
            close_end(w.l, &client);
            world_end(&w);
        }
    }
    certificate_free(good);
    certificate_free(bad);
    tls_library_exit();
}

static void an_unknown_issuer_is_refused(void **state)
{
    (void)state;
    char why[256];
    struct world w;
    struct end server, client;
    tls_library_init();
    struct certificate *other = certificate_self_signed(STR("a.example"), why, sizeof why);
    assert_non_null(other);
    world_begin(&w, (struct serving){ 0 },
                (struct tls_client_config){ .ca = { other->chain, other->chain_bytes } });
    pair_begin(&w, &server, &client, "a.example");
    TURN_UNTIL(w.l, server.ready && client.ready);
    assert_int_equal(client.ready_err, -EACCES);
    assert_int_equal(client.failure, TLS_UNTRUSTED);
    close_end(w.l, &server);
    close_end(w.l, &client);
    world_end(&w);
    certificate_free(other);
    tls_library_exit();
}

static void no_common_protocol_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct end server, client;
    world_begin(&w, (struct serving){ .alpn = "h2" },
                (struct tls_client_config){ .alpn = "http/1.1" });
    pair_begin(&w, &server, &client, "a.example");
    TURN_UNTIL(w.l, server.ready && client.ready);
    assert_int_equal(server.failure, TLS_NO_PROTOCOL);
    assert_int_equal(client.failure, TLS_ALERT);
    close_end(w.l, &server);
    close_end(w.l, &client);
    world_end(&w);
}

static void closes_at_any_moment(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, (struct serving){ 0 }, (struct tls_client_config){ 0 });
    uint8_t *bytes = pattern(1 << 20);
    for (int turns = 0; turns < 24; turns++) {
        for (int reset = 0; reset < 2; reset++) {
            struct end server, client;
            struct iovec iov = { bytes, 1 << 20 };
            pair_begin(&w, &server, &client, "a.example");
            for (int i = 0; i < turns; i++) {
                loop_turn(w.l, ms_to_ns(1));
                if (server.ready && !server.t.sending && !server.sent)
                    transport_send(&server.t, &iov, 1);
                if (client.ready && !client.t.reading)
                    transport_read(&client.t);
            }
            transport_close(&client.t, reset);
            transport_close(&server.t, !reset);
            TURN_UNTIL(w.l, server.closed && client.closed);
        }
    }
    free(bytes);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_and_tells_what_on),
        cmocka_unit_test(carries_every_size),
        cmocka_unit_test(an_end_is_clean_with_close_notify_and_truncated_without),
        cmocka_unit_test(the_servers_name_is_checked),
        cmocka_unit_test(an_address_is_checked_too),
        cmocka_unit_test(clients_show_a_certificate),
        cmocka_unit_test(an_unknown_issuer_is_refused),
        cmocka_unit_test(no_common_protocol_is_refused),
        cmocka_unit_test(closes_at_any_moment),
    };
    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
