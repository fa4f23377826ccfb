/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 to servers, in clear: what passes from clients of both protocols, and what is refused. */
#include <stdlib.h>
#include <string.h>

#include "tests/wire/h2_peer.h"

#define END_STREAM NGHTTP2_FLAG_END_STREAM
#define SITE                                                                                       \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites: { s: { log: access, routes: [{ to: b }] } }\n"
#define BACKEND(more) SITE "backends: { b: { protocol: h2, " more "servers: [$SERVERS] } }\n"
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST5 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"

static struct origin *start(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, BACKEND(""));
    return o;
}

static struct conn *ask(struct wire *w)
{
    struct conn *c = client_dial(w);
    say(c, GET);
    return c;
}

/* ---- what passes ---- */

static void a_request_is_translated(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = client_dial(w);
    say(c, "GET /a/../b?q=1 HTTP/1.1\r\nHost: www.example:81\r\nX-One: 1\r\nTE: trailers\r\n"
           "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\n");
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_request(s);
    h2_has(s, r.fields, ":method: GET");
    h2_has(s, r.fields, ":scheme: http");
    h2_has(s, r.fields, ":authority: www.example:81");
    h2_has(s, r.fields, ":path: /b?q=1");
    h2_has(s, r.fields, "x-one: 1");
    h2_has(s, r.fields, "te: trailers");
    h2_has(s, r.fields, "x-forwarded-for: 127.0.0.1");
    assert_null(strstr(r.fields, "connection"));
    assert_null(strstr(r.fields, "keep-alive"));
    assert_null(strstr(r.fields, "x-hop"));
    assert_null(strstr(r.fields, "\nhost"));
    h2_head(s, r.stream, 0, ":status: 200\nserver: S\nx-two: Va lue\ncontent-length: 2\n");
    h2_data(s, r.stream, END_STREAM, "ok");
    struct message m = hear_answered(c, 200, "ok");
    assert_string_equal(m.start, "HTTP/1.1 200 OK");
    has_field(&m, "server", "S");
    has_field(&m, "x-two", "Va lue");
    has_field(&m, "Content-Length", "2");
    logged(w, "end=ok status=200 version=HTTP/1.1");
}

static void many_requests_share_a_connection(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c[20];
    c[0] = ask(w);
    struct h2_peer *s = h2_accept(o);
    h2_hear_request(s);
    for (int i = 1; i < 20; i++) {
        c[i] = ask(w);
        assert_int_equal(h2_hear_request(s).stream, 2 * i + 1);
    }
    for (int i = 19; i >= 0; i--) {
        h2_reply(s, 2 * i + 1, 200, wire_text(w, "number %d", i));
        hear_answered(c[i], 200, wire_text(w, "number %d", i));
    }
    for (int i = 0; i < 20; i++) { /* and keep-alive goes on */
        say(c[i], GET);
        struct h2_request r = h2_hear_request(s);
        h2_reply(s, r.stream, 200, "again");
        hear_answered(c[i], 200, "again");
    }
    origin_untouched(o);
}

static void http2_passes_to_http2(struct wire *w)
{
    struct origin *o = start(w);
    struct h2_peer *p = h2_dial(w);
    h2_head(p, 1, 0, ":method: POST\n:scheme: http\n:authority: a\n:path: /\nte: trailers\n");
    h2_data(p, 1, 0, "hello");
    h2_head(p, 1, END_STREAM, "x-sum: 7\n");
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_request(s);
    assert_string_equal(r.body, "hello");
    assert_string_equal(r.trailers, "x-sum: 7\n");
    assert_null(strstr(r.fields, "content-length"));
    h2_head(s, r.stream, 0, ":status: 103\nlink: </a>\n");
    h2_head(s, r.stream, 0, ":status: 200\n");
    h2_data(s, r.stream, 0, "answer");
    h2_head(s, r.stream, END_STREAM, "x-sum: 8\n");
    struct h2_answer a = h2_hear_answer(p, 1);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.interim, ":status: 103\nlink: </a>\n");
    assert_string_equal(a.body, "answer");
    assert_string_equal(a.trailers, "x-sum: 8\n");
}

static void bodies_and_trailers_pass_both_ways(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = client_dial(w);
    say(c, POST5 "hello");
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_request(s);
    h2_has(s, r.fields, "content-length: 5");
    assert_string_equal(r.body, "hello");
    h2_head(s, r.stream, END_STREAM, ":status: 204\n");
    hear_answered(c, 204, "");

    say(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
           "2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 7\r\nHost: b\r\n\r\n");
    r = h2_hear_request(s);
    assert_null(strstr(r.fields, "content-length"));
    assert_null(strstr(r.fields, "transfer-encoding"));
    assert_string_equal(r.body, "hello");
    assert_string_equal(r.trailers, "x-sum: 7\n");
    h2_head(s, r.stream, 0, ":status: 200\n");
    h2_data(s, r.stream, 0, "an");
    h2_data(s, r.stream, 0, "swer");
    h2_head(s, r.stream, END_STREAM, "x-sum: 8\nx-forwarded-for: 9\n");
    struct message m = hear_answered(c, 200, "answer");
    assert_int_equal(m.coding, BY_CHUNKS);
    assert_string_equal(m.trailers, "x-sum: 8\r\n");

    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    r = h2_hear_head(s);
    assert_null(r.trailers); /* END_STREAM came with the head */
    h2_has(s, r.fields, "content-length: 0");
    h2_head(s, r.stream, 0, ":status: 200\ncontent-length: 0\n");
    h2_data(s, r.stream, END_STREAM, "");
    hear_answered(c, 200, "");

    say(c, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    r = h2_hear_request(s);
    h2_head(s, r.stream, END_STREAM, ":status: 200\ncontent-length: 1000\n");
    m = hear_answer_to(c, "HEAD");
    has_field(&m, "Content-Length", "1000");
}

static void an_expectation_is_passed_on(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_head(s);
    h2_has(s, r.fields, "expect: 100-continue");
    h2_head(s, r.stream, 0, ":status: 100\n");
    hear(c, "HTTP/1.1 100 Continue\r\n\r\n");
    say(c, "hello");
    h2_hear_rest(s, &r);
    assert_string_equal(r.body, "hello");
    h2_reply(s, r.stream, 200, "ok");
    hear_answered(c, 200, "ok");

    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    r = h2_hear_head(s);
    h2_reply(s, r.stream, 413, "no");
    hear_answered(c, 413, "no");
}

static void an_early_answer_ends_the_request(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = client_dial(w), *other = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhello");
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_head(s);
    h2_reply(s, r.stream, 403, "no");
    h2_u32(s, NGHTTP2_RST_STREAM, r.stream, NGHTTP2_NO_ERROR);
    hear_answered(c, 403, "no");
    say(other, GET);
    r = h2_hear_request(s);
    h2_reply(s, r.stream, 200, "ok");
    hear_answered(other, 200, "ok");
    say(other, POST5); /* without its body */
    r = h2_hear_head(s);
    h2_reply(s, r.stream, 403, "no"); /* and it says nothing more */
    hear_answered(other, 403, "no");
    h2_hear_reset(s, r.stream, NGHTTP2_CANCEL);
}

static void large_bodies_pass_unharmed(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    stream_send(c, 7, 3000000, BY_NOTHING);
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_request(s);
    assert_int_equal(r.body_len, 3000000);
    stream_check(w, 7, r.body, r.body_len);
    h2_head(s, r.stream, 0, ":status: 200\ncontent-length: 60000\n");
    char *body = wire_repeat(w, 'x', 20000);
    for (int i = 0; i < 3; i++)
        for (size_t at = 0; at < 20000; at += 10000)
            h2_say(s, NGHTTP2_DATA, i == 2 && at == 10000 ? END_STREAM : 0, r.stream, body + at,
                   10000);
    struct message m = hear_answer(c);
    assert_int_equal(m.body_len, 60000);
}

static void a_stalled_client_stalls_only_its_stream(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *slow = ask(w);
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_request(s);
    int32_t stalled = r.stream;
    h2_head(s, stalled, 0, ":status: 200\n");
    char *body = wire_repeat(w, 'x', 16000);
    struct conn *quick = client_dial(w);
    uint32_t said = 0, allowed = 65535;
    for (;;) { /* until the stream's window stays shut while another is answered */
        struct h2_heard f;
        while (said + 16000 <= allowed) {
            h2_say(s, NGHTTP2_DATA, 0, stalled, body, 16000);
            said += 16000;
        }
        say(quick, GET);
        uint32_t before = allowed;
        do {
            assert_true(h2_hear(s, &f));
            if (f.type == NGHTTP2_WINDOW_UPDATE && f.stream == stalled)
                allowed += (uint32_t)f.payload[0] << 24 | (uint32_t)f.payload[1] << 16 |
                           (uint32_t)f.payload[2] << 8 | f.payload[3];
        } while (f.type != NGHTTP2_HEADERS);
        h2_reply(s, f.stream, 200, "ok");
        hear_answered(quick, 200, "ok");
        if (allowed == before && said > 1000000)
            break;
        assert_true(said < 64000000);
    }
    hang_up_hard(slow);
    h2_hear_reset(s, stalled, NGHTTP2_CANCEL);
}

/* ---- what is refused ---- */

static const char *const malformed[] = {
    ":status: 200\nX-Upper: 1\n",
    ":status: 200\nconnection: close\n",
    ":status: 200\nkeep-alive: 1\n",
    ":status: 200\nproxy-connection: close\n",
    ":status: 200\ntransfer-encoding: chunked\n",
    ":status: 200\nupgrade: websocket\n",
    ":status: 200\nx: a\rb\n",
    ":status: 200\nx y: a\n",
    ":status: 200\n:status: 200\n",
    ":status: 200\n:path: /\n",
    "x: 1\n:status: 200\n",
    "x: 1\n",
    ":status: 2000\n",
    ":status: 20\n",
    ":status: abc\n",
    ":status: 101\n",
    ":status: 099\n",
    ":status: 200\ncontent-length: 1\n",
    ":status: 200\ncontent-length: 0\ncontent-length: 0\n",
    ":status: 200\ncontent-length: x\n",
};

static void malformed_answers_end_only_themselves(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = client_dial(w);
    struct h2_peer *s = NULL;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        wire_note(w, "%s", malformed[i]);
        say(c, GET);
        s = s ? s : h2_accept(o);
        struct h2_request r = h2_hear_request(s);
        h2_head(s, r.stream, END_STREAM, malformed[i]);
        hear_status(c, 502);
        say(c, GET);
        r = h2_hear_request(s);
        h2_reply(s, r.stream, 200, "ok");
        hear_answered(c, 200, "ok");
    }
}

static void a_wrong_length_never_ends_well(struct wire *w)
{
    struct origin *o = start(w);
    struct h2_peer *s = NULL;
    static const char *const bodies[] = { "hell", "hello!" };
    for (int i = 0; i < 2; i++) {
        struct conn *c = ask(w);
        s = s ? s : h2_accept(o);
        struct h2_request r = h2_hear_request(s);
        h2_head(s, r.stream, 0, ":status: 200\ncontent-length: 5\n");
        hear_until(c, "\r\n\r\n");
        h2_data(s, r.stream, END_STREAM, bodies[i]);
        hear_gone(c);
        logged(w, "status=200 end=response_cut_body");
    }
}

static void a_broken_answer_is_visibly_so(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = ask(w);
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_request(s);
    h2_head(s, r.stream, 0, ":status: 200\n");
    h2_data(s, r.stream, 0, "half");
    hear_until(c, "half");
    h2_u32(s, NGHTTP2_RST_STREAM, r.stream, NGHTTP2_INTERNAL_ERROR);
    hear_gone(c);
    logged(w, "status=200 end=response_cut_body");
    c = client_dial(w);
    say(c, POST5 "hello"); /* which is not repeated */
    r = h2_hear_request(s);
    h2_u32(s, NGHTTP2_RST_STREAM, r.stream, NGHTTP2_INTERNAL_ERROR);
    hear_status(c, 502);
    logged(w, "status=502 end=server_reset tries=1");
    say(c, GET);
    r = h2_hear_request(s);
    h2_head(s, r.stream, 0, ":status: 200\n");
    hang_up_hard(s->c);
    hear_gone(c);
}

static void switching_protocols_is_refused(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    hear_status(c, 501);
    logged(w, "end=upgrade_refused status=501");
    say(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n");
    struct h2_peer *s = h2_accept(o); /* an offer that nobody need take */
    struct h2_request r = h2_hear_request(s);
    assert_null(strstr(r.fields, "upgrade"));
    h2_reply(s, r.stream, 200, "ok");
    hear_answered(c, 200, "ok");
}

static void a_server_of_http1_is_found_out(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = client_dial(w);
    say(c, POST5 "hello");
    struct conn *s = origin_accept(o);
    say(s, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    hear_status(c, 502);
    logged(w, "end=server_wrong_protocol status=502");
}

static void errors_of_the_connection_end_it(struct wire *w)
{
    struct origin *o = start(w);
    for (int i = 0; i < 4; i++) {
        struct conn *c = client_dial(w);
        say(c, POST5 "hello");
        struct h2_peer *s = h2_accept(o);
        struct h2_request r = h2_hear_request(s);
        if (i == 0)
            h2_say(s, NGHTTP2_DATA, 0, 0, "x", 1);
        else if (i == 1)
            h2_say(s, NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, r.stream, "\0\0\0\2", 4);
        else if (i == 2)
            h2_say(s, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 99, "\x88", 1);
        else
            h2_say(s, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, r.stream, "\xff\xff\xff\xff", 4);
        hear_status(c, 502);
        logged(w, "end=server_protocol_error status=502");
        struct h2_heard f = h2_hear_type(s, NGHTTP2_GOAWAY, 0);
        assert_int_not_equal(f.payload[7], NGHTTP2_NO_ERROR);
    }
}

static void a_flood_of_the_server_ends_its_connection(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = client_dial(w);
    say(c, POST5 "hello");
    struct h2_peer *s = h2_accept(o);
    h2_hear_request(s);
    char *flood = wire_repeat(w, '\0', 200 * 9); /* empty SETTINGS */
    for (size_t i = 0; i < 200; i++)
        flood[9 * i + 3] = NGHTTP2_SETTINGS;
    say_bytes(s->c, flood, 200 * 9);
    hear_status(c, 502);
    logged(w, "end=server_protocol_error status=502");
    say(c, GET);
    s = h2_accept(o);
    struct h2_request r = h2_hear_request(s);
    h2_reply(s, r.stream, 200, "ok");
    hear_answered(c, 200, "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_translated),
        TEST(many_requests_share_a_connection),
        TEST(http2_passes_to_http2),
        TEST(bodies_and_trailers_pass_both_ways),
        TEST(an_expectation_is_passed_on),
        TEST(an_early_answer_ends_the_request),
        TEST(large_bodies_pass_unharmed),
        TEST(a_stalled_client_stalls_only_its_stream),
        TEST(malformed_answers_end_only_themselves),
        TEST(a_wrong_length_never_ends_well),
        TEST(a_broken_answer_is_visibly_so),
        TEST(switching_protocols_is_refused),
        TEST(a_server_of_http1_is_found_out),
        TEST(errors_of_the_connection_end_it),
        TEST(a_flood_of_the_server_ends_its_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
