/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/http/forward.h"
#include "core/http/h1_head.h"
#include "tests/unit/guard.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define END "\r\n"
#define X_ADDED                                                                                    \
    "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"             \
    "X-Request-Id: id\r\n"

static const struct forward_request plain = {
    .peer_ip = { "192.0.2.1", 9 },
    .scheme = { "http", 4 },
    .request_id = { "id", 2 },
    .max_forwards = -1,
};

/* Writes into out what goes to the server; Host is the target's authority unless options name
 * one. Everything read is flush against a guard page. */
static size_t forward(struct guard *g, const char *text, const struct forward_request *options,
                      char *out, size_t bytes)
{
    struct http_head h;
    struct arena arena;
    struct target target;
    enum end_reason why;
    char block[512];
    struct str s = guard_end(g, str_of(text));
    arena_init(&arena, block, sizeof block, 0);
    assert_int_equal(h1_parse_request(s.ptr, s.len, 0, &h, &why), H1_DONE);
    assert_int_equal(target_parse(&h, &arena, &target), END_OK);
    struct forward_request f = *options;
    f.target = &target;
    if (!f.host.len)
        f.host = target.authority;
    struct out o = out_into(out, bytes);
    forward_request_head(&o, &h, &f);
    return o.full ? 0 : out_len(&o);
}

static void assert_forwarded(struct guard *g, const char *text, const struct forward_request *f,
                             const char *expected)
{
    char out[4096];
    size_t n = forward(g, text, f, out, sizeof out - 1);
    out[n] = '\0';
    assert_string_equal(out, expected);
    /* Exactly as much room is enough, a byte less is not, and none is overrun. */
    struct guard room = guard_new(sizeof out);
    char *end = room.start + room.bytes;
    assert_int_equal(forward(g, text, f, end - n, n), n);
    assert_memory_equal(end - n, expected, n);
    assert_int_equal(forward(g, text, f, end - n + 1, n - 1), 0);
    guard_free(&room);
}

static void requests_are_written_anew(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { GET END, GET X_ADDED END },
        /* order and case of other fields stay; spacing becomes one form */
        { "GET / HTTP/1.1\r\nB: 1\r\na:2\r\nhOST:\ta\r\nC:  3 \t\r\nc:  3\r\nC: 3 \r\nD:\r\nE: "
          "\r\nF:\t4\r\nG: "
          "5\r\n" END,
          GET
          "B: 1\r\na: 2\r\nC: 3\r\nc: 3\r\nC: 3\r\nD: \r\nE: \r\nF: 4\r\nG: 5\r\n" X_ADDED END },
        /* the target in normal form, the query as it is */
        { "DELETE /a/%2e./%62?%2e./ HTTP/1.1\r\nHost: a\r\n" END,
          "DELETE /b?%2e./ HTTP/1.1\r\nHost: a\r\n" X_ADDED END },
        { "X http://a HTTP/1.1\r\nHost: b\r\n" END, "X / HTTP/1.1\r\nHost: a\r\n" X_ADDED END },
        { "OPTIONS * HTTP/1.1\r\nHost: a\r\n" END,
          "OPTIONS * HTTP/1.1\r\nHost: a\r\n" X_ADDED END },
        { "OPTIONS http://a HTTP/1.1\r\nHost: b\r\n" END,
          "OPTIONS * HTTP/1.1\r\nHost: a\r\n" X_ADDED END },
        { "CONNECT a:1 HTTP/1.1\r\nHost: b\r\n" END,
          "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nX-Forwarded-For: 192.0.2.1\r\n"
          "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a:1\r\nX-Request-Id: id\r\n" END },
        /* HTTP/1.0 without a Host */
        { "GET / HTTP/1.0\r\n" END,
          "GET / HTTP/1.1\r\nHost: \r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"
          "X-Request-Id: id\r\n" END },
        /* hop-by-hop, framing and what Connection names */
        { GET "Connection: keep-alive, X-Hop, x-hop2\r\nKeep-Alive: 5\r\nx-hop: 1\r\nA: b\r\n"
              "X-HOP2: 2\r\nX-Hop: 3\r\nX-Hop3: 4\r\n" END,
          GET "A: b\r\nX-Hop3: 4\r\n" X_ADDED END },
        { GET "TE: trailers\r\nTrailer: a\r\nTransfer-Encoding: chunked\r\nUpgrade: websocket\r\n"
              "Proxy-Connection: close\r\nProxy-Authorization: a\r\nProxy-Authenticate: b\r\n"
              "Proxy-Authentication-Info: c\r\nHTTP2-Settings: d\r\nContent-Length: 5\r\n"
              "Expect: 100-continue\r\nA: b\r\n" END,
          GET "A: b\r\n" X_ADDED END },
        { GET "Connection: close\r\nClose: a\r\n" END, GET "Close: a\r\n" X_ADDED END },
        /* what only a trusted peer may say */
        { GET "X-Forwarded-For: 1\r\nX-Forwarded-Proto: 2\r\nX-Forwarded-Host: 3\r\n"
              "X-Forwarded-Port: 4\r\nx-forwarded-Other: 5\r\nForwarded: 6\r\nX-Request-Id: 7\r\n"
              "X-Forwarded: 8\r\nX-Forwarded-: 9\r\n" END,
          GET "X-Forwarded: 8\r\n" X_ADDED END },
        { GET "a_b: c\r\nX_Forwarded_For: d\r\n_: e\r\nA: b\r\n" END, GET "A: b\r\n" X_ADDED END },
        { GET "Via: 1.1 x\r\nMax-Forwards: 7\r\n" END,
          GET "Via: 1.1 x\r\nMax-Forwards: 7\r\n" X_ADDED END },
    };
    struct guard g = guard_new(4096);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_forwarded(&g, cases[i].text, &plain, cases[i].expected);
    guard_free(&g);
}

static void options_decide(void **state)
{
    (void)state;
    struct guard g = guard_new(4096);

    struct forward_request f = plain;
    f.framing = FRAME_LENGTH;
    f.length = 42;
    assert_forwarded(&g, GET "Trailer: x\r\n" END, &f, GET X_ADDED "Content-Length: 42\r\n" END);
    f.length = 0;
    assert_forwarded(&g, GET END, &f, GET X_ADDED "Content-Length: 0\r\n" END);
    f.framing = FRAME_CHUNKED;
    assert_forwarded(&g, GET "Trailer: x\r\n" END, &f,
                     GET "Trailer: x\r\n" X_ADDED "Transfer-Encoding: chunked\r\n" END);

    assert_forwarded(&g, GET "Connection: trailer\r\nTrailer: x\r\n" END, &f,
                     GET X_ADDED "Transfer-Encoding: chunked\r\n" END);

    f = plain;
    f.expect_continue = true;
    f.max_forwards = 6;
    f.host = STR("server");
    f.underscores = true;
    assert_forwarded(&g, GET "Max-Forwards: 7\r\na_b: c\r\n" END, &f,
                     "GET / HTTP/1.1\r\nHost: server\r\na_b: c\r\n" X_ADDED
                     "Max-Forwards: 6\r\nExpect: 100-continue\r\n" END);

    f = plain;
    f.max_forwards = 0;
    assert_forwarded(&g, GET "Max-Forwards: 1\r\n" END, &f, GET X_ADDED "Max-Forwards: 0\r\n" END);

    /* names with '_' that some servers cannot tell from what was dropped */
    f = plain;
    f.underscores = true;
    assert_forwarded(
        &g,
        GET "X_Forwarded-For: 1\r\nTRANSFER_ENCODING: chunked\r\nContent_Length: 1\r\n"
            "x-forwarded_proto: https\r\nX_Forwarded_Any_Longer_Than_Known_Names: 1\r\nUser_Agent: "
            "x\r\n"
            "a_very_long_name_that_is_like_no_other: 1\r\n" END,
        &f, GET "User_Agent: x\r\na_very_long_name_that_is_like_no_other: 1\r\n" X_ADDED END);

    f = plain;
    f.via = true;
    assert_forwarded(&g, GET END, &f, GET X_ADDED "Via: 1.1 sluice\r\n" END);
    assert_forwarded(&g, GET "Via: 1.0 x\r\nVia:\r\nA: b\r\nvia: 1.1 y, 1.1 z\r\n" END, &f,
                     GET "A: b\r\n" X_ADDED "Via: 1.0 x, 1.1 y, 1.1 z, 1.1 sluice\r\n" END);
    assert_forwarded(&g, "GET http://a/ HTTP/1.0\r\n" END, &f,
                     GET X_ADDED "Via: 1.0 sluice\r\n" END);

    f = plain;
    f.request_id = STR("");
    assert_forwarded(&g, GET "X-Request-Id: 7\r\n" END, &f,
                     GET "X-Request-Id: 7\r\nX-Forwarded-For: 192.0.2.1\r\n"
                         "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n" END);
    guard_free(&g);
}

static void trusted_peers_are_believed(void **state)
{
    (void)state;
    struct guard g = guard_new(4096);
    struct forward_request f = plain;
    f.peer_trusted = true;
    assert_forwarded(&g, GET END, &f, GET X_ADDED END);
    assert_forwarded(&g,
                     GET
                     "X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\nX-Forwarded-Proto: https\r\n"
                     "X-Forwarded-Host: site\r\nX-Forwarded-Port: 443\r\nX-Request-Id: x\r\n"
                     "x-forwarded-for: 9.9.9.9\r\nX-Forwarded-Prefix: /p\r\nForwarded: f\r\n" END,
                     &f,
                     GET "X-Forwarded-Proto: https\r\nX-Forwarded-Host: site\r\n"
                         "X-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /p\r\nForwarded: f\r\n"
                         "X-Forwarded-For: 1.2.3.4, 5.6.7.8, 9.9.9.9, 192.0.2.1\r\n"
                         "X-Request-Id: id\r\n" END);
    f.peer_ip = STR("");
    assert_forwarded(&g, GET "X-Forwarded-For: 1.2.3.4\r\n" END, &f,
                     GET "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: http\r\n"
                         "X-Forwarded-Host: a\r\nX-Request-Id: id\r\n" END);
    f.peer_trusted = false;
    assert_forwarded(&g, GET "X-Forwarded-For: 1.2.3.4\r\n" END, &f,
                     GET "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
                         "X-Request-Id: id\r\n" END);
    guard_free(&g);
}

static void forwarded_says_who_asked(void **state)
{
    (void)state;
    struct guard g = guard_new(4096);
    struct forward_request f = plain;
    f.forwarded = true;
    assert_forwarded(
        &g, GET "Forwarded: for=evil\r\n" END, &f,
        GET "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
            "Forwarded: for=192.0.2.1;host=\"a\";proto=http\r\nX-Request-Id: id\r\n" END);
    f.peer_trusted = true;
    f.peer_ip = STR("2001:db8::1");
    assert_forwarded(
        &g, GET "Forwarded: for=1.2.3.4\r\nforwarded: for=_b\r\n" END, &f,
        GET "X-Forwarded-For: 2001:db8::1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
            "Forwarded: for=1.2.3.4, for=_b, for=\"[2001:db8::1]\";host=\"a\";proto=http\r\n"
            "X-Request-Id: id\r\n" END);
    f.peer_ip = STR("");
    assert_forwarded(&g, "GET / HTTP/1.0\r\n" END, &f,
                     "GET / HTTP/1.1\r\nHost: \r\nX-Forwarded-Proto: http\r\n"
                     "Forwarded: for=unknown;proto=http\r\nX-Request-Id: id\r\n" END);
    guard_free(&g);
}

static enum end_reason check_connection(const char *value)
{
    char text[512];
    struct http_head h;
    enum end_reason why;
    size_t n = strlen(value);
    memcpy(text, GET "Connection: ", sizeof GET - 1 + 12);
    memcpy(text + sizeof GET - 1 + 12, value, n);
    memcpy(text + sizeof GET - 1 + 12 + n, "\r\n\r\n", 4);
    assert_int_equal(h1_parse_request(text, sizeof GET - 1 + 12 + n + 4, 0, &h, &why), H1_DONE);
    return forward_check_connection(&h);
}

static void connection_may_not_name_what_others_rely_on(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "close",
        "Keep-Alive",
        "TE, close",
        "upgrade, HTTP2-Settings",
        "x-hop",
        ",, a ,",
        "trailer",
        "proxy-authorization",
        "connection",
        "proxy-connection",
    };
    static const char *const bad[] = {
        "Host",
        "close, host",
        "content-length",
        "Transfer-Encoding",
        "x-forwarded-for",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "Forwarded",
        "via",
        "Authorization",
        "cookie",
        "Set-Cookie",
        "x-request-id",
        "Content-Type",
        "max-forwards",
        "expect",
        "date",
        "close, \"x\"",
        "a b",
        "close;",
        "a/b",
        "\x80",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(check_connection(good[i]), END_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (check_connection(bad[i]) != END_BAD_CONNECTION)
            fail_msg("%s", bad[i]);

    char many[2 * CONNECTION_OPTIONS_MAX + 3];
    for (size_t i = 0; i <= CONNECTION_OPTIONS_MAX; i++)
        memcpy(many + 2 * i, "a,", 3);
    assert_int_equal(check_connection(many), END_BAD_CONNECTION);
    many[2 * CONNECTION_OPTIONS_MAX] = '\0';
    assert_int_equal(check_connection(many), END_OK);
}

/* ---- responses ---- */

static void parse_response(struct guard *g, const char *text, struct http_head *h)
{
    enum end_reason why;
    struct str s = guard_end(g, str_of(text));
    assert_int_equal(h1_parse_response(s.ptr, s.len, 0, h, &why), H1_DONE);
}

static void assert_response(struct guard *g, const char *text, const struct forward_response *f,
                            const char *expected)
{
    struct http_head h;
    char out[4096];
    parse_response(g, text, &h);
    struct out o = out_into(out, sizeof out - 1);
    forward_response_head(&o, &h, f);
    assert_false(o.full);
    *o.at = '\0';
    assert_string_equal(out, expected);
}

#define DATE "Date: now\r\n"

static void responses_are_written_anew(void **state)
{
    (void)state;
    struct guard g = guard_new(4096);
    struct forward_response f = { .framing = FRAME_LENGTH, .length = 13, .date = STR("now") };
    assert_response(&g, "HTTP/1.1 200 Fine\r\nServer:  x \r\nA: b\r\nContent-Length: 013\r\n" END,
                    &f,
                    "HTTP/1.1 200 Fine\r\nServer: x\r\nA: b\r\n" DATE "Content-Length: 13\r\n" END);
    /* HTTP/1.0 servers, missing reasons, a Date of the server's own */
    assert_response(&g, "HTTP/1.0 404\r\nDate: then\r\n" END, &f,
                    "HTTP/1.1 404 Not Found\r\nDate: then\r\nContent-Length: 13\r\n" END);
    assert_response(&g, "HTTP/1.1 299 \r\n" END, &f,
                    "HTTP/1.1 299 \r\n" DATE "Content-Length: 13\r\n" END);
    /* hop-by-hop */
    assert_response(&g,
                    "HTTP/1.1 200 OK\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
                    "Transfer-Encoding: chunked\r\nTrailer: a\r\nUpgrade: h2c\r\nTE: b\r\n"
                    "Proxy-Connection: c\r\nProxy-Authenticate: d\r\nSet-Cookie: e\r\n"
                    "Set-Cookie: f\r\nunder_score: g\r\nVia: 1.1 x\r\n" END,
                    &f,
                    "HTTP/1.1 200 OK\r\nSet-Cookie: e\r\nSet-Cookie: f\r\nunder_score: g\r\n"
                    "Via: 1.1 x\r\n" DATE "Content-Length: 13\r\n" END);

    assert_response(
        &g, "HTTP/1.1 200 OK\r\nConnection: Date, Server\r\nDate: then\r\nServer: x\r\n" END, &f,
        "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 13\r\n" END);

    f = (struct forward_response){ .framing = FRAME_CHUNKED, .date = STR("now"), .close = true };
    assert_response(&g, "HTTP/1.1 200 OK\r\nTrailer: a\r\n" END, &f,
                    "HTTP/1.1 200 OK\r\nTrailer: a\r\n" DATE
                    "Transfer-Encoding: chunked\r\nConnection: close\r\n" END);
    f = (struct forward_response){
        .framing = FRAME_CLOSE, .date = STR("now"), .close = true, .keep_alive_http10 = true
    };
    assert_response(&g, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" END, &f,
                    "HTTP/1.1 200 OK\r\n" DATE "Connection: close\r\n" END);
    f = (struct forward_response){ .framing = FRAME_NONE,
                                   .declared_length = true,
                                   .length = 99,
                                   .date = STR("now"),
                                   .keep_alive_http10 = true,
                                   .via = true };
    assert_response(&g, "HTTP/1.0 304 Not Modified\r\nVia: 1.1 x\r\nContent-Length: 99\r\n" END, &f,
                    "HTTP/1.1 304 Not Modified\r\n" DATE "Via: 1.1 x, 1.0 sluice\r\n"
                    "Content-Length: 99\r\nConnection: keep-alive\r\n" END);
    f = (struct forward_response){
        .framing = FRAME_LENGTH, .declared_length = true, .length = 5, .date = STR("now")
    };
    assert_response(&g, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n" END, &f,
                    "HTTP/1.1 204 No Content\r\n" DATE END);
    f = (struct forward_response){ .framing = FRAME_NONE, .date = STR("now") };
    assert_response(&g, "HTTP/1.1 304 Not Modified\r\nETag: x\r\n" END, &f,
                    "HTTP/1.1 304 Not Modified\r\nETag: x\r\n" DATE END);
    guard_free(&g);
}

static void interim_responses_are_written_anew(void **state)
{
    (void)state;
    static const char text[] =
        "HTTP/1.1 103 Early Hints\r\nLink:</a>\r\nTrailer: t\r\nConnection: x\r\nX: y\r\n"
        "Content-Length: 3\r\nVia: 1.1 v\r\n" END;
    struct guard g = guard_new(4096);
    struct http_head h;
    char out[512];
    parse_response(&g, text, &h);
    struct out o = out_into(out, sizeof out);
    forward_interim_head(&o, &h, false, false);
    *o.at = '\0';
    assert_string_equal(out, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nVia: 1.1 v\r\n" END);
    o = out_into(out, sizeof out);
    forward_interim_head(&o, &h, true, false);
    *o.at = '\0';
    assert_string_equal(out,
                        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nVia: 1.1 v, 1.1 sluice\r\n" END);
    guard_free(&g);
}

static void only_what_may_be_a_trailer_passes(void **state)
{
    (void)state;
    static const char text[] =
        "Checksum:1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
        "Authorization: b\r\nCookie: c\r\nSet-Cookie: d\r\nX-Forwarded-For: e\r\n"
        "X-Forwarded-Any: f\r\nConnection: close\r\nTE: g\r\nTrailer: h\r\nContent-Type: i\r\n"
        "content-Encoding: j\r\nCache-Control: k\r\nIf-None-Match: l\r\nIfx: m\r\nRange: n\r\n"
        "x_y: o\r\nWWW-Authenticate: p\r\nServer-Timing: q\r\nIf: r\r\nIf-: s\r\n" END;
    struct guard g = guard_new(4096);
    struct http_head h;
    enum end_reason why;
    char out[512];
    struct str s = guard_end(&g, str_of(text));
    assert_int_equal(h1_parse_trailers(s.ptr, s.len, &h, &why), H1_DONE);
    struct out o = out_into(out, sizeof out);
    forward_trailers(&o, &h);
    *o.at = '\0';
    assert_string_equal(out, "Checksum: 1\r\nIfx: m\r\nServer-Timing: q\r\nIf: r\r\n" END);
    s = guard_end(&g, STR(END));
    assert_int_equal(h1_parse_trailers(s.ptr, s.len, &h, &why), H1_DONE);
    o = out_into(out, sizeof out);
    forward_trailers(&o, &h);
    assert_int_equal(out_len(&o), 2);
    guard_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_written_anew),
        cmocka_unit_test(options_decide),
        cmocka_unit_test(trusted_peers_are_believed),
        cmocka_unit_test(forwarded_says_who_asked),
        cmocka_unit_test(connection_may_not_name_what_others_rely_on),
        cmocka_unit_test(responses_are_written_anew),
        cmocka_unit_test(interim_responses_are_written_anew),
        cmocka_unit_test(only_what_may_be_a_trailer_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
