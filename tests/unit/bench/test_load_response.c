/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/load_response.h"

static enum response_state read_in_pieces(const char *text, size_t piece, bool head_only,
                                          struct response *r)
{
    *r = (struct response){ 0 };
    response_begin(r, head_only);
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += piece)
        response_take(r, (struct str){ text + at, len - at < piece ? len - at : piece });
    response_free(r);
    return r->state;
}

/* However it is cut, the result is the same. */
static void expect(const char *text, bool head_only, enum response_state state, int status,
                   uint64_t bytes, bool keep_alive)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct response r;
        assert_int_equal(read_in_pieces(text, piece, head_only, &r), state);
        assert_int_equal(r.status, status);
        assert_int_equal(r.body_bytes, bytes);
        assert_int_equal(r.keep_alive, keep_alive);
    }
}

static void with_a_length(void **state)
{
    (void)state;
    expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, RESPONSE_WHOLE, 200, 5,
           true);
    expect("HTTP/1.1 404 No\r\ncontent-length:0\r\nConnection: close\r\n\r\n", false,
           RESPONSE_WHOLE, 404, 0, false);
    expect("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", false, RESPONSE_BODY, 200, 5, true);
}

static void in_chunks(void **state)
{
    (void)state;
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n"
           "T: v\r\n\r\n",
           false, RESPONSE_WHOLE, 200, 7, true);
}

static void without_a_body(void **state)
{
    (void)state;
    expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, RESPONSE_WHOLE, 200, 0, true);
    expect("HTTP/1.1 204 None\r\n\r\n", false, RESPONSE_WHOLE, 204, 0, true);
    expect("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", false, RESPONSE_WHOLE, 304, 0, true);
}

static void interim_responses_are_passed_over(void **state)
{
    (void)state;
    expect("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
           "Content-Length: 2\r\n\r\nok",
           false, RESPONSE_WHOLE, 200, 2, true);
}

static void until_the_end(void **state)
{
    (void)state;
    struct response r;
    read_in_pieces("HTTP/1.0 200 OK\r\n\r\nsome", 3, false, &r);
    assert_int_equal(r.state, RESPONSE_UNTIL_CLOSE);
    assert_false(r.keep_alive);
    response_end(&r);
    assert_int_equal(r.state, RESPONSE_WHOLE);
    assert_int_equal(r.body_bytes, 4);
    read_in_pieces("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome", 3, false, &r);
    response_end(&r);
    assert_int_equal(r.state, RESPONSE_BODY);
}

static void what_is_no_response(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/2 200 OK\r\n\r\n",
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nmore",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t piece = 1; piece <= strlen(texts[i]); piece++) {
            struct response r;
            assert_int_equal(read_in_pieces(texts[i], piece, false, &r), RESPONSE_MALFORMED);
        }
}

static void a_head_that_never_ends(void **state)
{
    (void)state;
    struct response r = { 0 };
    char line[1024];
    memset(line, 'a', sizeof line);
    response_begin(&r, false);
    response_take(&r, STR("HTTP/1.1 200 OK\r\nX: "));
    for (int i = 0; i < 100 && r.state == RESPONSE_HEAD; i++)
        response_take(&r, (struct str){ line, sizeof line });
    assert_int_equal(r.state, RESPONSE_MALFORMED);
    response_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_a_length),
        cmocka_unit_test(in_chunks),
        cmocka_unit_test(without_a_body),
        cmocka_unit_test(interim_responses_are_passed_over),
        cmocka_unit_test(until_the_end),
        cmocka_unit_test(what_is_no_response),
        cmocka_unit_test(a_head_that_never_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
