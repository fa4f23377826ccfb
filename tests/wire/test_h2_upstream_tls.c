/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 to servers over TLS: what is agreed on (ALPN), and what is done when it is not. TLS is
 * ended by Python (OpenSSL), which passes on what is inside to the scripted server. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/h2_peer.h"

#define GET "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"

struct relay {
    const char *folder, *alpn, *to;
};

static int run_relay(int fd, const void *arg)
{
    const struct relay *r = arg;
    char line[512];
    fcntl(fd, F_SETFD, 0); /* which is 3: the script knows */
    snprintf(line, sizeof line, "exec python3 tests/wire/tls_origin.py serve %s good alpn=%s to=%s",
             r->folder, r->alpn, r->to);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    return 1;
}

/* The server inside; sluice speaks with it by that protocol through TLS that offers these. */
static struct origin *start_with(struct wire *w, const char *protocol, const char *alpn,
                                 const char *more)
{
    wire_path(w, "");
    if (system(wire_text(w, "python3 tests/wire/tls_origin.py certificates %s", w->dir)) != 0)
        wire_fail(w, "no certificates could be made");
    struct origin *inside = origin_open(w), *o = origin_open(w);
    struct relay *r = wire_alloc(w, sizeof *r);
    *r = (struct relay){ w->dir, alpn, inside->name };
    o->pid = wire_fork(w, run_relay, o->fd, r);
    const char *address = o->name;
    origin_close(o); /* the child has it */
    sluice_run_config(w,
                      "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
                      "sites: { s: { log: access, routes: [{ to: b }] } }\n"
                      "backends: { b: { protocol: %s, tls: { ca: %s/ca.pem }, %s"
                      " servers: [\"%s\"] } }\n",
                      protocol, w->dir, more, address);
    return inside;
}

static struct origin *start(struct wire *w, const char *protocol, const char *alpn)
{
    return start_with(w, protocol, alpn, "");
}

static struct conn *ask(struct wire *w)
{
    struct conn *c = client_dial(w);
    say(c, GET);
    return c;
}

static void http2_is_agreed_on(struct wire *w)
{
    struct origin *o = start(w, "h2", "http/1.1,h2");
    struct conn *a = ask(w), *b = ask(w);
    struct h2_peer *s = h2_accept(o);
    struct h2_request one = h2_hear_request(s), two = h2_hear_request(s);
    h2_has(s, one.fields, ":scheme: https");
    h2_has(s, one.fields, "x-forwarded-proto: http");
    h2_reply(s, one.stream, 200, "ok");
    h2_reply(s, two.stream, 200, "ok");
    hear_answered(a, 200, "ok");
    hear_answered(b, 200, "ok");
    say(a, GET);
    h2_reply(s, h2_hear_request(s).stream, 200, "again");
    hear_answered(a, 200, "again");
}

static void auto_is_http2_where_it_can_be(struct wire *w)
{
    struct origin *o = start(w, "auto", "h2,http/1.1");
    struct conn *a = ask(w);
    struct h2_peer *s = h2_accept(o);
    h2_reply(s, h2_hear_request(s).stream, 200, "ok");
    hear_answered(a, 200, "ok");
    origin_untouched(o);
}

static void auto_is_http1_where_it_must_be(struct wire *w)
{
    struct origin *o = start(w, "auto", "http/1.1");
    struct conn *c[3], *s[3];
    for (int i = 0; i < 3; i++)
        c[i] = ask(w); /* which wait for one connection, and turn out to need three */
    for (int i = 0; i < 3; i++) {
        s[i] = origin_accept(o);
        hear_request(s[i]);
    }
    for (int i = 0; i < 3; i++)
        say(s[i], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    for (int i = 0; i < 3; i++)
        hear_answered(c[i], 200, "ok");
    for (int i = 0; i < 3; i++)
        say(c[i], GET); /* they are pooled like any others */
    for (int i = 0; i < 3; i++) {
        hear_request(s[i]);
        say(s[i], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
    for (int i = 0; i < 3; i++)
        hear_answered(c[i], 200, "ok");
    origin_untouched(o);
}

static void without_agreement_there_is_no_http2(struct wire *w)
{
    struct origin *o = start(w, "h2", "http/1.1");
    struct conn *c = ask(w);
    hear_status(c, 502);
    logged(w, "end=server_wrong_protocol status=502");
    origin_untouched(o);
}

static void who_switches_protocols_gets_http1(struct wire *w)
{
    struct origin *o = start(w, "auto", "h2,http/1.1");
    struct conn *a = ask(w);
    struct h2_peer *h2 = h2_accept(o);
    h2_reply(h2, h2_hear_request(h2).stream, 200, "ok");
    hear_answered(a, 200, "ok");
    struct conn *c = client_dial(w);
    say(c,
        "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "Upgrade", "websocket");
    say(s, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    hear_until(c, "\r\n\r\n");
    say(c, "ping");
    hear(s, "ping");
    say(s, "pong");
    hear(c, "pong");
}

#define CHECKED "health: { path: /h, host: a.test, interval: 20ms, timeout: 60s, fall: 1 },"

static void checks_go_by_what_is_agreed_on(struct wire *w)
{
    struct origin *o = start_with(w, "auto", "h2,http/1.1", CHECKED);
    struct h2_peer *s = h2_accept(o);
    struct h2_request r = h2_hear_request(s);
    h2_has(s, r.fields, ":path: /h");
    h2_has(s, r.fields, ":scheme: https");
    h2_reply(s, r.stream, 500, "");
    sluice_says(w, "is down: it answers 500");
}

static void checks_of_auto_can_be_by_http1(struct wire *w)
{
    struct origin *o = start_with(w, "auto", "http/1.1", CHECKED);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 500 Not Well\r\nContent-Length: 0\r\n\r\n");
    sluice_says(w, "is down: it answers 500");
}

static void who_does_not_agree_on_http2_is_down(struct wire *w)
{
    struct origin *o = start_with(w, "h2", "http/1.1", CHECKED);
    sluice_says(w, "is down: it does not agree on HTTP/2");
    origin_untouched(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(http2_is_agreed_on),
        TEST(auto_is_http2_where_it_can_be),
        TEST(auto_is_http1_where_it_must_be),
        TEST(without_agreement_there_is_no_http2),
        TEST(who_switches_protocols_gets_http1),
        TEST(checks_go_by_what_is_agreed_on),
        TEST(checks_of_auto_can_be_by_http1),
        TEST(who_does_not_agree_on_http2_is_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
