/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 from clients, HTTP/1 to servers: what passes, what is refused, what ends it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/h2_peer.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define HEAD ":method: GET\n:scheme: http\n:authority: a.example\n:path: /\n"
#define POST ":method: POST\n:scheme: http\n:authority: a.example\n:path: /\n"
#define END_STREAM NGHTTP2_FLAG_END_STREAM

/* ---- what passes ---- */

static void a_request_is_translated(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    h2_head(p, 1, END_STREAM,
            ":method: GET\n:scheme: http\n:authority: www.example:81\n:path: /a/../b?q=1\n"
            "cookie: a=1\nx-one: 1\ncookie: b=2\nte: trailers\nuser-agent: t\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    assert_string_equal(m.start, "GET /b?q=1 HTTP/1.1");
    has_field(&m, "Host", "www.example:81");
    has_field(&m, "Cookie", "a=1; b=2");
    has_field(&m, "x-one", "1");
    has_no_field(&m, "te");
    has_field(&m, "X-Forwarded-For", "127.0.0.1");
    say(s, "HTTP/1.1 200 Fine\r\nServer: S\r\nContent-Length: 2\r\nKeep-Alive: x\r\n"
           "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Two:  Va lue \r\n\r\nok");
    struct h2_answer a = h2_hear_answer(p, 1);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "ok");
    h2_has(p, a.fields, "server: S");
    h2_has(p, a.fields, "x-two: Va lue");
    h2_has(p, a.fields, "content-length: 2");
    assert_null(strstr(a.fields, "connection"));
    assert_null(strstr(a.fields, "keep-alive"));
    assert_null(strstr(a.fields, "x-hop"));
    logged(w, "end=ok status=200 version=HTTP/2 method=GET path=/a/../b?q=1 "
              "authority=www.example:81");
}

static void streams_are_answered_as_servers_answer(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    h2_get(p, 1, "/one");
    struct conn *first = origin_accept(o);
    hear_request(first);
    h2_get(p, 3, "/two");
    struct conn *second = origin_accept(o);
    hear_request(second);
    say(second, OK);
    h2_answered(p, 3, 200, "ok");
    h2_get(p, 5, "/three");
    hear_request(second);
    say(second, OK);
    h2_answered(p, 5, 200, "ok");
    say(first, OK);
    h2_answered(p, 1, 200, "ok");
}

static void http1_goes_on_beside_it(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    struct conn *s = get_and_answer(c, o, NULL, "one");
    struct conn *slow = client_dial(w);
    say_slowly(slow, "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"); /* begins like the preface */
    hear_request(s);
    say(s, OK);
    hear_answered(slow, 200, "ok");
    struct h2_peer *p = h2_on(client_dial(w));
    say_slowly(p->c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    h2_say(p, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    h2_get(p, 1, "/");
    hear_request(s);
    say(s, OK);
    h2_answered(p, 1, 200, "ok");
}

static void it_can_be_switched_off(struct wire *w)
{
    origin_open(w);
    sluice_run_config(w, "listeners: { web: { bind: \"$LISTEN\", site: s, http2: off } }\n"
                         "sites: { s: { routes: [{ to: app }] } }\n"
                         "backends: { app: { servers: [$SERVERS] } }\n");
    struct conn *c = client_dial(w);
    say(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    hear_refused(c, 505);
}

static void bodies_and_trailers_pass_both_ways(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    h2_head(p, 1, 0, POST "content-length: 5\n");
    h2_data(p, 1, 0, "he");
    h2_data(p, 1, END_STREAM, "llo");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "Content-Length", "5");
    assert_string_equal(m.body, "hello");
    say(s, OK);
    h2_answered(p, 1, 200, "ok");

    h2_head(p, 3, 0, POST);
    h2_data(p, 3, 0, "hello");
    h2_head(p, 3, END_STREAM, "x-sum: 7\nx-forwarded-for: 9\n");
    m = hear_request(s);
    assert_int_equal(m.coding, BY_CHUNKS);
    assert_string_equal(m.body, "hello");
    assert_string_equal(m.trailers, "x-sum: 7\r\n");
    say(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
           "X-Sum: 8\r\nConnection: x\r\n\r\n");
    struct h2_answer a = h2_hear_answer(p, 3);
    assert_string_equal(a.body, "ok");
    assert_string_equal(a.trailers, "x-sum: 8\n");

    h2_head(p, 5, 0, POST);
    h2_data(p, 5, END_STREAM, "");
    m = hear_request(s);
    assert_int_equal(m.coding, BY_CHUNKS);
    assert_string_equal(m.body, "");
    say(s, "HTTP/1.1 204 No Content\r\n\r\n");
    h2_answered(p, 5, 204, "");
}

static void interim_answers_pass(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    h2_head(p, 1, 0, POST "expect: 100-continue\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_head(s);
    has_field(&m, "Expect", "100-continue");
    say(s, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    struct h2_heard f = h2_hear_type(p, NGHTTP2_HEADERS, 1);
    assert_string_equal(f.fields, ":status: 100\n");
    f = h2_hear_type(p, NGHTTP2_HEADERS, 1);
    assert_string_equal(f.fields, ":status: 103\nlink: </a>\n");
    h2_data(p, 1, END_STREAM, "body");
    hear_until(s, "\r\n0\r\n\r\n");
    say(s, OK);
    h2_answered(p, 1, 200, "ok");
}

static void an_early_answer_ends_the_request(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    h2_head(p, 1, 0, POST);
    struct conn *s = origin_accept(o);
    hear_head(s);
    say(s, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
    h2_answered(p, 1, 403, "no");
    h2_hear_reset(p, 1, NGHTTP2_NO_ERROR);
    h2_data(p, 1, END_STREAM, "late"); /* harms nobody */
    h2_get(p, 3, "/");
    s = origin_accept(o);
    hear_request(s);
    say(s, OK);
    h2_answered(p, 3, 200, "ok");
}

static void a_stalled_stream_stalls_nobody(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_on(client_dial(w));
    say(p->c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const uint8_t no_window[6] = { 0, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0, 0, 0, 0 };
    h2_say(p, NGHTTP2_SETTINGS, 0, 0, no_window, 6);
    h2_get(p, 1, "/long");
    struct conn *slow = origin_accept(o);
    hear_request(slow);
    say(slow, "HTTP/1.1 200 OK\r\nContent-Length: 40000000\r\n\r\n");
    stream_send(slow, 1, 40000000, BY_NOTHING);
    h2_hear_type(p, NGHTTP2_HEADERS, 1);
    struct conn *quick = NULL;
    for (int32_t id = 3; id < 203; id += 2) {
        h2_get(p, id, "/short");
        h2_u32(p, NGHTTP2_WINDOW_UPDATE, id, 100);
        quick = quick ? quick : origin_accept(o);
        hear_request(quick);
        say(quick, OK);
        h2_answered(p, id, 200, "ok");
    }
    h2_u32(p, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL);
    logged(w, "status=200 end=ok");
}

static void large_bodies_pass_unharmed(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    static const enum coding codings[] = { BY_LENGTH, BY_CHUNKS };
    for (int i = 0; i < 2; i++) {
        int32_t id = 1 + 2 * i;
        h2_get(p, id, "/");
        struct conn *s = origin_accept(o);
        hear_request(s);
        say(s, codings[i] == BY_CHUNKS
                   ? "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                   : "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n");
        stream_send(s, 7, 3000000, codings[i]);
        struct h2_answer a = h2_hear_answer(p, id);
        assert_int_equal(a.body_len, 3000000);
        stream_check(w, 7, a.body, a.body_len);
    }
}

/* ---- what is refused ---- */

/* RFC 9113 8.1.1: malformed, a stream error; no other stream is harmed and no server sees it. */
static const char *const malformed[] = {
    HEAD "X-Upper: 1\n",
    HEAD "connection: close\n",
    HEAD "keep-alive: 1\n",
    HEAD "proxy-connection: close\n",
    HEAD "transfer-encoding: chunked\n",
    HEAD "upgrade: h2c\n",
    HEAD "te: gzip\n",
    HEAD "host: b.example\n",
    HEAD "x: a\rb\n",
    HEAD "x:  a\n",
    HEAD "x: a \n",
    HEAD "x y: a\n",
    HEAD ":path: /b\n",
    HEAD "x: 1\n:authority: b.example\n",
    HEAD ":status: 200\n",
    HEAD ":other: 1\n",
    HEAD "content-length: 1\n",
    HEAD "content-length: 0\ncontent-length: 0\n",
    HEAD "content-length: x\n",
    ":method: GET\n:scheme: http\n:authority: a.example\n",
    ":method: GET\n:authority: a.example\n:path: /\n",
    ":scheme: http\n:authority: a.example\n:path: /\n",
    ":method: GET\n:method: GET\n:scheme: http\n:authority: a.example\n:path: /\n",
    ":method: G T\n:scheme: http\n:authority: a.example\n:path: /\n",
    ":method: GET\n:scheme: http\n:authority: a.example\n:path: \n",
    ":method: GET\n:scheme: http\n:authority: a.example\n:path: / HTTP/1.1\n",
    ":method: GET\n:scheme: http\n:authority: a.example\n:path: x\n",
    ":method: CONNECT\n:scheme: http\n:authority: a.example:1\n:path: /\n",
};

static void malformed_requests_end_only_themselves(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    int32_t id = 1;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++, id += 2) {
        wire_note(w, "case %zu: %s", i, malformed[i]);
        h2_head(p, id, END_STREAM, malformed[i]);
        struct h2_answer a = h2_hear_answer(p, id);
        if (a.reset ? a.code != NGHTTP2_PROTOCOL_ERROR : a.status != 400)
            wire_fail(w, "case %zu: status %d, code %u", i, a.status, a.code);
    }
    origin_untouched(o);
    h2_get(p, id, "/");
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK);
    h2_answered(p, id, 200, "ok");
}

/* RFC 9113 8.1.1: the body does not agree with its length. */
static void a_wrong_length_never_ends_well(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    static const char *const bodies[] = { "four", "sixsix" };
    for (size_t i = 0; i < 2; i++) {
        struct h2_peer *p = h2_dial(w);
        h2_head(p, 1, 0, POST "content-length: 5\n");
        struct conn *s = origin_accept(o);
        hear_head(s);
        h2_data(p, 1, END_STREAM, bodies[i]);
        h2_hear_reset(p, 1, NGHTTP2_PROTOCOL_ERROR);
        hear_gone(s);
        logged(w, "end=client_protocol_error status=");
    }
}

static void limits_are_answered_as_in_http1(struct wire *w)
{
    origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    struct text many = { 0 };
    text_add(&many, HEAD, strlen(HEAD));
    for (int i = 0; i < 110; i++)
        text_add(&many, "a: b\n", 5);
    h2_head(p, 1, END_STREAM, many.p);
    assert_int_equal(h2_hear_answer(p, 1).status, 431);
    free(many.p);
    h2_head(p, 3, END_STREAM,
            wire_text(w, ":method: GET\n:scheme: http\n:authority: a\n:path: /%s\n",
                      wire_repeat(w, 'a', 9000)));
    assert_int_equal(h2_hear_answer(p, 3).status, 414);
    h2_head(p, 5, END_STREAM, ":method: CONNECT\n:authority: a.example:443\n");
    assert_int_equal(h2_hear_answer(p, 5).status, 501);
    h2_head(p, 7, END_STREAM, ":method: GET\n:scheme: http\n:authority: a b\n:path: /\n");
    struct h2_answer a = h2_hear_answer(p, 7);
    assert_true(a.reset || a.status == 400);
}

/* A head of more than its 32 KiB, in several frames. */
static void a_head_too_large_is_answered(struct wire *w)
{
    origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    static uint8_t block[60000];
    size_t n = h2_encode(wire_text(w, HEAD "x: %s\ny: %s\nz: %s\n", wire_repeat(w, 'a', 16000),
                                   wire_repeat(w, 'b', 16000), wire_repeat(w, 'c', 16000)),
                         block, sizeof block);
    h2_say(p, NGHTTP2_HEADERS, END_STREAM, 1, block, 16000);
    h2_say(p, NGHTTP2_CONTINUATION, 0, 1, block + 16000, 16000);
    h2_say(p, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, block + 32000, n - 32000);
    assert_int_equal(h2_hear_answer(p, 1).status, 431);
    logged(w, "end=head_too_large");
}

struct bad_frame {
    uint8_t type, flags;
    int32_t stream;
    size_t len;
    const char *payload;
    uint32_t code;
};

/* RFC 9113 5 and 6: errors of the connection. */
static const struct bad_frame bad_frames[] = {
    { NGHTTP2_DATA, 0, 0, 1, "x", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_DATA, 0, 1, 1, "x", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_HEADERS, 5, 0, 1, "\x82", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_HEADERS, 5, 2, 1, "\x82", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_HEADERS, 5, 1, 1, "\xff", NGHTTP2_COMPRESSION_ERROR },
    { NGHTTP2_CONTINUATION, 4, 1, 1, "\x82", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_SETTINGS, 0, 1, 0, "", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_SETTINGS, 0, 0, 5, "\0\0\0\0", NGHTTP2_FRAME_SIZE_ERROR },
    { NGHTTP2_SETTINGS, 1, 0, 6, "\0\4\0\0\0\0", NGHTTP2_FRAME_SIZE_ERROR },
    { NGHTTP2_SETTINGS, 0, 0, 6, "\0\4\xff\xff\xff\xff", NGHTTP2_FLOW_CONTROL_ERROR },
    { NGHTTP2_SETTINGS, 0, 0, 6, "\0\2\0\0\0\2", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_SETTINGS, 0, 0, 6, "\0\5\0\0\0\1", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_PING, 0, 0, 7, "1234567", NGHTTP2_FRAME_SIZE_ERROR },
    { NGHTTP2_PING, 0, 1, 8, "12345678", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_WINDOW_UPDATE, 0, 0, 4, "\0\0\0\0", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_WINDOW_UPDATE, 0, 0, 4, "\x7f\xff\xff\xff", NGHTTP2_FLOW_CONTROL_ERROR },
    { NGHTTP2_WINDOW_UPDATE, 0, 0, 3, "\0\0\1", NGHTTP2_FRAME_SIZE_ERROR },
    { NGHTTP2_WINDOW_UPDATE, 0, 1, 4, "\0\0\0\1", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_RST_STREAM, 0, 0, 4, "\0\0\0\0", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_RST_STREAM, 0, 1, 4, "\0\0\0\0", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_GOAWAY, 0, 1, 8, "\0\0\0\0\0\0\0\0", NGHTTP2_PROTOCOL_ERROR },
    { NGHTTP2_PUSH_PROMISE, 4, 1, 5, "\0\0\0\2\x82", NGHTTP2_PROTOCOL_ERROR },
};

static void errors_of_the_connection_end_it(struct wire *w)
{
    origin_open(w);
    sluice_start(w, " ");
    for (size_t i = 0; i < sizeof bad_frames / sizeof bad_frames[0]; i++) {
        const struct bad_frame *b = &bad_frames[i];
        wire_note(w, "case %zu", i);
        struct h2_peer *p = h2_dial(w);
        h2_say(p, b->type, b->flags, b->stream, b->payload, b->len);
        h2_hear_goaway(p, b->code);
        hang_up(p->c);
    }
}

/* ---- what ends ---- */

static void a_cancelled_request_is_taken_from_the_server(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    h2_get(p, 1, "/");
    struct conn *s = origin_accept(o);
    hear_request(s);
    h2_u32(p, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL);
    hear_gone(s);
    logged(w, "end=client_cancelled status=");
    h2_get(p, 3, "/");
    s = origin_accept(o);
    hear_request(s);
    say(s, OK);
    h2_answered(p, 3, 200, "ok");
}

static void a_broken_answer_is_reset(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    h2_get(p, 1, "/");
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nbegin");
    h2_hear_type(p, NGHTTP2_DATA, 1);
    hang_up(s);
    h2_hear_reset(p, 1, NGHTTP2_INTERNAL_ERROR);
    logged(w, "end=response_cut_body status=200");
    h2_get(p, 3, "/");
    s = origin_accept(o);
    hear_request(s);
    hang_up_hard(s);
    struct h2_answer a = h2_hear_answer(p, 3);
    assert_int_equal(a.status, 502);
}

static void it_drains_with_a_word(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    h2_get(p, 1, "/");
    struct conn *s = origin_accept(o);
    hear_request(s);
    sluice_signal(w, SIGTERM);
    struct h2_heard f = h2_hear_type(p, NGHTTP2_GOAWAY, 0);
    assert_memory_equal(f.payload, "\x7f\xff\xff\xff\0\0\0\0", 8);
    f = h2_hear_type(p, NGHTTP2_PING, 0);
    h2_get(p, 3, "/"); /* on its way before the client could know */
    h2_say(p, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, f.payload, 8);
    f = h2_hear_type(p, NGHTTP2_GOAWAY, 0);
    assert_memory_equal(f.payload, "\0\0\0\3\0\0\0\0", 8);
    say(s, OK);
    h2_answered(p, 1, 200, "ok");
    s = origin_accept(o);
    hear_request(s);
    say(s, OK);
    h2_answered(p, 3, 200, "ok");
    assert_false(h2_hear(p, &f));
    hang_up(p->c);
    sluice_ends(w, 0);
}

static void an_idle_connection_is_told(struct wire *w)
{
    origin_open(w);
    sluice_run_config(w, "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
                         "defaults: { timeouts: { client_idle: 50ms } }\n"
                         "sites: { s: { routes: [{ to: app }] } }\n"
                         "backends: { app: { servers: [$SERVERS] } }\n");
    struct h2_peer *p = h2_dial(w);
    h2_hear_goaway(p, NGHTTP2_NO_ERROR);
}

/* ---- limits of time ---- */

#define QUICK(what)                                                                                \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "defaults: { timeouts: { " what " } }\n"                                                       \
    "sites: { s: { log: access, routes: [{ to: app }] } }\n"                                       \
    "backends: { app: { servers: [$SERVERS] } }\n"

static void a_stalled_body_is_answered(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, QUICK("client_body: 50ms"));
    struct h2_peer *p = h2_dial(w);
    h2_head(p, 1, 0, POST);
    h2_data(p, 1, 0, "begin");
    struct conn *s = origin_accept(o);
    assert_int_equal(h2_hear_answer(p, 1).status, 408);
    hear_gone(s);
    logged(w, "end=client_body_timeout status=408");
}

static void a_closed_window_ends_its_stream(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, QUICK("client_write: 50ms"));
    struct h2_peer *p = h2_on(client_dial(w));
    say(p->c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const uint8_t no_window[6] = { 0, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0, 0, 0, 0 };
    h2_say(p, NGHTTP2_SETTINGS, 0, 0, no_window, 6);
    h2_get(p, 1, "/");
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK);
    h2_hear_reset(p, 1, NGHTTP2_CANCEL);
    logged(w, "end=client_write_timeout status=200");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_translated),
        TEST(streams_are_answered_as_servers_answer),
        TEST(http1_goes_on_beside_it),
        TEST(it_can_be_switched_off),
        TEST(bodies_and_trailers_pass_both_ways),
        TEST(interim_answers_pass),
        TEST(an_early_answer_ends_the_request),
        TEST(a_stalled_stream_stalls_nobody),
        TEST(large_bodies_pass_unharmed),
        TEST(malformed_requests_end_only_themselves),
        TEST(a_wrong_length_never_ends_well),
        TEST(limits_are_answered_as_in_http1),
        TEST(a_head_too_large_is_answered),
        TEST(errors_of_the_connection_end_it),
        TEST(a_cancelled_request_is_taken_from_the_server),
        TEST(a_broken_answer_is_reset),
        TEST(it_drains_with_a_word),
        TEST(an_idle_connection_is_told),
        TEST(a_stalled_body_is_answered),
        TEST(a_closed_window_ends_its_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
