/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies that are taken in on their way: requests before a server is asked, responses ahead of a
 * slow client. */
#include <string.h>

#include "tests/wire/wire.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#define CONFIG(what)                                                                               \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites:\n"                                                                                     \
    "  s:\n"                                                                                       \
    "    log: access\n"                                                                            \
    "    " what "\n"                                                                               \
    "    routes: [{ to: app }]\n"                                                                  \
    "backends: { app: { servers: [$SERVERS] } }\n"

/* ---- requests ---- */

static void a_server_is_asked_when_the_body_is_whole(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("buffers: { request: 64KiB }"));
    struct conn *c = client_dial(w);
    say_slowly(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    origin_untouched(o);
    say_slowly(c, "worl");
    origin_untouched(o);
    say(c, "d");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    assert_string_equal(m.body, "helloworld");
    has_field(&m, "Content-Length", "10");
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    logged(w, "end=ok status=200");
}

static void chunks_and_trailers_too(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("buffers: { request: 64KiB }"));
    struct conn *c = client_dial(w);
    say_slowly(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
                  "3\r\nabc\r\n2\r\nde\r\n0\r\n");
    origin_untouched(o);
    say(c, "X: y\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    assert_string_equal(m.body, "abcde");
    assert_non_null(strstr(m.trailers, "X: y"));
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_request(s);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
}

static void a_client_that_waits_for_100_gets_it_from_us(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("buffers: { request: 64KiB }"));
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    hear(c, "HTTP/1.1 100 Continue\r\n\r\n");
    origin_untouched(o);
    say(c, "hi");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_no_field(&m, "Expect");
    assert_string_equal(m.body, "hi");
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
}

static void a_body_larger_than_the_buffer_streams(struct wire *w)
{
    static const enum coding codings[] = { BY_LENGTH, BY_CHUNKS };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("buffers: { request: 40KiB }"));
    struct conn *s = NULL;
    for (unsigned i = 0; i < 2; i++) {
        struct conn *c = client_dial(w);
        sayf(c, "PUT / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n",
             i ? "Transfer-Encoding: chunked" : "Content-Length: 5242880");
        stream_send(c, i, 5 * MIB, codings[i]);
        s = s ? s : origin_accept(o);
        hear_head(s);
        stream_hear(s, i, 5 * MIB, codings[i]);
        streams_sent(w);
        say(s, OK_ANSWER);
        hear_answered(c, 200, "ok");
    }
}

static void a_whole_body_is_sent_again_when_its_connection_breaks(struct wire *w)
{
    struct origin *a = origin_open(w), *b = origin_open(w);
    (void)a;
    (void)b;
    sluice_run_config(w, CONFIG("buffers: { request: 64KiB }"));
    struct conn *c = client_dial(w);
    char *body = wire_repeat(w, 'x', 40000);
    say(c, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n");
    say(c, body);
    struct conn *s = origin_accept_any(w);
    hear_request(s);
    hang_up_hard(s);
    s = origin_accept_any(w);
    struct message m = hear_request(s);
    assert_string_equal(m.body, body);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    logged(w, "end=ok tries=2");
}

static void a_post_that_may_have_been_processed_is_not(struct wire *w)
{
    origin_open(w);
    origin_open(w);
    sluice_run_config(w, CONFIG("buffers: { request: 64KiB }"));
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    struct conn *s = origin_accept_any(w);
    hear_request(s);
    hang_up_hard(s);
    hear_status(c, 502);
    logged(w, "end=server_reset tries=1");
}

static void bad_and_cut_bodies_reach_no_server(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("buffers: { request: 64KiB }\n    max_body: 4B"));
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nx");
    hear_refused(c, 400);
    logged(w, "end=bad_chunk");
    c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n");
    hear_refused(c, 413);
    logged(w, "end=body_too_large");
    c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
    end_sending(c);
    hear_refused(c, 400);
    logged(w, "end=client_cut_body");
    c = client_dial(w);
    say_slowly(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
    hang_up_hard(c);
    logged(w, "end=client_reset");
    origin_untouched(o);
}

static void an_early_answer_ends_it(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("buffers: { request: 20KiB }"));
    struct conn *c = client_dial(w);
    say(c, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    say(c, wire_repeat(w, 'x', 50000));
    struct conn *s = origin_accept(o);
    hear_head(s);
    say(s, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
    struct message m = hear_status(c, 403);
    has_field(&m, "Connection", "close");
    say(c, wire_repeat(w, 'x', 50000)); /* is read and dropped */
    hear_end(c);
}

static void buffers_are_bounded_by_half_of_the_workers(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, "worker_limits: { buffers: 64 }\n" CONFIG("buffers: { request: 100MiB }"));
    struct conn *c = client_dial(w);
    sayf(c, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2097152\r\n\r\n");
    stream_send(c, 1, 2 * MIB, BY_LENGTH);
    struct conn *s = origin_accept(o);
    hear_head(s);
    stream_hear(s, 1, 2 * MIB, BY_LENGTH);
    streams_sent(w);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
}

/* ---- responses ---- */

static void a_slow_client_does_not_hold_the_server(struct wire *w)
{
    static const enum coding codings[] = { BY_LENGTH, BY_CHUNKS };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("buffers: { response: 32MiB }"));
    struct conn *slow[2];
    for (unsigned i = 0; i < 2; i++) {
        slow[i] = client_dial(w);
        say(slow[i], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        struct conn *s = origin_accept(o);
        hear_request(s);
        sayf(s, "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
             i ? "Transfer-Encoding: chunked" : "Content-Length: 20971520");
        stream_send(s, i, 20 * MIB, codings[i]);
        streams_sent(w);
        end_sending(s);
        hear_end(s); /* it is given up: all was received */
    }
    for (unsigned i = 0; i < 2; i++) {
        hear_head(slow[i]);
        stream_hear(slow[i], i, 20 * MIB, codings[i]);
    }
}

static void a_full_response_buffer_waits_for_its_client(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("buffers: { response: 100KiB }"));
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 20971520\r\n\r\n");
    stream_send(s, 3, 20 * MIB, BY_LENGTH);
    hear_head(c);
    stream_hear(c, 3, 20 * MIB, BY_LENGTH);
    streams_sent(w);
    logged(w, "end=ok status=200");
}

static void a_cut_response_is_cut_for_the_client(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("buffers: { response: 1MiB }"));
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    hear_until(c, "hello");
    hang_up(s);
    hear_gone(c);
    logged(w, "end=response_cut_body");
}

static void a_client_may_leave_what_is_buffered(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("buffers: { response: 32MiB }"));
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 20971520\r\n\r\n");
    stream_send(s, 3, 20 * MIB, BY_LENGTH);
    streams_sent(w);
    hang_up_hard(c);
    logged(w, "end=client_reset");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_is_asked_when_the_body_is_whole),
        TEST(chunks_and_trailers_too),
        TEST(a_client_that_waits_for_100_gets_it_from_us),
        TEST(a_body_larger_than_the_buffer_streams),
        TEST(a_whole_body_is_sent_again_when_its_connection_breaks),
        TEST(a_post_that_may_have_been_processed_is_not),
        TEST(bad_and_cut_bodies_reach_no_server),
        TEST(an_early_answer_ends_it),
        TEST(buffers_are_bounded_by_half_of_the_workers),
        TEST(a_slow_client_does_not_hold_the_server),
        TEST(a_full_response_buffer_waits_for_its_client),
        TEST(a_cut_response_is_cut_for_the_client),
        TEST(a_client_may_leave_what_is_buffered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
