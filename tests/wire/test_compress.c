/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers in content codings: what is coded, what its head says, that it streams, and how it is
 * kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "tests/wire/coding.h"
#include "tests/wire/wire.h"

#define CONFIG_OF(first, rules)                                                                    \
    "worker_limits: { " first " }\n"                                                               \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites:\n"                                                                                     \
    "  s:\n"                                                                                       \
    "    log: access\n"                                                                            \
    "    routes: [{ to: app, " rules " }]\n"                                                       \
    "backends: { app: { servers: [$SERVERS] } }\n"
#define CONFIG(rules) CONFIG_OF("buffers: auto", rules)
#define CACHED CONFIG("compress: { min_size: 1B }, cache: { max_object: 1MiB }")

#define GET(path, fields) "GET " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define AE(value) "Accept-Encoding: " value "\r\n"
#define TEXT "Content-Type: text/plain\r\n"
#define FRESH "Cache-Control: max-age=60\r\n"

/* ---- decoding ---- */

/* As much as can be decoded of what may be cut. */
static struct message decoded(struct wire *w, const struct message *m, size_t room)
{
    const char *coding = field(m, "Content-Encoding");
    char *out = wire_alloc(w, room + 1);
    size_t n = coding ? decode(coding, m->body, m->body_len, out, room) : SIZE_MAX;
    if (n == SIZE_MAX)
        wire_fail(w, "a body that cannot be decoded from '%s'", coding ? coding : "");
    struct message d = *m;
    out[n] = '\0';
    d.body = out;
    d.body_len = n;
    return d;
}

static struct message hear_coded(struct conn *c, const char *coding, const char *body)
{
    struct message m = hear_answer(c);
    has_field(&m, "Content-Encoding", coding);
    struct message d = decoded(c->w, &m, strlen(body) + 1000);
    assert_string_equal(d.body, body);
    return m;
}

static void answer_text(struct conn *s, const char *fields, const char *body)
{
    sayf(s, "HTTP/1.1 200 OK\r\n%s%sContent-Length: %zu\r\n\r\n", TEXT, fields, strlen(body));
    say(s, body);
}

static struct message serve_text(struct conn *s, const char *fields, const char *body)
{
    struct message m = hear_request(s);
    answer_text(s, fields, body);
    return m;
}

static char *page(struct wire *w, unsigned lines)
{
    char *text = wire_alloc(w, lines * 32 + 1);
    size_t n = 0;
    for (unsigned i = 0; i < lines; i++)
        n += (size_t)sprintf(text + n, "line %u of a page\n", i * 7919 % 1000);
    return text;
}

/* ---- heads ---- */

static void the_client_gets_the_coding_that_it_likes_best(struct wire *w)
{
    static const struct {
        const char *accepts, *coding; /* NULL: identity */
    } cases[] = {
        { AE("gzip"), "gzip" },
        { AE("gzip, deflate, br"), "br" },
        { AE("gzip, br, zstd"), "zstd" },
        { AE("zstd;q=0.3, gzip;q=0.8"), "gzip" },
        { AE("*"), "zstd" },
        { AE("identity;q=0, gzip;q=0.1"), "gzip" },
        { AE("*;q=0"), NULL },
        { AE("identity, gzip;q=0.5"), NULL },
        { "", NULL },
    };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("compress: true"));
    struct conn *c = client_dial(w), *s = NULL;
    const char *text = page(w, 200);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wire_note(w, "%s", cases[i].accepts);
        sayf(c, GET("/", "%s"), cases[i].accepts);
        s = s ? s : origin_accept(o);
        serve_text(s, "ETag: \"e\"\r\nAccept-Ranges: bytes\r\nVary: Origin\r\n", text);
        struct message m;
        if (cases[i].coding) {
            m = hear_coded(c, cases[i].coding, text);
            assert_true(m.body_len < strlen(text) / 2);
            has_field(&m, "ETag", "W/\"e\"");
            has_no_field(&m, "Content-Length");
            has_no_field(&m, "Accept-Ranges");
        } else {
            m = hear_answered(c, 200, text);
            has_no_field(&m, "Content-Encoding");
            has_field(&m, "ETag", "\"e\"");
            has_field(&m, "Accept-Ranges", "bytes");
        }
        has_field(&m, "Vary", "Origin, Accept-Encoding");
    }
}

static void what_is_not_to_be_coded_is_left_alone(struct wire *w)
{
    static const char *const heads[] = {
        "200 OK\r\n" TEXT "Content-Encoding: gzip\r\n",
        "200 OK\r\n" TEXT "Content-Encoding: x-own\r\n",
        "200 OK\r\n" TEXT "Cache-Control: public, no-transform\r\n",
        "206 Partial\r\n" TEXT "Content-Range: bytes 0-999/2000\r\n",
        "200 OK\r\nContent-Type: image/png\r\n",
        "200 OK\r\nContent-Type: textual/plain\r\n",
        "200 OK\r\n",
    };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("compress: { types: [\"text/*\", \"*+json\"] }"));
    struct conn *c = client_dial(w), *s = NULL;
    const char *body = wire_repeat(w, 'x', 1000);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        wire_note(w, "%s", heads[i]);
        say(c, GET("/", AE("gzip")));
        s = s ? s : origin_accept(o);
        hear_request(s);
        sayf(s, "HTTP/1.1 %sETag: \"e\"\r\nContent-Length: 1000\r\n\r\n%s", heads[i], body);
        struct message m = hear_answer(c);
        assert_string_equal(m.body, body);
        has_field(&m, "ETag", "\"e\"");
        has_field(&m, "Content-Length", "1000");
    }
    say(c, GET("/", AE("gzip")));
    serve_text(s, "", "short");
    struct message m = hear_answered(c, 200, "short");
    has_no_field(&m, "Content-Encoding");
    say(c, GET("/", AE("gzip")));
    hear_request(s);
    sayf(s,
         "HTTP/1.1 404 No\r\nContent-Type: application/problem+json; charset=utf-8\r\n"
         "Content-Length: 1000\r\n\r\n%s",
         body);
    m = hear_coded(c, "gzip", body);
    assert_int_equal(m.status, 404);
    say(c, "GET / HTTP/1.0\r\nHost: a\r\n" AE("gzip") "\r\n");
    serve_text(s, "", body);
    hear_answered(c, 200, body);
}

static void head_says_what_get_would(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("compress: true"));
    struct conn *c = client_dial(w);
    say(c, "HEAD / HTTP/1.1\r\nHost: a\r\n" AE("br") "\r\n");
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\n" TEXT "ETag: \"e\"\r\nContent-Length: 1000\r\n\r\n");
    struct message m = hear_answer_to(c, "HEAD");
    has_field(&m, "Content-Encoding", "br");
    has_field(&m, "ETag", "W/\"e\"");
    has_field(&m, "Vary", "Accept-Encoding");
    has_no_field(&m, "Content-Length");
    /* What the client knows by a tag that we weakened. */
    say(c, GET("/", AE("br") "If-None-Match: W/\"e\"\r\n"));
    m = hear_request(s);
    has_field(&m, "If-None-Match", "W/\"e\"");
    say(s, "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n");
    m = hear_status(c, 304);
    has_field(&m, "ETag", "W/\"e\"");
    say(c, "PUT / HTTP/1.1\r\nHost: a\r\nIf-Match: W/\"e\", \"f\"\r\nContent-Length: 1\r\n\r\nx");
    m = hear_request(s);
    has_field(&m, "If-Match", "\"e\", \"f\"");
    say(s, "HTTP/1.1 204 No Content\r\n\r\n");
    hear_status(c, 204);
}

/* ---- streams ---- */

static void what_the_server_sent_leaves_without_waiting_for_more(struct wire *w)
{
    static const char *const codings[] = { "gzip", "br", "zstd" };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("compress: true"));
    struct conn *c = client_dial(w), *s = NULL;
    for (int i = 0; i < 3; i++) {
        sayf(c, GET("/", AE("%s")), codings[i]);
        s = s ? s : origin_accept(o);
        hear_request(s);
        say(s, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
               "Transfer-Encoding: chunked\r\n\r\n");
        struct message m = hear_head(c);
        has_field(&m, "Content-Encoding", codings[i]);
        char *all = wire_alloc(w, 65536), *text = wire_alloc(w, 65536);
        size_t coded = 0, said = 0;
        for (int k = 0; k < 20; k++) {
            char event[64];
            size_t n = (size_t)sprintf(event, "data: event %d\n\n", k);
            sayf(s, "%zx\r\n%s\r\n", n, event);
            said += n;
            size_t have = 0;
            while (have < said) { /* it comes though nothing follows */
                char *size = hear_until(c, "\r\n");
                size_t chunk = strtoul(size, NULL, 16);
                memcpy(all + coded, hear_bytes(c, chunk), chunk);
                hear(c, "\r\n");
                coded += chunk;
                struct message part = m;
                part.body = all;
                part.body_len = coded;
                part = decoded(w, &part, 65536);
                have = part.body_len;
                memcpy(text, part.body, have);
            }
            assert_memory_equal(text + said - n, event, n);
        }
        say(s, "0\r\n\r\n");
        hear_until(c, "0\r\n\r\n");
        logged(w, "end=ok status=200");
    }
}

static void large_bodies_are_coded_byte_for_byte(struct wire *w)
{
    static const char *const codings[] = { "gzip", "br", "zstd" };
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("compress: true, buffers: { response: 256KiB }"));
    struct conn *c = client_dial(w), *s = NULL;
    for (int i = 0; i < 3; i++) {
        sayf(c, GET("/", AE("%s")), codings[i]);
        s = s ? s : origin_accept(o);
        hear_request(s);
        say(s, "HTTP/1.1 200 OK\r\n" TEXT "Transfer-Encoding: chunked\r\n\r\n");
        stream_send(s, 3, 2000000, BY_CHUNKS);
        struct message m = hear_answer(c);
        streams_sent(w);
        m = decoded(w, &m, 2000001);
        assert_int_equal(m.body_len, 2000000);
        stream_check(w, 3, m.body, m.body_len);
        logged(w, "end=ok status=200");
    }
}

static void a_body_that_breaks_off_is_cut_for_the_client(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CACHED);
    for (int i = 0; i < 2; i++) {
        struct conn *c = client_dial(w);
        say(c, GET("/", AE("gzip")));
        struct conn *s = origin_accept(o);
        hear_request(s);
        say(s, "HTTP/1.1 200 OK\r\n" TEXT FRESH "Content-Length: 1000\r\n\r\nbegin");
        hear_head(c);
        hang_up(s);
        hear_gone(c);
        logged(w, "end=response_cut_body");
    }
}

static void without_memory_to_code_answers_stay_as_they_are(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG_OF("compression_memory: 700KiB", "compress: true"));
    struct conn *c[3], *s[3];
    for (int i = 0; i < 3; i++) {
        c[i] = client_dial(w);
        say(c[i], GET("/", AE("gzip")));
        s[i] = origin_accept(o);
        hear_request(s[i]);
        say(s[i], "HTTP/1.1 200 OK\r\n" TEXT "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        struct message m = hear_head(c[i]);
        if (i < 2)
            has_field(&m, "Content-Encoding", "gzip");
        else
            has_no_field(&m, "Content-Encoding");
    }
    hang_up_hard(c[0]); /* its place is free again */
    hear_gone(s[0]);
    c[0] = client_dial(w);
    say(c[0], GET("/", AE("gzip")));
    struct conn *again = origin_accept(o);
    serve_text(again, "", wire_repeat(w, 'y', 600));
    hear_coded(c[0], "gzip", wire_repeat(w, 'y', 600));
}

/* ---- kept ---- */

static void ask(struct conn *c, const char *path, const char *accepts)
{
    sayf(c, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, accepts);
}

static void is_hit(const struct message *m)
{
    const char *status = field(m, "Cache-Status");
    assert_non_null(status);
    assert_non_null(strstr(status, "hit"));
}

static void what_was_kept_coded_is_given_to_everybody(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CACHED);
    struct conn *c = client_dial(w);
    const char *text = page(w, 300);
    ask(c, "/", AE("gzip"));
    struct conn *s = origin_accept(o);
    struct message m = serve_text(s, FRESH "ETag: \"e\"\r\nVary: Accept-Encoding\r\n", text);
    has_field(&m, "Accept-Encoding", "gzip"); /* a server may do it itself */
    hear_coded(c, "gzip", text);
    for (int i = 0; i < 3; i++) {
        ask(c, "/", AE("gzip, br"));
        m = hear_coded(c, "gzip", text); /* it is there, and it will do */
        is_hit(&m);
        has_field(&m, "ETag", "W/\"e\"");
        assert_int_equal(m.coding, BY_LENGTH);
    }
    for (int i = 0; i < 3; i++) {
        ask(c, "/", i ? "" : AE("br"));
        m = hear_answered(c, 200, text);
        is_hit(&m);
        has_no_field(&m, "Content-Encoding");
        has_field(&m, "ETag", "\"e\""); /* these are the server's bytes */
        has_field(&m, "Vary", "Accept-Encoding");
    }
    ask(c, "/", AE("gzip") "Range: bytes=5-8\r\n");
    m = hear_status(c, 206);
    assert_memory_equal(m.body, text + 5, 4);
    has_no_field(&m, "Content-Encoding");
    ask(c, "/", AE("gzip") "If-None-Match: W/\"e\"\r\n");
    m = hear_status(c, 304);
    has_field(&m, "ETag", "W/\"e\"");
    ask(c, "/", "If-None-Match: \"e\"\r\n");
    m = hear_status(c, 304);
    has_field(&m, "ETag", "\"e\"");
    say(c, "HEAD / HTTP/1.1\r\nHost: a\r\n" AE("gzip") "\r\n");
    m = hear_answer_to(c, "HEAD");
    has_field(&m, "Content-Encoding", "gzip");
    has_field(&m, "ETag", "W/\"e\"");
    hear_nothing(s);
    assert_int_equal(o->accepted, 1);
}

static void what_was_kept_as_it_came_is_coded_once(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CACHED);
    struct conn *c = client_dial(w);
    const char *text = page(w, 9000); /* several buffers */
    ask(c, "/", "");
    struct conn *s = origin_accept(o);
    struct message m = serve_text(s, FRESH "ETag: \"e\"\r\n", text);
    has_no_field(&m, "Accept-Encoding");
    hear_answered(c, 200, text);
    static const char *const codings[] = { "gzip", "br", "zstd", "zstd", "br", "gzip" };
    for (int i = 0; i < 6; i++) {
        sayf(c, GET("/", AE("%s")), codings[i]);
        m = hear_coded(c, codings[i], text);
        is_hit(&m);
        has_field(&m, "ETag", "W/\"e\"");
        if (i > 2)
            assert_int_equal(m.coding, BY_LENGTH);
    }
    ask(c, "/", "");
    hear_answered(c, 200, text);
    say(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"); /* all of it goes */
    hear_request(s);
    say(s, "HTTP/1.1 204 No Content\r\n\r\n");
    hear_status(c, 204);
    ask(c, "/", AE("zstd"));
    serve_text(s, FRESH, "a new page");
    hear_coded(c, "zstd", "a new page");
    assert_int_equal(o->accepted, 1);
}

static size_t gzip_of(const char *text, size_t n, char *out, size_t room)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)text,
                   .avail_in = (unsigned)n,
                   .next_out = (Bytef *)out,
                   .avail_out = (unsigned)room };
    deflateInit2(&z, 9, Z_DEFLATED, 31, 8, 0);
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return room - z.avail_out;
}

static void answer_gzip(struct conn *s, const char *fields, const char *text, size_t n)
{
    char *coded = wire_alloc(s->w, n + 1000);
    size_t len = gzip_of(text, n, coded, n + 1000);
    hear_request(s);
    sayf(s, "HTTP/1.1 200 OK\r\n" TEXT "Content-Encoding: gzip\r\n%sContent-Length: %zu\r\n\r\n",
         fields, len);
    say_bytes(s, coded, len);
}

static void what_the_server_coded_is_decoded_for_who_cannot(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CACHED);
    struct conn *c = client_dial(w);
    const char *text = page(w, 100);
    ask(c, "/", AE("gzip"));
    struct conn *s = origin_accept(o);
    answer_gzip(s, FRESH "ETag: \"z\"\r\nVary: Accept-Encoding\r\n", text, strlen(text));
    struct message m = hear_coded(c, "gzip", text);
    has_field(&m, "ETag", "\"z\"");
    ask(c, "/", "");
    m = hear_answered(c, 200, text);
    is_hit(&m);
    has_field(&m, "ETag", "W/\"z\"");
    has_no_field(&m, "Content-Encoding");
    ask(c, "/", AE("gzip"));
    m = hear_coded(c, "gzip", text);
    is_hit(&m);
    assert_int_equal(o->accepted, 1);
}

static void a_body_that_decodes_to_too_much_is_cut(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CACHED);
    struct conn *c = client_dial(w);
    char *zeros = wire_alloc(w, 64 << 20);
    ask(c, "/", AE("gzip"));
    struct conn *s = origin_accept(o);
    answer_gzip(s, FRESH, zeros, 64 << 20);
    hear_answer(c);
    struct conn *d = client_dial(w);
    ask(d, "/", "");
    hear_gone(d);
    logged(w, "end=ok status=200 cache=miss");
    logged(w, "end=response_not_coded");
    ask(c, "/", AE("gzip")); /* the one that is kept stays */
    struct message m = hear_answer(c);
    is_hit(&m);
}

static void damaged_bodies_are_cut_for_who_needs_them_decoded(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CACHED);
    struct conn *c = client_dial(w);
    ask(c, "/", AE("gzip"));
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\n" TEXT FRESH "Content-Encoding: gzip\r\n"
           "Content-Length: 12\r\n\r\nnot gzip....");
    hear_answered(c, 200, "not gzip....");
    ask(c, "/", ""); /* as it came: there is nothing better */
    struct message m = hear_answered(c, 200, "not gzip....");
    has_field(&m, "Content-Encoding", "gzip");
}

static void many_who_wait_for_one_page_share_its_coding(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CACHED);
    struct conn *c[20];
    struct conn *first = client_dial(w);
    ask(first, "/", AE("br"));
    struct conn *s = origin_accept(o);
    hear_request(s);
    for (int i = 0; i < 20; i++) {
        c[i] = client_dial(w);
        ask(c[i], "/", i % 4 == 0 ? "" : i % 4 == 1 ? AE("gzip") : AE("br, gzip"));
    }
    const char *text = page(w, 500);
    sayf(s, "HTTP/1.1 200 OK\r\n" TEXT FRESH "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
         strlen(text));
    sayf(s, "%.1000s", text);
    hear_head(first);
    say(s, text + 1000);
    say(s, "\r\n0\r\n\r\n");
    for (int i = 0; i < 20; i++)
        if (i % 4 < 2)
            hear_answered(c[i], 200, text); /* decoded on its way */
        else
            hear_coded(c[i], "br", text);
    assert_int_equal(o->accepted, 1);
}

static void what_is_not_kept_is_coded_for_each(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CACHED);
    struct conn *c = client_dial(w), *s = NULL;
    const char *text = page(w, 300);
    for (int i = 0; i < 4; i++) {
        ask(c, "/", i % 2 ? "" : AE("gzip"));
        s = s ? s : origin_accept(o);
        serve_text(s, "Cache-Control: no-store\r\n", text);
        if (i % 2)
            hear_answered(c, 200, text);
        else
            hear_coded(c, "gzip", text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_client_gets_the_coding_that_it_likes_best),
        TEST(what_is_not_to_be_coded_is_left_alone),
        TEST(head_says_what_get_would),
        TEST(what_the_server_sent_leaves_without_waiting_for_more),
        TEST(large_bodies_are_coded_byte_for_byte),
        TEST(a_body_that_breaks_off_is_cut_for_the_client),
        TEST(without_memory_to_code_answers_stay_as_they_are),
        TEST(what_was_kept_coded_is_given_to_everybody),
        TEST(what_was_kept_as_it_came_is_coded_once),
        TEST(what_the_server_coded_is_decoded_for_who_cannot),
        TEST(a_body_that_decodes_to_too_much_is_cut),
        TEST(damaged_bodies_are_cut_for_who_needs_them_decoded),
        TEST(many_who_wait_for_one_page_share_its_coding),
        TEST(what_is_not_kept_is_coded_for_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
