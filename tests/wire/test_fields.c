/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of the heads of requests and responses on their way (RFC 9110 7, DESIGN 7). */
#include <string.h>

#include "tests/wire/wire.h"

/* Each on a new connection. */
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

/* A client's request head as the server gets it; the server answers OK_ANSWER. */
static struct message as_forwarded(struct conn *client, struct origin *o, const char *request)
{
    say(client, request);
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    say(s, OK_ANSWER);
    hear_answered(client, 200, "ok");
    hang_up(s);
    return m;
}

/* A server's response as a client gets it that asked with `request`. */
static struct message as_returned(struct wire *w, struct origin *o, const char *request,
                                  const char *response)
{
    struct conn *c = client_dial(w);
    say(c, request);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, response);
    hang_up(s);
    struct message m = hear_answer(c);
    hang_up(c);
    return m;
}

#define GET "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"

static void has_line(const struct message *m, const char *line)
{
    if (!strstr(m->head, line))
        wire_fail(m->w, "'%s' is not in\n%s", line, m->head);
}

/* ---- requests ---- */

static void a_request_arrives_as_it_was_meant(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    struct message m = as_forwarded(c, o,
                                    "GET /a/b;c?d=e HTTP/1.1\r\nHost: example.com:8080\r\n"
                                    "Accept: text/html\r\nX-Empty:\r\naccept: */*\r\n\r\n");
    assert_string_equal(m.start, "GET /a/b;c?d=e HTTP/1.1");
    has_field(&m, "Host", "example.com:8080");
    has_line(&m, "\r\nAccept: text/html\r\n");
    has_line(&m, "\r\nX-Empty: \r\n");
    has_line(&m, "\r\naccept: */*\r\n"); /* repeated fields stay, in their order */
    has_no_field(&m, "Connection");
    has_no_field(&m, "Via");
    has_no_field(&m, "Forwarded");
}

static void any_method_passes(struct wire *w)
{
    static const char *const methods[] = { "POST",  "PUT",      "DELETE", "OPTIONS",
                                           "PATCH", "PROPFIND", "get" };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const char *head = wire_text(w, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", methods[i]);
        struct message m = as_forwarded(c, o, head);
        assert_string_equal(m.start, wire_text(w, "%s / HTTP/1.1", methods[i]));
        has_no_field(&m, "Content-Length");
        logged(w, "method=%s end=ok", methods[i]);
    }
}

static void fields_about_the_connection_end_at_the_proxy(struct wire *w)
{
    static const char *const fields[] = {
        "Connection: keep-alive",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "TE: trailers",
        "Upgrade: websocket",
        "Proxy-Authorization: Basic eDp5",
        "HTTP2-Settings: AAMAAABkAAQAAP",
        "Proxy-Authenticate: Basic",
    };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const char *request =
            wire_text(w, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\nX-Stays: yes\r\n\r\n", fields[i]);
        const char *name = wire_text(w, "%.*s", (int)strcspn(fields[i], ":"), fields[i]);
        struct message m = as_forwarded(c, o, request);
        has_no_field(&m, name);
        has_field(&m, "X-Stays", "yes");
    }
}

static void fields_that_connection_names_end_at_the_proxy(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct message m =
        as_forwarded(client_dial(w), o,
                     "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-One, keep-alive ,,x-two\r\n"
                     "X-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\nConnection: X-Four\r\n"
                     "x-four: 4\r\nX-One: 11\r\n\r\n");
    has_no_field(&m, "X-One");
    has_no_field(&m, "X-Two");
    has_no_field(&m, "X-Four");
    has_no_field(&m, "Connection");
    has_field(&m, "X-Three", "3");
}

static void what_a_client_says_of_its_own_origin_is_replaced(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct message m =
        as_forwarded(client_dial(w), o,
                     "GET / HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 192.0.2.66\r\n"
                     "X-Forwarded-Proto: https\r\nX-Forwarded-Host: bank.example\r\n"
                     "X-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /admin\r\n"
                     "Forwarded: for=192.0.2.66\r\n\r\n");
    has_field(&m, "X-Forwarded-For", "127.0.0.1");
    has_field(&m, "X-Forwarded-Proto", "http");
    has_field(&m, "X-Forwarded-Host", "example.com");
    has_no_field(&m, "X-Forwarded-Port");
    has_no_field(&m, "X-Forwarded-Prefix");
    has_no_field(&m, "Forwarded");
}

static void each_request_has_an_id_that_the_log_shows(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    const char *ids[2];
    for (unsigned i = 0; i < 2; i++) {
        struct message m =
            as_forwarded(c, o, "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n");
        ids[i] = field(&m, "X-Request-Id");
        assert_int_equal(strspn(ids[i], "0123456789abcdef"), 32);
        logged(w, "request_id=%s connection=1 request=%u", ids[i], i + 1);
    }
    assert_string_not_equal(ids[0], ids[1]);
}

/* W3C Trace Context: to the letter and in order, repeated tracestate too, malformed ones included:
 * whoever traces judges them. */
static void trace_context_passes_unchanged_both_ways(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    static const char *const lines[] = {
        "\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
        "tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE\r\n"
        "TraceState: b@c=d;e:f , ,x=y\r\n"
        "baggage: userId=al%20ice;prop=1\r\n",
        "\r\nTraceparent: cc-FFFF-0-zz-what-the-future-will-be\r\ntracestate: \r\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct message m = as_forwarded(
            client_dial(w), o, wire_text(w, "GET / HTTP/1.1\r\nHost: example.com%s\r\n", lines[i]));
        has_line(&m, lines[i]);
        m = as_returned(w, o, GET,
                        wire_text(w, "HTTP/1.1 200 OK\r\nContent-Length: 0%s\r\n", lines[i]));
        has_line(&m, lines[i]);
    }
    struct message m = as_forwarded(client_dial(w), o, GET);
    has_no_field(&m, "traceparent"); /* none is made up */
    has_no_field(&m, "tracestate");
}

static void names_with_underscores_are_dropped(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct message m = as_forwarded(client_dial(w), o,
                                    "GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 192.0.2.66\r\n"
                                    "Remote_User: root\r\nX-Stays: a_b\r\n\r\n");
    has_no_field(&m, "X_Forwarded_For");
    has_no_field(&m, "Remote_User");
    has_field(&m, "X-Stays", "a_b");
}

static void via_is_added_both_ways_on_demand(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--via");
    struct conn *c = client_dial(w);
    struct message m = as_forwarded(c, o, GET);
    has_field(&m, "Via", "1.1 sluice");
    m = as_forwarded(c, o, "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 one\r\nVia: 1.1 two\r\n\r\n");
    has_field(&m, "Via", "1.0 one, 1.1 two, 1.1 sluice");
    m = as_forwarded(c, o, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    has_field(&m, "Via", "1.0 sluice");
    m = as_returned(w, o, GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nVia: 1.1 x\r\n\r\n");
    has_field(&m, "Via", "1.1 x, 1.1 sluice");
    m = as_returned(w, o, GET, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    has_field(&m, "Via", "1.0 sluice");
}

static void forwarded_is_added_on_demand(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--forwarded --from 127.0.0.1:0,[::1]:0");
    struct message m =
        as_forwarded(client_dial(w), o,
                     "GET / HTTP/1.1\r\nHost: a.example:81\r\nForwarded: for=192.0.2.66\r\n\r\n");
    has_field(&m, "Forwarded", "for=127.0.0.1;host=\"a.example:81\";proto=http");
    m = as_forwarded(client_dial_to(w, sluice_address(w, 1)), o, GET);
    has_field(&m, "Forwarded", "for=\"[::1]\";host=\"example.com\";proto=http");
    has_field(&m, "X-Forwarded-For", "::1");
}

static void an_absolute_target_names_the_host(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    struct message m = as_forwarded(
        c, o, "GET http://real.example:8080/a?b HTTP/1.1\r\nHost: other.example\r\n\r\n");
    assert_string_equal(m.start, "GET /a?b HTTP/1.1");
    has_field(&m, "Host", "real.example:8080");
    has_field(&m, "X-Forwarded-Host", "real.example:8080");
    logged(w, "authority=real.example:8080 path=http://real.example:8080/a?b");
    m = as_forwarded(c, o, "GET HTTP://real.example?q HTTP/1.1\r\nHost: real.example\r\n\r\n");
    assert_string_equal(m.start, "GET /?q HTTP/1.1");
    m = as_forwarded(c, o, "OPTIONS http://real.example HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_string_equal(m.start, "OPTIONS * HTTP/1.1");
    has_field(&m, "Host", "real.example");
}

static void the_path_is_forwarded_in_its_normal_form(struct wire *w)
{
    static const struct {
        const char *asked, *forwarded;
    } cases[] = {
        { "/", "/" },
        { "/a/./b/../c", "/a/c" },
        { "/../../etc/passwd", "/etc/passwd" },
        { "/%2e%2e/%2E/a", "/a" },
        { "/a/%2e%2e", "/" },
        { "/%7euser/%41?x=%7e", "/~user/A?x=%7e" },
        { "/a%2fb/%2F", "/a%2Fb/%2F" },
        { "//a///b", "//a///b" },
        { "/a;v=1/b?c=../d", "/a;v=1/b?c=../d" },
        { "/%e2%82%ac", "/%E2%82%AC" },
        { "/?", "/?" },
        { "/a?b?c/../d", "/a?b?c/../d" },
        { "*", "*" },
    };
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *method = cases[i].asked[0] == '*' ? "OPTIONS" : "GET";
        struct message m = as_forwarded(
            c, o, wire_text(w, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, cases[i].asked));
        const char *wanted = wire_text(w, "%s %s HTTP/1.1", method, cases[i].forwarded);
        assert_string_equal(m.start, wanted);
    }
}

static void max_forwards_counts_down_and_ends_at_0(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    struct message m =
        as_forwarded(c, o, "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\n\r\n");
    has_field(&m, "Max-Forwards", "2");
    logged(w, "end=ok");
    say(c, "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
    m = hear_status(c, 204);
    assert_non_null(field(&m, "Allow"));
    logged(w, "end=replied status=204 tries=0");
    origin_untouched(o);
    m = as_forwarded(c, o, "GET / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
    has_field(&m, "Max-Forwards", "0"); /* of GET it says nothing (RFC 9110 7.6.2) */
}

/* ---- HTTP/1.0 clients ---- */

static void an_http_1_0_client_needs_no_host_and_is_closed_after_its_answer(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.0\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    assert_string_equal(m.start, "GET / HTTP/1.1");
    has_field(&m, "Host", "");
    say(s, OK_ANSWER);
    m = hear_answered(c, 200, "ok");
    has_field(&m, "Connection", "close");
    hear_end(c);
    logged(w, "version=HTTP/1.0 end=ok");
}

static void an_http_1_0_client_may_keep_its_connection(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w), *s = NULL;
    for (unsigned i = 0; i < 2; i++) {
        say(c, "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        s = s ? s : origin_accept(o);
        struct message m = hear_request(s);
        has_no_field(&m, "Connection");
        say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        m = hear_answered(c, 200, "ok");
        has_field(&m, "Connection", "keep-alive");
    }
}

/* ---- responses ---- */

static void a_response_arrives_as_it_was_meant(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct message m = as_returned(w, o, GET,
                                   "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 3\r\n"
                                   "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: kettle\r\n"
                                   "Set-Cookie: a=1\r\nset-cookie: b=2\r\n\r\ntea");
    assert_string_equal(m.start, "HTTP/1.1 418 I'm a teapot");
    has_field(&m, "Date", "Thu, 01 Jan 1970 00:00:00 GMT");
    has_field(&m, "Server", "kettle");
    has_line(&m, "\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n");
    has_no_field(&m, "Connection");
    assert_string_equal(m.body, "tea");
    logged(w, "status=418 server_status=418 end=ok");
}

static void what_a_response_leaves_out_is_filled_in(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct message m = as_returned(w, o, GET, "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n");
    assert_string_equal(m.start, "HTTP/1.1 404 Not Found");
    const char *date = field(&m, "Date");
    assert_non_null(date);
    assert_int_equal(strlen(date), strlen("Thu, 01 Jan 1970 00:00:00 GMT"));
    m = as_returned(w, o, GET, "HTTP/1.1 799 \r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(m.status, 799);
}

static void fields_about_the_servers_connection_end_at_the_proxy(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct message m = as_returned(w, o, GET,
                                   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                                   "Connection: close, X-One\r\nX-One: 1\r\nKeep-Alive: max=1\r\n"
                                   "Upgrade: h2c\r\nProxy-Authenticate: Basic\r\nX-Two: 2\r\n"
                                   "X_Three: 3\r\n\r\n");
    has_no_field(&m, "Connection");
    has_no_field(&m, "X-One");
    has_no_field(&m, "Keep-Alive");
    has_no_field(&m, "Upgrade");
    has_no_field(&m, "Proxy-Authenticate");
    has_field(&m, "X-Two", "2");
    has_field(&m, "X_Three", "3");
}

static void a_client_that_wants_to_close_is_told_so(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_no_field(&m, "Connection"); /* it says nothing about this connection */
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    m = hear_answered(c, 200, "ok");
    has_field(&m, "Connection", "close");
    hear_end(c);
    get_and_answer(client_dial(w), o, s, "the server's goes on");
}

static void an_http_1_0_server_looks_like_1_1(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct message m = as_returned(w, o, GET, "HTTP/1.0 200 Fine\r\nContent-Length: 2\r\n\r\nok");
    assert_string_equal(m.start, "HTTP/1.1 200 Fine");
    assert_string_equal(m.body, "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_arrives_as_it_was_meant),
        TEST(any_method_passes),
        TEST(fields_about_the_connection_end_at_the_proxy),
        TEST(fields_that_connection_names_end_at_the_proxy),
        TEST(what_a_client_says_of_its_own_origin_is_replaced),
        TEST(each_request_has_an_id_that_the_log_shows),
        TEST(trace_context_passes_unchanged_both_ways),
        TEST(names_with_underscores_are_dropped),
        TEST(via_is_added_both_ways_on_demand),
        TEST(forwarded_is_added_on_demand),
        TEST(an_absolute_target_names_the_host),
        TEST(the_path_is_forwarded_in_its_normal_form),
        TEST(max_forwards_counts_down_and_ends_at_0),
        TEST(an_http_1_0_client_needs_no_host_and_is_closed_after_its_answer),
        TEST(an_http_1_0_client_may_keep_its_connection),
        TEST(a_response_arrives_as_it_was_meant),
        TEST(what_a_response_leaves_out_is_filled_in),
        TEST(fields_about_the_servers_connection_end_at_the_proxy),
        TEST(a_client_that_wants_to_close_is_told_so),
        TEST(an_http_1_0_server_looks_like_1_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
