/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 to servers, in clear: how connections grow, drain and end, and what takes too long. */
#include <string.h>

#include "tests/wire/h2_peer.h"

#define SITE                                                                                       \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites: { s: { log: access, routes: [{ to: b }] } }\n"
#define BACKEND(more) SITE "backends: { b: { protocol: h2, " more "servers: [$SERVERS] } }\n"
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST5 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"

static struct origin *start(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, BACKEND(""));
    return o;
}

static struct conn *ask(struct wire *w)
{
    struct conn *c = client_dial(w);
    say(c, GET);
    return c;
}

/* ---- streams that are not taken, connections that come and go ---- */

static void refused_streams_are_asked_again(struct wire *w)
{
    struct origin *one = origin_open(w), *two = origin_open(w);
    sluice_run_config(w, BACKEND(""));
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"); /* nothing of it was done */
    struct conn *first = origin_accept_any(w);
    struct h2_peer *s = h2_serve_on(first, NULL, 0);
    struct h2_request r = h2_hear_request(s);
    h2_u32(s, NGHTTP2_RST_STREAM, r.stream, NGHTTP2_REFUSED_STREAM);
    struct h2_peer *other = h2_serve_on(origin_accept_any(w), NULL, 0);
    r = h2_hear_request(other);
    assert_int_equal(one->accepted + two->accepted, 2);
    assert_int_equal(one->accepted, 1);
    h2_reply(other, r.stream, 200, "ok");
    hear_answered(c, 200, "ok");
    logged(w, "end=ok status=200 tries=2");
}

static void also_of_the_only_server(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = client_dial(w);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    struct h2_peer *s = h2_accept(o);
    h2_u32(s, NGHTTP2_RST_STREAM, h2_hear_request(s).stream, NGHTTP2_REFUSED_STREAM);
    struct h2_request r = h2_hear_request(s);
    h2_reply(s, r.stream, 200, "ok");
    hear_answered(c, 200, "ok");
    say(c, GET);
    for (int i = 0; i < 3; i++)
        h2_u32(s, NGHTTP2_RST_STREAM, h2_hear_request(s).stream, NGHTTP2_REFUSED_STREAM);
    hear_status(c, 503);
    logged(w, "end=ok");
    logged(w, "end=server_refused status=503 tries=3");
}

static void goaway_loses_no_request(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = ask(w);
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_request(s);
    struct conn *late = client_dial(w);
    say(late, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    h2_hear_request(s);
    h2_say_goaway(s, r.stream, NGHTTP2_NO_ERROR);
    struct h2_peer *next = h2_accept(o);
    struct h2_request again = h2_hear_request(next);
    h2_reply(next, again.stream, 200, "late");
    hear_answered(late, 200, "late");
    h2_reply(s, r.stream, 200, "ok"); /* what was accepted is still answered */
    hear_answered(c, 200, "ok");
    h2_hear_farewell(s);
    say(c, GET); /* and nothing more goes there */
    r = h2_hear_request(next);
    h2_reply(next, r.stream, 200, "new");
    hear_answered(c, 200, "new");
}

static void connections_grow_by_load(struct wire *w)
{
    static const uint32_t two_streams[][2] = { { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2 } };
    struct origin *o = start(w);
    struct conn *c[6];
    for (int i = 0; i < 6; i++)
        c[i] = ask(w);
    struct h2_peer *s[3];
    for (int i = 0; i < 3; i++) {
        s[i] = h2_accept_with(o, two_streams, 1);
        assert_int_equal(h2_hear_request(s[i]).stream, 1);
        assert_int_equal(h2_hear_request(s[i]).stream, 3);
    }
    for (int i = 0; i < 3; i++) {
        h2_reply(s[i], 1, 200, "ok");
        h2_reply(s[i], 3, 200, "ok");
    }
    for (int i = 0; i < 6; i++)
        hear_answered(c[i], 200, "ok");
    for (int i = 0; i < 3; i++) { /* spread over those that there are */
        say(c[i], GET);
        assert_int_equal(h2_hear_request(s[i]).stream, 5);
    }
    origin_untouched(o);
    for (int i = 0; i < 3; i++) {
        h2_reply(s[i], 5, 200, "ok");
        hear_answered(c[i], 200, "ok");
    }
}

static void our_own_limit_of_streams_counts_too(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, BACKEND("http2: { streams: 1 }, pool: { uses: 2 }, "));
    struct conn *a = ask(w), *b = ask(w);
    struct h2_peer *one = h2_accept(o), *two = h2_accept(o);
    assert_int_equal(h2_hear_request(one).stream, 1);
    assert_int_equal(h2_hear_request(two).stream, 1);
    h2_reply(one, 1, 200, "ok");
    hear_answered(a, 200, "ok");
    say(a, GET);
    assert_int_equal(h2_hear_request(one).stream, 3);
    h2_reply(one, 3, 200, "ok");
    hear_answered(a, 200, "ok");
    h2_hear_farewell(one); /* after its second use */
    h2_reply(two, 1, 200, "ok");
    hear_answered(b, 200, "ok");
}

static void a_server_that_takes_none_is_given_up(struct wire *w)
{
    static const uint32_t none[][2] = { { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0 } };
    struct origin *o = origin_open(w);
    sluice_run_config(w, BACKEND("retries: { attempts: 1 }, "));
    struct conn *c = ask(w);
    h2_accept_with(o, none, 1);
    hear_status(c, 503);
    logged(w, "end=server_refused status=503");
}

static void unused_connections_end_with_a_word(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, BACKEND("timeouts: { upstream_idle: 100ms }, "));
    struct conn *c = ask(w);
    struct h2_peer *s = h2_accept(o);
    h2_hear_request(s);
    h2_reply(s, 1, 200, "ok");
    hear_answered(c, 200, "ok");
    h2_hear_farewell(s);
}

static void a_connection_that_ends_unseen_is_replaced(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = ask(w);
    struct h2_peer *s = h2_accept(o);
    h2_hear_request(s);
    h2_reply(s, 1, 200, "ok");
    hear_answered(c, 200, "ok");
    say(c, GET);
    h2_hear_request(s);
    hang_up(s->c); /* it is not known whether it was done: a GET may be asked again */
    s = h2_accept(o);
    h2_hear_request(s);
    h2_reply(s, 1, 200, "again");
    hear_answered(c, 200, "again");
}

/* ---- deadlines ---- */

static void a_silent_server_is_asked_and_given_up(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, BACKEND("http2: { ping: 100ms, ping_timeout: 300ms }, "));
    struct conn *c = client_dial(w);
    say(c, POST5 "hello");
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_request(s);
    struct h2_heard f = h2_hear_type(s, NGHTTP2_PING, 0);
    h2_say(s, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, f.payload, 8);
    h2_hear_type(s, NGHTTP2_PING, 0); /* which nobody answers */
    hear_status(c, 504);
    logged(w, "end=server_ping_timeout status=504");
    (void)r;
    hear_gone(s->c);
}

static void a_silent_stream_harms_no_other(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, BACKEND("timeouts: { first_byte: 200ms, stall: 200ms }, "
                                 "retries: { attempts: 1 }, "));
    struct conn *mute = client_dial(w);
    say(mute, POST5 "hello");
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_request(s);
    struct conn *c = ask(w);
    struct h2_request other = h2_hear_request(s);
    h2_head(s, other.stream, 0, ":status: 200\n");
    h2_data(s, other.stream, 0, "some");
    hear_until(c, "some");
    hear_status(mute, 504);
    h2_hear_reset(s, r.stream, NGHTTP2_CANCEL);
    hear_gone(c); /* in the middle of its chunks */
    h2_hear_reset(s, other.stream, NGHTTP2_CANCEL);
    const char *one = log_line(w), *two = log_line(w);
    assert_true(strstr(one, "server_first_byte_timeout") ||
                strstr(two, "server_first_byte_timeout"));
    assert_true(strstr(one, "server_stall") || strstr(two, "server_stall"));
    say(mute, GET);
    r = h2_hear_request(s);
    h2_reply(s, r.stream, 200, "ok");
    hear_answered(mute, 200, "ok");
}

static void a_shut_window_ends_the_request(struct wire *w)
{
    static const uint32_t shut[][2] = { { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0 } };
    struct origin *o = origin_open(w);
    sluice_run_config(w, BACKEND("timeouts: { stall: 200ms }, "));
    struct conn *c = client_dial(w);
    say(c, POST5 "hello");
    struct h2_peer *s = h2_accept_with(o, shut, 1);
    struct h2_request r = h2_hear_head(s);
    hear_status(c, 504);
    h2_hear_reset(s, r.stream, NGHTTP2_CANCEL);
    logged(w, "end=server_write_timeout status=504");
}

static void no_settings_is_no_connection(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, BACKEND("timeouts: { connect: 200ms }, "));
    struct conn *c = ask(w);
    struct conn *s = origin_accept(o);
    hear_status(c, 504);
    hear_gone(s);
    logged(w, "end=connect_timeout status=504");
}

static void a_client_that_leaves_resets_its_stream(struct wire *w)
{
    struct origin *o = start(w);
    struct conn *c = ask(w), *stays = client_dial(w);
    struct h2_peer *s = h2_accept(o);
    h2_hear_request(s);
    hang_up_hard(c);
    h2_hear_reset(s, 1, NGHTTP2_CANCEL);
    say(stays, GET);
    struct h2_request r = h2_hear_request(s);
    h2_reply(s, 1, 200, "too late");
    h2_reply(s, r.stream, 200, "ok");
    hear_answered(stays, 200, "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refused_streams_are_asked_again),
        TEST(also_of_the_only_server),
        TEST(goaway_loses_no_request),
        TEST(connections_grow_by_load),
        TEST(our_own_limit_of_streams_counts_too),
        TEST(a_server_that_takes_none_is_given_up),
        TEST(unused_connections_end_with_a_word),
        TEST(a_connection_that_ends_unseen_is_replaced),
        TEST(a_silent_server_is_asked_and_given_up),
        TEST(a_silent_stream_harms_no_other),
        TEST(a_shut_window_ends_the_request),
        TEST(no_settings_is_no_connection),
        TEST(a_client_that_leaves_resets_its_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
