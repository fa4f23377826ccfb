/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Malformed requests: the right status, a closed connection, nothing to the server, the reason in
 * the log (issue "Bad input"; RFC 9112). */
#include <string.h>

#include "tests/wire/wire.h"

struct refusal {
    const char *bytes;
    size_t len;
    int status;
    const char *reason;
};

/* Bytes may hold NUL. */
#define REFUSE(bytes, status, reason)                                                              \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, status, reason                                                   \
    }
#define FIELDS(fields) "GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n\r\n"
#define BODY(fields) "POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n\r\nhello"
#define TARGET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void refuses(struct wire *w, const struct refusal *r, size_t count)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *bystander = client_dial(w);
    struct conn *s = get_and_answer(bystander, o, NULL, "before");
    logged(w, "end=ok");
    for (size_t i = 0; i < count; i++) {
        wire_note(w, "case %zu: %s", i, r[i].reason);
        struct conn *c = client_dial(w);
        say_bytes(c, r[i].bytes, r[i].len);
        struct message m = hear_refused(c, r[i].status);
        const char *line = logged(w, "end=%s status=%d server_status= tries=0 broken_by=client",
                                  r[i].reason, r[i].status);
        const char *id = log_field(w, line, "request_id");
        if (!strstr(m.body, id))
            wire_fail(w, "the answer does not name its request id %s:\n%s", id, m.body);
        hang_up(c);
    }
    hear_nothing(s);
    origin_untouched(o);
    get_and_answer(bystander, o, s, "after");
}

static void a_bad_request_line_is_refused(struct wire *w)
{
    static const struct refusal cases[] = {
        REFUSE("GARBAGE\r\n\r\n", 400, "bad_request_line"),
        REFUSE("GET /\r\n\r\n", 400, "bad_request_line"),
        REFUSE("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request_line"),
        REFUSE("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request_line"),
        REFUSE("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "bad_request_line"),
        REFUSE(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request_line"),
        REFUSE("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request_line"),
        REFUSE("GET / HTTP/1.1\nHost: a\n\n", 400, "bad_line_end"),
        REFUSE("GET / HTTP/1.1\rHost: a\r\r", 400, "bad_line_end"),
        REFUSE("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_method"),
        REFUSE("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_method"),
        REFUSE("\0GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_method"),
        REFUSE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_method"),
        REFUSE("GET / HTTP/1\r\nHost: a\r\n\r\n", 400, "bad_version"),
        REFUSE("GET / HTTP/11\r\nHost: a\r\n\r\n", 400, "bad_version"),
        REFUSE("GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, "bad_version"),
        REFUSE("GET / http/1.1\r\nHost: a\r\n\r\n", 400, "bad_version"),
        REFUSE("GET / ICY/1.1\r\nHost: a\r\n\r\n", 400, "bad_version"),
        REFUSE("GET / HTTP/1,1\r\nHost: a\r\n\r\n", 400, "bad_version"),
        REFUSE("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_version"),
        REFUSE("GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, "version_unsupported"),
        REFUSE("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "version_unsupported"),
        REFUSE("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 501,
               "not_implemented"),
        REFUSE("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
    };
    refuses(w, cases, sizeof cases / sizeof cases[0]);
}

static void a_bad_target_is_refused(struct wire *w)
{
    static const struct refusal cases[] = {
        REFUSE(TARGET("relative"), 400, "bad_target"),
        REFUSE(TARGET("?query"), 400, "bad_target"),
        REFUSE(TARGET("*"), 400, "bad_target"),
        REFUSE(TARGET("/a#fragment"), 400, "bad_target"),
        REFUSE(TARGET("/%"), 400, "bad_target"),
        REFUSE(TARGET("/%2"), 400, "bad_target"),
        REFUSE(TARGET("/%zz"), 400, "bad_target"),
        REFUSE(TARGET("/?a=%1g"), 400, "bad_target"),
        REFUSE(TARGET("/%00"), 400, "bad_target"),
        REFUSE(TARGET("/\\windows"), 400, "bad_target"),
        REFUSE(TARGET("/\"<>\""), 400, "bad_target"),
        REFUSE(TARGET("/\x01"), 400, "bad_target"),
        REFUSE(TARGET("/\0"), 400, "bad_target"),
        REFUSE(TARGET("/\x7f"), 400, "bad_target"),
        REFUSE(TARGET("/caf\xc3\xa9"), 400, "bad_target"),
        REFUSE(TARGET("/a\tb"), 400, "bad_target"),
        REFUSE(TARGET("http://"), 400, "bad_target"),
        REFUSE(TARGET("http:///path"), 400, "bad_target"),
        REFUSE(TARGET("http://user@a/"), 400, "bad_target"),
        REFUSE(TARGET("http://a:b@c/"), 400, "bad_target"),
        REFUSE(TARGET("http://a:65536/"), 400, "bad_target"),
        REFUSE(TARGET("http://[::1/"), 400, "bad_target"),
        REFUSE(TARGET("ftp://a/"), 400, "bad_target"),
        REFUSE(TARGET("javascript:alert(1)"), 400, "bad_target"),
        REFUSE("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target"),
        REFUSE("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target"),
        REFUSE("POST a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target"),
    };
    refuses(w, cases, sizeof cases / sizeof cases[0]);
}

static void a_bad_host_is_refused(struct wire *w)
{
    static const struct refusal cases[] = {
        REFUSE("GET / HTTP/1.1\r\n\r\n", 400, "bad_host"),
        REFUSE("GET http://a/ HTTP/1.1\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, "bad_host"),
        REFUSE("GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: a:0\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: \"a\"\r\n\r\n", 400, "bad_host"),
        REFUSE("GET / HTTP/1.1\r\nHost: a\xff\r\n\r\n", 400, "bad_host"),
    };
    refuses(w, cases, sizeof cases / sizeof cases[0]);
}

static void a_bad_field_is_refused(struct wire *w)
{
    static const struct refusal cases[] = {
        REFUSE(FIELDS("X : y"), 400, "bad_field_name"),
        REFUSE(FIELDS("X\t: y"), 400, "bad_field_name"),
        REFUSE(FIELDS(": y"), 400, "bad_field_name"),
        REFUSE(FIELDS("X y"), 400, "bad_field_name"),
        REFUSE(FIELDS("X(y): z"), 400, "bad_field_name"),
        REFUSE(FIELDS("X\0: y"), 400, "bad_field_name"),
        REFUSE(FIELDS("caf\xc3\xa9: y"), 400, "bad_field_name"),
        REFUSE("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "bad_field_name"),
        REFUSE(FIELDS("X: a\r\n b"), 400, "obs_fold"),
        REFUSE(FIELDS("X: a\r\n\tb: c"), 400, "obs_fold"),
        REFUSE(FIELDS("X: a\r\n "), 400, "obs_fold"),
        REFUSE(FIELDS("X: a\0b"), 400, "bad_field_value"),
        REFUSE(FIELDS("X: a\x01"), 400, "bad_field_value"),
        REFUSE(FIELDS("X: a\x7f"), 400, "bad_field_value"),
        REFUSE(FIELDS("X: a\rb"), 400, "bad_line_end"),
        REFUSE(FIELDS("X: a\nY: b"), 400, "bad_line_end"),
        REFUSE(FIELDS("X: a\r\r"), 400, "bad_line_end"),
        REFUSE("GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "bad_line_end"),
        REFUSE("GET / HTTP/1.1\r\nHost: a\n\r\n", 400, "bad_line_end"),
        REFUSE(FIELDS("Expect: a-miracle"), 417, "bad_expect"),
        REFUSE(FIELDS("Connection: a b"), 400, "bad_connection"),
        REFUSE("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: x\r\n\r\n", 400, "bad_max_forwards"),
        REFUSE("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\nMax-Forwards: 1\r\n\r\n", 400,
               "bad_max_forwards"),
    };
    refuses(w, cases, sizeof cases / sizeof cases[0]);
}

static void what_connection_may_not_remove_is_refused(struct wire *w)
{
    static const char *const names[] = {
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "X-Forwarded-For",
        "Authorization",
        "Cookie",
        "X-Request-Id",
        "Via",
        "Forwarded",
        "X-Forwarded-Proto",
        "X-Forwarded-Anything",
        "x-forwarded-host",
    };
    struct refusal cases[sizeof names / sizeof names[0]];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *bytes = wire_text(
            w, "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, %s\r\n\r\n", names[i]);
        cases[i] = (struct refusal){ bytes, strlen(bytes), 400, "bad_connection" };
    }
    refuses(w, cases, sizeof cases / sizeof cases[0]);
}

static void a_bad_length_is_refused(struct wire *w)
{
    static const struct refusal cases[] = {
        REFUSE(BODY("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400, "length_with_coding"),
        REFUSE(BODY("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400, "length_with_coding"),
        REFUSE(BODY("Transfer-Encoding: gzip\r\nContent-Length: 5"), 400, "length_with_coding"),
        REFUSE(BODY("Content-Length: 5\r\nContent-Length: 5"), 400, "bad_content_length"),
        REFUSE(BODY("Content-Length: 5\r\ncontent-length: 6"), 400, "bad_content_length"),
        REFUSE(BODY("Content-Length: 5, 5"), 400, "bad_content_length"),
        REFUSE(BODY("Content-Length: +5"), 400, "bad_content_length"),
        REFUSE(BODY("Content-Length: -5"), 400, "bad_content_length"),
        REFUSE(BODY("Content-Length: 5 5"), 400, "bad_content_length"),
        REFUSE(BODY("Content-Length: 5.0"), 400, "bad_content_length"),
        REFUSE(BODY("Content-Length: 0x5"), 400, "bad_content_length"),
        REFUSE(BODY("Content-Length: five"), 400, "bad_content_length"),
        REFUSE(BODY("Content-Length:"), 400, "bad_content_length"),
        REFUSE(BODY("Content-Length: 9223372036854775808"), 400, "bad_content_length"),
        REFUSE(BODY("Content-Length: 99999999999999999999"), 400, "bad_content_length"),
    };
    refuses(w, cases, sizeof cases / sizeof cases[0]);
}

static void a_bad_coding_is_refused(struct wire *w)
{
    static const struct refusal cases[] = {
        REFUSE(BODY("Transfer-Encoding: gzip"), 501, "unknown_coding"),
        REFUSE(BODY("Transfer-Encoding: gzip, chunked"), 501, "unknown_coding"),
        REFUSE(BODY("Transfer-Encoding: identity"), 501, "unknown_coding"),
        REFUSE(BODY("Transfer-Encoding: xchunked"), 501, "unknown_coding"),
        REFUSE(BODY("Transfer-Encoding: chunked, gzip"), 400, "bad_transfer_coding"),
        REFUSE(BODY("Transfer-Encoding: chunked, chunked"), 400, "bad_transfer_coding"),
        REFUSE(BODY("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400,
               "bad_transfer_coding"),
        REFUSE(BODY("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), 400,
               "bad_transfer_coding"),
        REFUSE(BODY("Transfer-Encoding: chunked;q=1"), 400, "bad_transfer_coding"),
        REFUSE(BODY("Transfer-Encoding: \"chunked\""), 400, "bad_transfer_coding"),
        REFUSE(BODY("Transfer-Encoding: chunked x"), 400, "bad_transfer_coding"),
        REFUSE(BODY("Transfer-Encoding:"), 400, "bad_transfer_coding"),
        REFUSE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
               "bad_transfer_coding"),
        REFUSE(BODY("Transfer-Encoding: \x0b"
                    "chunked"),
               400, "bad_field_value"),
    };
    refuses(w, cases, sizeof cases / sizeof cases[0]);
}

static void a_bad_head_is_refused_in_any_pieces(struct wire *w)
{
    static const struct refusal cases[] = {
        REFUSE("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400, "bad_field_name"),
        REFUSE("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400, "obs_fold"),
        REFUSE("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_host"),
    };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t cut = 1; cut < cases[i].len; cut++) {
            wire_note(w, "case %zu, cut at %zu", i, cut);
            struct conn *c = client_dial(w);
            say_bytes(c, cases[i].bytes, cut);
            wait_taken(c);
            say_bytes(c, cases[i].bytes + cut, cases[i].len - cut);
            hear_refused(c, cases[i].status);
            logged(w, "end=%s tries=0", cases[i].reason);
            hang_up(c);
        }
    }
    origin_untouched(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bad_request_line_is_refused),
        TEST(a_bad_target_is_refused),
        TEST(a_bad_host_is_refused),
        TEST(a_bad_field_is_refused),
        TEST(what_connection_may_not_remove_is_refused),
        TEST(a_bad_length_is_refused),
        TEST(a_bad_coding_is_refused),
        TEST(a_bad_head_is_refused_in_any_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
