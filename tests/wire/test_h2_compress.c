/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers in content codings to HTTP/2 clients, kept and not. */
#include <stdint.h>
#include <string.h>

#include "tests/wire/coding.h"
#include "tests/wire/h2_peer.h"

#define CONFIG(rules)                                                                              \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites: { s: { log: access, routes: [{ to: app, compress: { min_size: 1B }" rules " }] } }\n"  \
    "backends: { app: { servers: [$SERVERS] } }\n"

#define TEXT "Content-Type: text/plain\r\n"
#define ROOM 65536 /* of a body */

static const char *const codings[] = { "gzip", "br", "zstd" };
#define CODINGS (sizeof codings / sizeof codings[0])

static void ask(struct h2_peer *p, int32_t stream, const char *method, const char *accepts)
{
    h2_head(p, stream, NGHTTP2_FLAG_END_STREAM,
            wire_text(p->w,
                      ":method: %s\n:scheme: http\n:authority: a.example\n:path: /\n"
                      "accept-encoding: %s\n",
                      method, accepts));
}

static void has_line(struct wire *w, const char *fields, const char *line)
{
    if (!strstr(wire_text(w, "\n%s", fields), wire_text(w, "\n%s\n", line)))
        wire_fail(w, "no '%s' in:\n%s", line, fields);
}

static void has_no_name(struct wire *w, const char *fields, const char *name)
{
    if (strstr(wire_text(w, "\n%s", fields), wire_text(w, "\n%s: ", name)))
        wire_fail(w, "there is %s in:\n%s", name, fields);
}

static void answered_coded(struct h2_peer *p, int32_t stream, const char *coding, const char *text)
{
    struct h2_answer a = h2_hear_answer(p, stream);
    char *out = wire_alloc(p->w, ROOM + 1);
    assert_int_equal(a.status, 200);
    assert_false(a.reset);
    has_line(p->w, a.fields, wire_text(p->w, "content-encoding: %s", coding));
    has_line(p->w, a.fields, "vary: Accept-Encoding");
    size_t n = decode(coding, a.body, a.body_len, out, ROOM);
    if (n != strlen(text) || memcmp(out, text, n) != 0)
        wire_fail(p->w, "%s: it decodes to something else", coding);
    assert_true(a.body_len < n / 2);
}

static void serve_text(struct conn *s, const char *fields, const char *text)
{
    hear_request(s);
    sayf(s, "HTTP/1.1 200 OK\r\n" TEXT "%sContent-Length: %zu\r\n\r\n", fields, strlen(text));
    say(s, text);
}

/* ---- */

static void each_stream_gets_the_coding_that_it_likes(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG(""));
    struct h2_peer *p = h2_dial(w);
    struct conn *s[CODINGS + 1];
    const char *text = wire_repeat(w, 'x', 5000);
    for (size_t i = 0; i <= CODINGS; i++) { /* at once on one connection */
        ask(p, (int32_t)(2 * i + 1), "GET", i < CODINGS ? codings[i] : "identity");
        s[i] = origin_accept(o);
    }
    for (size_t i = 0; i < CODINGS; i++) {
        serve_text(s[i], "ETag: \"e\"\r\n", text);
        answered_coded(p, (int32_t)(2 * i + 1), codings[i], text);
        logged(w, "end=ok status=200");
    }
    serve_text(s[CODINGS], "ETag: \"e\"\r\n", text);
    struct h2_answer a = h2_hear_answer(p, 2 * CODINGS + 1);
    assert_string_equal(a.body, text);
    has_no_name(w, a.fields, "content-encoding");
    has_line(w, a.fields, "etag: \"e\"");
    has_line(w, a.fields, "content-length: 5000");
}

static void head_says_what_get_would(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG(""));
    struct h2_peer *p = h2_dial(w);
    struct conn *s = NULL;
    for (size_t i = 0; i < CODINGS; i++) {
        int32_t stream = (int32_t)(2 * i + 1);
        ask(p, stream, "HEAD", codings[i]);
        s = s ? s : origin_accept(o);
        hear_request(s);
        say(s, "HTTP/1.1 200 OK\r\n" TEXT "ETag: \"e\"\r\nContent-Length: 1000\r\n\r\n");
        struct h2_answer a = h2_hear_answer(p, stream);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.body_len, 0);
        has_line(w, a.fields, wire_text(w, "content-encoding: %s", codings[i]));
        has_line(w, a.fields, "etag: W/\"e\"");
        has_no_name(w, a.fields, "content-length");
    }
}

static void what_the_server_sent_leaves_without_waiting_for_more(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG(""));
    struct h2_peer *p = h2_dial(w);
    struct conn *s = NULL;
    char *coded = wire_alloc(w, ROOM), *text = wire_alloc(w, ROOM);
    for (size_t i = 0; i < CODINGS; i++) {
        int32_t stream = (int32_t)(2 * i + 1);
        ask(p, stream, "GET", codings[i]);
        s = s ? s : origin_accept(o);
        hear_request(s);
        say(s, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
               "Transfer-Encoding: chunked\r\n\r\n");
        struct h2_heard f = h2_hear_type(p, NGHTTP2_HEADERS, stream);
        has_line(w, f.fields, wire_text(w, "content-encoding: %s", codings[i]));
        size_t len = 0, said = 0;
        for (int k = 0; k < 20; k++) {
            const char *event = wire_text(w, "data: event %d\n\n", k);
            size_t n = strlen(event), have = 0;
            sayf(s, "%zx\r\n%s\r\n", n, event);
            said += n;
            while (have < said) { /* it comes though nothing follows */
                f = h2_hear_type(p, NGHTTP2_DATA, stream);
                assert_true(len + f.len < ROOM);
                memcpy(coded + len, f.payload, f.len);
                len += f.len;
                have = decode(codings[i], coded, len, text, ROOM);
                assert_true(have <= said);
            }
            assert_memory_equal(text + said - n, event, n);
        }
        say(s, "0\r\n\r\n");
        do
            f = h2_hear_type(p, NGHTTP2_DATA, stream);
        while (!(f.flags & NGHTTP2_FLAG_END_STREAM));
        logged(w, "end=ok status=200");
    }
}

static void what_is_kept_is_given_to_streams_coded(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG(", cache: { max_object: 1MiB }"));
    struct h2_peer *p = h2_dial(w);
    const char *text = wire_repeat(w, 'k', 9000);
    ask(p, 1, "GET", "identity");
    serve_text(origin_accept(o), "Cache-Control: max-age=60\r\n", text);
    h2_answered(p, 1, 200, text);
    int32_t stream = 3;
    for (size_t i = 0; i < 2 * CODINGS; i++, stream += 2) {
        ask(p, stream, "GET", codings[i % CODINGS]);
        answered_coded(p, stream, codings[i % CODINGS], text);
    }
    assert_int_equal(o->accepted, 1);
}

static void a_body_that_breaks_off_resets_its_stream_only(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG(""));
    struct h2_peer *p = h2_dial(w);
    ask(p, 1, "GET", "gzip");
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\n" TEXT "Content-Length: 1000\r\n\r\nbegin");
    h2_hear_type(p, NGHTTP2_HEADERS, 1);
    hang_up(s);
    h2_hear_type(p, NGHTTP2_RST_STREAM, 1);
    logged(w, "end=response_cut_body");
    ask(p, 3, "GET", "br");
    const char *text = wire_repeat(w, 'z', 2000);
    serve_text(origin_accept(o), "", text);
    answered_coded(p, 3, "br", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_stream_gets_the_coding_that_it_likes),
        TEST(head_says_what_get_would),
        TEST(what_the_server_sent_leaves_without_waiting_for_more),
        TEST(what_is_kept_is_given_to_streams_coded),
        TEST(a_body_that_breaks_off_resets_its_stream_only),
    };
    return cmocka_run_group_tests_name("h2_compress", tests, NULL, NULL);
}
