/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each timeout, and that it does not strike whom it should not. Only what takes too long on purpose
 * waits here; nothing has to happen within a short time. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/wire/wire.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define MIB (UINT64_C(1024) * 1024)

static void let_pass(int ms)
{
    poll(NULL, 0, ms);
}

/* Says one byte every now and then until there is an answer. */
static void trickle_until_answered(struct conn *c, int pause_ms)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    while (poll(&p, 1, pause_ms) == 0) {
        wire_left_ms(c->w);
        send(c->fd, "x", 1, MSG_NOSIGNAL);
    }
}

/* ---- clients ---- */

static void a_client_that_says_nothing_is_closed(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout client_idle=500ms");
    hear_end(client_dial(w));
    struct conn *c = client_dial(w);
    get_and_answer(c, o, NULL, "ok");
    hear_end(c);
    logged(w, "end=ok"); /* and no line for who said nothing */
}

static void a_head_has_to_be_whole_in_time_however_it_comes(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout client_head=200ms");
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n");
    hear_refused(c, 408);
    logged(w, "end=client_head_timeout status=408 tries=0");
    c = client_dial(w);
    say(c, "GET /");
    trickle_until_answered(c, 20);
    hear_status(c, 408);
    hear_gone(c);
    logged(w, "end=client_head_timeout status=408 tries=0");
    origin_untouched(o);
}

static void a_body_that_stalls_is_refused(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout client_body=100ms");
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    struct conn *s = origin_accept(o);
    hear_until(s, "hello");
    hear_refused(c, 408);
    hear_reset(s);
    logged(w, "end=client_body_timeout status=408 tries=1");
}

static void a_body_may_take_long_if_it_gets_on(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout client_body=800ms --timeout first_byte=800ms");
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n");
    struct conn *s = origin_accept(o);
    hear_head(s);
    for (unsigned i = 0; i < 20; i++) {
        let_pass(50);
        say(c, "x");
        hear(s, "x");
    }
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    hear_answered(c, 200, "ok");
}

static void a_client_that_waits_for_its_answer_is_not_idle(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout client_idle=50ms --timeout client_body=50ms "
                    "--timeout client_head=50ms --timeout client_write=50ms");
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    struct conn *s = origin_accept(o);
    hear_request(s);
    let_pass(300);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nwor");
    let_pass(300);
    say(s, "ld!");
    hear_answered(c, 200, "world!");
    logged(w, "end=ok");
}

/* More than the sockets' buffers take. */
static void say_too_much(struct conn *s)
{
    sayf(s, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n", (unsigned long long)(64 * MIB));
    stream_send(s, 1, 64 * MIB, BY_LENGTH);
}

static void a_client_that_stops_reading_is_cut_off(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout client_write=200ms");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say_too_much(s);
    logged(w, "end=client_write_timeout status=200 broken_by=client");
    hear_reset(c);
    hear_gone(s);
}

static void a_client_may_read_slowly(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout stall=800ms");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say_too_much(s);
    hear_head(c);
    let_pass(1600); /* it is not the server that stalls */
    stream_hear(c, 1, 64 * MIB, BY_LENGTH);
    streams_sent(w);
    logged(w, "end=ok");
}

/* ---- servers ---- */

static void a_server_that_does_not_answer_is_a_504(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout first_byte=500ms");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    hear_status(c, 504);
    hear_gone(s);
    logged(w, "end=server_first_byte_timeout status=504 server_status= tries=1");
    get_and_answer(c, o, NULL, "the client's connection goes on");
}

static void interim_responses_are_signs_of_life(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout first_byte=1500ms");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    for (unsigned i = 0; i < 4; i++) {
        let_pass(500);
        say(s, "HTTP/1.1 102 Processing\r\n\r\n");
        assert_int_equal(hear_answer(c).status, 102);
    }
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    hear_answered(c, 200, "ok");
}

static void an_answer_that_stalls_is_cut(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout stall=100ms");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    hear_cut_answer(c);
    hear_gone(s);
    logged(w, "end=server_stall status=200 broken_by=server");
}

static void an_answer_may_take_long_if_it_gets_on(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout stall=800ms --timeout first_byte=800ms");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n");
    hear_head(c);
    for (unsigned i = 0; i < 20; i++) {
        let_pass(50);
        say(s, "x");
        hear(c, "x");
    }
    logged(w, "end=ok");
}

static void a_server_that_stops_reading_is_a_504(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout stall=1500ms --timeout client_body=1s");
    struct conn *c = client_dial(w);
    sayf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %llu\r\n\r\n",
         (unsigned long long)(64 * MIB));
    stream_send(c, 1, 64 * MIB, BY_LENGTH);
    struct conn *s = origin_accept(o);
    hear_head(s);
    logged(w, "end=server_write_timeout status=504 broken_by=server");
    hear_status(c, 504);
    hear_gone(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_that_says_nothing_is_closed),
        TEST(a_head_has_to_be_whole_in_time_however_it_comes),
        TEST(a_body_that_stalls_is_refused),
        TEST(a_body_may_take_long_if_it_gets_on),
        TEST(a_client_that_waits_for_its_answer_is_not_idle),
        TEST(a_client_that_stops_reading_is_cut_off),
        TEST(a_client_may_read_slowly),
        TEST(a_server_that_does_not_answer_is_a_504),
        TEST(interim_responses_are_signs_of_life),
        TEST(an_answer_that_stalls_is_cut),
        TEST(an_answer_may_take_long_if_it_gets_on),
        TEST(a_server_that_stops_reading_is_a_504),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
