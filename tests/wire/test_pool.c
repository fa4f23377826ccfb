/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections to servers: kept, used again, found stale; attempts on other servers when one cannot
 * be reached (issue 4). */
#include <string.h>

#include "tests/wire/wire.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* ---- the pool ---- */

static void a_connection_is_used_again_by_any_client(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *a = client_dial(w), *b = client_dial(w);
    struct conn *s = get_and_answer(a, o, NULL, "one");
    get_and_answer(b, o, s, "two");
    get_and_answer(a, o, s, "three");
    logged(w, "reused=false end=ok connection=1");
    logged(w, "reused=true end=ok connection=2");
    logged(w, "reused=true end=ok connection=1");
}

static void requests_at_the_same_time_have_a_connection_each(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *a = client_dial(w), *b = client_dial(w);
    say(a, GET);
    struct conn *sa = origin_accept(o);
    say(b, GET);
    struct conn *sb = origin_accept(o);
    hear_request(sa);
    hear_request(sb);
    say(sb, OK_ANSWER);
    hear_answered(b, 200, "ok");
    say(sa, OK_ANSWER);
    hear_answered(a, 200, "ok");
    get_and_answer(b, o, sa, "the one used last");
}

static void a_server_that_closes_after_its_answer_is_obeyed(struct wire *w)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, CLOSE\r\n\r\nok",
    };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        say(c, GET);
        struct conn *s = origin_accept(o);
        hear_request(s);
        say(s, answers[i]);
        hear_answered(c, 200, "ok");
        hear_end(s);
    }
}

static void an_http_1_0_server_may_keep_its_connection(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
    hear_answered(c, 200, "ok");
    get_and_answer(c, o, s, "again");
}

static void an_idle_connection_is_closed_after_its_time(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout upstream_idle=50ms");
    struct conn *c = client_dial(w);
    struct conn *s = get_and_answer(c, o, NULL, "one");
    hear_end(s);
    get_and_answer(c, o, NULL, "two");
}

static void an_idle_connection_that_its_server_closes_is_forgotten(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    struct conn *s = get_and_answer(c, o, NULL, "one");
    end_sending(s);
    hear_end(s); /* sluice has seen it */
    get_and_answer(c, o, NULL, "two");
    logged(w, "tries=1 reused=false");
    logged(w, "tries=1 reused=false");
}

/* ---- stale connections ---- */

/* A request goes out on a pooled connection that the server closes without a word: the race that
 * any keep-alive client runs. */
static struct conn *stale(struct conn *c, struct origin *o, const char *request)
{
    struct conn *s = get_and_answer(c, o, NULL, "first");
    logged(c->w, "end=ok");
    say(c, request);
    hear_request(s);
    return s;
}

static void a_get_on_a_stale_connection_is_sent_again(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    hang_up_hard(stale(c, o, GET));
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    logged(w, "end=ok tries=2 reused=false");
}

static void a_put_without_a_body_is_sent_again_too(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    hang_up(stale(c, o, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "Content-Length", "0");
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    logged(w, "end=ok tries=2");
}

static void a_post_that_was_sent_is_not_sent_again(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    hang_up(stale(c, o, POST));
    hear_status(c, 502);
    logged(w, "end=server_stale status=502 tries=1 reused=true");
    origin_untouched(o);
    c = client_dial(w);
    hang_up(stale(c, o, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
    hear_status(c, 502);
    logged(w, "end=server_stale status=502 tries=1 reused=true");
    origin_untouched(o);
}

/* What of a body has left is gone. */
static void a_put_with_a_body_that_was_sent_is_not_sent_again(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    hang_up(stale(c, o, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"));
    hear_status(c, 502);
    logged(w, "end=server_stale status=502 tries=1 reused=true");
    origin_untouched(o);
}

static void after_a_stale_connection_a_new_one_is_opened(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *a = client_dial(w), *b = client_dial(w);
    say(a, GET);
    struct conn *sa = origin_accept(o);
    hear_request(sa);
    struct conn *sb = get_and_answer(b, o, NULL, "b"); /* now it is idle */
    say(sa, OK_ANSWER);
    hear_answered(a, 200, "ok"); /* and so is the other, more recently */
    say(a, GET);
    hear_request(sa);
    hang_up_hard(sa);
    struct conn *s = origin_accept(o);
    hear_request(s);
    hear_nothing(sb); /* who knows whether that one is not stale too */
    say(s, OK_ANSWER);
    hear_answered(a, 200, "ok");
}

static void a_get_is_not_sent_again_once_an_answer_began(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    struct conn *s = stale(c, o, GET);
    say(s, "HTTP/1.1 200 O");
    wait_taken(s);
    hang_up(s);
    hear_status(c, 502);
    logged(w, "end=response_cut_head tries=1");
    origin_untouched(o);
}

static void a_server_that_resets_a_new_connection_is_followed_by_another(struct wire *w)
{
    origin_open(w);
    origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET);
    for (unsigned i = 0; i < 2; i++) {
        struct conn *s = origin_accept_any(w);
        hear_request(s);
        hang_up_hard(s);
    }
    hear_status(c, 502);
    logged(w, "end=server_reset status=502 tries=2");
    for (struct origin *o = w->origins; o; o = o->next) {
        assert_int_equal(o->accepted, 1);
        origin_untouched(o);
    }
}

/* ---- servers that cannot be reached ---- */

static void one_dead_server_of_two_costs_no_error(struct wire *w)
{
    origin_dead(w);
    origin_answering(w, "B");
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    unsigned retried = 0;
    for (unsigned i = 0; i < 50; i++) {
        say(c, i % 2 ? POST : GET); /* nothing of it was sent: a POST may go elsewhere too */
        if (i % 2)
            hear_status(c, 200);
        else
            hear_answered(c, 200, "B");
        const char *line = logged(w, "end=ok");
        retried += strcmp(log_field(w, line, "tries"), "2") == 0;
    }
    assert_true(retried >= 1);
    assert_true(retried <= 5); /* it is left alone for a second and more */
}

static void a_server_that_comes_back_is_used_again(struct wire *w)
{
    struct origin *dead = origin_dead(w);
    origin_answering(w, "B");
    sluice_start(w, " ");
    const char *answers = who_answers(w, 4, "/", "");
    assert_string_equal(answers, "BBBB");
    const char *address = dead->name;
    origin_close(dead);
    origin_answering_at(w, address, "A");
    while (!strchr(who_answers(w, 10, "/", ""), 'A')) /* after its rest */
        wire_left_ms(w);
}

static void no_server_left_is_a_502_that_says_why(struct wire *w)
{
    struct origin *dead = origin_dead(w);
    origin_dead(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    for (unsigned i = 0; i < 3; i++) { /* even while both are left alone */
        say(c, GET);
        struct message m = hear_status(c, 502);
        has_no_field(&m, "Connection");
        logged(w, "end=connect_refused status=502 server_status= tries=2 broken_by=server");
    }
    origin_close(dead);
    get_and_answer(c, origin_open_at(w, dead->name), NULL, "back"); /* then it is tried again */
}

static void attempts_are_limited(struct wire *w)
{
    for (unsigned i = 0; i < 5; i++)
        origin_dead(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_status(c, 502);
    logged(w, "end=connect_refused tries=3");
}

static void a_server_that_does_not_answer_the_connect_is_given_up(struct wire *w)
{
    origin_full(w);
    origin_answering(w, "B");
    sluice_start(w, "--timeout connect=300ms");
    struct conn *c = client_dial(w);
    for (unsigned i = 0; i < 4; i++) {
        say(c, GET);
        hear_answered(c, 200, "B");
    }
}

static void connects_that_all_take_too_long_are_a_504(struct wire *w)
{
    origin_full(w);
    sluice_start(w, "--timeout connect=300ms");
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_status(c, 504);
    logged(w, "end=connect_timeout status=504 tries=1");
}

static void a_unix_server_that_is_not_there_is_a_502(struct wire *w)
{
    sluice_start(w, "--to unix:%s", wire_path(w, "nobody"));
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_status(c, 502);
    logged(w, "end=connect_refused");
}

static void a_server_killed_under_load_fails_no_request(struct wire *w)
{
    struct load load = { .connections = 64, .requests = 6000, .kill_after = 2000 };
    load.victim = origin_answering(w, "A");
    origin_answering(w, "B");
    sluice_start(w, "--log off --workers 2");
    load_run(w, &load);
    assert_int_equal(load.others, 0);
    assert_int_equal(load.answered, load.requests);
    assert_true(load.by[0] > 500);
    assert_true(load.by[1] > 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_is_used_again_by_any_client),
        TEST(requests_at_the_same_time_have_a_connection_each),
        TEST(a_server_that_closes_after_its_answer_is_obeyed),
        TEST(an_http_1_0_server_may_keep_its_connection),
        TEST(an_idle_connection_is_closed_after_its_time),
        TEST(an_idle_connection_that_its_server_closes_is_forgotten),
        TEST(a_get_on_a_stale_connection_is_sent_again),
        TEST(a_put_without_a_body_is_sent_again_too),
        TEST(a_post_that_was_sent_is_not_sent_again),
        TEST(a_put_with_a_body_that_was_sent_is_not_sent_again),
        TEST(after_a_stale_connection_a_new_one_is_opened),
        TEST(a_get_is_not_sent_again_once_an_answer_began),
        TEST(a_server_that_resets_a_new_connection_is_followed_by_another),
        TEST(one_dead_server_of_two_costs_no_error),
        TEST(a_server_that_comes_back_is_used_again),
        TEST(no_server_left_is_a_502_that_says_why),
        TEST(attempts_are_limited),
        TEST(a_server_that_does_not_answer_the_connect_is_given_up),
        TEST(connects_that_all_take_too_long_are_a_504),
        TEST(a_unix_server_that_is_not_there_is_a_502),
        TEST(a_server_killed_under_load_fails_no_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
