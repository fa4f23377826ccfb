/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forward proxies: clients name where they want to go. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/wire/wire.h"

#define MIB (UINT64_C(1024) * 1024)

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* On loopback everything is private. */
#define FORWARD(more)                                                                              \
    "listeners: { p: { bind: $LISTEN, forward: { log: access, allow_private: [127.0.0.0/8, "       \
    "\"::1\"]" more " } } }\n"
#define STRICT(more) "listeners: { p: { bind: $LISTEN, forward: { log: access" more " } } }\n"

static void connect_to(struct conn *c, const char *authority)
{
    sayf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", authority, authority);
}

static void hear_connected(struct conn *c)
{
    hear(c, "HTTP/1.1 200 Connection established\r\n\r\n");
}

/* ---- CONNECT ---- */

static void connect_becomes_a_tunnel(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(""));
    struct conn *c = client_dial(w);
    connect_to(c, o->name);
    struct conn *s = origin_accept(o);
    hear_connected(c);
    say(s, "220 ready\r\n");
    hear(c, "220 ready\r\n");
    say(c, "hello\r\n");
    hear(s, "hello\r\n");
    logged(w,
           "end=tunnel_opened method=CONNECT status=200 destination=%s rule=otherwise server=%s "
           "listener=p backend= route=",
           o->name, o->name);
    end_sending(c);
    hear_end(s);
    say(s, "bye");
    hang_up(s);
    hear(c, "bye");
    hear_end(c);
    logged(w, "end=tunnel_closed method=CONNECT destination=%s bytes_in=7 bytes_out=14", o->name);
}

static void what_follows_connect_goes_into_the_tunnel(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(""));
    struct conn *c = client_dial(w);
    sayf(c, "CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n", o->name);
    struct conn *s = origin_accept(o);
    hear(s, "GET / HTTP/1.1\r\n\r\n");
    hear_connected(c);
}

static void many_bytes_pass_by_connect(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(""));
    struct conn *c = client_dial(w);
    connect_to(c, o->name);
    struct conn *s = origin_accept(o);
    hear_connected(c);
    stream_send(c, 1, 20 * MIB, BY_NOTHING);
    stream_send(s, 2, 30 * MIB, BY_NOTHING);
    stream_hear(s, 1, 20 * MIB, BY_NOTHING);
    stream_hear(c, 2, 30 * MIB, BY_NOTHING);
    streams_sent(w);
}

static void a_reset_on_one_side_is_one_on_the_other(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(""));
    for (int client_first = 0; client_first < 2; client_first++) {
        struct conn *c = client_dial(w);
        connect_to(c, o->name);
        struct conn *s = origin_accept(o);
        hear_connected(c);
        logged(w, "end=tunnel_opened");
        hang_up_hard(client_first ? c : s);
        hear_reset(client_first ? s : c);
        logged(w, "end=%s", client_first ? "client_reset" : "tunnel_server_reset");
    }
}

static void connect_has_to_name_host_and_port(struct wire *w)
{
    static const char *const bad[] = {
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:80x",
        ":80",
        "u@127.0.0.1:80",
        "127.0.0.1:80/",
        "http://127.0.0.1:80",
        "/",
        "*",
        "[::1:80",
        "::1:80",
        "a..b:80",
        "a%2eb:80",
        "127.0.0.1:80:80",
        "[127.0.0.1]:80",
        "b\xc3\xbc:80",
        "a\\b:80",
    };
    sluice_run_config(w, FORWARD(""));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        wire_note(w, "CONNECT %s", bad[i]);
        struct conn *c = client_dial(w);
        connect_to(c, bad[i]);
        hear_status(c, 400);
        hear_end(c);
        hang_up(c);
        logged(w, "status=400 tries=0");
    }
}

static void connect_with_a_body_is_refused(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(""));
    static const char *const fields[] = { "Content-Length: 3", "Transfer-Encoding: chunked" };
    for (int i = 0; i < 2; i++) {
        struct conn *c = client_dial(w);
        sayf(c, "CONNECT %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", o->name, fields[i]);
        hear_status(c, 400);
        logged(w, "end=connect_body");
    }
    origin_untouched(o);
}

static void who_cannot_be_reached_is_said(struct wire *w)
{
    struct origin *dead = origin_dead(w), *full = origin_full(w);
    sluice_run_config(w, FORWARD(", timeouts: { connect: 300ms }"));
    struct conn *c = client_dial(w);
    connect_to(c, dead->name);
    hear_status(c, 502);
    logged(w, "end=connect_refused");
    connect_to(c, full->name); /* the connection is good for another try */
    hear_status(c, 504);
    logged(w, "end=connect_timeout");
}

static void sites_of_our_own_take_no_connect(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, "listeners: { l: { bind: $LISTEN, site: s } }\n"
                         "sites: { s: { log: access, routes: [{ to: b }] } }\n"
                         "backends: { b: { servers: [$SERVERS] } }\n");
    struct conn *c = client_dial(w);
    connect_to(c, o->name);
    hear_status(c, 501);
    logged(w, "end=not_implemented");
    origin_untouched(o);
}

/* ---- whole URLs ---- */

static void a_whole_url_goes_to_its_host(struct wire *w)
{
    struct origin *a = origin_open(w), *b = origin_open(w);
    sluice_run_config(w, FORWARD(""));
    struct conn *c = client_dial(w);
    sayf(c,
         "GET http://%s/x/../y%%41?q=1 HTTP/1.1\r\nHost: other\r\nProxy-Connection: "
         "keep-alive\r\nAuthorization: Basic eA==\r\n\r\n",
         a->name);
    struct conn *s = origin_accept(a);
    struct message m = hear_request(s);
    assert_string_equal(m.start, "GET /x/../y%41?q=1 HTTP/1.1"); /* as it came */
    has_field(&m, "Host", a->name);
    has_field(&m, "Authorization", "Basic eA==");
    has_no_field(&m, "Proxy-Connection");
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    logged(w, "end=ok status=200 destination=%s", a->name);
    sayf(c, "GET http://%s HTTP/1.1\r\nHost: x\r\n\r\n", b->name);
    struct conn *t = origin_accept(b);
    m = hear_request(t);
    assert_string_equal(m.start, "GET / HTTP/1.1");
    say(t, OK_ANSWER);
    hear_answered(c, 200, "ok");
    /* back to the first: by the connection that is there */
    sayf(c, "GET http://%s/2 HTTP/1.1\r\nHost: x\r\n\r\n", a->name);
    m = hear_request(s);
    assert_string_equal(m.start, "GET /2 HTTP/1.1");
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    logged(w, "destination=%s", b->name);
    logged(w, "destination=%s reused=true", a->name);
}

static void a_stale_connection_is_replaced(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(""));
    struct conn *c = client_dial(w);
    sayf(c, "GET http://%s/ HTTP/1.1\r\nHost: x\r\n\r\n", o->name);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    sayf(c, "GET http://%s/ HTTP/1.1\r\nHost: x\r\n\r\n", o->name);
    hear_request(s);
    hang_up_hard(s);
    s = origin_accept(o);
    hear_request(s);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
}

static void bodies_pass_both_ways(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(""));
    struct conn *c = client_dial(w);
    sayf(c, "POST http://%s/ HTTP/1.1\r\nHost: x\r\nContent-Length: %llu\r\n\r\n", o->name,
         (unsigned long long)(3 * MIB));
    stream_send(c, 1, 3 * MIB, BY_LENGTH);
    struct conn *s = origin_accept(o);
    hear_head(s);
    stream_hear(s, 1, 3 * MIB, BY_LENGTH);
    say(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream_send(s, 2, 2 * MIB, BY_CHUNKS);
    hear_head(c);
    stream_hear(c, 2, 2 * MIB, BY_CHUNKS);
    streams_sent(w);
}

static void what_asks_for_nobody_is_refused(struct wire *w)
{
    sluice_run_config(w, FORWARD(""));
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    hear_status(c, 400);
    logged(w, "end=not_proxied");
    c = client_dial(w);
    say(c, "GET https://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n");
    hear_status(c, 501);
    logged(w, "end=forward_scheme");
    c = client_dial(w);
    say(c, "GET ftp://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n");
    hear_status(c, 400);
    logged(w, "end=bad_target");
}

static void an_upgrade_passes(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(""));
    struct conn *c = client_dial(w);
    sayf(c,
         "GET http://%s/chat HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: "
         "websocket\r\n\r\n",
         o->name);
    struct conn *s = origin_accept(o);
    struct message m = hear_head(s);
    has_field(&m, "Upgrade", "websocket");
    say(s, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "
           "websocket\r\n\r\nhi");
    m = hear_head(c);
    assert_int_equal(m.status, 101);
    hear(c, "hi");
    logged(w, "end=tunnel_opened status=101");
}

/* ---- who may go where ---- */

static void private_destinations_are_refused(struct wire *w)
{
    static const char *const hosts[] = {
        "127.0.0.1",
        "127.9.9.9",
        "10.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a00:1]",
        "[2002:7f00:1::]",
        "[2001:db8::1]",
        "localhost",
        "LOCALHOST.",
    };
    struct origin *o = origin_open(w);
    const char *port = strrchr(o->name, ':');
    sluice_run_config(w, STRICT(""));
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        wire_note(w, "%s%s", hosts[i], port);
        connect_to(c, wire_text(w, "%s%s", hosts[i], port));
        struct message m = hear_status(c, 403);
        if (!strstr(m.body, "private"))
            wire_fail(w, "who decided is not named: %s", m.body);
        logged(w, "end=forward_private rule=private");
        sayf(c, "GET http://%s%s/ HTTP/1.1\r\nHost: x\r\n\r\n", hosts[i], port);
        hear_status(c, 403);
        logged(w, "end=forward_private");
    }
    origin_untouched(o);
}

static void some_private_ones_can_be_allowed(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *port = strrchr(o->name, ':');
    sluice_run_config(w, STRICT(", allow_private: [127.0.0.1]"));
    struct conn *c = client_dial(w);
    connect_to(c, wire_text(w, "127.0.0.2%s", port));
    hear_status(c, 403);
    connect_to(c, wire_text(w, "[::ffff:127.0.0.1]%s", port)); /* is the same address */
    struct conn *s = origin_accept(o);
    hear_connected(c);
    say(s, "hello");
    hear(c, "hello");
}

static void rules_decide_by_name_port_and_client(struct wire *w)
{
    struct origin *o = origin_open(w);
    unsigned port = (unsigned)atoi(strrchr(o->name, ':') + 1);
    FILE *f = fopen(wire_path(w, "blocked.txt"), "w");
    assert_non_null(f);
    fputs("# bad ones\n0.0.0.0 ads.example\nEvil.test # worse\n\n127.0.0.7\n0.9\n", f);
    assert_int_equal(fclose(f), 0);
    sluice_run_config(w,
                      FORWARD(", otherwise: deny, rules: [\n"
                              "{ name: blocked, action: deny, hosts: { file: blocked.txt } },\n"
                              "{ name: old, action: deny, ports: [%u] },\n"
                              "{ action: allow, clients: [127.0.0.5], hosts: [127.0.0.1] },\n"
                              "{ name: rest, action: allow, hosts: [127.0.0.9], ports: [%u-%u] }]"),
                      port == 65535 ? 65534 : port + 1, port, port);
    static const struct {
        const char *host, *rule;
        int port, status;
    } cases[] = {
        { "ads.example", "blocked", 0, 403 },    { "a.b.ADS.example", "blocked", 0, 403 },
        { "evil.test.", "blocked", 0, 403 },     { "127.0.0.7", "blocked", 0, 403 },
        { "www.elsewhere.test", "old", 1, 403 }, { "badads.example", "otherwise", 0, 403 },
        { "127.0.0.1", "otherwise", 0, 403 },    { "127.0.0.9", "rest", 0, 502 },
    };
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned to = cases[i].port ? (port == 65535 ? 65534 : port + 1) : port;
        wire_note(w, "%s:%u", cases[i].host, to);
        connect_to(c, wire_text(w, "%s:%u", cases[i].host, to));
        struct message m = hear_status(c, cases[i].status);
        if (m.status == 403 && !strstr(m.body, cases[i].rule))
            wire_fail(w, "the rule is not named: %s", m.body);
        logged(w, "rule=%s status=%d", cases[i].rule, cases[i].status);
    }
    struct conn *friend = client_dial_from(w, "127.0.0.5:0");
    connect_to(friend, o->name);
    origin_accept(o);
    hear_connected(friend);
    logged(w, "rule=rules[2] end=tunnel_opened");
}

static void ports_that_nobody_asks_a_proxy_for_are_refused(struct wire *w)
{
    sluice_run_config(w, FORWARD(""));
    struct conn *c = client_dial(w);
    connect_to(c, "127.0.0.1:25");
    struct message m = hear_status(c, 403);
    assert_non_null(strstr(m.body, "(ports)"));
    logged(w, "end=forward_denied rule=ports");
}

static void a_refusal_in_json_names_the_rule_too(struct wire *w)
{
    sluice_run_config(w, FORWARD(", rules: [{ name: none, action: deny }]"));
    struct conn *c = client_dial(w);
    say(c, "GET http://127.0.0.1:8080/ HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n");
    struct message m = hear_status(c, 403);
    assert_non_null(strstr(m.body, "\"reason\":\"forward_denied\",\"rule\":\"none\""));
}

static void a_proxy_does_not_ask_itself(struct wire *w)
{
    sluice_run_config(w, FORWARD(""));
    struct conn *c = client_dial(w);
    connect_to(c, sluice_address(w, 0));
    hear_status(c, 508);
    logged(w, "end=forward_loop tries=0");
}

static void what_passed_it_before_is_a_loop(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(", via: true, via_name: here"));
    struct conn *c = client_dial(w);
    sayf(c, "GET http://%s/ HTTP/1.1\r\nHost: x\r\nVia: 1.0 fred, 1.1 HERE (x)\r\n\r\n", o->name);
    hear_status(c, 508);
    sayf(c, "GET http://%s/ HTTP/1.1\r\nHost: x\r\nVia: 1.0 there, 1.1 nowhere\r\n\r\n", o->name);
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "Via", "1.1 here"); /* and who came before is not told */
}

static const char *peer_ip(struct conn *c)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    assert_int_equal(getpeername(c->fd, (struct sockaddr *)&a, &len), 0);
    return wire_text(c->w, "%s", inet_ntoa(a.sin_addr));
}

static void a_source_address_can_be_chosen(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(", source: 127.0.0.3, rules: [{ action: allow, clients: "
                                 "[127.0.0.5], source: 127.0.0.4 }]"));
    struct conn *c = client_dial(w), *d = client_dial_from(w, "127.0.0.5:0");
    connect_to(c, o->name);
    struct conn *s = origin_accept(o);
    hear_connected(c);
    assert_string_equal(peer_ip(s), "127.0.0.3");
    connect_to(d, o->name);
    s = origin_accept(o);
    hear_connected(d);
    assert_string_equal(peer_ip(s), "127.0.0.4");
}

static void the_next_address_of_a_name_is_tried(struct wire *w)
{
    /* localhost is both families; only one has somebody who listens. */
    struct origin *o = origin_open(w);
    const char *port = strrchr(o->name, ':');
    sluice_run_config(w, FORWARD(""));
    struct conn *c = client_dial(w);
    connect_to(c, wire_text(w, "localhost%s", port));
    struct conn *s = origin_accept(o);
    hear_connected(c);
    say(s, "hello");
    hear(c, "hello");
    logged(w, "end=tunnel_opened server=%s destination=localhost%s", o->name, port);
}

/* ---- names ---- */

static void a_name_that_is_nobodys_is_said(struct wire *w)
{
    sluice_run_config(
        w, FORWARD("") "dns: { servers: [\"127.0.0.1:1\"], timeout: 50ms, attempts: 1 }\n");
    struct conn *c = client_dial(w);
    connect_to(c, "www.example.com:443");
    struct message m = hear_answer(c);
    if (m.status != 502 && m.status != 504)
        wire_fail(w, "answered %d", m.status);
    logged(w, "broken_by=server tries=0 destination=www.example.com:443");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connect_becomes_a_tunnel),
        TEST(what_follows_connect_goes_into_the_tunnel),
        TEST(many_bytes_pass_by_connect),
        TEST(a_reset_on_one_side_is_one_on_the_other),
        TEST(connect_has_to_name_host_and_port),
        TEST(connect_with_a_body_is_refused),
        TEST(who_cannot_be_reached_is_said),
        TEST(sites_of_our_own_take_no_connect),
        TEST(a_whole_url_goes_to_its_host),
        TEST(a_stale_connection_is_replaced),
        TEST(bodies_pass_both_ways),
        TEST(what_asks_for_nobody_is_refused),
        TEST(an_upgrade_passes),
        TEST(private_destinations_are_refused),
        TEST(some_private_ones_can_be_allowed),
        TEST(rules_decide_by_name_port_and_client),
        TEST(ports_that_nobody_asks_a_proxy_for_are_refused),
        TEST(a_refusal_in_json_names_the_rule_too),
        TEST(a_proxy_does_not_ask_itself),
        TEST(what_passed_it_before_is_a_loop),
        TEST(a_source_address_can_be_chosen),
        TEST(the_next_address_of_a_name_is_tried),
        TEST(a_name_that_is_nobodys_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
