/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Interim responses, early responses, pipelined requests: who may speak when (RFC 9110 10.1.1,
 * 15.2; RFC 9112 9.3). */
#include <string.h>

#include "tests/wire/wire.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define MIB (UINT64_C(1024) * 1024)

static void answer(struct conn *s, const char *text)
{
    sayf(s, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(text), text);
}

static void hears_request(struct conn *s, const char *start)
{
    struct message m = hear_request(s);
    if (strcmp(m.start, start) != 0)
        wire_fail(s->w, "%s hears '%s' where '%s' was expected", s->who, m.start, start);
}

/* ---- interim responses ---- */

static void a_client_may_wait_for_100_before_it_sends_its_body(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_head(s);
    has_field(&m, "Expect", "100-continue");
    hear_nothing(c); /* it is the server that says so */
    say(s, "HTTP/1.1 100 Continue\r\n\r\n");
    m = hear_answer(c);
    assert_string_equal(m.start, "HTTP/1.1 100 Continue");
    say(c, "hello");
    hear(s, "hello");
    answer(s, "ok");
    hear_answered(c, 200, "ok");
    get_and_answer(c, o, s, "both connections go on");
}

static void a_client_need_not_wait_for_100(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    assert_string_equal(m.body, "hello");
    answer(s, "ok");
    hear_answered(c, 200, "ok");
}

static void a_server_may_refuse_instead_of_100(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    struct conn *s = origin_accept(o);
    hear_head(s);
    say(s, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
    struct message m = hear_status(c, 417);
    has_field(&m, "Connection", "close"); /* whether the body still comes, nobody knows */
    hear_end(c);
    logged(w, "status=417 end=ok");
}

static void an_http_1_0_client_does_not_wait(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_no_field(&m, "Expect"); /* RFC 9110 10.1.1 */
    say(s, "HTTP/1.1 100 Continue\r\n\r\n");
    say(s, "HTTP/1.1 102 Processing\r\n\r\n");
    answer(s, "ok");
    hear_answered(c, 200, "ok");
}

static void early_hints_pass(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET("/"));
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x\r\nX: y\r\n\r\n");
    struct message m = hear_answer(c);
    assert_int_equal(m.status, 103);
    has_field(&m, "Link", "</a.css>");
    has_no_field(&m, "X");
    say(s, "HTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
    m = hear_answer(c);
    has_field(&m, "Link", "</b.css>");
    assert_int_equal(hear_answer(c).status, 102);
    answer(s, "ok");
    hear_answered(c, 200, "ok");
    logged(w, "status=200 server_status=200 end=ok");
}

static void interim_and_final_responses_may_come_together(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET("/"));
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(hear_answer(c).status, 103);
    assert_int_equal(hear_answer(c).status, 103);
    hear_answered(c, 200, "ok");
}

/* ---- early responses ---- */

static void a_response_may_come_before_the_request_is_whole(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, POST "Content-Length: 10\r\n\r\nhello");
    struct conn *s = origin_accept(o);
    hear_until(s, "hello");
    say(s, "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
    struct message m = hear_answered(c, 401, "no");
    has_field(&m, "Connection", "close");
    hear_end(c);
    hear_gone(s); /* it is not asked again in the middle of a body */
    logged(w, "status=401 end=ok");
}

/* What is still under way of the body must not reset the connection under the answer. */
static void an_early_response_reaches_a_client_that_goes_on_sending(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    sayf(c, POST "Content-Length: %llu\r\n\r\n", (unsigned long long)MIB);
    struct conn *s = origin_accept(o);
    hear_head(s);
    say(s, "HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    hang_up(s);
    logged(w, "status=413 end=ok"); /* the answer is on its way */
    char *rest = wire_repeat(w, 'x', 100 * 1000);
    say_bytes(c, rest, 100 * 1000);
    hear_answered(c, 413, "no");
    hear_end(c);
}

/* A server that closes on a body resets its connection; its answer was there before. */
static void a_refusal_passes_whose_server_hangs_up_on_the_body(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    for (unsigned i = 0; i < 10; i++) {
        struct conn *c = client_dial(w);
        sayf(c, POST "Content-Length: %llu\r\n\r\n", (unsigned long long)(32 * MIB));
        stream_send(c, i, 32 * MIB, BY_LENGTH);
        struct conn *s = origin_accept(o);
        hear_head(s);
        say(s, "HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        hang_up(s);
        hear_answered(c, 413, "no");
        logged(w, "status=413 server_status=413 end=ok");
        hang_up(c);
    }
}

static void a_request_may_end_while_its_response_is_under_way(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, POST "Content-Length: 10\r\n\r\nhello");
    struct conn *s = origin_accept(o);
    hear_until(s, "hello");
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    hear_head(c);
    say(c, "world");
    hear(s, "world");
    say(s, "done");
    hear(c, "done");
    logged(w, "end=ok");
}

/* ---- pipelined requests ---- */

static void pipelined_requests_are_answered_in_order(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET("/1") POST "Content-Length: 3\r\n\r\ntwo" GET("/3"));
    struct conn *s = origin_accept(o);
    hears_request(s, "GET /1 HTTP/1.1");
    hear_nothing(s); /* one at a time */
    answer(s, "one");
    hears_request(s, "POST / HTTP/1.1");
    answer(s, "two");
    hears_request(s, "GET /3 HTTP/1.1");
    answer(s, "three");
    hear_answered(c, 200, "one");
    hear_answered(c, 200, "two");
    hear_answered(c, 200, "three");
    for (unsigned i = 1; i <= 3; i++)
        logged(w, "connection=1 request=%u end=ok", i);
}

static void a_thousand_pipelined_requests_are_answered_in_order(struct wire *w)
{
    origin_answering(w, "A");
    sluice_start(w, "--log off");
    struct conn *c = client_dial(w);
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned k = 0; k < 100; k++)
            sayf(c, "GET /%u HTTP/1.1\r\nHost: a\r\n\r\n", k);
        w->notes.len = 0;
    }
    for (unsigned i = 0; i < 1000; i++)
        hear_answered(c, 200, "A");
    hear_nothing(c);
}

static void pipelined_requests_are_answered_after_the_client_ended_its_side(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET("/1") GET("/2"));
    end_sending(c);
    struct conn *s = origin_accept(o);
    hears_request(s, "GET /1 HTTP/1.1");
    answer(s, "one");
    hear_answered(c, 200, "one");
    hears_request(s, "GET /2 HTTP/1.1");
    answer(s, "two");
    hear_answered(c, 200, "two");
    hear_end(c);
}

static void what_follows_a_last_request_is_not_served(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/2"));
    struct conn *s = origin_accept(o);
    hears_request(s, "GET /1 HTTP/1.1");
    answer(s, "one");
    hear_answered(c, 200, "one");
    hear_end(c);
    logged(w, "end=ok request=1");
    hear_nothing(s);
    origin_untouched(o);
}

static void what_follows_a_refused_request_is_not_served(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET("/1") "GET /2 HTTP/1.1\r\nHost : a\r\n\r\n" GET("/3"));
    struct conn *s = origin_accept(o);
    hears_request(s, "GET /1 HTTP/1.1");
    answer(s, "one");
    hear_answered(c, 200, "one");
    hear_refused(c, 400);
    logged(w, "end=ok");
    logged(w, "end=bad_field_name tries=0");
    hear_nothing(s);
    origin_untouched(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_may_wait_for_100_before_it_sends_its_body),
        TEST(a_client_need_not_wait_for_100),
        TEST(a_server_may_refuse_instead_of_100),
        TEST(an_http_1_0_client_does_not_wait),
        TEST(early_hints_pass),
        TEST(interim_and_final_responses_may_come_together),
        TEST(a_response_may_come_before_the_request_is_whole),
        TEST(an_early_response_reaches_a_client_that_goes_on_sending),
        TEST(a_refusal_passes_whose_server_hangs_up_on_the_body),
        TEST(a_request_may_end_while_its_response_is_under_way),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(a_thousand_pipelined_requests_are_answered_in_order),
        TEST(pipelined_requests_are_answered_after_the_client_ended_its_side),
        TEST(what_follows_a_last_request_is_not_served),
        TEST(what_follows_a_refused_request_is_not_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
