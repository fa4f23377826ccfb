/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of RFC 9113 and RFC 7541, one case each: what is broken gets its error, of the
 * connection or of the stream; a stream's error harms no other stream. The cases are those that
 * conformance suites are known to ask for. */
#include <string.h>

#include "tests/wire/h2_peer.h"

/* Each request has a connection to the server of its own. */
#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
#define END_STREAM NGHTTP2_FLAG_END_STREAM
#define END_HEADERS NGHTTP2_FLAG_END_HEADERS
#define POST ":method: POST\n:scheme: http\n:authority: a.example\n:path: /\n"

/* Of stream 1, before the case. */
enum before {
    IDLE,
    OPEN,             /* its head is here */
    HEAD_IN_PARTS,    /* ... the first part of it */
    HALF_CLOSED,      /* the request is whole, and not answered */
    CLOSED,           /* ... and answered */
    RESET_BY_CLIENT,  /* the client has cancelled it */
    STREAM_5_WAS_ONE, /* the same as CLOSED, of stream 5 */
};

enum error { NONE, OF_STREAM, OF_CONNECTION };

struct rule {
    const char *section;
    enum before before;
    uint8_t type, flags;
    int32_t stream;
    const char *payload;
    size_t len;
    enum error error;
    uint32_t code;
};

#define BYTES(text) text, sizeof(text) - 1
/* :method GET, :scheme http, :path /, of the static table: a whole request but for its host. */
#define GET_BLOCK "\x82\x86\x84"

static const struct rule rules[] = {
    /* what is to be left out */
    { "4.1 unknown type", IDLE, 0x16, 0, 0, BYTES("12345678"), NONE, 0 },
    { "4.1 unknown flags", IDLE, NGHTTP2_PING, 0x16, 0, BYTES("12345678"), NONE, 0 },
    { "5.5 unknown type, on a stream", HALF_CLOSED, 0xfe, 0, 1, BYTES("x"), NONE, 0 },
    { "5.1 PRIORITY, idle", IDLE, NGHTTP2_PRIORITY, 0, 9, BYTES("\0\0\0\0\1"), NONE, 0 },
    { "5.1 PRIORITY, closed", CLOSED, NGHTTP2_PRIORITY, 0, 1, BYTES("\0\0\0\3\1"), NONE, 0 },
    { "5.1 WINDOW_UPDATE, closed", CLOSED, NGHTTP2_WINDOW_UPDATE, 0, 1, BYTES("\0\0\0\1"), NONE,
      0 },
    { "5.1 RST_STREAM, closed", CLOSED, NGHTTP2_RST_STREAM, 0, 1, BYTES("\0\0\0\x8"), NONE, 0 },
    { "6.5.2 unknown setting", IDLE, NGHTTP2_SETTINGS, 0, 0, BYTES("\0\xff\0\0\0\1"), NONE, 0 },
    { "6.7 an answer to no PING", IDLE, NGHTTP2_PING, 1, 0, BYTES("invalid!"), NONE, 0 },
    { "7 unknown code", CLOSED, NGHTTP2_RST_STREAM, 0, 1, BYTES("\0\0\0\xff"), NONE, 0 },

    /* frames */
    { "4.3 a part of a head, then another type", HEAD_IN_PARTS, NGHTTP2_PRIORITY, 0, 1,
      BYTES("\0\0\0\0\1"), OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "4.3 a part of a head, then another head", HEAD_IN_PARTS, NGHTTP2_HEADERS,
      END_STREAM | END_HEADERS, 3, BYTES(GET_BLOCK), OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "5.5 a part of a head, then an unknown type", HEAD_IN_PARTS, 0x16, 0, 1, BYTES("x"),
      OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "6.10 its other part on another stream", HEAD_IN_PARTS, NGHTTP2_CONTINUATION, END_HEADERS, 3,
      BYTES(GET_BLOCK), OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "6.10 on stream 0", HEAD_IN_PARTS, NGHTTP2_CONTINUATION, END_HEADERS, 0, BYTES(GET_BLOCK),
      OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "6.10 behind a whole head", OPEN, NGHTTP2_CONTINUATION, END_HEADERS, 1, BYTES(GET_BLOCK),
      OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "6.10 behind DATA", HALF_CLOSED, NGHTTP2_CONTINUATION, END_HEADERS, 1, BYTES(GET_BLOCK),
      OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "6.1 padding beyond the frame", OPEN, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1,
      BYTES("\xff"
            "abc"),
      OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "6.1 padding of nothing", OPEN, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, BYTES(""),
      OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "6.2 padding beyond the frame", IDLE, NGHTTP2_HEADERS,
      END_STREAM | END_HEADERS | NGHTTP2_FLAG_PADDED, 1, BYTES("\xff" GET_BLOCK), OF_CONNECTION,
      NGHTTP2_PROTOCOL_ERROR },
    { "6.3 PRIORITY on stream 0", IDLE, NGHTTP2_PRIORITY, 0, 0, BYTES("\0\0\0\1\1"), OF_CONNECTION,
      NGHTTP2_PROTOCOL_ERROR },
    { "6.3 PRIORITY of 4 bytes", OPEN, NGHTTP2_PRIORITY, 0, 1, BYTES("\0\0\0\3"), OF_STREAM,
      NGHTTP2_FRAME_SIZE_ERROR },
    { "6.4 RST_STREAM of 3 bytes", OPEN, NGHTTP2_RST_STREAM, 0, 1, BYTES("\0\0\0"), OF_CONNECTION,
      NGHTTP2_FRAME_SIZE_ERROR },
    { "6.4 RST_STREAM, idle", IDLE, NGHTTP2_RST_STREAM, 0, 1, BYTES("\0\0\0\x8"), OF_CONNECTION,
      NGHTTP2_PROTOCOL_ERROR },
    { "6.5.2 MAX_FRAME_SIZE too small", IDLE, NGHTTP2_SETTINGS, 0, 0, BYTES("\0\5\0\0\x3f\xff"),
      OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "6.5.2 MAX_FRAME_SIZE too large", IDLE, NGHTTP2_SETTINGS, 0, 0, BYTES("\0\5\1\0\0\0"),
      OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "6.8 GOAWAY on a stream", OPEN, NGHTTP2_GOAWAY, 0, 1, BYTES("\0\0\0\0\0\0\0\0"),
      OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "6.9 WINDOW_UPDATE of nothing", OPEN, NGHTTP2_WINDOW_UPDATE, 0, 1, BYTES("\0\0\0\0"),
      OF_STREAM, NGHTTP2_PROTOCOL_ERROR },
    { "6.9.1 a window too large", OPEN, NGHTTP2_WINDOW_UPDATE, 0, 1, BYTES("\x7f\xff\xff\xff"),
      OF_STREAM, NGHTTP2_FLOW_CONTROL_ERROR },
    { "8.4 PUSH_PROMISE", OPEN, NGHTTP2_PUSH_PROMISE, END_HEADERS, 1, BYTES("\0\0\0\2" GET_BLOCK),
      OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },

    /* states of streams */
    { "5.1 idle", IDLE, NGHTTP2_DATA, END_STREAM, 1, BYTES("x"), OF_CONNECTION,
      NGHTTP2_PROTOCOL_ERROR },
    { "5.1 idle", IDLE, NGHTTP2_WINDOW_UPDATE, 0, 1, BYTES("\0\0\0\1"), OF_CONNECTION,
      NGHTTP2_PROTOCOL_ERROR },
    { "5.1 half-closed", HALF_CLOSED, NGHTTP2_DATA, END_STREAM, 1, BYTES("x"), OF_STREAM,
      NGHTTP2_STREAM_CLOSED },
    { "5.1 half-closed", HALF_CLOSED, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES(GET_BLOCK), OF_STREAM, NGHTTP2_STREAM_CLOSED },
    { "5.1 closed", CLOSED, NGHTTP2_DATA, END_STREAM, 1, BYTES("x"), OF_CONNECTION,
      NGHTTP2_STREAM_CLOSED },
    { "5.1 closed", CLOSED, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1, BYTES(GET_BLOCK),
      OF_CONNECTION, NGHTTP2_STREAM_CLOSED },
    { "5.1 closed by RST_STREAM", RESET_BY_CLIENT, NGHTTP2_DATA, END_STREAM, 1, BYTES("x"),
      OF_STREAM, NGHTTP2_STREAM_CLOSED },
    { "5.1 closed by RST_STREAM", RESET_BY_CLIENT, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES(GET_BLOCK), OF_STREAM, NGHTTP2_STREAM_CLOSED },
    { "5.1.1 an even number", IDLE, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 2, BYTES(GET_BLOCK),
      OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "5.1.1 a number that was passed over", STREAM_5_WAS_ONE, NGHTTP2_HEADERS,
      END_STREAM | END_HEADERS, 3, BYTES(GET_BLOCK), OF_CONNECTION, NGHTTP2_PROTOCOL_ERROR },
    { "8.1 trailers that do not end it", OPEN, NGHTTP2_HEADERS, END_HEADERS, 1, BYTES("\0\1x\1y"),
      OF_STREAM, NGHTTP2_PROTOCOL_ERROR },
    { "8.1 a pseudo-header among trailers", OPEN, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES("\x82"), OF_STREAM, NGHTTP2_PROTOCOL_ERROR },

    /* HPACK */
    { "HPACK 2.3.3 an index of nothing", IDLE, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES(GET_BLOCK "\xc6"), OF_CONNECTION, NGHTTP2_COMPRESSION_ERROR },
    { "HPACK 6.1 index 0", IDLE, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES(GET_BLOCK "\x80"), OF_CONNECTION, NGHTTP2_COMPRESSION_ERROR },
    { "HPACK 4.2 a new size at the end", IDLE, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES(GET_BLOCK "\x20"), OF_CONNECTION, NGHTTP2_COMPRESSION_ERROR },
    { "HPACK 6.3 a size that is too large", IDLE, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES("\x3f\xe1\xff\x07" GET_BLOCK), OF_CONNECTION, NGHTTP2_COMPRESSION_ERROR },
    { "HPACK 5.2 padding of more than 7 bits", IDLE, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES(GET_BLOCK "\0\1x\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"), OF_CONNECTION,
      NGHTTP2_COMPRESSION_ERROR },
    { "HPACK 5.2 padding that is not ones", IDLE, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES(GET_BLOCK "\0\1x\x81\x00"), OF_CONNECTION, NGHTTP2_COMPRESSION_ERROR },
    { "HPACK 5.2 the end of a string within it", IDLE, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES(GET_BLOCK "\0\1x\x84\xff\xff\xff\xff"), OF_CONNECTION, NGHTTP2_COMPRESSION_ERROR },
    { "HPACK a string beyond the block", IDLE, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES(GET_BLOCK "\0\1x\x7e"
                      "abc"),
      OF_CONNECTION, NGHTTP2_COMPRESSION_ERROR },
    { "HPACK a number without end", IDLE, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1,
      BYTES(GET_BLOCK "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), OF_CONNECTION,
      NGHTTP2_COMPRESSION_ERROR },
};

struct scene {
    struct h2_peer *p;
    struct origin *o;
};

static struct conn *serve(struct scene *s)
{
    struct conn *c = origin_accept(s->o);
    hear_head(c);
    return c;
}

static void set_up(struct scene *s, enum before before)
{
    struct h2_peer *p = s->p;
    int32_t id = before == STREAM_5_WAS_ONE ? 5 : 1;
    switch (before) {
    case IDLE:
        break;
    case OPEN:
        h2_head(p, 1, 0, POST);
        serve(s);
        break;
    case HEAD_IN_PARTS:
        h2_say(p, NGHTTP2_HEADERS, 0, 1, BYTES(GET_BLOCK));
        break;
    case HALF_CLOSED:
        h2_get(p, 1, "/");
        serve(s);
        break;
    case RESET_BY_CLIENT:
        h2_get(p, 1, "/");
        serve(s);
        h2_u32(p, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL);
        break;
    case CLOSED:
    case STREAM_5_WAS_ONE:
        h2_get(p, id, "/");
        say(serve(s), OK);
        h2_answered(p, id, 200, "ok");
        break;
    }
}

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A request that is not concerned. */
static void others_go_on(struct scene *s)
{
    h2_get(s->p, 101, "/other");
    say(serve(s), OK);
    h2_answered(s->p, 101, 200, "ok");
}

/* A stream's error may be made one of the connection (RFC 9113 5.4). */
static void hear_error(struct wire *w, struct scene *s, const struct rule *r)
{
    struct h2_heard f;
    while (h2_hear(s->p, &f)) {
        if (f.type == NGHTTP2_RST_STREAM && f.stream == r->stream && r->error == OF_STREAM) {
            if (u32(f.payload) != r->code)
                wire_fail(w, "%s: reset with %u", r->section, u32(f.payload));
            others_go_on(s);
            return;
        }
        if (f.type != NGHTTP2_GOAWAY)
            continue;
        if (u32(f.payload + 4) != r->code)
            wire_fail(w, "%s: GOAWAY with %u", r->section, u32(f.payload + 4));
        while (h2_hear(s->p, &f))
            continue;
        return;
    }
    wire_fail(w, "%s: no error was said", r->section);
}

static void every_rule_has_its_error(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *r = &rules[i];
        struct scene s = { h2_dial(w), o };
        wire_note(w, "case %zu: %s", i, r->section);
        set_up(&s, r->before);
        h2_say(s.p, r->type, r->flags, r->stream, r->payload, r->len);
        if (r->error != NONE)
            hear_error(w, &s, r);
        else if (r->before != HALF_CLOSED)
            others_go_on(&s);
        hang_up(s.p->c);
    }
}

static void frames_have_a_size(struct wire *w)
{
    origin_open(w);
    sluice_start(w, " ");
    static const char big[16385];
    struct h2_peer *p = h2_dial(w);
    h2_head(p, 1, 0, POST);
    h2_say(p, NGHTTP2_DATA, 0, 1, big, sizeof big);
    h2_hear_goaway(p, NGHTTP2_FRAME_SIZE_ERROR);
    p = h2_dial(w);
    h2_say(p, NGHTTP2_HEADERS, END_STREAM | END_HEADERS, 1, big, sizeof big);
    h2_hear_goaway(p, NGHTTP2_FRAME_SIZE_ERROR);
}

static void too_many_streams_are_refused(struct wire *w)
{
    struct origin *never = origin_full(w);
    sluice_run_config(w,
                      "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
                      "sites: { s: { routes: [{ to: app }] } }\n"
                      "backends: { app: { servers: [\"%s\"] } }\n",
                      never->name);
    struct h2_peer *p = h2_dial(w);
    for (int32_t i = 0; i <= 100; i++)
        h2_get(p, 1 + 2 * i, "/");
    struct h2_heard f;
    do {
        assert_true(h2_hear(p, &f));
    } while (f.type != NGHTTP2_RST_STREAM);
    assert_int_equal(f.stream, 201);
    assert_int_equal(u32(f.payload), NGHTTP2_REFUSED_STREAM);
    /* Once the limit was acknowledged, it is the connection's error. */
    h2_say(p, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
    h2_get(p, 203, "/");
    h2_hear_goaway(p, NGHTTP2_PROTOCOL_ERROR);
}

/* More than the window that the stream has. */
static void windows_are_kept_by_clients_too(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    static const char piece[16384];
    h2_head(p, 1, 0, POST);
    struct conn *s = origin_accept(o);
    hear_head(s);
    for (int i = 0; i < 700; i++) /* the server reads nothing of it */
        h2_say(p, NGHTTP2_DATA, 0, 1, piece, sizeof piece);
    struct h2_heard f;
    while (h2_hear(p, &f) && f.type != NGHTTP2_GOAWAY && f.type != NGHTTP2_RST_STREAM)
        continue;
    assert_int_equal(u32(f.payload + (f.type == NGHTTP2_GOAWAY ? 4 : 0)),
                     NGHTTP2_FLOW_CONTROL_ERROR);
}

/* After our GOAWAY, what it does not count is left out, and nothing of it is an error. */
static void streams_after_goaway_are_left_out(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    h2_get(p, 1, "/");
    struct conn *s = origin_accept(o);
    hear_request(s);
    sluice_signal(w, 15);
    struct h2_heard f = h2_hear_type(p, NGHTTP2_PING, 0);
    h2_say(p, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, f.payload, 8);
    h2_hear_type(p, NGHTTP2_GOAWAY, 0);
    h2_head(p, 3, 0, POST);
    h2_data(p, 3, 0, "more");
    h2_data(p, 3, END_STREAM, "last");
    h2_say(p, NGHTTP2_PING, 0, 0, "12345678", 8);
    h2_hear_type(p, NGHTTP2_PING, 0);
    say(s, OK);
    h2_answered(p, 1, 200, "ok");
    hang_up(p->c);
    sluice_ends(w, 0);
}

static void bad_prefaces_are_no_http2(struct wire *w)
{
    origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    hear_refused(c, 505);
    /* The preface is right, and no SETTINGS follow. */
    struct h2_peer *p = h2_on(client_dial(w));
    say(p->c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    h2_say(p, NGHTTP2_PING, 0, 0, "12345678", 8);
    h2_hear_goaway(p, NGHTTP2_PROTOCOL_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_rule_has_its_error),          TEST(frames_have_a_size),
        TEST(too_many_streams_are_refused),      TEST(windows_are_kept_by_clients_too),
        TEST(streams_after_goaway_are_left_out), TEST(bad_prefaces_are_no_http2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
