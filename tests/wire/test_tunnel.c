/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Switching protocols (RFC 9110 7.8, RFC 6455), and the tunnel that follows. */
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "tests/wire/wire.h"

#define MIB (UINT64_C(1024) * 1024)
#define ASK                                                                                        \
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define SWITCH                                                                                     \
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"            \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

#define RUN(handling)                                                                              \
    "sites: { s: { " handling "log: access, routes: [{ to: b }] } }\n"                             \
    "backends: { b: { servers: [$SERVERS] } }\n"                                                   \
    "listeners: { l: { bind: $LISTEN, site: s } }\n"

/* An open tunnel: the server's end. */
static struct conn *open_tunnel(struct conn *c, struct origin *o)
{
    say(c, ASK);
    struct conn *s = origin_accept(o);
    struct message m = hear_head(s);
    has_field(&m, "Upgrade", "websocket");
    has_field(&m, "Connection", "upgrade");
    has_field(&m, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    say(s, SWITCH);
    m = hear_head(c);
    assert_int_equal(m.status, 101);
    has_field(&m, "Upgrade", "websocket");
    has_field(&m, "Connection", "upgrade");
    has_field(&m, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    return s;
}

static void bytes_pass_both_ways_after_a_101(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w), *s = open_tunnel(c, o);
    logged(w, "end=tunnel_opened status=101 path=/chat");
    say(c, "ping");
    hear(s, "ping");
    say(s, "pong");
    hear(c, "pong");
    say(s, "HTTP/1.1 200 OK\r\n\r\n"); /* nobody looks at it */
    hear(c, "HTTP/1.1 200 OK\r\n\r\n");
    hang_up(c);
    hear_end(s);
    hang_up(s);
    logged(w, "end=tunnel_closed bytes_in=4 bytes_out=23");
}

static void what_came_with_the_heads_goes_first(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, ASK "early");
    struct conn *s = origin_accept(o);
    hear_head(s);
    hear_nothing(s); /* not before the server agreed */
    say(s, SWITCH "hello");
    hear_head(c);
    hear(c, "hello");
    hear(s, "early");
}

static void half_of_it_may_end(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w), *s = open_tunnel(c, o);
    say(c, "last words");
    end_sending(c);
    hear(s, "last words");
    hear_end(s);
    say(s, "still here");
    hear(c, "still here");
    end_sending(s);
    hear_end(c);
    logged(w, "end=tunnel_opened");
    logged(w, "end=tunnel_closed bytes_in=10 bytes_out=10");
}

static void a_reset_of_either_side_reaches_the_other(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w), *s = open_tunnel(c, o);
    logged(w, "end=tunnel_opened");
    hang_up_hard(c);
    hear_reset(s);
    logged(w, "end=client_reset broken_by=client");
    c = client_dial(w);
    s = open_tunnel(c, o);
    logged(w, "end=tunnel_opened");
    hang_up_hard(s);
    hear_reset(c);
    logged(w, "end=tunnel_server_reset broken_by=server");
}

static void streams_of_many_bytes_are_whole(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w), *s = open_tunnel(c, o);
    stream_send(c, 1, 40 * MIB, BY_NOTHING);
    stream_hear(s, 1, 40 * MIB, BY_NOTHING);
    stream_send(s, 2, 40 * MIB + 12345, BY_NOTHING);
    stream_hear(c, 2, 40 * MIB + 12345, BY_NOTHING);
    streams_sent(w);
    say(c, "small again");
    hear(s, "small again");
    hang_up(c);
    hear_end(s);
    hang_up(s);
    logged(w, "end=tunnel_opened");
    logged(w, "end=tunnel_closed bytes_in=%llu bytes_out=%llu", (unsigned long long)(40 * MIB + 11),
           (unsigned long long)(40 * MIB + 12345));
}

static void each_strategy_passes_the_same_bytes(struct wire *w)
{
    static const char *const strategies[] = { "auto", "copy", "splice", "ring_splice" };
    for (unsigned i = 0; i < sizeof strategies / sizeof strategies[0]; i++) {
        wire_note(w, "strategy %s", strategies[i]);
        struct origin *o = origin_open(w);
        sluice_run_config(w, RUN("") "relay: { strategy: %s, splice_from: 16KiB }\n",
                          strategies[i]);
        struct conn *c = client_dial(w), *s = open_tunnel(c, o);
        stream_send(c, 3, 10 * MIB, BY_NOTHING);
        stream_send(s, 4, 10 * MIB, BY_NOTHING);
        stream_hear(s, 3, 10 * MIB, BY_NOTHING);
        stream_hear(c, 4, 10 * MIB, BY_NOTHING);
        streams_sent(w);
        hang_up(c);
        hear_end(s);
        hang_up(s);
        origin_close(o);
        sluice_stop(w);
    }
}

static void a_refusal_is_an_answer_like_any_other(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, ASK);
    struct conn *s = origin_accept(o);
    hear_head(s);
    say(s, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    hear_answered(c, 403, "no");
    get_and_answer(c, o, s, "goes on");
}

static void a_101_that_nobody_asked_for_is_none(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct conn *s = origin_accept(o);
    hear_head(s);
    say(s, SWITCH);
    hear_status(c, 502);
    hear_gone(s);
    logged(w, "end=response_interim");
    c = client_dial(w);
    say(c, ASK);
    s = origin_accept(o);
    hear_head(s);
    say(s, "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: chess/3\r\n\r\n");
    hear_status(c, 502);
    logged(w, "end=response_interim");
    c = client_dial(w);
    say(c, ASK);
    s = origin_accept(o);
    hear_head(s);
    say(s, "HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n"); /* to what? */
    hear_status(c, 502);
    logged(w, "end=response_interim");
}

static void any_protocol_but_http(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, http2-settings\r\n"
           "Upgrade: h2c, chess/3, HTTP/2.0\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_head(s);
    has_field(&m, "Upgrade", "chess/3");
    has_no_field(&m, "HTTP2-Settings");
    say(s, "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: chess/3\r\n\r\ne2e4");
    hear_head(c);
    hear(c, "e2e4");
    hang_up(c);
    hear_end(s);
    hang_up(s);
    /* Only HTTP/2: the request goes on as what it is without. */
    c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
           "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
    s = origin_accept(o);
    m = hear_head(s);
    has_no_field(&m, "Upgrade");
    has_no_field(&m, "Connection");
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    hear_answered(c, 200, "ok");
}

static void not_everything_may_ask(struct wire *w)
{
    static const char *const asks[] = {
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        "Content-Length: 1\r\n\r\nx",
    };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    for (unsigned i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        struct conn *c = client_dial(w);
        say(c, asks[i]);
        struct conn *s = origin_accept(o);
        struct message m = hear_request(s);
        has_no_field(&m, "Upgrade");
        say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        hear_answered(c, 200, "ok");
        hang_up(c);
        hang_up(s);
    }
}

static void the_rule_says_which(struct wire *w)
{
    static const char *const ask =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chess/3, WebSocket\r\n\r\n";
    struct origin *o = origin_open(w);
    sluice_run_config(w, RUN("upgrade: websocket, "));
    struct conn *c = client_dial(w);
    say(c, ask);
    struct conn *s = origin_accept(o);
    struct message m = hear_head(s);
    has_field(&m, "Upgrade", "WebSocket");
    hang_up(c);
    hang_up(s);
    sluice_stop(w);
    o = origin_open(w);
    sluice_run_config(w, RUN("upgrade: off, "));
    c = client_dial(w);
    say(c, ask);
    s = origin_accept(o);
    m = hear_head(s);
    has_no_field(&m, "Upgrade");
}

static void an_idle_tunnel_ends_and_a_busy_one_does_not(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, RUN("timeouts: { tunnel_idle: 300ms }, "));
    struct conn *c = client_dial(w), *s = open_tunnel(c, o);
    logged(w, "end=tunnel_opened");
    uint64_t until_us = wire_now_us() + 900000;
    while (wire_now_us() < until_us) {
        say(s, ".");
        hear(c, ".");
        poll(NULL, 0, 50);
    }
    hear_gone(c);
    hear_gone(s);
    logged(w, "end=tunnel_idle");
}

static void a_client_that_stops_reading_meets_the_write_deadline(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, RUN("timeouts: { client_write: 300ms }, "));
    struct conn *c = client_dial(w), *s = open_tunnel(c, o);
    logged(w, "end=tunnel_opened");
    stream_send(s, 5, 1024 * MIB, BY_NOTHING); /* what the sockets hold bounds it */
    logged(w, "end=client_write_timeout broken_by=client");
    streams_cut(w);
    hear_gone(c);
}

static void tunnels_survive_a_reload_and_a_drain_up_to_its_deadline(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, RUN("") "defaults: { timeouts: { drain: 400ms } }\n");
    struct conn *c = client_dial(w), *s = open_tunnel(c, o);
    logged(w, "end=tunnel_opened");
    sluice_write_config(w,
                        RUN("request_headers: { set: { X-New: \"1\" } }, ") "defaults: { timeouts: "
                                                                            "{ drain: 400ms } }\n");
    sluice_signal(w, SIGHUP);
    sluice_says(w, "reloaded");
    say(c, "still");
    hear(s, "still");
    sluice_signal(w, SIGTERM);
    client_refused(w);
    say(s, "there");
    hear(c, "there");
    hear_gone(c);
    hear_gone(s);
    logged(w, "end=shutdown broken_by=sluice");
    sluice_ends(w, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_pass_both_ways_after_a_101),
        TEST(what_came_with_the_heads_goes_first),
        TEST(half_of_it_may_end),
        TEST(a_reset_of_either_side_reaches_the_other),
        TEST(a_refusal_is_an_answer_like_any_other),
        TEST(a_101_that_nobody_asked_for_is_none),
        TEST(any_protocol_but_http),
        TEST(not_everything_may_ask),
        TEST(the_rule_says_which),
        TEST(an_idle_tunnel_ends_and_a_busy_one_does_not),
        TEST(a_client_that_stops_reading_meets_the_write_deadline),
        TEST(tunnels_survive_a_reload_and_a_drain_up_to_its_deadline),
        TEST(streams_of_many_bytes_are_whole),
        TEST(each_strategy_passes_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
