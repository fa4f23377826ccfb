/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/websocket.h"

static const uint8_t mask[4] = { 1, 2, 3, 4 };

/* Puts a client's frame. */
static void put_frame(struct out *o, uint8_t first, const char *payload, size_t bytes)
{
    char *begin = o->at;
    websocket_put_head(o, bytes, mask);
    *begin = (char)first;
    for (size_t i = 0; i < bytes; i++)
        out_char(o, (char)(payload[i] ^ mask[i % 4]));
}

/* What the echo of some bytes is, given to it in pieces; the event that ended it. */
static enum websocket_event echo_in_pieces(const char *bytes, size_t len, size_t piece,
                                           struct out *o)
{
    struct websocket w = { 0 };
    enum websocket_event e = WEBSOCKET_MORE;
    for (size_t at = 0; at < len && e == WEBSOCKET_MORE; at += piece) {
        struct str text = { bytes + at, len - at < piece ? len - at : piece };
        e = websocket_echo(&w, &text, o);
    }
    return e;
}

static void accept_as_in_the_rfc(void **state)
{
    (void)state;
    char accept[WEBSOCKET_ACCEPT_BYTES];
    websocket_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), accept);
    assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof accept);
}

static void messages_and_pings_come_back(void **state)
{
    (void)state;
    char in[70000], out[70000], long_text[300];
    memset(long_text, 'x', sizeof long_text);
    struct out sent = out_into(in, sizeof in);
    put_frame(&sent, 0x81, "hello", 5);
    put_frame(&sent, 0x02, long_text, sizeof long_text); /* a message in two frames, */
    put_frame(&sent, 0x89, "are you there", 13);         /* a ping between them */
    put_frame(&sent, 0x80, "", 0);
    put_frame(&sent, 0x8a, "unasked", 7);
    put_frame(&sent, 0x88, "\x03\xe8", 2);
    for (size_t piece = 1; piece <= out_len(&sent); piece += piece < 40 ? 1 : 37) {
        struct out got = out_into(out, sizeof out);
        assert_int_equal(echo_in_pieces(in, out_len(&sent), piece, &got), WEBSOCKET_OVER);
        assert_int_equal(out_len(&got), 7 + 4 + sizeof long_text + 15 + 2 + 4);
        assert_memory_equal(out, "\x81\5hello\x02\x7e\x01\x2cxxx", 14);
        assert_memory_equal(out + 7 + 4 + sizeof long_text,
                            "\x8a\rare you there\x80\0\x88\2\x03\xe8", 21);
    }
}

static void what_does_not_fit_waits(void **state)
{
    (void)state;
    char in[200], out[40], text[100];
    memset(text, 'y', sizeof text);
    struct out sent = out_into(in, sizeof in);
    put_frame(&sent, 0x82, text, sizeof text);
    struct websocket w = { 0 };
    struct str rest = { in, out_len(&sent) };
    size_t whole = 0, turns = 0;
    for (enum websocket_event e = WEBSOCKET_FULL; e == WEBSOCKET_FULL; turns++) {
        struct out o = out_into(out, sizeof out);
        e = websocket_echo(&w, &rest, &o);
        whole += out_len(&o);
    }
    assert_int_equal(whole, 2 + sizeof text);
    assert_true(turns > 2);
}

static void expect_malformed(const char *head, size_t len)
{
    char out[64];
    struct out o = out_into(out, sizeof out);
    assert_int_equal(echo_in_pieces(head, len, len, &o), WEBSOCKET_MALFORMED);
}

#define MALFORMED(literal) expect_malformed("" literal, sizeof(literal) - 1)

static void frames_that_are_none(void **state)
{
    (void)state;
    MALFORMED("\x81\5");                               /* no mask */
    MALFORMED("\xc1\x80\1\2\3\4");                     /* reserved bits */
    MALFORMED("\x83\x80\1\2\3\4");                     /* an unknown opcode */
    MALFORMED("\x80\x80\1\2\3\4");                     /* goes on with nothing */
    MALFORMED("\x01\x80\1\2\3\4\x81\x80\1\2\3\4");     /* a message in a message */
    MALFORMED("\x09\x80\1\2\3\4");                     /* half a ping */
    MALFORMED("\x89\xfe\0\x7e\1\2\3\4");               /* a long one */
    MALFORMED("\x81\xfe\0\5\1\2\3\4");                 /* a length that is too long, */
    MALFORMED("\x81\xff\0\0\0\0\0\0\xff\xff\1\2\3\4"); /* and again */
    MALFORMED("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\2\3\4");
}

static void the_client_counts_a_message(void **state)
{
    (void)state;
    const char text[] = "\x01\2he\x89\1x\x80\3llo\x82";
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct websocket w = { 0 };
        uint64_t bytes = 0;
        enum websocket_event e = WEBSOCKET_MORE;
        size_t used = 0;
        while (e == WEBSOCKET_MORE) {
            size_t n = sizeof text - 1 - used < piece ? sizeof text - 1 - used : piece;
            struct str rest = { text + used, n };
            e = websocket_read(&w, &rest, &bytes);
            used += n - rest.len;
        }
        assert_int_equal(e, WEBSOCKET_MESSAGE);
        assert_int_equal(bytes, 5);
        assert_int_equal(used, sizeof text - 2); /* the next frame is not touched */
    }
    struct websocket w = { 0 };
    uint64_t bytes = 0;
    struct str masked = STR("\x81\x80\1\2\3\4");
    assert_int_equal(websocket_read(&w, &masked, &bytes), WEBSOCKET_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_as_in_the_rfc),
        cmocka_unit_test(messages_and_pings_come_back),
        cmocka_unit_test(what_does_not_fit_waits),
        cmocka_unit_test(frames_that_are_none),
        cmocka_unit_test(the_client_counts_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
