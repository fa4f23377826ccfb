/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each limit of core/base/limits.h that can be reached from outside: what is at the limit passes,
 * what is beyond it ends clearly, and nobody else notices (DESIGN 9). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/limits.h"
#include "tests/wire/wire.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/* A request that passes: what the server gets of it. */
static struct message passes(struct wire *w, struct origin *o, const char *request)
{
    struct conn *c = client_dial(w);
    say(c, request);
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    hear_answered(c, 200, "ok");
    logged(w, "end=ok");
    hang_up(c);
    hang_up(s);
    return m;
}

static void is_refused(struct wire *w, struct origin *o, const char *request, int status,
                       const char *reason)
{
    struct conn *c = client_dial(w);
    say(c, request);
    hear_refused(c, status);
    logged(w, "end=%s status=%d tries=0", reason, status);
    origin_untouched(o);
    hang_up(c);
}

/* A GET that is answered with a response that passes, or does not. */
static struct message returns(struct wire *w, struct origin *o, const char *response)
{
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, response);
    struct message m = hear_answer(c);
    hang_up(c);
    hang_up(s);
    return m;
}

/* "X: xxx...\r\n" of so many bytes. */
static const char *field_of(struct wire *w, size_t bytes)
{
    return wire_text(w, "X: %s\r\n", wire_repeat(w, 'x', bytes - 5));
}

static const char *many_fields(struct wire *w, unsigned count)
{
    struct text t = { 0 };
    for (unsigned i = 0; i < count; i++)
        text_add(&t, "X: y\r\n", 6);
    const char *p = wire_text(w, "%s", t.p);
    free(t.p);
    return p;
}

/* ---- heads ---- */

static void a_request_head_has_a_size(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    const char *start = "GET / HTTP/1.1\r\nHost: a\r\n";
    size_t most = HEAD_BYTES_MAX - strlen(start) - 2;
    struct message m = passes(w, o, wire_text(w, "%s%s\r\n", start, field_of(w, most)));
    assert_int_equal(strlen(field(&m, "X")), most - 5);
    is_refused(w, o, wire_text(w, "%s%s\r\n", start, field_of(w, most + 1)), 431, "head_too_large");
    is_refused(w, o, wire_text(w, "%s%s", start, wire_repeat(w, 'x', HEAD_BYTES_MAX)), 431,
               "head_too_large"); /* its end need not come */
    passes(w, o, GET);
}

static void a_request_head_of_full_size_may_come_in_pieces(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--via --forwarded");
    const char *start = "GET / HTTP/1.1\r\nHost: a\r\n";
    const char *head =
        wire_text(w, "%s%s\r\n", start, field_of(w, HEAD_BYTES_MAX - strlen(start) - 2));
    struct conn *c = client_dial(w);
    for (size_t at = 0; at < HEAD_BYTES_MAX; at += 512) {
        say_bytes(c, head + at, 512);
        wait_taken(c);
    }
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 204 None\r\n\r\n");
    hear_status(c, 204);
}

static void a_request_head_has_so_many_fields(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    const char *start = "GET / HTTP/1.1\r\nHost: a\r\n";
    passes(w, o, wire_text(w, "%s%s\r\n", start, many_fields(w, HEAD_FIELDS_MAX - 1)));
    is_refused(w, o, wire_text(w, "%s%s\r\n", start, many_fields(w, HEAD_FIELDS_MAX)), 431,
               "too_many_fields");
}

static void a_target_has_a_length(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    const char *longest = wire_repeat(w, 'a', TARGET_BYTES_MAX - 1);
    struct message m = passes(w, o, wire_text(w, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", longest));
    assert_int_equal(strlen(m.start), strlen("GET  HTTP/1.1") + TARGET_BYTES_MAX);
    is_refused(w, o, wire_text(w, "GET /%sa HTTP/1.1\r\nHost: a\r\n\r\n", longest), 414,
               "target_too_long");
}

static void a_method_has_a_length(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    const char *longest = wire_repeat(w, 'M', METHOD_BYTES_MAX);
    passes(w, o, wire_text(w, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", longest));
    is_refused(w, o, wire_text(w, "%sM / HTTP/1.1\r\nHost: a\r\n\r\n", longest), 501,
               "not_implemented");
}

static void connection_names_so_many_options(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct text t = { 0 };
    for (unsigned i = 0; i < CONNECTION_OPTIONS_MAX; i++)
        text_add(&t, "x,", 2);
    const char *options = wire_text(w, "%s", t.p);
    free(t.p);
    passes(w, o, wire_text(w, "GET / HTTP/1.1\r\nHost: a\r\nConnection: %s\r\n\r\n", options));
    is_refused(w, o, wire_text(w, "GET / HTTP/1.1\r\nHost: a\r\nConnection: %sx\r\n\r\n", options),
               400, "bad_connection");
}

static void a_response_head_has_the_same_limits(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    const char *start = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
    size_t most = HEAD_BYTES_MAX - strlen(start) - 2;
    struct message m = returns(w, o, wire_text(w, "%s%s\r\n", start, field_of(w, most)));
    assert_int_equal(strlen(field(&m, "X")), most - 5);
    logged(w, "end=ok");
    m = returns(w, o, wire_text(w, "%s%s\r\n", start, field_of(w, most + 1)));
    assert_int_equal(m.status, 502);
    logged(w, "end=response_head_too_large");
    m = returns(w, o, wire_text(w, "%s%s\r\n", start, many_fields(w, HEAD_FIELDS_MAX - 1)));
    assert_int_equal(m.status, 200);
    logged(w, "end=ok");
    m = returns(w, o, wire_text(w, "%s%s\r\n", start, many_fields(w, HEAD_FIELDS_MAX)));
    assert_int_equal(m.status, 502);
    logged(w, "end=response_head_too_large");
}

static void so_many_interim_responses_pass(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    for (unsigned more = 0; more < 2; more++) {
        struct conn *c = client_dial(w);
        say(c, GET);
        struct conn *s = origin_accept(o);
        hear_request(s);
        for (unsigned i = 0; i < INTERIM_RESPONSES_MAX; i++) {
            say(s, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
            assert_int_equal(hear_answer(c).status, 103);
        }
        if (more)
            say(s, "HTTP/1.1 103 Early Hints\r\n\r\n");
        else
            say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        hear_status(c, more ? 502 : 200);
        logged(w, "end=%s", more ? "response_interim" : "ok");
        hear_gone(s);
    }
}

/* ---- bodies ---- */

/* "0\r\nX: xxx\r\n\r\n" with a trailer section of so many bytes. */
static const char *end_with_trailers(struct wire *w, size_t bytes)
{
    return wire_text(w, "0\r\n%s\r\n", field_of(w, bytes - 2));
}

static void a_trailer_section_has_a_size(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    const char *start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct message m =
        passes(w, o, wire_text(w, "%s%s", start, end_with_trailers(w, TRAILER_BYTES_MAX)));
    assert_int_equal(strlen(m.trailers), TRAILER_BYTES_MAX - 2);
    struct conn *c = client_dial(w);
    say(c, wire_text(w, "%s%s", start, end_with_trailers(w, TRAILER_BYTES_MAX + 1)));
    hear_refused(c, 400);
    logged(w, "end=bad_trailer");
    hear_gone(origin_accept(o));

    start = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    m = returns(w, o, wire_text(w, "%s%s", start, end_with_trailers(w, TRAILER_BYTES_MAX)));
    assert_int_equal(strlen(m.trailers), TRAILER_BYTES_MAX - 2);
    logged(w, "end=ok");
    c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, start);
    say(s, "1\r\nx\r\n");
    hear_head(c);
    hear(c, "1\r\nx\r\n");
    say(s, end_with_trailers(w, TRAILER_BYTES_MAX + 1));
    hear_gone(c);
    logged(w, "end=response_trailer");
}

static void chunk_extensions_have_a_size_in_all(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    const char *half = wire_repeat(w, 'x', CHUNK_EXTENSION_BYTES_MAX / 2 - 8);
    const char *request = wire_text(w,
                                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                                    "\r\n1;%s\r\na\r\n1;%s\r\nb\r\n",
                                    half, half);
    struct message m = passes(w, o, wire_text(w, "%s0\r\n\r\n", request));
    assert_string_equal(m.body, "ab");
    struct conn *c = client_dial(w);
    say(c, wire_text(w, "%s0;%s\r\n\r\n", request, half));
    hear_refused(c, 400);
    logged(w, "end=bad_chunk");
    hear_gone(origin_accept(o));
}

static void a_client_that_does_not_stop_after_its_refusal_is_cut_off(struct wire *w)
{
    sluice_start(w, "--to 127.0.0.1:1");
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a b\r\nContent-Length: 1000000000\r\n\r\n");
    const char *block = wire_repeat(w, 'x', 64 * 1024);
    size_t sent = 0;
    ssize_t n;
    while ((n = send(c->fd, block, 64 * 1024, MSG_NOSIGNAL)) > 0)
        sent += (size_t)n;
    assert_true(errno == ECONNRESET || errno == EPIPE);
    assert_true(sent >= LINGER_BYTES_MAX);
    assert_true(sent < 100 * 1000 * 1000); /* and what the sockets' buffers took */
    logged(w, "end=bad_host");
}

/* What one side does not take, the other cannot send: nothing piles up in between. */
static size_t accepted_until_full(struct conn *from, size_t most)
{
    const char *block = wire_repeat(from->w, 'x', 64 * 1024);
    struct pollfd p = { .fd = from->fd, .events = POLLOUT };
    size_t sent = 0;
    while (sent < most && poll(&p, 1, 200) > 0) {
        ssize_t n = send(from->fd, block, 64 * 1024, MSG_NOSIGNAL | MSG_DONTWAIT);
        assert_true(n > 0 || errno == EAGAIN);
        if (n > 0)
            sent += (size_t)n;
    }
    return sent;
}

static void a_body_that_is_not_read_is_not_sent(struct wire *w)
{
    const size_t most = 100 * 1000 * 1000;
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    sayf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", 2 * most);
    struct conn *s = origin_accept(o);
    hear_head(s);
    assert_true(accepted_until_full(c, most) < most);
    sayf(s, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", 2 * most);
    assert_true(accepted_until_full(s, most) < most);
}

/* ---- connections ---- */

static void so_many_idle_connections_are_kept(struct wire *w)
{
    enum { COUNT = POOL_IDLE_MAX + 2 };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *clients[COUNT], *servers[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        clients[i] = client_dial(w);
        say(clients[i], GET);
        servers[i] = origin_accept(o);
        hear_request(servers[i]);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        say(servers[i], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        hear_answered(clients[i], 200, "ok");
    }
    hear_end(servers[COUNT - 1]);
    hear_end(servers[COUNT - 2]);
    for (unsigned i = 0; i < POOL_IDLE_MAX; i++)
        hear_nothing(servers[i]);
}

static void too_many_arguments_are_a_usage_error(struct wire *w)
{
    struct text t = { 0 };
    for (unsigned i = 0; i <= SERVERS_MAX; i++) {
        const char *server = wire_text(w, "%s10.0.0.1:%u", i ? "," : "", i + 1);
        text_add(&t, server, strlen(server));
    }
    const char *servers = wire_text(w, "%s", t.p);
    free(t.p);
    struct outcome r = sluice_run(w, "proxy --from :0 --to %s", servers);
    assert_int_equal(r.code, 2);
    assert_non_null(strstr(r.err, wire_text(w, "more than %d servers", SERVERS_MAX)));

    t = (struct text){ 0 };
    for (unsigned i = 0; i <= LISTENERS_MAX; i++)
        text_add(&t, i ? ",:0" : ":0", i ? 3 : 2);
    const char *listeners = wire_text(w, "%s", t.p);
    free(t.p);
    r = sluice_run(w, "proxy --from %s --to 10.0.0.1:1", listeners);
    assert_int_equal(r.code, 2);
    assert_non_null(strstr(r.err, wire_text(w, "more than %d addresses", LISTENERS_MAX)));

    r = sluice_run(w, "proxy --from :0 --to 10.0.0.1:1 --workers %d", WORKERS_MAX + 1);
    assert_int_equal(r.code, 2);
    r = sluice_run(w, "proxy --from :0 --to 10.0.0.1:1@%d", SERVER_WEIGHT_MAX + 1);
    assert_int_equal(r.code, 2);
    assert_non_null(strstr(r.err, wire_text(w, "from 0 to %d", SERVER_WEIGHT_MAX)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_head_has_a_size),
        TEST(a_request_head_of_full_size_may_come_in_pieces),
        TEST(a_request_head_has_so_many_fields),
        TEST(a_target_has_a_length),
        TEST(a_method_has_a_length),
        TEST(connection_names_so_many_options),
        TEST(a_response_head_has_the_same_limits),
        TEST(so_many_interim_responses_pass),
        TEST(a_trailer_section_has_a_size),
        TEST(chunk_extensions_have_a_size_in_all),
        TEST(a_client_that_does_not_stop_after_its_refusal_is_cut_off),
        TEST(a_body_that_is_not_read_is_not_sent),
        TEST(so_many_idle_connections_are_kept),
        TEST(too_many_arguments_are_a_usage_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
