/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ClientHellos built by hand: cut anywhere, and lying in every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/str.h"
#include "tls/client_hello.h"

#define RECORD_HEADER 5

struct bytes {
    uint8_t at[20000];
    uint32_t len;
};

static void put(struct bytes *b, const void *p, size_t n)
{
    assert_true(b->len + n <= sizeof b->at);
    memcpy(b->at + b->len, p, n);
    b->len += (uint32_t)n;
}

static void put_number(struct bytes *b, uint32_t n, int bytes)
{
    while (bytes--) {
        uint8_t byte = (uint8_t)(n >> (8 * bytes));
        put(b, &byte, 1);
    }
}

static void put_vector(struct bytes *b, const void *p, size_t n, int length_bytes)
{
    put_number(b, (uint32_t)n, length_bytes);
    put(b, p, n);
}

static void add_extension(struct bytes *b, uint32_t type, const struct bytes *data)
{
    put_number(b, type, 2);
    put_vector(b, data->at, data->len, 2);
}

static void add_server_name(struct bytes *extensions, struct str name)
{
    static struct bytes list, data;
    list.len = data.len = 0;
    put_number(&list, 0, 1);
    put_vector(&list, name.ptr, name.len, 2);
    put_vector(&data, list.at, list.len, 2);
    add_extension(extensions, 0, &data);
}

static void add_list(struct bytes *extensions, uint32_t type, const void *p, size_t n, int length)
{
    static struct bytes data;
    data.len = 0;
    put_vector(&data, p, n, length);
    add_extension(extensions, type, &data);
}

/* The handshake message, without records. */
static void message(struct bytes *out, const struct bytes *extensions, bool ecdsa_suite)
{
    static struct bytes body;
    body.len = 0;
    put_number(&body, 0x0303, 2);
    for (int i = 0; i < 32; i++)
        put_number(&body, (uint32_t)i, 1);
    put_vector(&body, "0123456789abcdef0123456789abcdef", 32, 1);
    put_vector(&body, ecdsa_suite ? "\x13\x01\xc0\x2b" : "\x13\x01\xc0\x2f", 4, 2);
    put_vector(&body, "", 1, 1);
    put_vector(&body, extensions->at, extensions->len, 2);
    out->len = 0;
    put_number(out, 1, 1);
    put_vector(out, body.at, body.len, 3);
}

/* Cut into records of at most so many bytes. */
static void records(struct bytes *out, const struct bytes *m, uint32_t record_bytes)
{
    out->len = 0;
    for (uint32_t at = 0; at < m->len; at += record_bytes) {
        uint32_t n = m->len - at < record_bytes ? m->len - at : record_bytes;
        put(out, "\x16\x03\x01", 3);
        put_vector(out, m->at + at, n, 2);
    }
}

/* What the parser says of bytes that end where memory ends. */
static enum hello_result parse(const uint8_t *bytes, uint32_t len, struct client_hello *hello)
{
    uint8_t *exact = malloc(len);
    if (len)
        memcpy(exact, bytes, len);
    enum hello_result r = client_hello_parse(exact, len, hello);
    free(exact);
    return r;
}

static void typical(struct bytes *m)
{
    static struct bytes extensions;
    extensions.len = 0;
    add_server_name(&extensions, STR("WWW.Example.COM."));
    add_list(&extensions, 13, "\x08\x04\x04\x03", 4, 2);
    add_list(&extensions, 43, "\x03\x04\x03\x03", 4, 1);
    add_list(&extensions, 0xaaaa, "", 0, 1);
    message(m, &extensions, false);
}

static void is_understood_however_it_is_cut(void **state)
{
    (void)state;
    static struct bytes m, wire;
    struct client_hello hello;
    typical(&m);
    for (uint32_t record_bytes = 1; record_bytes <= m.len; record_bytes++) {
        records(&wire, &m, record_bytes);
        for (uint32_t len = 0; len < wire.len; len++)
            assert_int_equal(parse(wire.at, len, &hello), HELLO_PARTIAL);
        assert_int_equal(parse(wire.at, wire.len, &hello), HELLO_OK);
        assert_int_equal(hello.name_len, 15);
        assert_memory_equal(hello.name, "www.example.com", 15);
        assert_true(hello.tls13 && hello.ecdsa && !hello.acme);
        put(&wire, "more", 4);
        assert_int_equal(parse(wire.at, wire.len, &hello), HELLO_OK);
    }
}

static void ecdsa_needs_a_suite_before_tls13(void **state)
{
    (void)state;
    static struct bytes m, wire, extensions;
    struct client_hello hello;
    for (int i = 0; i < 8; i++) {
        bool suite = i & 1, signature = i & 2, tls13 = i & 4;
        extensions.len = 0;
        add_list(&extensions, 13, signature ? "\x08\x04\x04\x03" : "\x08\x04\x08\x05", 4, 2);
        if (tls13)
            add_list(&extensions, 43, "\x03\x04", 2, 1);
        message(&m, &extensions, suite);
        records(&wire, &m, m.len);
        assert_int_equal(parse(wire.at, wire.len, &hello), HELLO_OK);
        assert_int_equal(hello.ecdsa, signature && (tls13 || suite));
        assert_int_equal(hello.name_len, 0);
    }
}

static void acme_is_told_apart(void **state)
{
    (void)state;
    static const char *const lists[] = { "\x0a"
                                         "acme-tls/1",
                                         "\x0a"
                                         "acme-tls/1\x02h2",
                                         "\x08http/1.1" };
    static struct bytes m, wire, extensions;
    struct client_hello hello;
    for (int i = 0; i < 3; i++) {
        extensions.len = 0;
        add_list(&extensions, 16, lists[i], strlen(lists[i]), 2);
        message(&m, &extensions, true);
        records(&wire, &m, m.len);
        assert_int_equal(parse(wire.at, wire.len, &hello), HELLO_OK);
        assert_int_equal(hello.acme, i == 0);
    }
}

static void check_name(struct str name, enum hello_result expected)
{
    static struct bytes m, wire, extensions;
    struct client_hello hello;
    extensions.len = 0;
    add_server_name(&extensions, name);
    message(&m, &extensions, true);
    records(&wire, &m, m.len);
    assert_int_equal(parse(wire.at, wire.len, &hello), expected);
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    char longest[SERVER_NAME_BYTES_MAX + 1];
    memset(longest, 'a', sizeof longest);
    check_name((struct str){ longest, SERVER_NAME_BYTES_MAX }, HELLO_OK);
    check_name((struct str){ longest, SERVER_NAME_BYTES_MAX + 1 }, HELLO_BAD);
    check_name(STR(""), HELLO_BAD);
    check_name(STR("."), HELLO_BAD);
    check_name(STR("a\0b"), HELLO_BAD);
    check_name(STR("a/b"), HELLO_BAD);
    check_name(STR("*.example"), HELLO_BAD);
    check_name(STR("a_b-c.9"), HELLO_OK);
    static struct bytes m, wire, extensions;
    struct client_hello hello;
    extensions.len = 0;
    add_server_name(&extensions, STR("a"));
    add_server_name(&extensions, STR("b"));
    message(&m, &extensions, true);
    records(&wire, &m, m.len);
    assert_int_equal(parse(wire.at, wire.len, &hello), HELLO_BAD);
}

/* Any byte, any other value: never more is read than there is (memory ends there). */
static void survives_every_changed_byte(void **state)
{
    (void)state;
    static struct bytes m, wire;
    struct client_hello hello;
    unsigned results[HELLO_NOT_TLS + 1] = { 0 };
    typical(&m);
    records(&wire, &m, 50);
    for (uint32_t i = 0; i < wire.len; i++) {
        uint8_t was = wire.at[i];
        for (int value = 0; value < 256; value++) {
            wire.at[i] = (uint8_t)value;
            enum hello_result r = parse(wire.at, wire.len, &hello);
            results[r]++;
            assert_true(hello.name_len <= SERVER_NAME_BYTES_MAX);
        }
        wire.at[i] = was;
    }
    assert_true(results[HELLO_OK] && results[HELLO_BAD] && results[HELLO_PARTIAL] &&
                results[HELLO_NOT_TLS]);
}

static void records_that_are_none(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        enum hello_result expected;
    } cases[] = {
        { STR("\x16\x03\x01\x00\x05"), HELLO_PARTIAL },
        { STR("\x16\x03\x01\x00\x00"), HELLO_BAD },                 /* an empty record */
        { STR("\x16\x03\x01\x40\x01\x01"), HELLO_BAD },             /* too long */
        { STR("\x16\x03\x01\x00\x05\x02"), HELLO_BAD },             /* a ServerHello */
        { STR("\x16\x03\x01\x00\x09\x01\x00\xff\xff"), HELLO_BAD }, /* a message of 65535 bytes */
        { STR("\x16\x02\x00\x00\x05\x01"), HELLO_BAD },             /* version 2.0 */
        { STR("\x17\x03\x03\x00\x05hello"), HELLO_NOT_TLS },        /* application data */
        { STR("\x15\x03\x03\x00\x02\x02\x28"), HELLO_NOT_TLS },     /* an alert */
        { STR("\x80\x2e\x01\x03\x01"), HELLO_NOT_TLS },             /* SSL 2.0 */
        { STR("\0\0\0\0\0\0"), HELLO_NOT_TLS },
        { STR("GET / HTTP/1.1\r\n"), HELLO_PLAIN_HTTP },
        { STR("PRI * HTTP/2.0\r\n"), HELLO_PLAIN_HTTP },
        { STR("OPTIONS"), HELLO_PARTIAL },
        { STR("OPTIONS "), HELLO_PLAIN_HTTP },
        { STR("P"), HELLO_PARTIAL },
        { STR("PO"), HELLO_PARTIAL },
        { STR("PX"), HELLO_NOT_TLS },
        { STR("hello"), HELLO_NOT_TLS },
        { STR("SSH-2.0-x"), HELLO_NOT_TLS },
    };
    struct client_hello hello;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(
            parse((const uint8_t *)cases[i].bytes.ptr, (uint32_t)cases[i].bytes.len, &hello),
            cases[i].expected);
}

static void too_long_a_message_is_refused_before_it_came(void **state)
{
    (void)state;
    static struct bytes m, wire, extensions;
    struct client_hello hello;
    for (int over = 0; over < 2; over++) {
        extensions.len = 0;
        static uint8_t padding[CLIENT_HELLO_BYTES_MAX];
        struct bytes empty = { .len = 0 };
        message(&m, &empty, true);
        uint32_t room = CLIENT_HELLO_BYTES_MAX - m.len - 4 - 2 + (uint32_t)over;
        add_list(&extensions, 21, padding, room, 2);
        message(&m, &extensions, true);
        assert_int_equal(m.len, CLIENT_HELLO_BYTES_MAX + (uint32_t)over);
        records(&wire, &m, 16384);
        assert_int_equal(parse(wire.at, wire.len, &hello), over ? HELLO_BAD : HELLO_OK);
        assert_int_equal(parse(wire.at, 20, &hello), over ? HELLO_BAD : HELLO_PARTIAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_understood_however_it_is_cut),
        cmocka_unit_test(ecdsa_needs_a_suite_before_tls13),
        cmocka_unit_test(acme_is_told_apart),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(survives_every_changed_byte),
        cmocka_unit_test(records_that_are_none),
        cmocka_unit_test(too_long_a_message_is_refused_before_it_came),
    };
    return cmocka_run_group_tests_name("client hello", tests, NULL, NULL);
}
