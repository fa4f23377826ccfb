/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gRPC: what sluice answers itself, deadlines, and calls that stay open. */
#include <string.h>

#include "tests/wire/h2_peer.h"

#define END_STREAM NGHTTP2_FLAG_END_STREAM

static void call(struct h2_peer *p, int32_t stream, uint8_t flags, const char *path,
                 const char *fields)
{
    h2_head(p, stream, flags,
            wire_text(p->w,
                      ":method: POST\n:scheme: http\n:authority: a.example\n:path: %s\n"
                      "te: trailers\n%s",
                      path, fields));
}

#define GRPC "content-type: application/grpc\n"

/* Trailers only, with that status. */
static struct h2_answer failed(struct h2_peer *p, int32_t stream, int grpc_status,
                               const char *message)
{
    struct h2_answer a = h2_hear_answer(p, stream);
    if (a.reset || a.status != 200 || a.body_len || a.trailers[0])
        wire_fail(p->w, "stream %d: status %d, reset %d, %zu bytes", stream, a.status, a.reset,
                  a.body_len);
    h2_has(p, a.fields, "content-type: application/grpc");
    h2_has(p, a.fields, wire_text(p->w, "grpc-status: %d", grpc_status));
    if (!strstr(a.fields, wire_text(p->w, "\ngrpc-message: %s (request id ", message)))
        wire_fail(p->w, "no message '%s' in\n%s", message, a.fields);
    return a;
}

static void errors_of_ours_are_told_in_its_way(struct wire *w)
{
    struct origin *full = origin_full(w);
    sluice_run_config(
        w,
        "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
        "sites:\n"
        "  s:\n"
        "    log: access\n"
        "    routes:\n"
        "      - { match: { path: /refused/* }, to: dead }\n"
        "      - { match: { path: /late/* }, to: full, timeouts: { connect: 30ms } }\n"
        "      - { match: { path: /denied/* }, to: dead, deny: [127.0.0.0/8] }\n"
        "      - { match: { path: /limited/* }, to: dead, rate_limit: { rate: 1/h, burst: 1 } "
        "}\n"
        "      - { match: { path: /small/* }, to: dead, max_body: 10B }\n"
        "      - { match: { path: /said/* }, respond: { status: 503, body: no } }\n"
        "backends:\n"
        "  dead: { servers: [\"127.0.0.1:1\"] }\n"
        "  full: { servers: [\"%s\"] }\n",
        full->name);
    struct h2_peer *p = h2_dial(w);
    call(p, 1, END_STREAM, "/none/m", GRPC);
    failed(p, 1, 12, "no route for this request");
    logged(w, "end=no_route status=200");
    call(p, 3, END_STREAM, "/refused/m", "content-type: application/grpc+proto\n");
    failed(p, 3, 14, "server refused the connection");
    logged(w, "end=connect_refused status=200");
    call(p, 5, END_STREAM, "/late/m", GRPC);
    failed(p, 5, 4, "server did not accept the connection in time");
    logged(w, "end=connect_timeout status=200");
    call(p, 7, END_STREAM, "/denied/m", GRPC);
    failed(p, 7, 7, "not allowed from this address");
    logged(w, "end=access_denied status=200");
    call(p, 9, END_STREAM, "/limited/m", GRPC);
    failed(p, 9, 14, "server refused the connection");
    logged(w, "end=connect_refused");
    call(p, 11, END_STREAM, "/limited/m", GRPC);
    struct h2_answer a = failed(p, 11, 8, "too many requests");
    assert_non_null(strstr(a.fields, "\ngrpc-retry-pushback-ms: 3"));
    logged(w, "end=rate_limited status=200");
    call(p, 13, 0, "/small/m", GRPC "content-length: 11\n");
    failed(p, 13, 8, "request body too large");
    logged(w, "end=body_too_large status=200");
    /* Answers of rules stay what they are; so do errors for who does not speak gRPC. */
    call(p, 15, END_STREAM, "/said/m", GRPC);
    h2_answered(p, 15, 503, "no");
    logged(w, "end=replied status=503");
    call(p, 17, END_STREAM, "/none/m", "content-type: application/grpc-web\n");
    assert_int_equal(h2_hear_answer(p, 17).status, 404);
    logged(w, "end=no_route status=404");
}

static const char *const one_backend = "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
                                       "defaults: { timeouts: { client_body: 50ms } }\n"
                                       "sites: { s: { log: access, routes: [{ to: app }] } }\n"
                                       "backends: { app: { servers: [$SERVERS] } }\n";

static void its_timeout_is_kept(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, "%s", one_backend);
    struct h2_peer *p = h2_dial(w);
    call(p, 1, END_STREAM, "/s/m", GRPC "grpc-timeout: 50m\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "grpc-timeout", "50m");
    failed(p, 1, 4, "the client's deadline (grpc-timeout) passed");
    hear_gone(s);
    logged(w, "end=deadline status=200 broken_by=server");

    /* Others are not kept from going on. */
    call(p, 3, END_STREAM, "/s/m", GRPC "grpc-timeout: 1H\n");
    s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n"
           "Trailer: grpc-status\r\n\r\n3\r\nabc\r\n0\r\ngrpc-status: 0\r\n\r\n");
    struct h2_answer a = h2_hear_answer(p, 3);
    assert_string_equal(a.body, "abc");
    h2_has(p, a.trailers, "grpc-status: 0");
    logged(w, "end=ok status=200");

    /* An answer that has begun is cut. */
    call(p, 5, END_STREAM, "/s/m", GRPC "grpc-timeout: 50000u\n");
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3\r\nabc\r\n");
    a = h2_hear_answer(p, 5);
    assert_string_equal(a.body, "abc");
    assert_true(a.reset && a.code == NGHTTP2_CANCEL);
    hear_gone(s);
    logged(w, "end=deadline status=200");

    /* To anybody else the field means nothing. */
    call(p, 7, END_STREAM, "/s/m", "grpc-timeout: 1n\n");
    s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    h2_answered(p, 7, 200, "ok");
}

/* A stream of messages from the server, while the client's side stays open and silent. */
static void a_call_stays_open(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, "%s", one_backend);
    struct h2_peer *p = h2_dial(w);
    call(p, 1, 0, "/s/watch", GRPC);
    h2_data(p, 1, 0, "first");
    struct conn *s = origin_accept(o);
    hear_until(s, "first");
    say(s,
        "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n");
    h2_hear_type(p, NGHTTP2_HEADERS, 1);
    /* Longer than a body may stall: another call, which does stall, is over first. */
    call(p, 3, 0, "/s/m", GRPC);
    failed(p, 3, 4, "request body stalled");
    say(s, "1\r\nx\r\n");
    h2_hear_type(p, NGHTTP2_DATA, 1);
    h2_data(p, 1, END_STREAM, "last");
    hear_until(s, "last");
    say(s, "0\r\ngrpc-status: 0\r\n\r\n");
    struct h2_heard f = h2_hear_type(p, NGHTTP2_HEADERS, 1);
    h2_has(p, f.fields, "grpc-status: 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(errors_of_ours_are_told_in_its_way),
        TEST(its_timeout_is_kept),
        TEST(a_call_stays_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
