/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From HTTP/1.1 to HTTP/2 in clear, by Upgrade: h2c (RFC 7540 3.2). */
#include <string.h>

#include "tests/wire/h2_peer.h"
#include "tests/wire/tools.h"

#define CONFIGURATION                                                                              \
    "listeners: { web: { bind: \"$LISTEN\", site: s, h2c_upgrade: on } }\n"                        \
    "sites: { s: { log: access, routes: [{ match: { path: /none }, respond: { status: 404 } },"    \
    " { to: app }] } }\n"                                                                          \
    "backends: { app: { servers: [$SERVERS] } }\n"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define SWITCHED "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
#define H2C "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
#define ASK H2C "HTTP2-Settings: AAQAAP__\r\n" /* a window of 65535 */
/* MAX_CONCURRENT_STREAMS 100, INITIAL_WINDOW_SIZE 1 */
#define NARROW H2C "HTTP2-Settings: AAMAAABkAAQAAAAB\r\n"

static void ask(struct conn *c, const char *method, const char *path, const char *fields)
{
    sayf(c, "%s %s HTTP/1.1\r\nHost: a.example\r\n%s\r\n", method, path, fields);
}

static void the_first_request_is_stream_1(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIGURATION);
    struct conn *c = client_dial(w);
    ask(c, "GET", "/first", ASK "X-Kept: 1\r\n");
    hear(c, SWITCHED);
    struct h2_peer *p = h2_on(c);
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    assert_string_equal(m.start, "GET /first HTTP/1.1");
    has_field(&m, "X-Kept", "1");
    has_no_field(&m, "Upgrade");
    has_no_field(&m, "Connection");
    has_no_field(&m, "HTTP2-Settings");
    h2_greet(p);
    say(s, OK);
    h2_answered(p, 1, 200, "ok");
    logged(w, "end=ok path=/first version=HTTP/2");
    h2_get(p, 3, "/second");
    m = hear_request(s);
    assert_string_equal(m.start, "GET /second HTTP/1.1");
    say(s, OK);
    h2_answered(p, 3, 200, "ok");
    h2_get(p, 1, "/again"); /* that stream is no more */
    h2_hear_goaway(p, NGHTTP2_STREAM_CLOSED);
}

/* An answer of our own, HEAD, on a connection that was used before; and the settings count. */
static void it_may_come_later(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIGURATION);
    struct conn *c = client_dial(w);
    struct conn *s = get_and_answer(c, o, NULL, "plain");
    ask(c, "HEAD", "/none", ASK);
    hear(c, SWITCHED);
    struct h2_peer *p = h2_on(c);
    h2_greet(p);
    h2_answered(p, 1, 404, "");

    c = client_dial(w);
    ask(c, "GET", "/", NARROW);
    hear(c, SWITCHED);
    p = h2_on(c);
    h2_greet(p);
    hear_request(s);
    say(s, OK);
    struct h2_heard f = h2_hear_type(p, NGHTTP2_DATA, 1);
    assert_int_equal(f.len, 1);
    h2_u32(p, NGHTTP2_WINDOW_UPDATE, 1, 100);
    f = h2_hear_type(p, NGHTTP2_DATA, 1);
    assert_int_equal(f.len, 1);
    assert_int_equal(f.flags & NGHTTP2_FLAG_END_STREAM, NGHTTP2_FLAG_END_STREAM);
}

/* Then it is a request of HTTP/1.1 like any other. */
static const char *const not_taken[] = {
    "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAQAAP__\r\n",
    "Connection: HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAQAAP__\r\n",
    H2C,
    H2C "HTTP2-Settings: AAQAAP__\r\nHTTP2-Settings: AAQAAP__\r\n",
    H2C "HTTP2-Settings: AAQAAP8\r\n",   /* five bytes */
    H2C "HTTP2-Settings: AAQAAP+/\r\n",  /* of the other alphabet */
    H2C "HTTP2-Settings: AAQAAP__=\r\n", /* padded */
    H2C "HTTP2-Settings: AAIAAAAC\r\n",  /* ENABLE_PUSH 2 */
    ASK "Content-Length: 0\r\n",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2\r\nHTTP2-Settings: AAQAAP__\r\n",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, h2\r\nHTTP2-Settings: AAQAAP__\r\n",
};

static void what_is_not_well_formed_is_no_upgrade(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIGURATION);
    struct conn *s = NULL;
    for (size_t i = 0; i < sizeof not_taken / sizeof not_taken[0]; i++) {
        wire_note(w, "case %zu", i);
        struct conn *c = client_dial(w);
        ask(c, "GET", "/", not_taken[i]);
        s = s ? s : origin_accept(o);
        struct message m = hear_request(s);
        has_no_field(&m, "Upgrade");
        has_no_field(&m, "HTTP2-Settings");
        say(s, OK);
        hear_answered(c, 200, "ok");
        hang_up(c);
    }
}

static void it_has_to_be_switched_on(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    ask(c, "GET", "/", ASK);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK);
    hear_answered(c, 200, "ok");
}

/* The answers of sluice to a client that has not said its preface. */
static void hears_goaway(struct conn *c, uint8_t code)
{
    struct h2_peer *p = h2_on(c);
    struct h2_heard f;
    do {
        assert_true(h2_hear(p, &f));
    } while (f.type != NGHTTP2_GOAWAY);
    assert_int_equal(f.payload[7], code);
    assert_false(h2_hear(p, &f));
}

static void what_does_not_follow_ends_it(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, "listeners: { web: { bind: \"$LISTEN\", site: s, h2c_upgrade: on } }\n"
                         "defaults: { timeouts: { client_head: 50ms } }\n"
                         "sites: { s: { routes: [{ to: app }] } }\n"
                         "backends: { app: { servers: [$SERVERS] } }\n");
    struct conn *silent = client_dial(w), *wrong = client_dial(w);
    ask(silent, "GET", "/", ASK);
    hear(silent, SWITCHED);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK);
    hears_goaway(silent, NGHTTP2_ENHANCE_YOUR_CALM);
    ask(wrong, "GET", "/", ASK);
    hear(wrong, SWITCHED);
    say(wrong, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    hears_goaway(wrong, NGHTTP2_PROTOCOL_ERROR);
}

static void curl_and_nghttp_go_over(struct wire *w)
{
    origin_answering(w, "hello");
    sluice_run_config(w, CONFIGURATION);
    contains(w, shell(w, "curl -sv --http2 http://$SERVER/a"), "hello");
    contains(w, shell(w, "curl -s -o /dev/null -w %{http_version} --http2 http://$SERVER/b"), "2");
    contains(w, shell(w, "curl -s -w %{http_version} --http2-prior-knowledge http://$SERVER/b"),
             "hello2");
    contains(w, shell(w, "nghttp -u http://$SERVER/c http://$SERVER/d"), "hellohello");
    contains(w, shell(w, "nghttp http://$SERVER/c http://$SERVER/d"), "hellohello");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_request_is_stream_1),         TEST(it_may_come_later),
        TEST(what_is_not_well_formed_is_no_upgrade), TEST(it_has_to_be_switched_on),
        TEST(what_does_not_follow_ends_it),          TEST(curl_and_nghttp_go_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
