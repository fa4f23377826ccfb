/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Extended CONNECT (RFC 8441): WebSocket in a stream of HTTP/2, to a server that speaks HTTP/1.1.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/wire/h2_peer.h"

#define END_STREAM NGHTTP2_FLAG_END_STREAM
#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
#define SWITCHED                                                                                   \
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"            \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
#define CONNECT                                                                                    \
    ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:authority: a.example\n:path: /chat\n" \
    "sec-websocket-version: 13\nsec-websocket-protocol: chat\n"

/* Opens one; the server's connection. */
static struct conn *open_tunnel(struct h2_peer *p, struct origin *o, int32_t stream)
{
    h2_head(p, stream, 0, CONNECT);
    struct conn *s = origin_accept(o);
    struct message m = hear_head(s);
    assert_string_equal(m.start, "GET /chat HTTP/1.1");
    has_field(&m, "Host", "a.example");
    has_field(&m, "Connection", "upgrade");
    has_field(&m, "Upgrade", "websocket");
    has_field(&m, "Sec-WebSocket-Version", "13");
    has_field(&m, "Sec-WebSocket-Protocol", "chat");
    assert_int_equal(strlen(field(&m, "Sec-WebSocket-Key")), 24);
    say(s, SWITCHED);
    struct h2_heard f = h2_hear_type(p, NGHTTP2_HEADERS, stream);
    h2_has(p, f.fields, ":status: 200");
    h2_has(p, f.fields, "sec-websocket-protocol: chat");
    assert_null(strstr(f.fields, "accept"));
    assert_null(strstr(f.fields, "upgrade"));
    assert_int_equal(f.flags & END_STREAM, 0);
    return s;
}

static void hears(struct h2_peer *p, int32_t stream, const char *text)
{
    size_t at = 0;
    while (text[at]) {
        struct h2_heard f = h2_hear_type(p, NGHTTP2_DATA, stream);
        assert_true(at + f.len <= strlen(text));
        assert_memory_equal(f.payload, text + at, f.len);
        at += f.len;
    }
}

static void bytes_pass_both_ways(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    struct h2_heard f = h2_hear_type(p, NGHTTP2_SETTINGS, 0);
    assert_non_null(memmem(f.payload, f.len, "\0\x8\0\0\0\1", 6)); /* it may be asked for */
    struct conn *a = open_tunnel(p, o, 1), *b = open_tunnel(p, o, 3);
    logged(w, "end=tunnel_opened status=200 version=HTTP/2");
    logged(w, "end=tunnel_opened");
    h2_data(p, 1, 0, "ping a");
    h2_data(p, 3, 0, "ping b");
    hear(a, "ping a");
    hear(b, "ping b");
    say(b, "pong b");
    hears(p, 3, "pong b");
    say(a, "pong a");
    hears(p, 1, "pong a");
    h2_get(p, 5, "/"); /* beside them */
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK);
    h2_answered(p, 5, 200, "ok");
    logged(w, "end=ok");

    /* Each direction ends by itself. */
    h2_data(p, 1, END_STREAM, "bye");
    hear(a, "bye");
    hear_end(a);
    say(a, "and more");
    hears(p, 1, "and more");
    hang_up(a);
    do {
        f = h2_hear_type(p, NGHTTP2_DATA, 1);
    } while (!(f.flags & END_STREAM));
    logged(w, "end=tunnel_closed bytes_in=9 bytes_out=14");
    hang_up(b);
    do {
        f = h2_hear_type(p, NGHTTP2_DATA, 3);
    } while (!(f.flags & END_STREAM));
    h2_data(p, 3, END_STREAM, "");
    logged(w, "end=tunnel_closed");
}

static void what_comes_before_the_answer_waits_for_it(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    h2_head(p, 1, 0, CONNECT);
    h2_data(p, 1, 0, "early ");
    h2_data(p, 1, 0, "bird");
    struct conn *s = origin_accept(o);
    hear_head(s);
    h2_say(p, NGHTTP2_PING, 0, 0, "12345678", 8);
    h2_hear_type(p, NGHTTP2_PING, 0);
    hear_nothing(s);
    say(s, SWITCHED "late bird");
    hear(s, "early bird");
    h2_hear_type(p, NGHTTP2_HEADERS, 1);
    hears(p, 1, "late bird");
}

/* More than all windows and buffers. */
static void much_passes(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    struct conn *s = open_tunnel(p, o, 1);
    stream_send(s, 5, 3000000, BY_NOTHING);
    struct text got = { 0 };
    while (got.len < 3000000) {
        struct h2_heard f = h2_hear_type(p, NGHTTP2_DATA, 1);
        text_add(&got, f.payload, f.len);
        h2_u32(p, NGHTTP2_WINDOW_UPDATE, 0, f.len);
        h2_u32(p, NGHTTP2_WINDOW_UPDATE, 1, f.len);
    }
    stream_check(w, 5, got.p, got.len);
    /* The other way, as far as it is let. */
    uint32_t window = 65536;
    for (size_t sent = 0; sent < 600000; sent += 10000) {
        while (window < 10000) {
            struct h2_heard f = h2_hear_type(p, NGHTTP2_WINDOW_UPDATE, 1);
            window += (uint32_t)f.payload[1] << 16 | (uint32_t)f.payload[2] << 8 | f.payload[3];
        }
        h2_say(p, NGHTTP2_DATA, 0, 1, got.p + sent, 10000);
        window -= 10000;
        assert_memory_equal(hear_bytes(s, 10000), got.p + sent, 10000);
    }
    free(got.p);
}

static void it_breaks_like_a_connection(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    struct conn *s = open_tunnel(p, o, 1);
    logged(w, "end=tunnel_opened");
    h2_u32(p, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL);
    hear_reset(s);
    logged(w, "end=client_reset");
    s = open_tunnel(p, o, 3);
    logged(w, "end=tunnel_opened");
    hang_up_hard(s);
    h2_hear_reset(p, 3, NGHTTP2_CANCEL);
    logged(w, "end=tunnel_server_reset");
    s = open_tunnel(p, o, 5);
    struct conn *t = open_tunnel(p, o, 7);
    h2_data(p, 7, 0, "on its way");
    hang_up(p->c);
    hear_gone(s);
    hear_gone(t);
}

static void it_may_be_refused(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
                         "sites: { s: { log: access, routes: [\n"
                         "  { match: { host: off.example }, to: app, upgrade: off },\n"
                         "  { to: app, upgrade: websocket }] } }\n"
                         "backends: { app: { servers: [$SERVERS] } }\n");
    struct h2_peer *p = h2_dial(w);
    h2_head(p, 1, 0, CONNECT);
    struct conn *s = origin_accept(o);
    hear_head(s);
    say(s, "HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    h2_answered(p, 1, 403, "no");
    logged(w, "status=403 end=ok");
    /* A server that knows nothing of it must not look like one that has opened a tunnel. */
    h2_head(p, 3, 0, CONNECT);
    s = origin_accept(o);
    hear_head(s);
    say(s, OK);
    assert_int_equal(h2_hear_answer(p, 3).status, 502);
    logged(w, "status=502 end=not_switched broken_by=server");
    h2_head(p, 5, 0,
            ":method: CONNECT\n:protocol: websocket\n:scheme: http\n"
            ":authority: off.example\n:path: /chat\n");
    assert_int_equal(h2_hear_answer(p, 5).status, 501);
    h2_head(p, 7, 0,
            ":method: CONNECT\n:protocol: connect-udp\n:scheme: http\n"
            ":authority: a.example\n:path: /chat\n");
    assert_int_equal(h2_hear_answer(p, 7).status, 501);
    h2_head(p, 9, END_STREAM, ":method: CONNECT\n:authority: a.example:443\n");
    assert_int_equal(h2_hear_answer(p, 9).status, 501); /* this is no forward proxy */
    static const char *const malformed[] = {
        ":method: GET\n:protocol: websocket\n:scheme: http\n:authority: a\n:path: /\n",
        ":method: CONNECT\n:protocol: web socket\n:scheme: http\n:authority: a\n:path: /\n",
        ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:path: /\n",
        ":method: CONNECT\n:protocol: websocket\n:authority: a\n",
    };
    for (int32_t i = 0; i < 4; i++) {
        wire_note(w, "malformed %d", i);
        h2_head(p, 11 + 2 * i, END_STREAM, malformed[i]);
        h2_hear_reset(p, 11 + 2 * i, NGHTTP2_PROTOCOL_ERROR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_pass_both_ways), TEST(what_comes_before_the_answer_waits_for_it),
        TEST(much_passes),          TEST(it_breaks_like_a_connection),
        TEST(it_may_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
