/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies and their framing, both ways (RFC 9112 6 and 7). */
#include <string.h>

#include "tests/wire/wire.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define MIB (UINT64_C(1024) * 1024)

/* A client's request, a server's response, and what the client gets of it. */
static struct message exchange(struct conn *c, struct origin *o, const char *request,
                               const char *response)
{
    say(c, request);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, response);
    hang_up(s);
    return hear_answer_to(c, strncmp(request, "HEAD", 4) == 0 ? "HEAD" : "GET");
}

/* ---- requests ---- */

static void a_body_of_known_length_passes(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, POST "Content-Length: 5\r\n\r\nhello");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "Content-Length", "5");
    assert_string_equal(m.body, "hello");
    say(s, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    hear_answered(c, 201, "");
    logged(w, "end=ok status=201 bytes_in=%zu", strlen(POST "Content-Length: 5\r\n\r\nhello"));
}

static void a_chunked_body_passes_without_its_extensions(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, POST "Transfer-Encoding: chunked\r\n\r\n"
                "005;a=b\r\nhello\r\n1 ; q=\"\\\";x\" ;z\r\n,\r\nA\r\n0123456789\r\n000\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    assert_int_equal(m.coding, BY_CHUNKS);
    assert_string_equal(m.body, "hello,0123456789");
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    hear_answered(c, 200, "");
}

static void an_empty_body_stays_what_it_is(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, POST "Content-Length: 0\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "Content-Length", "0");
    say(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    m = hear_answered(c, 200, "");
    assert_int_equal(m.coding, BY_CHUNKS);
    say(c, POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    m = hear_request(s);
    assert_int_equal(m.coding, BY_CHUNKS);
    assert_int_equal(m.body_len, 0);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    m = hear_answered(c, 200, "");
    has_field(&m, "Content-Length", "0");
}

static void trailers_pass_both_ways_but_for_those_that_may_not(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, POST "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                "2\r\nab\r\n0\r\nX-Sum: 1\r\nContent-Length: 3\r\nHost: b\r\nConnection: X-Sum\r\n"
                "Authorization: x\r\nX-Forwarded-For: y\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "Trailer", "X-Sum");
    assert_string_equal(m.trailers, "X-Sum: 1\r\n");
    say(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           "2\r\ncd\r\n0\r\nX-Sum:  2 \r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\n"
           "X-More: 3\r\n\r\n");
    m = hear_answered(c, 200, "cd");
    assert_string_equal(m.trailers, "X-Sum: 2\r\nX-More: 3\r\n");
}

static void a_large_upload_passes(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    sayf(c, POST "Content-Length: %llu\r\n\r\n", (unsigned long long)(40 * MIB + 1));
    stream_send(c, 1, 40 * MIB + 1, BY_LENGTH);
    struct conn *s = origin_accept(o);
    hear_head(s);
    stream_hear(s, 1, 40 * MIB + 1, BY_LENGTH);
    streams_sent(w);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    hear_answered(c, 200, "");
    get_and_answer(c, o, s, "both connections go on");
}

static void a_large_chunked_upload_passes(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, POST "Transfer-Encoding: chunked\r\n\r\n");
    stream_send(c, 2, 5 * MIB, BY_CHUNKS);
    struct conn *s = origin_accept(o);
    hear_head(s);
    stream_hear(s, 2, 5 * MIB, BY_CHUNKS);
    streams_sent(w);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    hear_answered(c, 200, "");
    get_and_answer(c, o, s, "both connections go on");
}

/* ---- responses ---- */

static void a_response_keeps_its_framing(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    struct message m = exchange(c, o, GET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    has_field(&m, "Content-Length", "5");
    assert_string_equal(m.body, "hello");
    m = exchange(c, o, GET,
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\nhel\r\n2;x\r\nlo\r\n0\r\n\r\n");
    assert_int_equal(m.coding, BY_CHUNKS);
    assert_string_equal(m.body, "hello");
    has_no_field(&m, "Connection");
}

static void a_response_that_ends_with_its_connection_gets_chunks(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    struct message m = exchange(c, o, GET, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
    assert_int_equal(m.coding, BY_CHUNKS);
    assert_string_equal(m.body, "until the end");
    logged(w, "end=ok");
    m = exchange(c, o, GET, "HTTP/1.0 200 OK\r\n\r\n");
    assert_int_equal(m.coding, BY_CHUNKS);
    assert_string_equal(m.body, "");
}

static void an_http_1_0_client_gets_no_chunks(struct wire *w)
{
    static const char *const responses[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
        "3\r\nhel\r\n2\r\nlo\r\n0\r\nX: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello",
    };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    for (size_t i = 0; i < sizeof responses / sizeof responses[0]; i++) {
        struct conn *c = client_dial(w);
        struct message m =
            exchange(c, o, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", responses[i]);
        assert_int_equal(m.coding, BY_CLOSE);
        has_field(&m, "Connection", "close");
        has_no_field(&m, "Trailer");
        assert_string_equal(m.body, "hello");
        assert_false(c->reset);
    }
}

static void a_response_to_head_has_no_body_and_its_fields(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    const char *head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct message m = exchange(c, o, head, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    has_field(&m, "Content-Length", "1000");
    m = exchange(c, o, head, "HTTP/1.1 200 OK\r\n\r\n");
    has_no_field(&m, "Content-Length");
    exchange(c, o, head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    exchange(c, o, GET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static void statuses_without_a_body_have_none(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    struct message m = exchange(c, o, GET, "HTTP/1.1 204 No Content\r\n\r\n");
    has_no_field(&m, "Content-Length");
    has_no_field(&m, "Transfer-Encoding");
    m = exchange(c, o, GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: x\r\n\r\n");
    has_field(&m, "Content-Length", "77");
    m = exchange(c, o, GET, "HTTP/1.1 304 Not Modified\r\n\r\n");
    has_no_field(&m, "Content-Length");
    exchange(c, o, GET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

/* RFC 9110 8.6 and RFC 9112 6.1 forbid both in a 204. */
static void a_204_says_nothing_of_a_body_even_if_the_server_does(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    struct message m = exchange(c, o, GET, "HTTP/1.1 204 None\r\nContent-Length: 0\r\n\r\n");
    has_no_field(&m, "Content-Length");
    m = exchange(c, o, GET, "HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nhello");
    has_no_field(&m, "Content-Length");
    m = exchange(c, o, GET, "HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    has_no_field(&m, "Transfer-Encoding");
    exchange(c, o, GET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static void download(struct wire *w, const char *request, const char *framing,
                     enum coding from_server, enum coding to_client, uint64_t bytes)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, request);
    struct conn *s = origin_accept(o);
    hear_request(s);
    sayf(s, "HTTP/1.1 200 OK\r\n%s\r\n", framing);
    stream_send(s, 3, bytes, from_server);
    if (from_server == BY_CLOSE)
        hang_up(s);
    hear_head(c);
    stream_hear(c, 3, bytes, to_client);
    streams_sent(w);
    logged(w, "end=ok");
}

static void a_large_download_passes(struct wire *w)
{
    download(w, GET, wire_text(w, "Content-Length: %llu\r\n", (unsigned long long)(40 * MIB)),
             BY_LENGTH, BY_LENGTH, 40 * MIB);
}

static void a_large_chunked_download_passes(struct wire *w)
{
    download(w, GET, "Transfer-Encoding: chunked\r\n", BY_CHUNKS, BY_CHUNKS, 5 * MIB);
}

static void a_large_download_passes_from_a_close_to_chunks(struct wire *w)
{
    download(w, GET, "", BY_CLOSE, BY_CHUNKS, 5 * MIB);
}

static void a_large_download_passes_from_chunks_to_a_close(struct wire *w)
{
    download(w, "GET / HTTP/1.0\r\n\r\n", "Transfer-Encoding: chunked\r\n", BY_CHUNKS, BY_CLOSE,
             5 * MIB);
}

/* ---- both ways, in any pieces ---- */

static void both_directions_flow_at_once(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    sayf(c, POST "Content-Length: %llu\r\n\r\n", (unsigned long long)(8 * MIB));
    struct conn *s = origin_accept(o);
    hear_head(s);
    sayf(s, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n", (unsigned long long)(8 * MIB + 1));
    hear_head(c);
    stream_send(c, 4, 8 * MIB, BY_LENGTH);
    stream_send(s, 5, 8 * MIB, BY_LENGTH);
    stream_hear(c, 5, 8 * MIB, BY_LENGTH);
    stream_hear(s, 4, 8 * MIB, BY_LENGTH);
    streams_sent(w);
    say(s, "!");
    hear(c, "!");
    logged(w, "end=ok");
}

static void a_request_may_come_byte_by_byte(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say_slowly(c, "POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_head(s);
    assert_string_equal(m.start, "POST /slow HTTP/1.1");
    say_slowly(c, "5;e=f\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n");
    for (const char *p = "hello"; *p; p++)
        hear(s, wire_text(w, "1\r\n%c\r\n", *p)); /* nothing waits for more */
    hear(s, "0\r\nX-Sum: 1\r\n\r\n");
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    hear_answered(c, 200, "");
}

static void a_response_may_come_byte_by_byte(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say_slowly(s, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-Slow: yes\r\n\r\n");
    struct message m = hear_head(c);
    has_field(&m, "X-Slow", "yes");
    for (const char *p = "0123456789"; *p; p++) {
        say_bytes(s, p, 1);
        hear(c, wire_text(w, "%c", *p));
    }
    logged(w, "end=ok");
    get_and_answer(c, o, s, "both connections go on");
}

static void a_client_may_end_its_side_and_wait(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, POST "Content-Length: 5\r\n\r\nhello");
    end_sending(c);
    struct conn *s = origin_accept(o);
    hear_request(s);
    wait_taken(c);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    hear_answered(c, 200, "ok");
    hear_end(c);
    logged(w, "end=ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_of_known_length_passes),
        TEST(a_chunked_body_passes_without_its_extensions),
        TEST(an_empty_body_stays_what_it_is),
        TEST(trailers_pass_both_ways_but_for_those_that_may_not),
        TEST(a_large_upload_passes),
        TEST(a_large_chunked_upload_passes),
        TEST(a_response_keeps_its_framing),
        TEST(a_response_that_ends_with_its_connection_gets_chunks),
        TEST(an_http_1_0_client_gets_no_chunks),
        TEST(a_response_to_head_has_no_body_and_its_fields),
        TEST(statuses_without_a_body_have_none),
        TEST(a_204_says_nothing_of_a_body_even_if_the_server_does),
        TEST(a_large_download_passes),
        TEST(a_large_chunked_download_passes),
        TEST(a_large_download_passes_from_a_close_to_chunks),
        TEST(a_large_download_passes_from_chunks_to_a_close),
        TEST(both_directions_flow_at_once),
        TEST(a_request_may_come_byte_by_byte),
        TEST(a_response_may_come_byte_by_byte),
        TEST(a_client_may_end_its_side_and_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
