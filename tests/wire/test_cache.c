/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers that are kept, and fetches that many share. */
#include <string.h>

#include "tests/wire/wire.h"

#define CONFIG(rules) CONFIG_OF(rules)
#define CONFIG_OF(rules)                                                                           \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites:\n"                                                                                     \
    "  s:\n"                                                                                       \
    "    log: access\n"                                                                            \
    "    routes: [{ to: app, cache: " rules " }]\n"                                                \
    "backends: { app: { servers: [$SERVERS] } }\n"

#define GET(path, fields) "GET " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define FRESH(fields, body_length, body)                                                           \
    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n" fields "Content-Length: " body_length       \
    "\r\n\r\n" body

/* The Cache-Status of an answer begins so. */
static void has_status(const struct message *m, const char *begin)
{
    const char *status = field(m, "Cache-Status");
    if (!status || strncmp(status, begin, strlen(begin)) != 0)
        wire_fail(m->w, "Cache-Status is '%s', not '%s'", status ? status : "", begin);
}

/* The server's next request, answered so. */
static struct message serve(struct conn *s, const char *answer)
{
    struct message m = hear_request(s);
    say(s, answer);
    return m;
}

static void ask_hit(struct conn *c, const char *request, const char *body)
{
    say(c, request);
    struct message m = hear_answered(c, 200, body);
    has_status(&m, "sluice; hit");
}

/* ---- hits ---- */

static void what_is_fresh_is_not_asked_for_again(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *c = client_dial(w);
    say(c, GET("/", ""));
    struct conn *s = origin_accept(o);
    serve(s, FRESH("", "5", "hello"));
    struct message m = hear_answered(c, 200, "hello");
    has_status(&m, "sluice; fwd=miss; stored");
    logged(w, "end=ok status=200 cache=miss");
    ask_hit(c, GET("/", ""), "hello");
    logged(w, "end=ok status=200 cache=hit");
    say(c, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    m = hear_answer_to(c, "HEAD");
    has_field(&m, "Content-Length", "5");
    has_status(&m, "sluice; hit");
    hear_nothing(s);
    assert_int_equal(o->accepted, 1);
}

static void what_says_no_is_not_kept(struct wire *w)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nCache-Control: private, max-age=60\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=0\r\nContent-Length: 1\r\n\r\nx",
        FRESH("Set-Cookie: a=b\r\n", "1", "x"),
        FRESH("Vary: *\r\n", "1", "x"),
        "HTTP/1.1 503 No\r\nContent-Length: 1\r\n\r\nx",
    };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *c = client_dial(w), *s = NULL;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        wire_note(w, "%s", answers[i]);
        for (int k = 0; k < 2; k++) {
            sayf(c, "GET /%zu HTTP/1.1\r\nHost: a\r\n\r\n", i);
            s = s ? s : origin_accept(o);
            serve(s, answers[i]);
            struct message m = hear_answer(c);
            assert_string_equal(m.body, "x");
            has_status(&m, "sluice; fwd=miss");
        }
    }
}

static void large_bodies_are_kept_byte_for_byte(struct wire *w)
{
    static const enum coding codings[] = { BY_LENGTH, BY_CHUNKS };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ default_ttl: 60s }"));
    struct conn *c = client_dial(w), *s = NULL;
    for (int i = 0; i < 2; i++) {
        sayf(c, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        s = s ? s : origin_accept(o);
        hear_request(s);
        say(s, i ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 : "HTTP/1.1 200 OK\r\nContent-Length: 3000001\r\n\r\n");
        stream_send(s, 7, 3000001, codings[i]);
        hear_head(c);
        stream_hear(c, 7, 3000001, codings[i]);
        streams_sent(w);
        sayf(c, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        struct message m = hear_head(c);
        has_status(&m, "sluice; hit");
        stream_hear(c, 7, 3000001, BY_LENGTH);
    }
}

static void conditions_and_ranges_are_answered_from_what_is_kept(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *c = client_dial(w);
    say(c, GET("/", "If-None-Match: \"old\"\r\nRange: bytes=0-1\r\n"));
    struct conn *s = origin_accept(o);
    struct message m =
        serve(s, FRESH("ETag: \"e\"\r\nContent-Type: text/plain\r\n", "10", "0123456789"));
    has_no_field(&m, "If-None-Match");
    has_no_field(&m, "Range");
    m = hear_answered(c, 206, "01");
    has_field(&m, "Content-Range", "bytes 0-1/10");
    say(c, GET("/", "If-None-Match: \"x\", \"e\"\r\n"));
    m = hear_status(c, 304);
    has_field(&m, "ETag", "\"e\"");
    has_no_field(&m, "Content-Length");
    say(c, GET("/", "Range: bytes=-3\r\n"));
    hear_answered(c, 206, "789");
    say(c, GET("/", "Range: bytes=10-\r\n"));
    m = hear_status(c, 416);
    has_field(&m, "Content-Range", "bytes */10");
    say(c, GET("/", "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n"));
    hear_answered(c, 200, "0123456789");
    say(c, GET("/", "Range: bytes=8-9,1-2\r\n"));
    m = hear_status(c, 206);
    assert_non_null(strstr(field(&m, "Content-Type"), "multipart/byteranges; boundary="));
    assert_non_null(strstr(m.body, "Content-Range: bytes 8-9/10\r\n\r\n89\r\n--"));
    assert_non_null(strstr(m.body, "Content-Range: bytes 1-2/10\r\n\r\n12\r\n--"));
    say(c, GET("/", "If-Match: \"e\"\r\n")); /* for the server to judge */
    m = serve(s, "HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n");
    has_field(&m, "If-Match", "\"e\"");
    hear_status(c, 412);
}

/* ---- staleness ---- */

#define STALE_AT_ONCE(fields)                                                                      \
    "HTTP/1.1 200 OK\r\nCache-Control: max-age=0" fields "\r\nETag: \"e\"\r\n"                     \
    "Content-Length: 3\r\n\r\nold"

static void what_is_stale_is_validated(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *c = client_dial(w);
    say(c, GET("/", ""));
    struct conn *s = origin_accept(o);
    serve(s, STALE_AT_ONCE(""));
    hear_answered(c, 200, "old");
    say(c, GET("/", ""));
    struct message m = serve(s, "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\n"
                                "ETag: \"e\"\r\nX-New: 1\r\n\r\n");
    has_field(&m, "If-None-Match", "\"e\"");
    m = hear_answered(c, 200, "old");
    has_field(&m, "X-New", "1");
    has_field(&m, "Cache-Control", "max-age=60");
    ask_hit(c, GET("/", ""), "old");
    say(c, GET("/", "Cache-Control: no-cache\r\n"));
    serve(s, FRESH("", "3", "new"));
    hear_answered(c, 200, "new");
    ask_hit(c, GET("/", ""), "new");
}

static void stale_answers_bridge_errors_and_the_time_of_a_fetch(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *c = client_dial(w);
    say(c, GET("/e", ""));
    struct conn *s = origin_accept(o);
    serve(s, STALE_AT_ONCE(", stale-if-error=60"));
    hear_answered(c, 200, "old");
    say(c, GET("/e", ""));
    serve(s, "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops");
    struct message m = hear_answered(c, 200, "old");
    has_status(&m, "sluice; hit; detail=stale");
    say(c, GET("/w", ""));
    s = origin_accept(o); /* the answer of the 500 was not read to its end */
    serve(s, STALE_AT_ONCE(", stale-while-revalidate=60"));
    hear_answered(c, 200, "old");
    say(c, GET("/w", ""));
    m = hear_answered(c, 200, "old"); /* before the server was answered */
    has_status(&m, "sluice; hit; detail=stale");
    serve(s, FRESH("", "3", "new"));
    do { /* the fetch ends by itself */
        say(c, GET("/w", ""));
        m = hear_status(c, 200);
    } while (strcmp(m.body, "new") != 0);
}

/* ---- variants and keys ---- */

static void variants_are_kept_apart(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *c = client_dial(w);
    say(c, GET("/", "Accept-Language: de\r\n"));
    struct conn *s = origin_accept(o);
    serve(s, FRESH("Vary: Accept-Language\r\n", "2", "de"));
    hear_answered(c, 200, "de");
    say(c, GET("/", "Accept-Language: en\r\n"));
    serve(s, FRESH("Vary: Accept-Language\r\n", "2", "en"));
    hear_answered(c, 200, "en");
    ask_hit(c, GET("/", "Accept-Language: de\r\n"), "de");
    ask_hit(c, GET("/", "Accept-Language: en\r\n"), "en");
}

static void keys_are_made_as_the_rule_says(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ key: { except: [utm], sort: true, headers: [X-Device], "
                                "cookies: [lang] }, bypass: { cookies: [session] } }"));
    struct conn *c = client_dial(w);
    say(c, GET("/?b=1&utm=x&a=2", ""));
    struct conn *s = origin_accept(o);
    serve(s, FRESH("", "1", "1"));
    hear_answered(c, 200, "1");
    ask_hit(c, GET("/?a=2&b=1", ""), "1");
    ask_hit(c, GET("/?utm=y&a=2&b=1", ""), "1");
    static const char *const others[] = {
        GET("/?a=2&b=2", ""),
        GET("/?a=2&b=1", "X-Device: phone\r\n"),
        GET("/?a=2&b=1", "Cookie: lang=de\r\n"),
        "GET /?a=2&b=1 HTTP/1.1\r\nHost: b\r\n\r\n",
        GET("/?a=2&b=1", "Cookie: session=1\r\n"),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        wire_note(w, "%s", others[i]);
        say(c, others[i]);
        serve(s, FRESH("", "1", "2"));
        hear_answered(c, 200, "2");
    }
    ask_hit(c, GET("/?a=2&b=1", ""), "1");
}

/* What one client adds cannot come back to another (cache poisoning). */
static void unkeyed_fields_do_not_reach_the_server(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ key: { headers: [X-Device] } }"));
    struct conn *c = client_dial(w);
    say(c, GET("/", "X-Forwarded-Host: evil\r\nX-Original-URL: /admin\r\nX-Host: evil\r\n"
                    "X-HTTP-Method-Override: POST\r\nX-Device: tv\r\n"));
    struct conn *s = origin_accept(o);
    struct message m = serve(s, FRESH("", "1", "x"));
    has_field(&m, "X-Forwarded-Host", "a");
    has_no_field(&m, "X-Original-URL");
    has_no_field(&m, "X-Host");
    has_no_field(&m, "X-HTTP-Method-Override");
    has_field(&m, "X-Device", "tv");
    hear_answered(c, 200, "x");
}

static void a_body_with_a_get_goes_past(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *c = client_dial(w);
    say(c, GET("/", "Content-Length: 3\r\n") "abc");
    struct conn *s = origin_accept(o);
    serve(s, FRESH("", "1", "x"));
    struct message m = hear_answered(c, 200, "x");
    has_status(&m, "sluice; fwd=bypass");
    say(c, GET("/", ""));
    serve(s, FRESH("", "1", "y"));
    hear_answered(c, 200, "y");
}

static void unsafe_methods_end_what_is_kept(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *c = client_dial(w), *s = NULL;
    static const char *const paths[] = { "/a", "/b", "/c" };
    for (int i = 0; i < 3; i++) {
        sayf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
        s = s ? s : origin_accept(o);
        serve(s, FRESH("", "1", "1"));
        hear_answered(c, 200, "1");
    }
    say(c, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    serve(s, "HTTP/1.1 201 Created\r\nLocation: http://a/b\r\nContent-Location: http://other/c\r\n"
             "Content-Length: 0\r\n\r\n");
    hear_status(c, 201);
    ask_hit(c, GET("/c", ""), "1");
    for (int i = 0; i < 2; i++) {
        sayf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
        serve(s, FRESH("", "1", "2"));
        hear_answered(c, 200, "2");
    }
    say(c, "DELETE /c HTTP/1.1\r\nHost: a\r\n\r\n");
    serve(s, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"); /* it was not done */
    hear_status(c, 500);
    ask_hit(c, GET("/c", ""), "1");
}

static void only_if_cached_is_answered_or_refused(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *c = client_dial(w);
    say(c, GET("/", "Cache-Control: only-if-cached\r\n"));
    hear_status(c, 504);
    logged(w, "end=not_cached status=504");
    origin_untouched(o);
}

/* ---- sharing ---- */

static void equal_requests_are_one_fetch(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, "workers: 2\n" CONFIG_OF("{}"));
    enum { CLIENTS = 20 };
    struct conn *clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_dial(w);
        say(clients[i], GET("/", ""));
    }
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nhello");
    for (int i = 0; i < CLIENTS; i++) { /* as it comes, not when it is whole */
        hear_head(clients[i]);
        hear(clients[i], "hello");
    }
    say(s, "world");
    for (int i = 0; i < CLIENTS; i++)
        hear(clients[i], "world");
    origin_untouched(o);
    assert_int_equal(o->accepted, 1);
}

static void a_fetch_outlives_the_client_that_asked(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *first = client_dial(w), *second = client_dial(w);
    say(first, GET("/", ""));
    struct conn *s = origin_accept(o);
    hear_request(s);
    hang_up_hard(first);
    logged(w, "end=client_reset");
    say(second, GET("/", ""));
    say(s, FRESH("", "5", "hello"));
    hear_answered(second, 200, "hello");
    assert_int_equal(o->accepted, 1);
}

static void what_is_not_kept_releases_who_waited(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *clients[3], *servers[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_dial(w);
        say(clients[i], GET("/", ""));
    }
    servers[0] = origin_accept(o);
    hear_request(servers[0]);
    say(servers[0], "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\nm");
    for (int i = 1; i < 3; i++) { /* all at once, though the first is not done */
        servers[i] = origin_accept(o);
        hear_request(servers[i]);
    }
    for (int i = 1; i < 3; i++)
        say(servers[i],
            "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\nme");
    hear_answered(clients[1], 200, "me");
    hear_answered(clients[2], 200, "me");
    say(servers[0], "e");
    hear_answered(clients[0], 200, "me");
}

static void a_cut_fetch_is_not_kept_and_visible(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *c = client_dial(w), *late = client_dial(w);
    say(c, GET("/", ""));
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nhello");
    hear_head(c);
    hear(c, "hello");
    hang_up(s);
    hear_gone(c);
    logged(w, "end=response_cut_body");
    say(late, GET("/", ""));
    s = origin_accept(o);
    serve(s, FRESH("", "5", "whole"));
    hear_answered(late, 200, "whole");
}

static void waiters_get_the_error_of_their_fetch(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *a = client_dial(w), *b = client_dial(w);
    say(a, GET("/", ""));
    say(b, GET("/", ""));
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "nonsense\r\n\r\n");
    hear_status(a, 502);
    hear_status(b, 502);
}

static void a_slow_client_slows_nobody(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ default_ttl: 60s }"));
    struct conn *slow = client_dial(w), *fast = client_dial(w);
    say(slow, GET("/", ""));
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(fast, GET("/", ""));
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 6000000\r\n\r\n");
    stream_send(s, 3, 6000000, BY_LENGTH);
    hear_head(fast);
    stream_hear(fast, 3, 6000000, BY_LENGTH);
    streams_sent(w);
    hear_head(slow);
    stream_hear(slow, 3, 6000000, BY_LENGTH);
}

static void a_body_too_big_streams_with_bounded_memory(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ default_ttl: 60s, max_object: 64KiB }"));
    struct conn *c = client_dial(w);
    say(c, GET("/", ""));
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream_send(s, 5, 50000000, BY_CHUNKS);
    hear_head(c);
    stream_hear(c, 5, 50000000, BY_CHUNKS);
    streams_sent(w);
    say(c, GET("/", ""));
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    hear_answered(c, 200, "x");
}

/* Nobody knows that it is too big when they begin to wait for it. */
static void who_shares_a_body_too_big_gets_all_of_it(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ default_ttl: 60s, max_object: 64KiB }"));
    struct conn *first = client_dial(w), *second = client_dial(w);
    say(first, GET("/", ""));
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(second, GET("/", ""));
    say(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    hear_head(first);
    hear_head(second);
    stream_send(s, 5, 30000000, BY_CHUNKS);
    hear_until(first, "\r\n");
    hang_up_hard(first); /* for whom it was fetched */
    stream_hear(second, 5, 30000000, BY_CHUNKS);
    streams_sent(w);
    logged(w, "cache=miss");
    logged(w, "end=ok status=200 cache=collapsed");
}

static void stopping_in_the_middle_of_a_fetch_is_clean(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{}"));
    struct conn *a = client_dial(w), *b = client_dial(w);
    say(a, GET("/", ""));
    say(b, GET("/", ""));
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nhello");
    hear_head(a);
    sluice_signal(w, 15);
    sluice_signal(w, 15);
    sluice_ends(w, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_fresh_is_not_asked_for_again),
        TEST(what_says_no_is_not_kept),
        TEST(large_bodies_are_kept_byte_for_byte),
        TEST(conditions_and_ranges_are_answered_from_what_is_kept),
        TEST(what_is_stale_is_validated),
        TEST(stale_answers_bridge_errors_and_the_time_of_a_fetch),
        TEST(variants_are_kept_apart),
        TEST(keys_are_made_as_the_rule_says),
        TEST(unkeyed_fields_do_not_reach_the_server),
        TEST(a_body_with_a_get_goes_past),
        TEST(unsafe_methods_end_what_is_kept),
        TEST(only_if_cached_is_answered_or_refused),
        TEST(equal_requests_are_one_fetch),
        TEST(a_fetch_outlives_the_client_that_asked),
        TEST(what_is_not_kept_releases_who_waited),
        TEST(a_cut_fetch_is_not_kept_and_visible),
        TEST(waiters_get_the_error_of_their_fetch),
        TEST(a_slow_client_slows_nobody),
        TEST(a_body_too_big_streams_with_bounded_memory),
        TEST(who_shares_a_body_too_big_gets_all_of_it),
        TEST(stopping_in_the_middle_of_a_fetch_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
