/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bench/origin_request.h"

static struct request read_all(const char *text)
{
    struct request r;
    struct str s = str_of(text);
    for (size_t len = 0; len < s.len; len++)
        assert_int_equal(request_read((struct str){ s.ptr, len }, &r), 0);
    assert_int_equal(request_read(s, &r), s.len);
    return r;
}

static void reads_what_matters_of_a_head(void **state)
{
    (void)state;
    struct request r = read_all("GET /size/13?x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(str_eq(r.method, STR("GET")));
    assert_true(str_eq(r.target, STR("/size/13?x")));
    assert_true(r.keep_alive && !r.expects_continue);
    assert_int_equal(r.body.state, BODY_END);

    r = read_all("POST / HTTP/1.1\r\nCONTENT-length:  12 \r\nconnection: x, Close\r\n"
                 "Expect: 100-continue\r\n\r\n");
    assert_true(!r.keep_alive && r.expects_continue);
    assert_int_equal(r.body.state, BODY_LENGTH);
    assert_int_equal(r.body.left, 12);

    r = read_all("POST / HTTP/1.0\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_false(r.keep_alive);
    assert_int_equal(r.body.state, BODY_CHUNK_SIZE);
    r = read_all("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(r.keep_alive);
}

static void refuses_what_is_no_request(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "GET /\r\n\r\n",
        "\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1\r\nno field\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n",
    };
    struct request r;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(request_read(str_of(texts[i]), &r), -1);
}

/* The body of text, which arrives in pieces of `piece` bytes; returns how much of text it was. */
static size_t read_body(struct request_body b, struct str text, size_t piece, char *body)
{
    size_t used = 0, len = 0;
    while (b.state != BODY_END) {
        size_t n = text.len - used < piece ? text.len - used : piece;
        struct str data;
        assert_true(n > 0);
        long step = request_body_read(&b, (struct str){ text.ptr + used, n }, &data);
        assert_true(step > 0);
        memcpy(body + len, data.ptr, data.len);
        len += data.len;
        used += (size_t)step;
    }
    body[len] = '\0';
    return used;
}

static void bodies_end_where_they_end_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const struct {
        struct request_body body;
        const char *text, *expected;
    } cases[] = {
        { { BODY_LENGTH, 5 }, "hello", "hello" },
        { { BODY_CHUNK_SIZE, 0 }, "0\r\n\r\n", "" },
        { { BODY_CHUNK_SIZE, 0 },
          "5\r\nhello\r\nC;a=b\r\n, a\r\nworld!\n\r\n0\r\nX: y\r\nZ: 0\r\n\r\n",
          "hello, a\r\nworld!\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128], body[128];
        snprintf(text, sizeof text, "%sGET / HTTP/1.1", cases[i].text);
        for (size_t piece = 1; piece <= strlen(text); piece++) {
            size_t used = read_body(cases[i].body, str_of(text), piece, body);
            assert_string_equal(text + used, "GET / HTTP/1.1");
            assert_string_equal(body, cases[i].expected);
        }
    }
    struct request_body bad = { BODY_CHUNK_TAIL, 0 };
    struct str data;
    assert_int_equal(request_body_read(&bad, STR("xx"), &data), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_matters_of_a_head),
        cmocka_unit_test(refuses_what_is_no_request),
        cmocka_unit_test(bodies_end_where_they_end_in_pieces_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
