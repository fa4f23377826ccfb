/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another server says who may pass. */
#include <string.h>

#include "tests/wire/wire.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define PASS "HTTP/1.1 204 No Content\r\n\r\n"

struct both {
    struct origin *auth, *app;
};

/* site: lines of the site, `more`: further keys of external_auth. */
static struct both start(struct wire *w, const char *more, const char *site)
{
    struct both b = { .auth = origin_open(w), .app = origin_open(w) };
    sluice_run_config(w,
                      "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
                      "sites:\n"
                      "  s:\n"
                      "    log: access\n"
                      "    external_auth: { to: auth%s }\n%s"
                      "    routes: [{ to: app }]\n"
                      "backends:\n"
                      "  auth: { servers: [\"%s\"] }\n"
                      "  app: { servers: [\"%s\"] }\n",
                      more, site, b.auth->name, b.app->name);
    return b;
}

static void is_answered(struct conn *c, struct conn *s)
{
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
}

static void who_is_let_pass_reaches_the_server(struct wire *w)
{
    struct both b = start(w, "", "");
    struct conn *c = client_dial(w), *a = NULL, *s = NULL;
    for (unsigned i = 0; i < 3; i++) {
        say(c, "GET /x?y=%20 HTTP/1.1\r\nHost: a\r\nCookie: k=1\r\nX-Original-URI: /forged\r\n"
               "If-None-Match: x\r\n\r\n");
        a = a ? a : origin_accept(b.auth);
        struct message q = hear_request(a);
        assert_string_equal(q.start, "GET /x?y=%20 HTTP/1.1");
        has_field(&q, "Cookie", "k=1");
        has_field(&q, "X-Original-Method", "GET");
        has_field(&q, "X-Original-URI", "/x?y=%20");
        has_field(&q, "X-Forwarded-Method", "GET");
        has_field(&q, "X-Forwarded-Uri", "/x?y=%20");
        has_no_field(&q, "If-None-Match");
        if (!s)
            origin_untouched(b.app);
        say(a, i == 1 ? "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes" : PASS);
        s = s ? s : origin_accept(b.app);
        struct message m = hear_request(s);
        has_field(&m, "If-None-Match", "x");
        is_answered(c, s);
        logged(w, "end=ok status=200 tries=1");
    }
}

static void a_body_waits_and_is_not_shown(struct wire *w)
{
    struct both b = start(w, ", path: \"/check?u=$path\"", "");
    struct conn *c = client_dial(w);
    say(c, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    struct conn *a = origin_accept(b.auth);
    struct message q = hear_request(a);
    assert_string_equal(q.start, "GET /check?u=/p HTTP/1.1");
    has_field(&q, "X-Original-Method", "POST");
    has_no_field(&q, "Content-Length");
    has_no_field(&q, "Expect");
    say(a, "HTTP/1.1 103 Early Hints\r\n\r\n" PASS);
    struct conn *s = origin_accept(b.app);
    struct message m = hear_request(s);
    assert_string_equal(m.body, "hello");
    is_answered(c, s);
}

static void chosen_fields_go_to_the_server_and_forged_ones_do_not(struct wire *w)
{
    struct both b = start(w, ", forward: [X-User, X-Groups, Connection]", "");
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\nx-user: root\r\nX-Groups: wheel\r\n\r\n");
    struct conn *a = origin_accept(b.auth);
    hear_request(a);
    say(a, "HTTP/1.1 200 OK\r\nX-USER: alice\r\nX-Other: no\r\nConnection: X-Y\r\n"
           "Content-Length: 0\r\n\r\n");
    struct conn *s = origin_accept(b.app);
    struct message m = hear_request(s);
    has_field(&m, "X-User", "alice");
    has_no_field(&m, "X-Groups");
    has_no_field(&m, "X-Other");
    has_no_field(&m, "Connection");
    is_answered(c, s);
}

static void a_refusal_is_the_clients(struct wire *w)
{
    struct both b = start(w, ", response: [WWW-Authenticate]",
                          "    response_headers: { set: { X-Rule: \"1\" } }\n");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *a = origin_accept(b.auth);
    hear_request(a);
    say(a, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nSet-Cookie: a=b\r\n"
           "Content-Type: text/x\r\nContent-Length: 2\r\n\r\nno");
    struct message m = hear_answered(c, 401, "no");
    has_field(&m, "WWW-Authenticate", "Bearer");
    has_field(&m, "Content-Type", "text/x");
    has_field(&m, "X-Rule", "1");
    has_no_field(&m, "Set-Cookie");
    assert_non_null(field(&m, "Date"));
    logged(w, "end=auth_denied status=401");
    say(c, GET); /* both connections go on */
    hear_request(a);
    say(a, "HTTP/1.1 302 Found\r\nLocation: /login\r\nTransfer-Encoding: chunked\r\n\r\n"
           "2\r\nhi\r\n0\r\n\r\n");
    m = hear_answered(c, 302, "hi");
    has_no_field(&m, "Location"); /* not chosen */
    say(c, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_request(a);
    say(a, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    m = hear_answer_to(c, "HEAD");
    assert_int_equal(m.status, 403);
    origin_untouched(b.app);
}

static void a_large_yes_is_not_waited_for(struct wire *w)
{
    struct both b = start(w, "", "");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *a = origin_accept(b.auth);
    hear_request(a);
    say(a, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    say(a, wire_repeat(w, 'x', 300000));
    struct conn *s = origin_accept(b.app);
    hear_request(s);
    is_answered(c, s);
    hear_gone(a);
}

static void without_an_answer_nobody_passes(struct wire *w)
{
    static const struct {
        const char *answer, *end;
        bool ends; /* there is more to come, which does not */
    } cases[] = {
        { "", "auth_server", true },
        { "HTTP/1.1 2", "auth_server", true },
        { "nonsense\r\n\r\n", "auth_server", false },
        { "HTTP/1.1 101 Switching Protocols\r\n\r\n", "auth_server", false },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nyes", "auth_server", true },
    };
    struct both b = start(w, "", "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_note(w, "case %zu", i);
        struct conn *c = client_dial(w);
        say(c, GET);
        struct conn *a = origin_accept(b.auth);
        hear_request(a);
        if (cases[i].answer[0])
            say(a, cases[i].answer);
        if (cases[i].ends)
            end_sending(a);
        hear_status(c, 502);
        logged(w, "end=%s status=502", cases[i].end);
    }
    origin_close(b.auth);
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_status(c, 502);
    logged(w, "end=auth_server status=502");
    origin_untouched(b.app);
}

static void a_slow_answer_is_504(struct wire *w)
{
    struct both b = start(w, ", timeout: 300ms", "");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *a = origin_accept(b.auth);
    hear_request(a);
    hear_status(c, 504);
    logged(w, "end=auth_timeout status=504");
    say(c, GET);
    a = origin_accept(b.auth);
    hear_request(a);
    say(a, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nyes"); /* its whole, too */
    hear_status(c, 504);
    origin_untouched(b.app);
}

static void a_client_may_leave_while_it_is_asked(struct wire *w)
{
    struct both b = start(w, "", "");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *a = origin_accept(b.auth);
    hear_request(a);
    hang_up_hard(c);
    hear_gone(a);
    logged(w, "end=client_reset");
    c = client_dial(w);
    say(c, GET);
    a = origin_accept(b.auth);
    hear_request(a);
    say(a, PASS);
    struct conn *s = origin_accept(b.app);
    hear_request(s);
    is_answered(c, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_let_pass_reaches_the_server),
        TEST(a_body_waits_and_is_not_shown),
        TEST(chosen_fields_go_to_the_server_and_forged_ones_do_not),
        TEST(a_refusal_is_the_clients),
        TEST(a_large_yes_is_not_waited_for),
        TEST(without_an_answer_nobody_passes),
        TEST(a_slow_answer_is_504),
        TEST(a_client_may_leave_while_it_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
