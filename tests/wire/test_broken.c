/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What breaks in the middle: malformed and cut request bodies, clients that vanish, bad responses
 * (502, or visibly truncated once the head is out). */
#include <string.h>

#include "tests/wire/wire.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define LENGTH_10 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"

/* ---- request bodies ---- */

/* The end of a body that turned bad may not look like an end. */
static void hears_no_end(struct conn *s)
{
    hear_reset(s);
}

static void a_bad_chunk_is_refused_and_its_request_aborted(struct wire *w)
{
    static const struct {
        const char *bytes, *reason;
    } cases[] = {
        { "x\r\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { "\r\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { "-5\r\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { "0x5\r\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { " 5\r\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { "5 \r\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { "5\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { "5\rhello\r\n0\r\n\r\n", "bad_chunk" },
        { "5\r\nhello0\r\n\r\n", "bad_chunk" },
        { "5\r\nhello\n0\r\n\r\n", "bad_chunk" },
        { "5\r\nhello!\r\n0\r\n\r\n", "bad_chunk" },
        { "5;\r\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { "5;a=\r\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { "5;a=b\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { "5;a=\"b\r\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { "5;a\x01\r\nhello\r\n0\r\n\r\n", "bad_chunk" },
        { "FFFFFFFFFFFFFFFF\r\nhello\r\n", "bad_chunk" },
        { "10000000000000005\r\nhello\r\n", "bad_chunk" },
        { "00000000000000005\r\nhello\r\n", "bad_chunk" },
        { "0\r\nX : y\r\n\r\n", "bad_trailer" },
        { "0\r\nX\r\n\r\n", "bad_trailer" },
        { "0\r\nX: a\n\r\n\r\n", "bad_trailer" },
        { "0\r\nX: a\r\n b\r\n\r\n", "bad_trailer" },
        { "0\r\n\rx", "bad_trailer" },
    };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_note(w, "case %zu", i);
        struct conn *c = client_dial(w);
        say(c, CHUNKED "3\r\nabc\r\n");
        struct conn *s = origin_accept(o);
        hear_until(s, "\r\n\r\n3\r\nabc\r\n");
        say(c, cases[i].bytes);
        hear_refused(c, 400);
        hears_no_end(s);
        logged(w, "end=%s status=400 tries=1 broken_by=client", cases[i].reason);
        hang_up(c);
        hang_up(s);
    }
}

static void a_body_that_is_cut_aborts_its_request(struct wire *w)
{
    static const char *const bodies[] = { LENGTH_10 "hello", CHUNKED "5\r\nhello\r\n",
                                          CHUNKED "9\r\nhello", CHUNKED "5\r\nhello\r\n0\r\n" };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct conn *c = client_dial(w);
        say(c, bodies[i]);
        struct conn *s = origin_accept(o);
        hear_until(s, "hello");
        end_sending(c);
        hear_refused(c, 400);
        hears_no_end(s);
        logged(w, "end=client_cut_body status=400");
        hang_up(s);
    }
}

static void a_head_that_is_cut_is_refused(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n");
    end_sending(c);
    hear_refused(c, 400);
    logged(w, "end=client_cut_head status=400 tries=0");
    origin_untouched(o);
}

/* ---- clients that vanish ---- */

static void a_client_may_come_and_go_without_a_word(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    hang_up(client_dial(w));
    hang_up_hard(client_dial(w));
    struct conn *c = client_dial(w);
    get_and_answer(c, o, NULL, "ok");
    logged(w, "end=ok"); /* and nothing before it */
}

static void a_client_that_resets_takes_its_request_along(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w), *s;
    say(c, "GET / HTTP/1.1\r\nHost:");
    wait_taken(c);
    hang_up_hard(c);
    logged(w, "end=client_reset status= tries=0");

    c = client_dial(w);
    say(c, LENGTH_10 "hello");
    s = origin_accept(o);
    hear_until(s, "hello");
    hang_up_hard(c);
    hears_no_end(s);
    logged(w, "end=client_reset status= tries=1");

    c = client_dial(w);
    say(c, GET);
    s = origin_accept(o);
    hear_request(s);
    hang_up_hard(c);
    hear_gone(s);
    logged(w, "end=client_reset status=");
}

static void a_client_that_vanishes_during_its_answer_ends_it(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhello");
    hear_until(c, "hello");
    hang_up_hard(c);
    hear_gone(s);
    logged(w, "end=client_reset status=200 server_status=200");
}

/* ---- bad responses ---- */

#define OK "HTTP/1.1 200 OK\r\n"

static void a_bad_response_head_is_a_502(struct wire *w)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *reason;
    } cases[] = {
#define BAD(bytes, reason) { bytes, sizeof(bytes) - 1, reason }
        BAD("garbage\r\n\r\n", "bad_status_line"),
        BAD("<html>hello</html>", "bad_status_line"),
        BAD("\r\nHTTP/1.1 200 OK\r\n\r\n", "bad_status_line"),
        BAD("HTTP/1.1 20 OK\r\n\r\n", "bad_status_line"),
        BAD("HTTP/1.1 2000 OK\r\n\r\n", "bad_status_line"),
        BAD("HTTP/1.1 099 Low\r\n\r\n", "bad_status_line"),
        BAD("HTTP/1.1  200 OK\r\n\r\n", "bad_status_line"),
        BAD("HTTP/1.1 -20 OK\r\n\r\n", "bad_status_line"),
        BAD("HTTP/1.1 200 O\0K\r\n\r\n", "bad_status_line"),
        BAD("HTTP/1.1 200 OK\n\n", "bad_status_line"),
        BAD("HTTP/2.0 200 OK\r\n\r\n", "bad_status_line"),
        BAD("ICY 200 OK\r\n\r\n", "bad_status_line"),
        BAD(OK "X : y\r\n\r\n", "response_head_bad"),
        BAD(OK "X: y\r\n z\r\n\r\n", "response_head_bad"),
        BAD(OK "X: a\0b\r\n\r\n", "response_head_bad"),
        BAD(OK "X: a\nY: b\r\n\r\n", "response_head_bad"),
        BAD(OK "no colon\r\n\r\n", "response_head_bad"),
        BAD(OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", "response_content_length"),
        BAD(OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", "response_content_length"),
        BAD(OK "Content-Length: -2\r\n\r\nok", "response_content_length"),
        BAD(OK "Content-Length: 2, 2\r\n\r\nok", "response_content_length"),
        BAD(OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "response_content_length"),
        BAD(OK "Transfer-Encoding: gzip\r\n\r\nxx", "response_coding"),
        BAD(OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "response_coding"),
        BAD("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "response_coding"),
        BAD("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "response_interim"),
        BAD("HTTP/1.1 100 Continue\r\nX : y\r\n\r\n", "response_head_bad"),
        BAD("HTTP/1.1 103 Early Hints\r\n\r\ngarbage\r\n", "bad_status_line"),
#undef BAD
    };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_note(w, "case %zu: %s", i, cases[i].reason);
        say(c, GET);
        struct conn *s = origin_accept(o);
        hear_request(s);
        say_bytes(s, cases[i].bytes, cases[i].len);
        struct message m = hear_answer(c);
        if (m.status / 100 == 1)
            m = hear_answer(c);
        assert_int_equal(m.status, 502);
        has_no_field(&m, "Connection"); /* the client's connection is as good as before */
        const char *line =
            logged(w, "end=%s status=502 server_status= tries=1 broken_by=server", cases[i].reason);
        assert_non_null(strstr(m.body, log_field(w, line, "request_id")));
        hear_gone(s);
        hang_up(s);
    }
}

static void a_server_that_ends_too_early_is_a_502(struct wire *w)
{
    static const struct {
        const char *bytes, *reason;
    } cases[] = {
        { "HTTP/1.1 200", "response_cut_head" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", "response_cut_head" },
        { "HTTP/1.1 100 Continue\r\n\r\n", "response_cut_head" },
    };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        say(c, GET);
        struct conn *s = origin_accept(o);
        hear_request(s);
        say(s, cases[i].bytes);
        hang_up(s);
        struct message m = hear_answer(c);
        if (m.status / 100 == 1)
            m = hear_answer(c);
        assert_int_equal(m.status, 502);
        logged(w, "end=%s tries=1", cases[i].reason);
    }
}

/* The client has the head of a response; then the server says more, and with `end` hangs up. */
static struct message truncated(struct wire *w, const char *request, const char *head,
                                const char *body, bool end, const char *reason)
{
    wire_note(w, "case: %s", body);
    struct origin *o = w->origins;
    struct conn *c = client_dial(w);
    say(c, request);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, head);
    while (!c->in_len || !memmem(c->in, c->in_len, "\r\n\r\n", 4))
        assert_true(conn_receive(c));
    say(s, body);
    if (end)
        hang_up(s);
    struct message m = hear_cut_answer(c);
    logged(w, "end=%s status=200 server_status=200 broken_by=server", reason);
    if (!end)
        hear_gone(s);
    hang_up(c);
    return m;
}

#define OK_CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static void a_response_body_that_is_cut_is_visibly_cut(struct wire *w)
{
    static const char reason[] = "response_cut_body";
    origin_open(w);
    sluice_start(w, " ");
    truncated(w, GET, OK "Content-Length: 10\r\n\r\n", "hello", true, reason);
    truncated(w, GET, OK "Content-Length: 10\r\n\r\n", "", true, reason);
    truncated(w, GET, OK_CHUNKED, "5\r\nhello\r\n", true, reason);
    truncated(w, GET, OK_CHUNKED, "9\r\nhello", true, reason);
    truncated(w, GET, OK_CHUNKED, "0\r\nX: y\r\n", true, reason);
    struct message m =
        truncated(w, "GET / HTTP/1.0\r\n\r\n", OK_CHUNKED, "9\r\nhello", true, reason);
    assert_int_equal(m.coding, BY_CLOSE); /* then only a reset shows it */
}

static const struct {
    const char *bytes, *reason;
} bad_chunks[] = {
    { "x\r\n", "response_chunk" },
    { "-1\r\n", "response_chunk" },
    { "5\r\nhello0\r\n\r\n", "response_chunk" },
    { "5\nhello", "response_chunk" },
    { "0\r\nX : y\r\n\r\n", "response_trailer" },
};

static void a_bad_response_chunk_is_visibly_cut(struct wire *w)
{
    origin_open(w);
    sluice_start(w, " ");
    for (size_t i = 0; i < sizeof bad_chunks / sizeof bad_chunks[0]; i++)
        truncated(w, GET, OK_CHUNKED "2\r\nab\r\n", bad_chunks[i].bytes, false,
                  bad_chunks[i].reason);
}

static void a_bad_response_chunk_right_after_its_head_is_a_502(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < sizeof bad_chunks / sizeof bad_chunks[0]; i++) {
        say(c, GET);
        struct conn *s = origin_accept(o);
        hear_request(s);
        say(s, wire_text(w, OK_CHUNKED "2\r\nab\r\n%s", bad_chunks[i].bytes));
        hear_status(c, 502);
        logged(w, "end=%s status=502 server_status=200", bad_chunks[i].reason);
        hear_gone(s);
    }
}

static void a_reset_during_a_body_without_length_is_visibly_cut(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK "\r\nhello");
    hear_until(c, "hello\r\n");
    hang_up_hard(s);
    hear_gone(c);
    assert_int_equal(c->in_len, 0); /* no last chunk */
    logged(w, "end=response_cut_body");
}

static void bytes_after_a_response_end_its_connection(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK "Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    hear_answered(c, 200, "ok");
    hear_gone(s); /* and nobody is answered with the rest */
    get_and_answer(c, o, NULL, "good");
}

static void bytes_on_an_idle_connection_end_it(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    struct conn *s = get_and_answer(c, o, NULL, "ok");
    say(s, OK "Content-Length: 4\r\n\r\nevil");
    hear_gone(s);
    get_and_answer(c, o, NULL, "good");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bad_chunk_is_refused_and_its_request_aborted),
        TEST(a_body_that_is_cut_aborts_its_request),
        TEST(a_head_that_is_cut_is_refused),
        TEST(a_client_may_come_and_go_without_a_word),
        TEST(a_client_that_resets_takes_its_request_along),
        TEST(a_client_that_vanishes_during_its_answer_ends_it),
        TEST(a_bad_response_head_is_a_502),
        TEST(a_server_that_ends_too_early_is_a_502),
        TEST(a_response_body_that_is_cut_is_visibly_cut),
        TEST(a_bad_response_chunk_is_visibly_cut),
        TEST(a_bad_response_chunk_right_after_its_head_is_a_502),
        TEST(a_reset_during_a_body_without_length_is_visibly_cut),
        TEST(bytes_after_a_response_end_its_connection),
        TEST(bytes_on_an_idle_connection_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
