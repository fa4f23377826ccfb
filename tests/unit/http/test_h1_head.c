/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/http/h1_head.h"
#include "tests/unit/guard.h"

typedef enum h1_result parse_fn(const char *p, size_t n, size_t seen, struct http_head *h,
                                enum end_reason *why);

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define BLANK "\r\n\r\n"

static const struct str good_requests[] = {
    TEXT("GET / HTTP/1.1\r\nHost: a" BLANK),
    TEXT("GET / HTTP/1.0" BLANK),
    TEXT("OPTIONS * HTTP/1.1\r\nHost: a" BLANK),
    TEXT("\r\n\r\nPOST /a?b HTTP/1.1\r\nHost:a\r\nContent-Length:\t3 \t" BLANK),
    TEXT("M-!#$%&'*+.^_`|~9 /x HTTP/1.1\r\nhOST: [::1]:8080\r\nX_y: \r\nZ:" BLANK),
    TEXT("GET http://example.com/%7e HTTP/1.1\r\nHost: a\r\nA: tab\tand \x80\xff text" BLANK),
    TEXT("DELETE /a HTTP/1.9\r\nHost: a\r\nConnection: close\r\nConnection: te\r\nTE: "
         "trailers" BLANK),
    TEXT("GET /a/long/enough/path/for/several/registers?and=a&query=too HTTP/1.1\r\n"
         "Host: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)\r\n"
         "A-Name-That-Is-Longer-Than-Sixteen-Bytes: and a value\r\n"
         "Cookie: a=b; c=d\r\nCookie: e=f\r\nX-Forwarded-For: 1.2.3.4" BLANK),
};

static const struct str good_responses[] = {
    TEXT("HTTP/1.1 200 OK" BLANK),
    TEXT("HTTP/1.0 404 Not Found at all\r\nServer: x" BLANK),
    TEXT("HTTP/1.1 200 " BLANK),
    TEXT("HTTP/1.1 200" BLANK),
    TEXT("HTTP/1.1 999 \t\x80 \r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nDate: now" BLANK),
    TEXT("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\nTransfer-Encoding: chunked" BLANK),
};

static void assert_same_head(const struct http_head *a, const struct http_head *b)
{
    assert_int_equal(a->head_bytes, b->head_bytes);
    assert_int_equal(a->version_minor, b->version_minor);
    assert_int_equal(a->method_id, b->method_id);
    assert_int_equal(a->status, b->status);
    assert_memory_equal(&a->method, &b->method, sizeof a->method);
    assert_memory_equal(&a->target, &b->target, sizeof a->target);
    assert_memory_equal(&a->reason, &b->reason, sizeof a->reason);
    assert_memory_equal(a->first, b->first, sizeof a->first);
    assert_int_equal(a->fields_count, b->fields_count);
    for (uint32_t i = 0; i < a->fields_count; i++) {
        const struct http_field *x = &a->fields[i], *y = &b->fields[i];
        assert_memory_equal(&x->name, &y->name, sizeof x->name);
        assert_memory_equal(&x->value, &y->value, sizeof x->value);
        assert_int_equal(x->id, y->id);
        assert_int_equal(x->next, y->next);
        assert_int_equal(x->underscore, y->underscore);
    }
}

/* ---- what a good head means ---- */

static void assert_str(struct str s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.ptr, expected, s.len);
}

static void a_request_is_understood(void **state)
{
    (void)state;
    static const char text[] = "\r\nPOST /a?b HTTP/1.1\r\nHost: h\r\nCookie:a \t\r\nx_y:\t \r\n"
                               "cookie: b c" BLANK "body";
    struct http_head h;
    enum end_reason why;
    assert_int_equal(h1_parse_request(text, sizeof text - 1, 0, &h, &why), H1_DONE);
    assert_ptr_equal(h.base, text);
    assert_int_equal(h.head_bytes, sizeof text - 1 - 4);
    assert_int_equal(h.version_minor, 1);
    assert_int_equal(h.method_id, METHOD_POST);
    assert_str(head_str(&h, h.method), "POST");
    assert_str(head_str(&h, h.target), "/a?b");
    assert_int_equal(h.fields_count, 4);
    const struct http_field *f = head_field(&h, FIELD_COOKIE);
    assert_ptr_equal(f, &h.fields[1]);
    assert_str(head_str(&h, f->name), "Cookie");
    assert_str(head_value(&h, f), "a");
    f = head_field_next(&h, f);
    assert_ptr_equal(f, &h.fields[3]);
    assert_str(head_value(&h, f), "b c");
    assert_null(head_field_next(&h, f));
    assert_null(head_field(&h, FIELD_VIA));
    assert_int_equal(h.fields[2].id, FIELD_OTHER);
    assert_str(head_value(&h, &h.fields[2]), "");
    assert_true(h.fields[2].underscore);
    assert_false(h.fields[0].underscore);
    assert_true(head_list_has(&h, FIELD_COOKIE, STR("A")));
    assert_true(head_list_has(&h, FIELD_COOKIE, STR("b c")));
    assert_false(head_list_has(&h, FIELD_COOKIE, STR("b")));
}

static void a_response_is_understood(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.0 503 Not  now\r\nRetry-After: 1" BLANK;
    struct http_head h;
    enum end_reason why;
    assert_int_equal(h1_parse_response(text, sizeof text - 1, 0, &h, &why), H1_DONE);
    assert_int_equal(h.status, 503);
    assert_int_equal(h.version_minor, 0);
    assert_str(head_str(&h, h.reason), "Not  now");
    assert_int_equal(h.fields_count, 1);
    assert_int_equal(h.head_bytes, sizeof text - 1);
}

static void methods_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum http_method method;
    } cases[] = {
        { "GET", METHOD_GET },         { "HEAD", METHOD_HEAD },     { "POST", METHOD_POST },
        { "PUT", METHOD_PUT },         { "DELETE", METHOD_DELETE }, { "CONNECT", METHOD_CONNECT },
        { "OPTIONS", METHOD_OPTIONS }, { "TRACE", METHOD_TRACE },   { "PATCH", METHOD_PATCH },
        { "get", METHOD_OTHER },       { "GETS", METHOD_OTHER },    { "G", METHOD_OTHER },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[64];
        struct http_head h;
        enum end_reason why;
        int n = snprintf(text, sizeof text, "%s / HTTP/1.1" BLANK, cases[i].name);
        assert_int_equal(h1_parse_request(text, (size_t)n, 0, &h, &why), H1_DONE);
        assert_int_equal(h.method_id, cases[i].method);
    }
}

/* ---- cut anywhere ---- */

/* Every prefix is partial, nothing beside the bytes is read, and neither how the bytes came nor
 * what follows them changes the result. */
static void cut_everywhere(struct guard *g, struct str head, parse_fn *parse)
{
    struct http_head whole, h;
    enum end_reason why;
    assert_int_equal(parse(head.ptr, head.len, 0, &whole, &why), H1_DONE);
    assert_int_equal(whole.head_bytes, head.len);
    for (size_t n = 0; n < head.len; n++) {
        struct str part = guard_end(g, (struct str){ head.ptr, n });
        assert_int_equal(parse(part.ptr, n, 0, &h, &why), H1_PARTIAL);
        for (size_t seen = 1; seen <= n; seen++)
            assert_int_equal(parse(part.ptr, n, seen, &h, &why), H1_PARTIAL);
        struct str all = guard_end(g, head);
        assert_int_equal(parse(all.ptr, all.len, n, &h, &why), H1_DONE);
        assert_same_head(&h, &whole);
    }
    struct str first = guard_start(g, head);
    assert_int_equal(parse(first.ptr, first.len, 0, &h, &why), H1_DONE);
    assert_same_head(&h, &whole);
    char more[2048];
    memcpy(more, head.ptr, head.len);
    memset(more + head.len, '\n', sizeof more - head.len);
    assert_int_equal(parse(more, sizeof more, 0, &h, &why), H1_DONE);
    assert_same_head(&h, &whole);
}

static void good_heads_may_be_cut_anywhere(void **state)
{
    (void)state;
    struct guard g = guard_new(4096);
    for (size_t i = 0; i < ARRAY_LEN(good_requests); i++)
        cut_everywhere(&g, good_requests[i], h1_parse_request);
    for (size_t i = 0; i < ARRAY_LEN(good_responses); i++)
        cut_everywhere(&g, good_responses[i], h1_parse_response);
    guard_free(&g);
}

/* ---- what is refused ---- */

struct refusal {
    struct str text;
    enum end_reason why;
    size_t certain; /* told after so many bytes; 0: after all of them */
};

static void assert_refused(struct guard *g, const struct refusal *r, parse_fn *parse)
{
    struct http_head h;
    enum end_reason why;
    size_t certain = r->certain ? r->certain : r->text.len, seen = 0;
    for (size_t n = 0; n <= r->text.len; n++) {
        struct str part = guard_end(g, (struct str){ r->text.ptr, n });
        enum h1_result expected = n < certain ? H1_PARTIAL : H1_ERROR;
        why = END_OK;
        if (parse(part.ptr, n, 0, &h, &why) != expected || (expected == H1_ERROR && why != r->why))
            fail_msg("%.*s: after %zu bytes: %s", (int)r->text.len, r->text.ptr, n,
                     end_reason_info(why)->word);
        assert_int_equal(parse(part.ptr, n, seen, &h, &why), expected);
        if (expected == H1_PARTIAL)
            seen = n;
        else
            assert_int_equal(why, r->why);
    }
}

#define LINE "GET / HTTP/1.1\r\n"

static const struct refusal bad_requests[] = {
    /* the method */
    { TEXT("\x16\x03\x01\x02"), END_BAD_METHOD, 1 },
    { TEXT("GE\0T / HTTP/1.1"), END_BAD_METHOD, 3 },
    { TEXT("G\x80T /"), END_BAD_METHOD, 2 },
    { TEXT("GET\t/ HTTP/1.1"), END_BAD_METHOD, 4 },
    { TEXT("(GET) / HTTP/1.1"), END_BAD_METHOD, 1 },
    { TEXT(" GET / HTTP/1.1"), END_BAD_REQUEST_LINE, 1 },
    { TEXT("GET\r\n"), END_BAD_REQUEST_LINE, 4 },
    { TEXT("GET\n"), END_BAD_LINE_END, 0 },
    { TEXT("\n"), END_BAD_LINE_END, 0 },
    { TEXT("\r\r\n"), END_BAD_LINE_END, 2 },
    { TEXT("\r\n\r\n\r\nGET"), END_BAD_REQUEST_LINE, 5 },
    { TEXT("ABCDEFGHIJABCDEFGHIJABCDEFGHIJABC /"), END_NOT_IMPLEMENTED, 33 },
    /* the target */
    { TEXT("GET  / HTTP/1.1"), END_BAD_REQUEST_LINE, 5 },
    { TEXT("GET /\x7f"), END_BAD_TARGET, 0 },
    { TEXT("GET /\x80"), END_BAD_TARGET, 0 },
    { TEXT("GET /\t HTTP/1.1"), END_BAD_TARGET, 6 },
    { TEXT("GET /a\0b HTTP/1.1"), END_BAD_TARGET, 7 },
    { TEXT("GET /\r\n"), END_BAD_REQUEST_LINE, 0 },
    { TEXT("GET /\rX"), END_BAD_LINE_END, 0 },
    { TEXT("GET /\n"), END_BAD_LINE_END, 0 },
    /* the version */
    { TEXT("GET /  HTTP/1.1"), END_BAD_REQUEST_LINE, 7 },
    { TEXT("GET / a HTTP/1.1"), END_BAD_VERSION, 7 },
    { TEXT("GET / http/1.1"), END_BAD_VERSION, 7 },
    { TEXT("GET / \r\n"), END_BAD_VERSION, 7 },
    { TEXT("GET / HTTP/1.\r\n"), END_BAD_VERSION, 14 },
    { TEXT("GET / HTTP/1,1\r\n"), END_BAD_VERSION, 13 },
    { TEXT("GET / HTTP/11.1\r\n"), END_BAD_VERSION, 13 },
    { TEXT("GET / HTTP/1.10\r\n"), END_BAD_VERSION, 15 },
    { TEXT("GET / HTTP/x.1\r\n"), END_BAD_VERSION, 12 },
    { TEXT("GET / HTTP/1.1 \r\n"), END_BAD_REQUEST_LINE, 15 },
    { TEXT("GET / HTTP/1.1\n"), END_BAD_LINE_END, 0 },
    { TEXT("GET / HTTP/1.1\r\r\n"), END_BAD_LINE_END, 16 },
    { TEXT("GET / HTTP/2.0\r\n"), END_VERSION_UNSUPPORTED, 0 },
    { TEXT("GET / HTTP/0.9\r\n"), END_VERSION_UNSUPPORTED, 0 },
    { TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), END_VERSION_UNSUPPORTED, 16 },
    /* field names: told with a LF */
    { TEXT(LINE "Host : a\r\n"), END_BAD_FIELD_NAME, 0 },
    { TEXT(LINE "Host\t: a\r\n"), END_BAD_FIELD_NAME, 0 },
    { TEXT(LINE " Host: a\r\n"), END_BAD_FIELD_NAME, 0 },
    { TEXT(LINE ": a\r\n"), END_BAD_FIELD_NAME, 0 },
    { TEXT(LINE "Ho\0st: a\r\n"), END_BAD_FIELD_NAME, 0 },
    { TEXT(LINE "Ho\x80st: a\r\n"), END_BAD_FIELD_NAME, 0 },
    { TEXT(LINE "Host\r\n"), END_BAD_FIELD_NAME, 0 },
    { TEXT(LINE "Host(x): a\r\n"), END_BAD_FIELD_NAME, 0 },
    { TEXT(LINE "Host\n"), END_BAD_LINE_END, 0 },
    { TEXT(LINE "Host\rX\n"), END_BAD_LINE_END, 0 },
    /* values */
    { TEXT(LINE "A: b\r\n c\r\n"), END_OBS_FOLD, 0 },
    { TEXT(LINE "A: b\r\n\tc\r\n"), END_OBS_FOLD, 0 },
    { TEXT(LINE "A: b\n"), END_BAD_LINE_END, 0 },
    { TEXT(LINE "A: b\rc\r\n"), END_BAD_LINE_END, 0 },
    { TEXT(LINE "A: b\r\r\n"), END_BAD_LINE_END, 0 },
    { TEXT(LINE "A: b\0c\r\n"), END_BAD_FIELD_VALUE, 0 },
    { TEXT(LINE "A: \x7f\r\n"), END_BAD_FIELD_VALUE, 0 },
    { TEXT(LINE "A:\x01\r\n"), END_BAD_FIELD_VALUE, 0 },
    { TEXT(LINE "A: b\v\f\x1f\r\n"), END_BAD_FIELD_VALUE, 0 },
    /* the end */
    { TEXT(LINE "\n"), END_BAD_LINE_END, 0 },
    { TEXT(LINE "\rX\n"), END_BAD_LINE_END, 0 },
    { TEXT(LINE "Host: a\r\n\r\r\n"), END_BAD_LINE_END, 0 },
};

static const struct refusal bad_responses[] = {
    { TEXT("\r\nHTTP/1.1 200 OK\r\n"), END_BAD_STATUS_LINE, 1 },
    { TEXT("ICY 200 OK\r\n"), END_BAD_STATUS_LINE, 1 },
    { TEXT("http/1.1 200 OK\r\n"), END_BAD_STATUS_LINE, 1 },
    { TEXT("HTTP/2.0 200 OK\r\n"), END_BAD_STATUS_LINE, 8 },
    { TEXT("HTTP/1.1  200 OK\r\n"), END_BAD_STATUS_LINE, 10 },
    { TEXT("HTTP/1.1\t200 OK\r\n"), END_BAD_STATUS_LINE, 9 },
    { TEXT("HTTP/1.1 099 No\r\n"), END_BAD_STATUS_LINE, 10 },
    { TEXT("HTTP/1.1 1000 No\r\n"), END_BAD_STATUS_LINE, 13 },
    { TEXT("HTTP/1.1 20 OK\r\n"), END_BAD_STATUS_LINE, 12 },
    { TEXT("HTTP/1.1 2x0 OK\r\n"), END_BAD_STATUS_LINE, 11 },
    { TEXT("HTTP/1.1 200OK\r\n"), END_BAD_STATUS_LINE, 13 },
    { TEXT("HTTP/1.1\r\n"), END_BAD_STATUS_LINE, 9 },
    { TEXT("HTTP/1.1 200 O\0K\r\n"), END_BAD_STATUS_LINE, 15 },
    { TEXT("HTTP/1.1 200 OK\n"), END_BAD_STATUS_LINE, 0 },
    { TEXT("HTTP/1.1 200\n"), END_BAD_STATUS_LINE, 0 },
    { TEXT("HTTP/1.1 200 OK\r\r\n"), END_BAD_STATUS_LINE, 17 },
    { TEXT("HTTP/1.1 200 OK\r\nA : b\r\n"), END_RESPONSE_HEAD_BAD, 0 },
    { TEXT("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n"), END_RESPONSE_HEAD_BAD, 0 },
    { TEXT("HTTP/1.1 200 OK\r\nA: \0\r\n"), END_RESPONSE_HEAD_BAD, 0 },
    { TEXT("HTTP/1.1 200 OK\r\nA: b\n\n"), END_RESPONSE_HEAD_BAD, 22 },
};

static void bad_heads_are_refused_as_soon_as_that_is_certain(void **state)
{
    (void)state;
    struct guard g = guard_new(4096);
    for (size_t i = 0; i < ARRAY_LEN(bad_requests); i++)
        assert_refused(&g, &bad_requests[i], h1_parse_request);
    for (size_t i = 0; i < ARRAY_LEN(bad_responses); i++)
        assert_refused(&g, &bad_responses[i], h1_parse_response);
    guard_free(&g);
}

/* ---- limits ---- */

static size_t put(char *out, const char *text)
{
    memcpy(out, text, strlen(text));
    return strlen(text);
}

/* LINE, one field that makes the head exactly bytes long, the empty line. */
static size_t long_head(char *out, const char *line, size_t bytes)
{
    size_t n = put(out, line);
    n += put(out + n, "A: ");
    memset(out + n, 'a', bytes - n - 4);
    return bytes - 4 + put(out + bytes - 4, BLANK);
}

static void a_head_has_a_largest_size(void **state)
{
    (void)state;
    static const char status[] = "HTTP/1.1 200 OK\r\n";
    char *text = test_malloc(HEAD_BYTES_MAX + 1);
    struct http_head h;
    enum end_reason why;
    size_t n = long_head(text, LINE, HEAD_BYTES_MAX);
    assert_int_equal(h1_parse_request(text, n, 0, &h, &why), H1_DONE);
    assert_int_equal(h1_parse_request(text, n - 1, 0, &h, &why), H1_PARTIAL);
    n = long_head(text, LINE, HEAD_BYTES_MAX + 1);
    assert_int_equal(h1_parse_request(text, n - 2, 0, &h, &why), H1_PARTIAL);
    for (size_t seen = 0; seen < n; seen += n - 2) {
        assert_int_equal(h1_parse_request(text, n, seen, &h, &why), H1_ERROR);
        assert_int_equal(why, END_HEAD_TOO_LARGE);
        assert_int_equal(h1_parse_request(text, n - 1, seen, &h, &why), H1_ERROR);
        assert_int_equal(why, END_HEAD_TOO_LARGE);
    }
    n = long_head(text, status, HEAD_BYTES_MAX);
    assert_int_equal(h1_parse_response(text, n, 0, &h, &why), H1_DONE);
    n = long_head(text, status, HEAD_BYTES_MAX + 1);
    assert_int_equal(h1_parse_response(text, n - 1, 0, &h, &why), H1_ERROR);
    assert_int_equal(why, END_RESPONSE_HEAD_TOO_LARGE);
    assert_int_equal(h1_parse_response(text, n, 0, &h, &why), H1_ERROR);
    assert_int_equal(why, END_RESPONSE_HEAD_TOO_LARGE);
    test_free(text);
}

static void a_head_has_a_largest_number_of_fields(void **state)
{
    (void)state;
    char text[32 + (HEAD_FIELDS_MAX + 1) * 8];
    struct http_head h;
    enum end_reason why;
    size_t n = put(text, LINE);
    for (unsigned i = 0; i < HEAD_FIELDS_MAX; i++)
        n += put(text + n, i % 2 ? "Via: a\r\n" : "a:\r\n");
    put(text + n, "\r\n");
    assert_int_equal(h1_parse_request(text, n + 2, 0, &h, &why), H1_DONE);
    assert_int_equal(h.fields_count, HEAD_FIELDS_MAX);
    unsigned vias = 0;
    for (const struct http_field *f = head_field(&h, FIELD_VIA); f; f = head_field_next(&h, f))
        vias++;
    assert_int_equal(vias, HEAD_FIELDS_MAX / 2);
    put(text + n, "b");
    for (size_t seen = 0; seen <= n; seen += n) {
        assert_int_equal(h1_parse_request(text, n, seen, &h, &why), H1_PARTIAL);
        assert_int_equal(h1_parse_request(text, n + 1, seen, &h, &why), H1_ERROR);
        assert_int_equal(why, END_TOO_MANY_FIELDS);
    }
    n = put(text, "HTTP/1.1 200\r\n");
    for (unsigned i = 0; i <= HEAD_FIELDS_MAX; i++)
        n += put(text + n, "a:\r\n");
    assert_int_equal(h1_parse_response(text, n, 0, &h, &why), H1_ERROR);
    assert_int_equal(why, END_RESPONSE_HEAD_TOO_LARGE);
}

static void a_target_and_a_method_have_a_largest_length(void **state)
{
    (void)state;
    static const char rest[] = " HTTP/1.1" BLANK;
    char text[TARGET_BYTES_MAX + 64];
    struct http_head h;
    enum end_reason why;
    size_t n = put(text, "GET ");
    memset(text + n, '/', TARGET_BYTES_MAX + 1);
    n += TARGET_BYTES_MAX;
    assert_int_equal(h1_parse_request(text, n, 0, &h, &why), H1_PARTIAL);
    assert_int_equal(h1_parse_request(text, n + 1, 0, &h, &why), H1_ERROR);
    assert_int_equal(why, END_TARGET_TOO_LONG);
    put(text + n, rest);
    assert_int_equal(h1_parse_request(text, n + sizeof rest - 1, 0, &h, &why), H1_DONE);
    assert_int_equal(h.target.len, TARGET_BYTES_MAX);

    memset(text, 'M', METHOD_BYTES_MAX);
    n = METHOD_BYTES_MAX + put(text + METHOD_BYTES_MAX, " / HTTP/1.1" BLANK);
    assert_int_equal(h1_parse_request(text, n, 0, &h, &why), H1_DONE);
    assert_int_equal(h.method.len, METHOD_BYTES_MAX);
}

/* ---- trailers ---- */

static void trailers_are_whole_or_refused(void **state)
{
    (void)state;
    static const struct str good[] = { TEXT("\r\n"), TEXT("A: b" BLANK),
                                       TEXT("Checksum: 1\r\nx:" BLANK) };
    static const struct str bad[] = {
        TEXT(""),
        TEXT("\r"),
        TEXT("A: b"),
        TEXT("A: b\r\n"),
        TEXT("A : b" BLANK),
        TEXT(" A: b" BLANK),
        TEXT("A\r\n\r\n"),
        TEXT("A: b\n\n"),
        TEXT("\r\n\r\n"),
        TEXT("A: \0" BLANK),
        TEXT("A: b\r\n c" BLANK),
    };
    struct guard g = guard_new(64);
    struct http_head h;
    enum end_reason why;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct str s = guard_end(&g, good[i]);
        assert_int_equal(h1_parse_trailers(s.ptr, s.len, &h, &why), H1_DONE);
        assert_int_equal(h.fields_count, i);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct str s = guard_end(&g, bad[i]);
        assert_int_equal(h1_parse_trailers(s.ptr, s.len, &h, &why), H1_ERROR);
        assert_int_equal(why, END_BAD_TRAILER);
    }
    guard_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_understood),
        cmocka_unit_test(a_response_is_understood),
        cmocka_unit_test(methods_are_known),
        cmocka_unit_test(good_heads_may_be_cut_anywhere),
        cmocka_unit_test(bad_heads_are_refused_as_soon_as_that_is_certain),
        cmocka_unit_test(a_head_has_a_largest_size),
        cmocka_unit_test(a_head_has_a_largest_number_of_fields),
        cmocka_unit_test(a_target_and_a_method_have_a_largest_length),
        cmocka_unit_test(trailers_are_whole_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
