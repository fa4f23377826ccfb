/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forward proxies: who may ask, what the destination is told of them, and the PAC file. */
#include <stdio.h>
#include <string.h>

#include "tests/wire/wire.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* On loopback everything is private. */
#define FORWARD(more)                                                                              \
    "listeners: { p: { bind: $LISTEN, forward: { log: access, allow_private: [127.0.0.0/8, "       \
    "\"::1\"]" more " } } }\n"

static void connect_to(struct conn *c, const char *authority)
{
    sayf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", authority, authority);
}

static void hear_connected(struct conn *c)
{
    hear(c, "HTTP/1.1 200 Connection established\r\n\r\n");
}

/* ---- who asks ---- */

#define USERS                                                                                      \
    "alice:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n"                         \
    "bob:$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/"                  \
    "Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/\n"
#define ALICE "Basic YWxpY2U6c2VjcmV0"
#define ALICE_WRONG "Basic YWxpY2U6d3Jvbmc="
#define BOB "Basic Ym9iOnNlY3JldA=="

static void write_users(struct wire *w)
{
    FILE *f = fopen(wire_path(w, "users"), "w");
    assert_non_null(f);
    fputs(USERS, f);
    assert_int_equal(fclose(f), 0);
}

static void a_password_is_asked_for_and_not_passed_on(struct wire *w)
{
    struct origin *o = origin_open(w);
    write_users(w);
    sluice_run_config(w, FORWARD(", basic_auth: { users: users, realm: out }"));
    struct conn *c = client_dial(w);
    connect_to(c, o->name);
    struct message m = hear_status(c, 407);
    has_field(&m, "Proxy-Authenticate", "Basic realm=\"out\", charset=\"UTF-8\"");
    has_no_field(&m, "WWW-Authenticate");
    logged(w, "status=407 end=proxy_auth_required user=");
    sayf(c, "CONNECT %s HTTP/1.1\r\nHost: x\r\nAuthorization: " ALICE "\r\n\r\n", o->name);
    hear_status(c, 407); /* that is for the server */
    logged(w, "status=407 end=proxy_auth_required");
    sayf(c, "CONNECT %s HTTP/1.1\r\nHost: x\r\nProxy-Authorization: " ALICE_WRONG "\r\n\r\n",
         o->name);
    hear_status(c, 407);
    logged(w, "status=407 end=proxy_auth_failed user=alice");
    origin_untouched(o);
    sayf(c,
         "GET http://%s/ HTTP/1.1\r\nHost: x\r\nAuthorization: " BOB
         "\r\nProxy-Authorization: " ALICE "\r\n\r\n",
         o->name);
    struct conn *s = origin_accept(o);
    m = hear_request(s);
    has_no_field(&m, "Proxy-Authorization");
    has_field(&m, "Authorization", BOB);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    const char *line = logged(w, "status=200 user=alice");
    assert_null(strstr(line, "YWxpY2U6c2VjcmV0"));
    sayf(c, "CONNECT %s HTTP/1.1\r\nHost: x\r\nProxy-Authorization: " ALICE "\r\n\r\n", o->name);
    s = origin_accept(o);
    hear_connected(c);
    logged(w, "end=tunnel_opened user=alice");
    hang_up(c);
    hang_up(s);
    logged(w, "user=alice method=CONNECT end=tunnel_closed");
}

static void rules_decide_by_user(struct wire *w)
{
    struct origin *o = origin_open(w);
    write_users(w);
    sluice_run_config(w, FORWARD(", basic_auth: users, otherwise: deny, rules: [{ action: allow, "
                                 "users: [bob] }]"));
    struct conn *c = client_dial(w);
    sayf(c, "CONNECT %s HTTP/1.1\r\nHost: x\r\nProxy-Authorization: " ALICE "\r\n\r\n", o->name);
    hear_status(c, 403);
    sayf(c, "CONNECT %s HTTP/1.1\r\nHost: x\r\nProxy-Authorization: " BOB "\r\n\r\n", o->name);
    origin_accept(o);
    hear_connected(c);
}

static void clients_can_be_refused_by_network(struct wire *w)
{
    sluice_run_config(w, FORWARD(", allow: [127.0.0.5]"));
    struct conn *c = client_dial(w);
    connect_to(c, "127.0.0.1:8080");
    hear_status(c, 403);
    logged(w, "end=access_denied");
}

/* ---- what the destination is told ---- */

#define TELLING                                                                                    \
    "Via: 1.1 there\r\nForwarded: for=1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Host: "   \
    "a\r\nX-Forwarded-Whatever: b\r\nX-Real-IP: 1.2.3.4\r\nClient-IP: 1.2.3.4\r\nX-Request-Id: "   \
    "mine\r\nX-Other: kept\r\n"

static struct message ask_telling(struct wire *w, struct origin *o)
{
    struct conn *c = client_dial(w);
    sayf(c, "GET http://%s/ HTTP/1.1\r\nHost: x\r\n" TELLING "\r\n", o->name);
    return hear_request(origin_accept(o));
}

static void nothing_tells_of_the_client(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(""));
    struct message m = ask_telling(w, o);
    static const char *const names[] = { "Via",
                                         "Forwarded",
                                         "X-Forwarded-For",
                                         "X-Forwarded-Host",
                                         "X-Forwarded-Proto",
                                         "X-Forwarded-Whatever",
                                         "X-Real-IP",
                                         "Client-IP",
                                         "X-Request-Id" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        has_no_field(&m, names[i]);
    has_field(&m, "X-Other", "kept");
}

static void what_the_client_tells_can_be_kept(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(", client_headers: keep"));
    struct message m = ask_telling(w, o);
    has_field(&m, "Via", "1.1 there");
    has_field(&m, "Forwarded", "for=1.2.3.4");
    has_field(&m, "X-Forwarded-For", "1.2.3.4");
    has_field(&m, "X-Forwarded-Host", "a");
    has_field(&m, "X-Request-Id", "mine");
    has_no_field(&m, "X-Forwarded-Proto");
}

static void servers_can_be_told(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(", client_headers: add, via: true"));
    struct message m = ask_telling(w, o);
    has_field(&m, "X-Forwarded-For", "127.0.0.1"); /* what a stranger says of others is replaced */
    has_field(&m, "X-Forwarded-Proto", "http");
    has_field(&m, "Via", "1.1 there, 1.1 sluice");
}

/* ---- the PAC file ---- */

static void a_pac_file_is_made_up(struct wire *w)
{
    write_users(w);
    sluice_run_config(w, FORWARD(", pac: auto, basic_auth: users"));
    struct conn *c = client_dial(w);
    say(c, "GET /proxy.pac HTTP/1.1\r\nHost: proxy.corp.test:3128\r\n\r\n");
    struct message m = hear_status(c, 200);
    has_field(&m, "Content-Type", "application/x-ns-proxy-autoconfig");
    assert_non_null(strstr(m.body, "return \"PROXY proxy.corp.test:3128\";"));
    logged(w, "end=replied status=200");
    say(c, "GET /wpad.dat HTTP/1.1\r\nHost: proxy\r\n\r\n");
    m = hear_status(c, 200);
    assert_non_null(strstr(m.body, "PROXY proxy:80"));
    say(c, "GET /other HTTP/1.1\r\nHost: proxy\r\n\r\n");
    hear_status(c, 400);
}

static void a_pac_file_of_ones_own_is_served(struct wire *w)
{
    FILE *f = fopen(wire_path(w, "my.pac"), "w");
    assert_non_null(f);
    fputs("function FindProxyForURL(u, h) { return \"DIRECT\"; }\n", f);
    assert_int_equal(fclose(f), 0);
    sluice_run_config(w, FORWARD(", pac: my.pac"));
    struct conn *c = client_dial(w);
    say(c, "GET /proxy.pac HTTP/1.1\r\nHost: proxy\r\n\r\n");
    hear_answered(c, 200, "function FindProxyForURL(u, h) { return \"DIRECT\"; }\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_password_is_asked_for_and_not_passed_on),
        TEST(rules_decide_by_user),
        TEST(clients_can_be_refused_by_network),
        TEST(nothing_tells_of_the_client),
        TEST(what_the_client_tells_can_be_kept),
        TEST(servers_can_be_told),
        TEST(a_pac_file_is_made_up),
        TEST(a_pac_file_of_ones_own_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
