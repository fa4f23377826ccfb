/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PROXY protocol, from balancers in front and to servers behind. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/wire/wire.h"

#define HTTP                                                                                       \
    "listeners: { l: { bind: $LISTEN, site: s, proxy_protocol: 127.0.0.1 } }\n"                    \
    "sites: { s: { log: access, timeouts: { client_head: 400ms }, routes: [{ to: b }] } }\n"       \
    "defaults: { timeouts: { client_head: 400ms } }\n"
#define TCP "listeners: { l: { bind: $LISTEN, tcp: b, log: access } }\n"
#define BACKEND(more) "backends: { b: { servers: [$SERVERS]" more " } }\n"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

#define SAY(c, bytes) say_bytes(c, bytes, sizeof bytes - 1)

static void ask_and_see(struct wire *w, struct origin *o, struct conn *c, const char *client)
{
    say(c, GET);
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "X-Forwarded-For", client);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    hear_answered(c, 200, "ok");
    logged(w, "end=ok client=%s", client);
    hang_up(c);
    hang_up(s);
}

static void the_client_is_who_the_header_says(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, HTTP BACKEND(""));
    struct conn *c = client_dial(w);
    say(c, "PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n");
    ask_and_see(w, o, c, "192.0.2.7");
    c = client_dial(w);
    say(c, "PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n");
    ask_and_see(w, o, c, "2001:db8::7");
    c = client_dial(w);
    SAY(c, V2 "\x21\x11\x00\x0c\xc0\x00\x02\x08\xc6\x33\x64\x01\x12\x67\x00\x50");
    ask_and_see(w, o, c, "192.0.2.8");
    /* with extensions: NOOP of 3 bytes, an authority */
    c = client_dial(w);
    SAY(c, V2 "\x21\x11\x00\x16\xc0\x00\x02\x09\xc6\x33\x64\x01\x12\x67\x00\x50"
              "\x04\x00\x03"
              "xxx"
              "\x02\x00\x01"
              "a");
    ask_and_see(w, o, c, "192.0.2.9");
}

static void a_balancer_may_speak_for_itself(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, HTTP BACKEND(""));
    struct conn *c = client_dial(w);
    say(c, "PROXY UNKNOWN\r\n");
    ask_and_see(w, o, c, "127.0.0.1");
    c = client_dial(w);
    SAY(c, V2 "\x20\x00\x00\x00"); /* LOCAL: a health check */
    ask_and_see(w, o, c, "127.0.0.1");
}

static void it_may_come_in_pieces(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, HTTP BACKEND(""));
    struct conn *c = client_dial(w);
    say(c, "PRO");
    poll(NULL, 0, 20);
    say(c, "XY TCP4 192.0.2.7 198.51.100.1 4711 8");
    poll(NULL, 0, 20);
    say(c, "0\r\n");
    ask_and_see(w, o, c, "192.0.2.7");
}

static void what_is_none_is_cut(struct wire *w)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
#define CASE(bytes) { bytes, sizeof bytes - 1 }
        CASE(GET),
        CASE("PROXY TCP4 192.0.2.7 198.51.100.1 4711 65536\r\n"),
        CASE("PROXY TCP4 192.0.2.7 198.51.100.1 04711 80\r\n"),
        CASE("PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n"),
        CASE("PROXY TCP4 192.0.2.7  198.51.100.1 4711 80\r\n"),
        CASE("PROXY TCP4 192.0.2.7 198.51.100.1 4711 80 \r\n"),
        CASE("PROXY TCP4 2001:db8::7 198.51.100.1 4711 80\r\n"),
        CASE("PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\n"),
        CASE("PROXY TCP4 192.0.2.300 198.51.100.1 4711 80\r\n"),
        CASE("PROXY UDP4 192.0.2.7 198.51.100.1 4711 80\r\n"),
        CASE("proxy TCP4 192.0.2.7 198.51.100.1 4711 80\r\n"),
        CASE(V2 "\x31\x11\x00\x0c\xc0\x00\x02\x08\xc6\x33\x64\x01\x12\x67\x00\x50"),
        CASE(V2 "\x22\x11\x00\x0c\xc0\x00\x02\x08\xc6\x33\x64\x01\x12\x67\x00\x50"),
        CASE(V2 "\x21\x41\x00\x0c\xc0\x00\x02\x08\xc6\x33\x64\x01\x12\x67\x00\x50"),
        CASE(V2 "\x21\x11\x00\x0b\xc0\x00\x02\x08\xc6\x33\x64\x01\x12\x67\x00\x50"),
        CASE(V2 "\x21\x11\x00\x0e\xc0\x00\x02\x08\xc6\x33\x64\x01\x12\x67\x00\x50\x04\x00"),
        CASE(V2 "\x21\x11\xff\xff\xc0\x00\x02\x08"),
        CASE(V2 "\x21\x11\x00\x13\xc0\x00\x02\x08\xc6\x33\x64\x01\x12\x67\x00\x50"
                "\x03\x00\x04\x01\x02\x03\x04"), /* a wrong checksum */
    };
    struct origin *o = origin_open(w);
    sluice_run_config(w, HTTP BACKEND(""));
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_note(w, "case %u", i);
        struct conn *c = client_dial(w);
        say_bytes(c, cases[i].bytes, cases[i].len);
        hear_gone(c);
        logged(w, "end=bad_proxy_header broken_by=client");
        hang_up(c);
    }
    struct conn *c = client_dial(w); /* 107 bytes without an end */
    say(c, "PROXY TCP6 ");
    say(c, wire_repeat(w, '0', 100));
    hear_gone(c);
    logged(w, "end=bad_proxy_header");
    origin_untouched(o);
}

static void it_comes_in_time_or_not_at_all(struct wire *w)
{
    origin_open(w);
    sluice_run_config(w, HTTP BACKEND(""));
    struct conn *c = client_dial(w);
    say(c, "PROXY TCP4 192.0.2.7 ");
    hear_gone(c);
    logged(w, "end=proxy_header_timeout");
    c = client_dial(w);
    hang_up(c);
    logged(w, "end=bad_proxy_header");
}

static void nobody_else_is_believed(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, HTTP BACKEND(""));
    struct conn *c = client_dial_from(w, "127.0.0.9:0");
    say(c, "PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n" GET);
    hear_refused(c, 400);
    logged(w, "end=bad_version client=127.0.0.9");
    c = client_dial_from(w, "127.0.0.9:0");
    ask_and_see(w, o, c, "127.0.0.9");
}

static unsigned sluice_listens_at(struct wire *w)
{
    return (unsigned)atoi(strrchr(sluice_address(w, 0), ':') + 1);
}

static const char *own_port(struct wire *w, struct conn *c)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    assert_int_equal(getsockname(c->fd, (struct sockaddr *)&a, &len), 0);
    return wire_text(w, "%u", ntohs(a.sin_port));
}

static void servers_are_told_in_text(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, TCP BACKEND(", proxy_protocol: v1"));
    struct conn *c = client_dial(w), *s = origin_accept(o);
    hear(s, wire_text(w, "PROXY TCP4 127.0.0.1 127.0.0.1 %s %u\r\n", own_port(w, c),
                      sluice_listens_at(w)));
    say(c, "hello");
    hear(s, "hello");
    sluice_stop(w);
    o = origin_open(w);
    sluice_run_config(w, HTTP BACKEND(", proxy_protocol: v1"));
    for (int i = 0; i < 2; i++) { /* each on a connection of its own */
        c = client_dial(w);
        say(c, "PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n" GET);
        s = origin_accept(o);
        hear(s, wire_text(w, "PROXY TCP4 192.0.2.7 127.0.0.1 4711 %u\r\n", sluice_listens_at(w)));
        hear_request(s);
        say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        hear_answered(c, 200, "ok");
        hear_end(s);
    }
}

static void servers_are_told_in_binary(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, TCP BACKEND(", proxy_protocol: v2"));
    struct conn *c = client_dial(w), *s = origin_accept(o);
    const char *h = hear_bytes(s, 28);
    unsigned port = (unsigned)atoi(own_port(w, c));
    assert_memory_equal(h, V2 "\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01", 24);
    assert_int_equal((unsigned char)h[24] << 8 | (unsigned char)h[25], port);
    assert_int_equal((unsigned char)h[26] << 8 | (unsigned char)h[27], sluice_listens_at(w));
    say(s, "hello");
    hear(c, "hello");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_client_is_who_the_header_says),
        TEST(a_balancer_may_speak_for_itself),
        TEST(it_may_come_in_pieces),
        TEST(what_is_none_is_cut),
        TEST(it_comes_in_time_or_not_at_all),
        TEST(nobody_else_is_believed),
        TEST(servers_are_told_in_text),
        TEST(servers_are_told_in_binary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
