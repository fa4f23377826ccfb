/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers that die, stop, fail and come back: checks, ejection, panic, backups, slow start. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/wire/h2_peer.h"
#include "tests/wire/wire.h"

#define CONFIG                                                                                     \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites: { s: { log: access, routes: [{ to: b }] } }\n"                                         \
    "backends:\n"                                                                                  \
    "  b:\n"                                                                                       \
    "    retries: { backoff_min: 1ms, backoff_max: 1ms }\n"

#define CHECKED "    health: { path: /healthz, interval: 20ms, timeout: 300ms }\n"

static unsigned count(const char *text, char c)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

/* Asks until that server answers. */
static void until_answered_by(struct wire *w, char who)
{
    while (who_answers(w, 1, "/", "")[0] != who)
        wire_left_ms(w);
}

static void who_dies_gets_nothing_until_it_is_back(struct wire *w)
{
    struct origin *a = origin_answering(w, "A");
    origin_answering(w, "B");
    sluice_run_config(w, CONFIG CHECKED "    servers: [$SERVERS]\n");
    assert_int_equal(count(who_answers(w, 20, "/", ""), 'A'), 10);
    origin_kill(a);
    sluice_says(w, wire_text(w, "backend b: server %s is down: ", a->name));
    assert_int_equal(count(who_answers(w, 20, "/", ""), 'B'), 20);
    origin_answering_at(w, a->name, "A");
    sluice_says(w, wire_text(w, "backend b: server %s is up again", a->name));
    until_answered_by(w, 'A');
    assert_int_equal(count(who_answers(w, 20, "/", ""), 'A'), 10);
}

static void who_is_stopped_gets_nothing(struct wire *w)
{
    struct origin *a = origin_answering(w, "A");
    origin_answering(w, "B");
    sluice_run_config(w, CONFIG CHECKED "    servers: [$SERVERS]\n");
    kill(a->pid, SIGSTOP);
    sluice_says(w, "is down: it did not answer in time");
    assert_int_equal(count(who_answers(w, 20, "/", ""), 'B'), 20);
    kill(a->pid, SIGCONT);
    sluice_says(w, "is up again");
    until_answered_by(w, 'A');
}

static void a_check_looks_at_status_and_body(struct wire *w)
{
    origin_answering(w, "500 A");
    origin_answering(w, "warming up");
    origin_answering(w, "C is ready");
    sluice_run_config(w, CONFIG "    health: { path: /h, interval: 20ms, body: ready }\n"
                                "    servers: [$SERVERS]\n");
    sluice_says(w, "is down: it answers 500");
    sluice_says(w, "is down: its answer does not hold the text");
    assert_int_equal(count(who_answers(w, 5, "/", ""), 'C'), 5);
}

static void a_connection_is_a_check_too(struct wire *w)
{
    struct origin *a = origin_answering(w, "A");
    origin_answering(w, "B");
    sluice_run_config(w, CONFIG "    health: { type: tcp, interval: 20ms }\n"
                                "    servers: [$SERVERS]\n");
    origin_kill(a);
    sluice_says(w, "is down");
    assert_int_equal(count(who_answers(w, 20, "/", ""), 'B'), 20);
}

static void nobody_healthy_is_503_at_once(struct wire *w)
{
    origin_answering(w, "503 A");
    sluice_run_config(w, CONFIG CHECKED "    servers: [$SERVERS]\n");
    sluice_says(w, "is down: it answers 503");
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_status(c, 503);
    logged(w, "end=no_server status=503 backend=b tries=0");
}

static void in_panic_health_is_not_looked_at(struct wire *w)
{
    origin_answering(w, "503 A");
    origin_answering(w, "503 B");
    sluice_run_config(w, CONFIG CHECKED "    panic: 60%%\n    servers: [$SERVERS]\n");
    sluice_says(w, "is down: it answers 503");
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_status(c, 503);
    logged(w, "end=ok status=503 backend=b tries=1");
}

static void a_backup_waits_for_the_others_to_fail(struct wire *w)
{
    struct origin *a = origin_answering(w, "A"), *b = origin_answering(w, "B");
    sluice_run_config(w,
                      CONFIG CHECKED "    servers: [\"%s\", { address: \"%s\", backup: true }]\n",
                      a->name, b->name);
    assert_int_equal(count(who_answers(w, 20, "/", ""), 'A'), 20);
    origin_kill(a);
    sluice_says(w, "is down");
    assert_int_equal(count(who_answers(w, 20, "/", ""), 'B'), 20);
}

static void the_own_zone_comes_first(struct wire *w)
{
    struct origin *a = origin_answering(w, "A"), *b = origin_answering(w, "B");
    sluice_run_config(w,
                      CONFIG CHECKED "    balance: { zone: here }\n"
                                     "    servers: [{ address: \"%s\", zone: there },"
                                     " { address: \"%s\", zone: here }]\n",
                      a->name, b->name);
    assert_int_equal(count(who_answers(w, 20, "/", ""), 'B'), 20);
    origin_kill(b);
    sluice_says(w, "is down");
    assert_int_equal(count(who_answers(w, 20, "/", ""), 'A'), 20);
}

/* ---- gRPC ---- */

/* The next check: its call is read, and answered with a message and gRPC's status (NULL: none,
 * the message is too much already). */
static void answer_check(struct wire *w, struct origin *o, const char *service, const char *message,
                         size_t bytes, const char *grpc_status)
{
    struct conn *c = origin_accept(o);
    hear(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    struct h2_peer *p = h2_on(c);
    h2_say(p, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    struct h2_heard head = h2_hear_type(p, NGHTTP2_HEADERS, 1);
    h2_has(p, head.fields, ":method: POST");
    h2_has(p, head.fields, ":path: /grpc.health.v1.Health/Check");
    h2_has(p, head.fields, "content-type: application/grpc");
    h2_has(p, head.fields, "te: trailers");
    struct h2_heard question = h2_hear_type(p, NGHTTP2_DATA, 1);
    size_t n = strlen(service), len = n ? n + 2 : 0;
    const uint8_t start[] = { 0, 0, 0, 0, (uint8_t)len, 0x0a, (uint8_t)n };
    assert_int_equal(question.len, 5 + len);
    assert_memory_equal(question.payload, start, n ? 7 : 5);
    assert_memory_equal(question.payload + question.len - n, service, n);
    h2_head(p, 1, NGHTTP2_FLAG_END_HEADERS, ":status: 200\ncontent-type: application/grpc\n");
    if (bytes)
        h2_say(p, NGHTTP2_DATA, 0, 1, message, bytes);
    if (grpc_status)
        h2_head(p, 1, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
                wire_text(w, "grpc-status: %s\n", grpc_status));
    hear_gone(c);
    hang_up(c);
}

#define SERVING "\0\0\0\0\2\x08\1", 7
#define NOT_SERVING "\0\0\0\0\2\x08\2", 7

static void a_check_can_be_grpcs_own(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG "    health: { type: grpc, interval: 20ms, timeout: 60s, fall: 1,"
                                " rise: 2 }\n    servers: [$SERVERS]\n");
    answer_check(w, o, "", SERVING, "0");
    answer_check(w, o, "", NOT_SERVING, "0");
    sluice_says(w, "is down: it says NOT_SERVING");
    answer_check(w, o, "", SERVING, "0");
    answer_check(w, o, "", SERVING, "0");
    sluice_says(w, "is up again");
    answer_check(w, o, "", "", 0, "12");
    sluice_says(w, "is down: grpc-status is 12");
}

static void a_check_of_grpc_can_ask_for_a_service(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG "    health: { type: grpc, service: shop.Orders, interval: 20ms,"
                                " timeout: 60s }\n    servers: [$SERVERS]\n");
    answer_check(w, o, "shop.Orders", "\0\0\0\0\0", 5, "0");
    sluice_says(w, "is down: it says UNKNOWN");
    answer_check(w, o, "shop.Orders", SERVING, "0");
    answer_check(w, o, "shop.Orders", SERVING, "0");
    sluice_says(w, "is up again");
}

static void what_does_not_speak_grpc_is_down(struct wire *w)
{
    struct origin *a = origin_open(w), *b = origin_open(w), *d = origin_answering(w, "D");
    sluice_run_config(w, CONFIG "    health: { type: grpc, interval: 20ms, timeout: 60s }\n"
                                "    servers: [$SERVERS]\n");
    sluice_says(w, wire_text(w, "server %s is down: it does not speak HTTP/2", d->name));
    answer_check(w, a, "", "\1\0\0\0\2\x08\1", 7, "0"); /* it says that it is compressed */
    sluice_says(w,
                wire_text(w, "server %s is down: it does not answer as grpc.health.v1", a->name));
    char *long_message = wire_repeat(w, 'x', 5000);
    answer_check(w, b, "", long_message, 5000, NULL);
    sluice_says(w,
                wire_text(w, "server %s is down: it does not answer as grpc.health.v1", b->name));
}

/* ---- HTTP/2 ---- */

/* The next check by a GET of HTTP/2: the peer, for an answer to its stream 1. */
static struct h2_peer *hear_check(struct origin *o)
{
    struct h2_peer *p = h2_accept(o);
    struct h2_request r = h2_hear_request(p);
    assert_int_equal(r.stream, 1);
    assert_int_equal(r.body_len, 0);
    h2_has(p, r.fields, ":method: GET");
    h2_has(p, r.fields, ":scheme: http");
    h2_has(p, r.fields, ":authority: me.test");
    h2_has(p, r.fields, ":path: /h?q=1");
    h2_has(p, r.fields, "user-agent: sluice");
    return p;
}

static void is_over(struct h2_peer *p)
{
    hear_gone(p->c);
    hang_up(p->c);
}

static void a_check_is_by_http2_where_requests_are(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w,
                      CONFIG "    protocol: h2\n"
                             "    health: { path: \"/h?q=1\", host: me.test, body: ready, fall: 1,"
                             " rise: 1, interval: 20ms, timeout: 60s }\n"
                             "    servers: [$SERVERS]\n");
    struct h2_peer *p = hear_check(o);
    h2_head(p, 1, 0, ":status: 103\nlink: </a>\n");
    h2_head(p, 1, 0, ":status: 200\n");
    h2_data(p, 1, 0, "is rea");
    h2_data(p, 1, 0, "dy");
    is_over(p); /* it need not end */

    p = hear_check(o);
    h2_head(p, 1, NGHTTP2_FLAG_END_STREAM, ":status: 503\n");
    sluice_says(w, "is down: it answers 503");
    is_over(p);

    p = hear_check(o);
    h2_reply(p, 1, 200, "is ready");
    sluice_says(w, "is up again");
    is_over(p);

    p = hear_check(o);
    h2_reply(p, 1, 200, "warming up");
    sluice_says(w, "is down: its answer does not hold the text");
    is_over(p);
}

static void a_check_by_http2_can_fail_in_its_own_ways(struct wire *w)
{
    struct origin *o = origin_open(w), *http1 = origin_answering(w, "A");
    sluice_run_config(w, CONFIG "    protocol: h2\n"
                                "    health: { path: \"/h?q=1\", host: me.test, fall: 1, rise: 1,"
                                " interval: 20ms, timeout: 60s }\n"
                                "    servers: [$SERVERS]\n");
    sluice_says(w, wire_text(w, "server %s is down: it does not speak HTTP/2", http1->name));

    struct h2_peer *p = hear_check(o);
    h2_u32(p, NGHTTP2_RST_STREAM, 1, NGHTTP2_INTERNAL_ERROR);
    sluice_says(w, "is down: it reset the request");
    is_over(p);

    p = hear_check(o);
    h2_head(p, 1, NGHTTP2_FLAG_END_STREAM, ":status: 204\n");
    sluice_says(w, "is up again");
    is_over(p);

    p = hear_check(o);
    h2_say_goaway(p, 0, NGHTTP2_NO_ERROR); /* it was not processed */
    sluice_says(w, "is down: it reset the request");
    is_over(p);

    p = hear_check(o);
    h2_reply(p, 1, 200, "ok");
    sluice_says(w, "is up again");
    is_over(p);

    p = hear_check(o);
    hang_up(p->c);
    sluice_says(w, "is down: it closed the connection");
}

static void a_check_by_http2_searches_so_much_of_the_body(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG "    protocol: h2\n"
                                "    health: { path: \"/h?q=1\", host: me.test, body: ready,"
                                " interval: 20ms, timeout: 60s }\n"
                                "    servers: [$SERVERS]\n");
    struct h2_peer *p = hear_check(o);
    h2_head(p, 1, 0, ":status: 200\n");
    for (int i = 0; i < 17; i++)
        h2_data(p, 1, 0, wire_repeat(w, 'x', 1024));
    sluice_says(w, "is down: its answer does not hold the text");
    is_over(p);
}

/* ---- by answers ---- */

static void who_answers_500_is_ejected(struct wire *w)
{
    struct origin *a = origin_answering(w, "500 A");
    origin_answering(w, "B");
    sluice_run_config(w, CONFIG "    ejection: { failures: 3, time: 1h, time_max: 1h }\n"
                                "    servers: [$SERVERS]\n");
    struct load load = { .connections = 4, .requests = 200 };
    load_run(w, &load);
    sluice_says(w, wire_text(w, "server %s is ejected for 3.6e+03 s", a->name));
    struct load after = { .connections = 4, .requests = 400 };
    load_run(w, &after);
    assert_int_equal(after.answered, 400);
}

static void not_all_are_ejected(struct wire *w)
{
    origin_answering(w, "500 A");
    origin_answering(w, "500 B");
    sluice_run_config(w, CONFIG "    ejection: { failures: 3, time: 1h, time_max: 1h }\n"
                                "    servers: [$SERVERS]\n");
    struct load load = { .connections = 4, .requests = 200 };
    load_run(w, &load);
    sluice_says(w, "is ejected");
    load_run(w, &load);
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_status(c, 500); /* it is still asked, not refused */
}

static void who_is_ejected_comes_back(struct wire *w)
{
    struct origin *a = origin_answering(w, "500 A");
    origin_answering(w, "B");
    sluice_run_config(w, CONFIG "    ejection: { failures: 3, time: 300ms }\n"
                                "    servers: [$SERVERS]\n");
    struct load load = { .connections = 4, .requests = 200 };
    load_run(w, &load);
    sluice_says(w, "is ejected");
    origin_kill(a);
    origin_answering_at(w, a->name, "A");
    sluice_says(w, wire_text(w, "server %s is back", a->name));
    until_answered_by(w, 'A');
}

/* ---- slow start ---- */

static void a_new_server_starts_slowly(struct wire *w)
{
    struct origin *a = origin_answering(w, "A"), *b = origin_answering(w, "B");
    sluice_run_config(w, CONFIG "    slow_start: 1h\n    servers: [\"%s\"]\n", a->name);
    who_answers(w, 1, "/", "");
    sluice_write_config(w, CONFIG "    slow_start: 1h\n    servers: [\"%s\", \"%s\"]\n", a->name,
                        b->name);
    sluice_signal(w, SIGHUP);
    sluice_says(w, "sluice: reloaded");
    assert_in_range(count(who_answers(w, 200, "/", ""), 'A'), 198, 200);
    sluice_write_config(w, CONFIG "    slow_start: 1ms\n    servers: [\"%s\", \"%s\"]\n", a->name,
                        b->name);
    sluice_signal(w, SIGHUP);
    until_answered_by(w, 'B');
    assert_int_equal(count(who_answers(w, 20, "/", ""), 'B'), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_dies_gets_nothing_until_it_is_back),
        TEST(who_is_stopped_gets_nothing),
        TEST(a_check_looks_at_status_and_body),
        TEST(a_connection_is_a_check_too),
        TEST(nobody_healthy_is_503_at_once),
        TEST(in_panic_health_is_not_looked_at),
        TEST(a_backup_waits_for_the_others_to_fail),
        TEST(the_own_zone_comes_first),
        TEST(a_check_can_be_grpcs_own),
        TEST(a_check_of_grpc_can_ask_for_a_service),
        TEST(what_does_not_speak_grpc_is_down),
        TEST(a_check_is_by_http2_where_requests_are),
        TEST(a_check_by_http2_can_fail_in_its_own_ways),
        TEST(a_check_by_http2_searches_so_much_of_the_body),
        TEST(who_answers_500_is_ejected),
        TEST(not_all_are_ejected),
        TEST(who_is_ejected_comes_back),
        TEST(a_new_server_starts_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
