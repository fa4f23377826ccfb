/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The known ways to make a cache give others what an attacker chose (poisoning) or what was for one
 * alone (deception), and floods of keys and variants. */
#include <stdio.h>
#include <string.h>

#include "tests/wire/wire.h"

#define CONFIG_OF(first, rules)                                                                    \
    "cache_memory: " first "\n"                                                                    \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites:\n"                                                                                     \
    "  s:\n"                                                                                       \
    "    log: access\n"                                                                            \
    "    routes: [{ to: app, cache: " rules " }]\n"                                                \
    "backends: { app: { servers: [$SERVERS] } }\n"
#define CONFIG(rules) CONFIG_OF("64MiB", rules)
#define CAREFREE CONFIG("{ default_ttl: 60s }") /* keeps what says nothing of keeping */

#define GET(path, fields) "GET " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define OK(fields, body_length, body)                                                              \
    "HTTP/1.1 200 OK\r\n" fields "Content-Length: " body_length "\r\n\r\n" body

static struct message serve(struct conn *s, const char *answer)
{
    struct message m = hear_request(s);
    say(s, answer);
    return m;
}

static void is(struct conn *c, const char *request, const char *body, const char *status)
{
    say(c, request);
    struct message m = hear_answered(c, 200, body);
    const char *found = field(&m, "Cache-Status");
    if (!found || !strstr(found, status))
        wire_fail(c->w, "Cache-Status is '%s', not '%s'", found ? found : "", status);
}

/* ---- poisoning ---- */

static void what_is_no_part_of_the_key_does_not_reach_the_server(struct wire *w)
{
    static const char *const fields[] = {
        "X-Forwarded-Host: evil\r\n",    "X-Forwarded-Scheme: evil\r\n",
        "X-Forwarded-Server: evil\r\n",  "X-Host: evil\r\n",
        "X-Original-URL: /evil\r\n",     "X-Rewrite-URL: /evil\r\n",
        "X-Forwarded-Prefix: /evil\r\n", "X-HTTP-Method-Override: evil\r\n",
        "X-Method-Override: evil\r\n",   "X-Forwarded-Proto: evil\r\n",
        "Forwarded: host=evil\r\n",      "X_Forwarded_Host: evil\r\n",
    };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CAREFREE);
    struct conn *c = client_dial(w), *s = NULL;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        wire_note(w, "%s", fields[i]);
        sayf(c, "GET /%zu HTTP/1.1\r\nHost: a\r\n%s\r\n", i, fields[i]);
        s = s ? s : origin_accept(o);
        struct message m = serve(s, OK("", "1", "x"));
        if (strstr(m.head, "evil"))
            wire_fail(w, "the server was told:\n%s", m.head);
        hear_answered(c, 200, "x");
    }
}

static void answers_to_broken_requests_are_not_kept(struct wire *w)
{
    static const int statuses[] = { 400, 403, 405, 413, 414, 429, 431, 500, 501, 502, 503 };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CAREFREE);
    struct conn *c = client_dial(w), *s = NULL;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i] == 405 || statuses[i] == 414 || statuses[i] == 501)
            continue; /* RFC 9110 15.1: of these a lifetime may be assumed */
        wire_note(w, "%d", statuses[i]);
        for (int k = 0; k < 2; k++) { /* a header too large for the server, a character it hates */
            sayf(c, "GET /%zu HTTP/1.1\r\nHost: a\r\nAccept-Language: %s\r\n\r\n", i,
                 k ? "en" : "de");
            s = s ? s : origin_accept(o);
            hear_request(s);
            sayf(s, "HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno", statuses[i]);
            hear_status(c, statuses[i]);
        }
    }
}

static void a_head_or_a_range_is_not_what_is_kept(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CAREFREE);
    struct conn *c = client_dial(w);
    say(c, "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = serve(s, OK("", "5", "hello"));
    assert_memory_equal(m.start, "GET ", 4);
    hear_answer_to(c, "HEAD");
    is(c, GET("/h", ""), "hello", "hit");
    say(c, GET("/r", "Range: bytes=1-1\r\n"));
    m = serve(s, OK("", "5", "hello"));
    has_no_field(&m, "Range");
    hear_answered(c, 206, "e");
    is(c, GET("/r", ""), "hello", "hit");
    say(c, GET("/u", "")); /* a part that nobody has asked for */
    serve(s, "HTTP/1.1 206 Part\r\nContent-Range: bytes 0-0/9\r\nContent-Length: 1\r\n\r\nh");
    hear_answered(c, 206, "h");
    say(c, GET("/u", ""));
    serve(s, OK("", "5", "whole"));
    hear_answered(c, 200, "whole");
}

static void hosts_and_ports_are_told_apart(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CAREFREE);
    struct conn *c = client_dial(w);
    say(c, "GET / HTTP/1.1\r\nHost: a:1234\r\n\r\n");
    struct conn *s = origin_accept(o);
    serve(s, OK("", "4", "1234"));
    hear_answered(c, 200, "1234");
    say(c, GET("/", ""));
    serve(s, OK("", "2", "80"));
    hear_answered(c, 200, "80");
    say(c, "GET / HTTP/1.1\r\nHost: b\r\n\r\n");
    serve(s, OK("", "1", "b"));
    hear_answered(c, 200, "b");
    is(c, "GET http://A/ HTTP/1.1\r\nHost: a\r\n\r\n", "80", "hit");
}

/* ---- deception ---- */

static void what_is_for_one_alone_is_kept_under_no_name(struct wire *w)
{
    static const char *const paths[] = {
        "/account/x.css",       "/account;x.css",           "/account%3bx.css",
        "/account%2fx.css",     "/account%23.css",          "/account%3f.css",
        "/assets/..%2faccount", "/assets/%2e%2e%2faccount", "/assets/..%5caccount",
        "/account%0a.css",      "/account$x.css",
    };
    static const char *const answers[] = {
        OK("Cache-Control: private\r\n", "6", "secret"),
        OK("Cache-Control: no-store\r\n", "6", "secret"),
        OK("Set-Cookie: session=1\r\n", "6", "secret"),
    };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ ttl: 60s }"));
    struct conn *c = client_dial(w), *s = NULL;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        for (size_t k = 0; k < 3; k++) {
            wire_note(w, "%s %s", paths[i], answers[k]);
            for (int again = 0; again < 2; again++) {
                sayf(c, "GET %s?%zu HTTP/1.1\r\nHost: a\r\nCookie: session=1\r\n\r\n", paths[i], k);
                s = s ? s : origin_accept(o);
                serve(s, answers[k]);
                hear_answered(c, 200, "secret");
            }
        }
    say(c, GET("/account", "Authorization: Basic eDp5\r\n"));
    serve(s, OK("", "6", "secret"));
    hear_answered(c, 200, "secret");
    say(c, GET("/account", ""));
    serve(s, OK("", "4", "none"));
    hear_answered(c, 200, "none");
}

/* A server that takes %2F for a slash shows a private page where we see one under /assets/. */
static void paths_that_servers_may_read_otherwise_go_past(struct wire *w)
{
    static const char *const paths[] = {
        "/assets/..%2faccount",   "/assets/%2e%2e%2Faccount", "/assets/..%5Caccount",
        "/assets/x%2f../account", "/a%2f..%2faccount.css",    "/account%23x.css",
        "/account%3Fx.css",       "/assets/..;/account",
    };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CAREFREE);
    struct conn *c = client_dial(w), *s = NULL;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        for (int again = 0; again < 2; again++) {
            wire_note(w, "%s", paths[i]);
            sayf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
            s = s ? s : origin_accept(o);
            serve(s, OK("", "1", "x"));
            struct message m = hear_answered(c, 200, "x");
            has_field(&m, "Cache-Status", "sluice; fwd=bypass");
        }
    say(c, GET("/img/https%3A%2F%2Fb%2Fc.png", "")); /* a usual one */
    serve(s, OK("", "1", "i"));
    hear_answered(c, 200, "i");
    is(c, GET("/img/https%3A%2F%2Fb%2Fc.png", ""), "i", "hit");
}

/* ---- floods ---- */

static void variants_beyond_measure_are_not_kept(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CAREFREE);
    struct conn *c = client_dial(w), *s = NULL;
    for (int i = 0; i < 70; i++) {
        sayf(c, "GET / HTTP/1.1\r\nHost: a\r\nAccept-Language: l%d\r\n\r\n", i);
        s = s ? s : origin_accept(o);
        serve(s, OK("Vary: Accept-Language\r\n", "1", "x"));
        hear_answered(c, 200, "x");
    }
    is(c, GET("/", "Accept-Language: l3\r\n"), "x", "hit");
    say(c, GET("/", "Accept-Language: l69\r\n")); /* one too many: each time anew */
    serve(s, OK("Vary: Accept-Language\r\n", "1", "y"));
    hear_answered(c, 200, "y");
    char vary[1000] = "";
    for (int i = 0; i < 17; i++)
        sprintf(vary + strlen(vary), "%sF%d", i ? ", " : "", i);
    for (int again = 0; again < 2; again++) {
        say(c, GET("/many", ""));
        hear_request(s);
        sayf(s, "HTTP/1.1 200 OK\r\nVary: %s\r\nContent-Length: 1\r\n\r\nz", vary);
        hear_answered(c, 200, "z");
    }
}

static void keys_beyond_measure_and_large_bodies_keep_to_the_memory(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG_OF("2MiB", "{ default_ttl: 60s }"));
    struct conn *c = client_dial(w), *s = NULL;
    char *body = wire_repeat(w, 'b', 100000);
    for (int i = 0; i < 60; i++) { /* three times what there is room for */
        sayf(c, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        s = s ? s : origin_accept(o);
        hear_request(s);
        say(s, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        say(s, body);
        hear_answered(c, 200, body);
    }
    is(c, GET("/59", ""), body, "hit");
    say(c, GET("/0", "")); /* which had to go */
    serve(s, OK("", "1", "x"));
    hear_answered(c, 200, "x");
    say(c, GET("/huge", "")); /* more than all of it */
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 7000000\r\n\r\n");
    stream_send(s, 3, 7000000, BY_LENGTH);
    hear_head(c);
    stream_hear(c, 3, 7000000, BY_LENGTH);
    streams_sent(w);
    say(c, GET("/after", ""));
    serve(s, OK("", "1", "a"));
    hear_answered(c, 200, "a");
}

/* ---- lies ---- */

static void a_length_that_is_a_lie_is_kept_by_nobody(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CAREFREE);
    struct conn *c = client_dial(w);
    say(c, GET("/short", ""));
    struct conn *s = origin_accept(o);
    serve(s, OK("", "10", "12345"));
    hear_head(c);
    hang_up(s);
    hear_gone(c);
    c = client_dial(w);
    say(c, GET("/long", ""));
    s = origin_accept(o);
    serve(s, OK("", "5", "12345HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
    hear_answered(c, 200, "12345");
    say(c, GET("/next", "")); /* not by what came behind the other */
    s = origin_accept(o);
    serve(s, OK("", "4", "good"));
    hear_answered(c, 200, "good");
    say(c, GET("/short", ""));
    serve(s, OK("", "5", "whole"));
    hear_answered(c, 200, "whole");
}

static void what_contradicts_itself_is_not_used_again(struct wire *w)
{
    static const char *const fields[] = {
        "Cache-Control: max-age=60, no-store\r\n",
        "Cache-Control: public, private\r\n",
        "Cache-Control: max-age=60\r\nCache-Control: max-age=0\r\n",
        "Cache-Control: max-age=banana\r\n",
        "Cache-Control: max-age=-1\r\n",
        "Expires: 0\r\n",
        "Expires: yesterday\r\n",
        "Cache-Control: no-cache, max-age=60\r\nETag: \"e\"\r\n",
        "Cache-Control: max-age=60\r\nAge: 61\r\n",
    };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *c = client_dial(w), *s = NULL;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        for (int again = 0; again < 2; again++) {
            wire_note(w, "%s", fields[i]);
            sayf(c, "GET /%zu HTTP/1.1\r\nHost: a\r\n\r\n", i);
            s = s ? s : origin_accept(o);
            hear_request(s);
            sayf(s, "HTTP/1.1 200 OK\r\n%sContent-Length: 1\r\n\r\n%c", fields[i], '0' + again);
            hear_answered(c, 200, again ? "1" : "0");
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_part_of_the_key_does_not_reach_the_server),
        TEST(answers_to_broken_requests_are_not_kept),
        TEST(a_head_or_a_range_is_not_what_is_kept),
        TEST(hosts_and_ports_are_told_apart),
        TEST(what_is_for_one_alone_is_kept_under_no_name),
        TEST(paths_that_servers_may_read_otherwise_go_past),
        TEST(variants_beyond_measure_are_not_kept),
        TEST(keys_beyond_measure_and_large_bodies_keep_to_the_memory),
        TEST(a_length_that_is_a_lie_is_kept_by_nobody),
        TEST(what_contradicts_itself_is_not_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
