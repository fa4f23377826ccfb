/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/http/framing.h"
#include "core/http/h1_head.h"
#include "tests/unit/guard.h"

/* Fields are given as "name: value|name: value|". */
static size_t fields_text(char *out, size_t bytes, const char *start_line, const char *fields)
{
    size_t n = (size_t)snprintf(out, bytes, "%s\r\n", start_line);
    for (; *fields; fields++) {
        if (*fields != '|') {
            out[n++] = *fields;
            continue;
        }
        out[n++] = '\r';
        out[n++] = '\n';
    }
    memcpy(out + n, "\r\n", 2);
    return n + 2;
}

static enum end_reason request_framing(struct guard *g, int minor, const char *fields,
                                       struct framing *f)
{
    char text[1024], line[32];
    struct http_head h;
    enum end_reason why;
    snprintf(line, sizeof line, "POST / HTTP/1.%d", minor);
    struct str s = guard_end(g, (struct str){ text, fields_text(text, sizeof text, line, fields) });
    assert_int_equal(h1_parse_request(s.ptr, s.len, 0, &h, &why), H1_DONE);
    return framing_of_request(&h, f);
}

static enum end_reason response_framing(struct guard *g, const char *line, enum http_method method,
                                        const char *fields, struct framing *f)
{
    char text[1024];
    struct http_head h;
    enum end_reason why;
    struct str s = guard_end(g, (struct str){ text, fields_text(text, sizeof text, line, fields) });
    assert_int_equal(h1_parse_response(s.ptr, s.len, 0, &h, &why), H1_DONE);
    return framing_of_response(&h, method, f);
}

static void requests_are_framed(void **state)
{
    (void)state;
    static const struct {
        int minor;
        const char *fields;
        enum body_kind kind;
        uint64_t length;
        bool declared, keep_alive, expect;
    } cases[] = {
        { 1, "", BODY_NONE, 0, false, true, false },
        { 0, "", BODY_NONE, 0, false, false, false },
        { 1, "Content-Length: 0|", BODY_NONE, 0, true, true, false },
        { 1, "Content-Length: 5|", BODY_LENGTH, 5, true, true, false },
        { 0, "Content-Length: 5|", BODY_LENGTH, 5, true, false, false },
        { 1, "content-length:\t007 |", BODY_LENGTH, 7, true, true, false },
        { 1, "Content-Length: 9223372036854775807|", BODY_LENGTH, INT64_MAX, true, true, false },
        { 1, "Transfer-Encoding: chunked|", BODY_CHUNKED, 0, false, true, false },
        { 1, "transfer-encoding: \tChUnKeD\t |", BODY_CHUNKED, 0, false, true, false },
        /* Connection */
        { 1, "Connection: close|", BODY_NONE, 0, false, false, false },
        { 1, "Connection: keep-alive, CLOSE|", BODY_NONE, 0, false, false, false },
        { 1, "Connection: te|Connection: , close ,|", BODY_NONE, 0, false, false, false },
        { 1, "Connection: closed, x-close|", BODY_NONE, 0, false, true, false },
        { 0, "Connection: Keep-Alive|", BODY_NONE, 0, false, true, false },
        { 0, "Connection: keep-alive, close|", BODY_NONE, 0, false, false, false },
        { 0, "Connection: te|", BODY_NONE, 0, false, false, false },
        /* Expect */
        { 1, "Content-Length: 5|Expect: 100-Continue|", BODY_LENGTH, 5, true, true, true },
        { 1, "Transfer-Encoding: chunked|Expect: 100-continue|", BODY_CHUNKED, 0, false, true,
          true },
        { 1, "Expect: 100-continue|", BODY_NONE, 0, false, true, false },
        { 0, "Content-Length: 5|Expect: 100-continue|", BODY_LENGTH, 5, true, false, false },
    };
    struct guard g = guard_new(1024);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct framing f;
        assert_int_equal(request_framing(&g, cases[i].minor, cases[i].fields, &f), END_OK);
        assert_int_equal(f.kind, cases[i].kind);
        assert_int_equal(f.length, cases[i].kind == BODY_LENGTH ? cases[i].length : 0);
        assert_int_equal(f.length_declared, cases[i].declared);
        assert_int_equal(f.declared_length, cases[i].length);
        assert_int_equal(f.keep_alive, cases[i].keep_alive);
        assert_int_equal(f.expect_continue, cases[i].expect);
    }
    guard_free(&g);
}

static const char *const bad_lengths[] = {
    "Content-Length:|",
    "Content-Length: +5|",
    "Content-Length: -5|",
    "Content-Length: 5,5|",
    "Content-Length: 5, 5|",
    "Content-Length: 5 5|",
    "Content-Length: 0x5|",
    "Content-Length: 5a|",
    "Content-Length: a|",
    "Content-Length: 5.0|",
    "Content-Length: 5;|",
    "Content-Length: \"5\"|",
    "Content-Length: \xb2|",
    "Content-Length: 1e3|",
    "Content-Length: 9223372036854775808|",
    "Content-Length: 18446744073709551621|",
    "Content-Length: 00000000000000000005|",
    "Content-Length: 99999999999999999999999|",
    "Content-Length: 5|Content-Length: 5|",
    "Content-Length: 5|content-length: 6|",
    "Content-Length: 5|X: y|Content-Length:|",
};

static const struct {
    const char *fields;
    enum end_reason why;
} bad_codings[] = {
    { "Transfer-Encoding:|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: ,|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked, chunked|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked|Transfer-Encoding: chunked|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked|Transfer-Encoding: identity|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked|Transfer-Encoding:|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked, gzip|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked,|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: ,chunked|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked;|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked;q=1|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked ;q=1|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked foo|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: \"chunked\"|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked\x80|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: chunked=|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: gzip=|", END_BAD_TRANSFER_CODING },
    { "Transfer-Encoding: gzip|", END_UNKNOWN_CODING },
    { "Transfer-Encoding: identity|", END_UNKNOWN_CODING },
    { "Transfer-Encoding: xchunked|", END_UNKNOWN_CODING },
    { "Transfer-Encoding: chunkedx|", END_UNKNOWN_CODING },
    { "Transfer-Encoding: gzip, chunked|", END_UNKNOWN_CODING },
    { "Transfer-Encoding: gzip;a=\"b,c\", chunked|", END_UNKNOWN_CODING },
    { "Transfer-Encoding: gzip|Transfer-Encoding: chunked|", END_UNKNOWN_CODING },
};

static void badly_framed_requests_are_refused(void **state)
{
    (void)state;
    struct guard g = guard_new(1024);
    struct framing f;
    for (size_t i = 0; i < ARRAY_LEN(bad_lengths); i++)
        for (int minor = 0; minor <= 1; minor++)
            assert_int_equal(request_framing(&g, minor, bad_lengths[i], &f),
                             END_BAD_CONTENT_LENGTH);
    for (size_t i = 0; i < ARRAY_LEN(bad_codings); i++) {
        enum end_reason why = request_framing(&g, 1, bad_codings[i].fields, &f);
        if (why != bad_codings[i].why)
            fail_msg("%s: %s", bad_codings[i].fields, end_reason_info(why)->word);
    }
    assert_int_equal(request_framing(&g, 0, "Transfer-Encoding: chunked|", &f),
                     END_BAD_TRANSFER_CODING);
    static const char *const both[] = {
        "Content-Length: 5|Transfer-Encoding: chunked|",
        "Transfer-Encoding: chunked|Content-Length: 0|",
        "Transfer-Encoding: identity|Content-Length: 5|",
        "Transfer-Encoding:|Content-Length:|",
    };
    for (size_t i = 0; i < ARRAY_LEN(both); i++)
        assert_int_equal(request_framing(&g, 1, both[i], &f), END_LENGTH_WITH_CODING);
    static const char *const expects[] = { "Expect: x|", "Expect:|", "Expect: 100-continue, x|",
                                           "Expect: 100-continue|Expect: 200-ok|" };
    for (size_t i = 0; i < ARRAY_LEN(expects); i++)
        assert_int_equal(request_framing(&g, 1, expects[i], &f), END_BAD_EXPECT);
    guard_free(&g);
}

static void responses_are_framed(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum http_method method;
        const char *fields;
        enum body_kind kind;
        uint64_t length;
        bool declared, keep_alive;
    } cases[] = {
        { "HTTP/1.1 200 OK", METHOD_GET, "Content-Length: 13|", BODY_LENGTH, 13, true, true },
        { "HTTP/1.1 200 OK", METHOD_GET, "Content-Length: 0|", BODY_NONE, 0, true, true },
        { "HTTP/1.1 200 OK", METHOD_GET, "Transfer-Encoding: chunked|", BODY_CHUNKED, 0, false,
          true },
        { "HTTP/1.1 200 OK", METHOD_GET, "", BODY_CLOSE, 0, false, false },
        { "HTTP/1.1 200 OK", METHOD_GET, "Content-Length: 1|Connection: close|", BODY_LENGTH, 1,
          true, false },
        { "HTTP/1.0 200 OK", METHOD_GET, "Content-Length: 1|", BODY_LENGTH, 1, true, false },
        { "HTTP/1.0 200 OK", METHOD_GET, "Content-Length: 1|Connection: keep-alive|", BODY_LENGTH,
          1, true, true },
        { "HTTP/1.0 200 OK", METHOD_GET, "Connection: keep-alive|", BODY_CLOSE, 0, false, false },
        /* no body, whatever is said */
        { "HTTP/1.1 200 OK", METHOD_HEAD, "Content-Length: 13|", BODY_NONE, 13, true, true },
        { "HTTP/1.1 200 OK", METHOD_HEAD, "Transfer-Encoding: chunked|", BODY_NONE, 0, false,
          true },
        { "HTTP/1.1 200 OK", METHOD_HEAD, "", BODY_NONE, 0, false, true },
        { "HTTP/1.1 304 Not Modified", METHOD_GET, "Content-Length: 13|", BODY_NONE, 13, true,
          true },
        { "HTTP/1.1 304 Not Modified", METHOD_GET, "", BODY_NONE, 0, false, true },
        { "HTTP/1.1 204 No Content", METHOD_GET, "", BODY_NONE, 0, false, true },
        { "HTTP/1.1 204 No Content", METHOD_GET, "Content-Length: 0|", BODY_NONE, 0, true, true },
        /* a body where there is none: the connection is not trusted any more */
        { "HTTP/1.1 204 No Content", METHOD_GET, "Content-Length: 5|", BODY_NONE, 5, true, false },
        { "HTTP/1.1 204 No Content", METHOD_GET, "Transfer-Encoding: chunked|", BODY_NONE, 0, false,
          false },
        { "HTTP/1.1 200 OK", METHOD_CONNECT, "Content-Length: 5|", BODY_NONE, 5, true, false },
        { "HTTP/1.1 403 No", METHOD_CONNECT, "Content-Length: 5|", BODY_LENGTH, 5, true, true },
    };
    struct guard g = guard_new(1024);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct framing f;
        assert_int_equal(response_framing(&g, cases[i].line, cases[i].method, cases[i].fields, &f),
                         END_OK);
        assert_int_equal(f.kind, cases[i].kind);
        assert_int_equal(f.length, f.kind == BODY_LENGTH ? cases[i].length : 0);
        assert_int_equal(f.length_declared, cases[i].declared);
        assert_int_equal(f.declared_length, cases[i].length);
        assert_int_equal(f.keep_alive, cases[i].keep_alive);
        assert_false(f.expect_continue);
    }
    guard_free(&g);
}

static void badly_framed_responses_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = { "HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 304 x",
                                         "HTTP/1.1 204 x" };
    struct guard g = guard_new(1024);
    struct framing f;
    for (size_t k = 0; k < ARRAY_LEN(lines); k++) {
        for (size_t i = 0; i < ARRAY_LEN(bad_lengths); i++)
            assert_int_equal(response_framing(&g, lines[k], METHOD_GET, bad_lengths[i], &f),
                             END_RESPONSE_CONTENT_LENGTH);
        for (size_t i = 0; i < ARRAY_LEN(bad_codings); i++)
            assert_int_equal(response_framing(&g, lines[k], METHOD_HEAD, bad_codings[i].fields, &f),
                             END_RESPONSE_CODING);
        assert_int_equal(response_framing(&g, lines[k], METHOD_GET,
                                          "Content-Length: 5|Transfer-Encoding: chunked|", &f),
                         END_RESPONSE_CONTENT_LENGTH);
    }
    assert_int_equal(
        response_framing(&g, "HTTP/1.0 200 OK", METHOD_GET, "Transfer-Encoding: chunked|", &f),
        END_RESPONSE_CODING);
    guard_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_framed),
        cmocka_unit_test(badly_framed_requests_are_refused),
        cmocka_unit_test(responses_are_framed),
        cmocka_unit_test(badly_framed_responses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
