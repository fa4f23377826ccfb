/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cache_status.h"
#include "core/base/check.h"
#include "core/base/end_reason.h"
#include "core/base/rng.h"
#include "core/observe/log_format.h"

static char line[LOG_LINE_BYTES_MAX + 1];

static const char *formatted(enum log_format format, bool colour, const struct record *r)
{
    struct out o = out_into(line, LOG_LINE_BYTES_MAX);
    const struct log_config log = { .format = format };
    log_format_line(&o, &log, colour, r);
    assert_false(o.full);
    line[out_len(&o)] = 0;
    return line;
}

static struct peer_addr peer(const char *text)
{
    struct addr a;
    const char *why;
    assert_true(addr_parse(str_of(text), false, &a, &why));
    return peer_addr_of(&a);
}

/* A usual request, answered. */
static struct record usual(void)
{
    return (struct record){
        .start_wall_us = UINT64_C(1709210096007008), /* on a leap day */
        .request_id_hi = 0x12,
        .request_id_lo = UINT64_C(0xfedcba9876543210),
        .peer = peer("[2001:db8::7]:4711"),
        .client = peer("10.9.8.7:0"),
        .connection = 12,
        .request = 3,
        .worker = 1,
        .status = 200,
        .server_status = 201,
        .version_major = 1,
        .version_minor = 1,
        .tries = 1,
        .reused = true,
        .end_reason = END_OK,
        .bytes_in = 120,
        .bytes_out = 3456,
        .queue_us = 0,
        .waited_us = UINT32_MAX,
        .connect_us = 0,
        .first_byte_us = 850,
        .total_us = 1234,
        .accept_us = UINT32_MAX,
        .method = STR("GET"),
        .authority = STR("example.com"),
        .path = STR("/a?b=c"),
        .server = STR("10.0.0.1:80"),
        .referer = STR("http://example.com/"),
        .user_agent = STR("curl/8"),
    };
}

/* Nothing but a connection that ended before its request could be read. */
static struct record nothing(void)
{
    return (struct record){
        .start_wall_us = 1,
        .peer = { .family = AF_UNIX },
        .client = { .family = AF_UNIX },
        .connection = 1,
        .request = 1,
        .end_reason = END_CLIENT_RESET,
        .queue_us = UINT32_MAX,
        .waited_us = UINT32_MAX,
        .connect_us = UINT32_MAX,
        .first_byte_us = UINT32_MAX,
        .total_us = UINT32_MAX,
        .accept_us = UINT32_MAX,
    };
}

static void json_of_an_answered_request(void **state)
{
    (void)state;
    struct record r = usual();
    assert_string_equal(
        formatted(LOG_JSON, false, &r),
        "{\"time\":\"2024-02-29T12:34:56.007008Z\","
        "\"request_id\":\"0000000000000012fedcba9876543210\",\"peer\":\"[2001:db8::7]:4711\","
        "\"client\":\"10.9.8.7\",\"connection\":12,\"request\":3,\"worker\":1,\"method\":\"GET\","
        "\"authority\":\"example.com\",\"path\":\"/a?b=c\",\"version\":\"HTTP/1.1\","
        "\"referer\":\"http://example.com/\",\"user_agent\":\"curl/8\",\"status\":200,"
        "\"server_status\":201,\"bytes_in\":120,\"bytes_out\":3456,\"server\":\"10.0.0.1:80\","
        "\"tries\":1,\"reused\":true,"
        "\"phases\":{\"queue\":0,\"connect\":0,\"first_byte\":850,\"total\":1234},"
        "\"end\":\"ok\",\"end_code\":0}\n");
}

static void json_leaves_out_what_did_not_happen(void **state)
{
    (void)state;
    struct record r = nothing();
    char expected[512];
    snprintf(expected, sizeof expected,
             "{\"time\":\"1970-01-01T00:00:00.000001Z\","
             "\"request_id\":\"00000000000000000000000000000000\",\"peer\":\"unix\","
             "\"client\":\"unix\",\"connection\":1,\"request\":1,\"worker\":0,\"bytes_in\":0,"
             "\"bytes_out\":0,\"tries\":0,\"reused\":false,\"phases\":{},"
             "\"end\":\"client_reset\",\"end_code\":%d,\"broken_by\":\"client\"}\n",
             END_CLIENT_RESET);
    assert_string_equal(formatted(LOG_JSON, false, &r), expected);
}

static void human_is_one_short_line(void **state)
{
    (void)state;
    struct record r = usual();
    assert_string_equal(formatted(LOG_HUMAN, false, &r),
                        "12:34:56.007Z 200 GET example.com/a?b=c 3.3 KiB 1.2 ms 10.9.8.7 "
                        "-> 10.0.0.1:80\n");
    r.status = 502;
    r.end_reason = END_CONNECT_REFUSED;
    r.tries = 3;
    r.bytes_out = 1023;
    r.total_us = 999;
    r.path = STR("http://example.com/x"); /* names its authority itself */
    assert_string_equal(formatted(LOG_HUMAN, true, &r),
                        "12:34:56.007Z \033[31m502\033[0m GET http://example.com/x 1023 B 999 us "
                        "10.9.8.7 -> 10.0.0.1:80, 3 tries: server refused the connection\n");
    r = nothing();
    assert_string_equal(formatted(LOG_HUMAN, false, &r),
                        "00:00:00.000Z --- - 0 B unix: client's connection broke\n");
    char path[1000];
    memset(path, 'p', sizeof path);
    path[0] = '/';
    r.path = (struct str){ path, sizeof path };
    assert_true(strlen(formatted(LOG_HUMAN, false, &r)) < 200);
    assert_non_null(strstr(line, "ppp... "));
}

static void human_scales_its_units(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        uint32_t us;
        const char *text;
    } cases[] = {
        { 1024, 0, " 1.0 KiB 0 us " },
        { 10240, 1000, " 10 KiB 1.0 ms " },
        { 1048575, 9999, " 1023 KiB 9.9 ms " },
        { 1048576, 10000, " 1.0 MiB 10 ms " },
        { UINT64_C(5) << 30, 999999, " 5.0 GiB 999 ms " },
        { UINT64_MAX, 1000000, " 15 EiB 1.0 s " },
        { 0, UINT32_MAX - 1, " 0 B 4294 s " },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct record r = usual();
        r.bytes_out = cases[i].bytes;
        r.total_us = cases[i].us;
        if (!strstr(formatted(LOG_HUMAN, false, &r), cases[i].text))
            fail_msg("'%s' not in %s", cases[i].text, line);
    }
}

static void combined_is_apaches(void **state)
{
    (void)state;
    struct record r = usual();
    assert_string_equal(formatted(LOG_COMBINED, false, &r),
                        "10.9.8.7 - - [29/Feb/2024:12:34:56 +0000] \"GET /a?b=c HTTP/1.1\" 200 "
                        "3456 \"http://example.com/\" \"curl/8\"\n");
    r.user = STR("a b\"c");
    assert_non_null(strstr(formatted(LOG_COMBINED, false, &r), "10.9.8.7 - a\\x20b\\\"c [29/"));
    assert_non_null(strstr(formatted(LOG_JSON, false, &r), ",\"user\":\"a b\\\"c\","));
    r = nothing();
    assert_string_equal(formatted(LOG_COMBINED, false, &r),
                        "unix - - [01/Jan/1970:00:00:00 +0000] \"-\" 499 0 \"-\" \"-\"\n");
    r.end_reason = END_SERVER_RESET;
    assert_non_null(strstr(formatted(LOG_COMBINED, false, &r), "\"-\" 444 0"));
}

static void nobody_writes_a_line_of_their_own(void **state)
{
    (void)state;
    struct record r = usual();
    r.path = STR("/\r\n1.2.3.4 - - \"x\\\033[2J\x9b\x7f\0");
    r.user_agent = r.referer = r.authority = r.method = r.server = r.path;
    assert_non_null(strstr(formatted(LOG_COMBINED, false, &r),
                           " /\\x0d\\x0a1.2.3.4 - - \\\"x\\\\\\x1b[2J\\x9b\\x7f\\x00 HTTP/1.1\""));
    static const enum log_format formats[] = { LOG_JSON, LOG_HUMAN, LOG_COMBINED, LOG_TRACE };
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        formatted(formats[i], false, &r);
        size_t n = strlen(line);
        assert_int_equal(line[n - 1], '\n');
        for (size_t k = 0; k + 1 < n; k++)
            assert_in_range(line[k], ' ', '~');
    }
}

static void the_longest_line_fits(void **state)
{
    (void)state;
    static char worst[RECORD_STR_MAX]; /* NULs: six bytes each */
    struct record r = usual();
    r.method = r.authority = r.path = r.server = r.referer = r.user_agent =
        (struct str){ worst, sizeof worst };
    r.start_wall_us = UINT64_C(253402300799999999); /* the last of the year 9999 */
    r.connection = r.bytes_in = r.bytes_out = UINT64_MAX;
    r.request = UINT32_MAX;
    r.status = r.server_status = r.worker = UINT16_MAX;
    r.tries = 255;
    r.accept_us = r.queue_us = r.waited_us = r.connect_us = r.first_byte_us = r.total_us =
        UINT32_MAX - 1;
    r.peer = peer("[2001:db88:8888:8888:8888:8888:8888:8888]:65535");
    r.client = r.peer;
    for (int i = 0; i < END_REASON_COUNT; i++) {
        r.end_reason = (uint8_t)i;
        assert_true(strlen(formatted(LOG_JSON, false, &r)) > 6 * sizeof worst * 6);
        formatted(LOG_HUMAN, true, &r);
        formatted(LOG_COMBINED, false, &r);
        formatted(LOG_TRACE, false, &r);
    }
}

/* Python's parser takes every line; plain strings come back as they were. */
static void json_is_json(void **state)
{
    (void)state;
    FILE *python =
        popen("python3 -c '\n"
              "import json, sys\n"
              "lines = sys.stdin.buffer.read().decode(\"utf-8\").split(\"\\n\")\n"
              "assert len(lines) == 501 and lines[-1] == \"\", len(lines)\n"
              "for n, text in enumerate(lines[:-1]):\n"
              "    r = json.loads(text)\n"
              "    assert r[\"connection\"] == n and r[\"phases\"][\"total\"] == n, text\n"
              "    assert r[\"server\"] == \"a\\\"\\\\\\u00e9\\t/\" + str(n), text\n"
              "'",
              "w");
    assert_non_null(python);
    struct rng rng = { 99 };
    for (uint32_t n = 0; n < 500; n++) {
        struct record r = usual();
        char noise[300], server[40];
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (char)rng_next(&rng);
        r.method = (struct str){ noise, rng_below(&rng, 10) };
        r.authority = (struct str){ noise + 10, rng_below(&rng, 50) };
        r.path = (struct str){ noise + 60, rng_below(&rng, 100) };
        r.referer = (struct str){ noise + 160, rng_below(&rng, 50) };
        r.user_agent = (struct str){ noise + 210, rng_below(&rng, 90) };
        int len = snprintf(server, sizeof server, "a\"\\\xc3\xa9\t/%u", n);
        r.server = (struct str){ server, (size_t)len };
        r.connection = r.total_us = n;
        r.end_reason = (uint8_t)(n % END_REASON_COUNT);
        fputs(formatted(LOG_JSON, false, &r), python);
    }
    assert_int_equal(pclose(python), 0);
}

static const char *logged(const struct log_config *log, const struct record *r)
{
    struct out o = out_into(line, LOG_LINE_BYTES_MAX);
    log_format_line(&o, log, false, r);
    assert_false(o.full);
    line[out_len(&o)] = 0;
    return line;
}

static void names_of_the_configuration_are_told(void **state)
{
    (void)state;
    struct record r = usual();
    r.listener = STR("web");
    r.site = STR("edge");
    r.route = STR("routes[3]");
    r.backend = STR("app");
    r.request_id = STR("their-own-id");
    const char *got = formatted(LOG_JSON, false, &r);
    assert_non_null(strstr(got, ",\"listener\":\"web\",\"site\":\"edge\",\"route\":\"routes[3]\","
                                "\"backend\":\"app\","));
    assert_non_null(strstr(got, ",\"request_id\":\"their-own-id\","));
}

static void values_of_secret_arguments_are_not_written(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written;
    } cases[] = {
        { "/a?token=abc&b=c", "/a?token=REDACTED&b=c" },
        { "/a?b=c&token=abc", "/a?b=c&token=REDACTED" },
        { "/a?tok%65n=abc&key=&x", "/a?tok%65n=REDACTED&key=REDACTED&x" },
        { "/a?x;token=a;b&c=d", "/a?x;token=REDACTED&c=d" },
        { "/token=1?tokens=2&atoken=3&Token=4&tok", "/token=1?tokens=2&atoken=3&Token=4&tok" },
        { "/a?token", "/a?token" },
        { "/a?", "/a?" },
        { "http://e/?key=k?token=t", "http://e/?key=REDACTED" },
        { "", "" },
    };
    struct str names[] = { STR("token"), STR("key") };
    const struct strings redact = { names, 2 };
    char into[LOG_REDACTED_BYTES_MAX];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got = log_redact(str_of(cases[i].text), &redact, into);
        assert_int_equal(got.len, strlen(cases[i].written));
        assert_memory_equal(got.ptr, cases[i].written, got.len);
    }
    char longest[RECORD_STR_MAX];
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = "?key=&"[i % 6]; /* grows most */
    struct str got = log_redact((struct str){ longest, sizeof longest }, &redact, into);
    assert_true(got.len > sizeof longest);

    struct record r = usual();
    r.path = STR("/p?key=hidden1");
    r.referer = STR("http://e/p?token=hidden2");
    for (int format = LOG_JSON; format <= LOG_TRACE; format++) {
        const struct log_config log = { .format = (enum log_format)format, .redact = redact };
        assert_null(strstr(logged(&log, &r), "hidden"));
    }
}

static void secret_segments_of_paths_are_not_written(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written;
    } cases[] = {
        { "/users/7", "/users/REDACTED" },
        { "/users/7/orders?x=/users/8", "/users/REDACTED/orders?x=/users/8" },
        { "/%75sers/7", "/%75sers/REDACTED" },
        { "/users/", "/users/" },
        { "/users", "/users" },
        { "/user/7", "/user/7" },
        { "/a/1/b/2/c", "/a/REDACTED/b/REDACTED/c" },
        { "/a/1/c/2", "/a/1/c/2" },
        { "http://e/users/7", "http://e/users/REDACTED" },
        { "http://users/7", "http://users/7" },
        { "/x/../users/7", "/x/REDACTED" },
        { "/x/%2e%2E/users/7?q", "/x/REDACTED?q" },
        { "/./users/7", "/REDACTED" },
        { "*", "*" },
        { "", "" },
    };
    struct str names[] = { STR("/users/*"), STR("/a/*/b/*") };
    const struct strings rules = { names, 2 };
    char into[LOG_REDACTED_BYTES_MAX];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got = log_redact_path(str_of(cases[i].text), &rules, into);
        assert_int_equal(got.len, strlen(cases[i].written));
        assert_memory_equal(got.ptr, cases[i].written, got.len);
    }
    char longest[RECORD_STR_MAX], stars[2 * RECORD_STR_MAX];
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = "/a"[i % 2];
    for (size_t i = 0; i < sizeof stars; i++)
        stars[i] = "/*"[i % 2];
    struct str all = { stars, sizeof longest };
    struct str got = log_redact_path((struct str){ longest, sizeof longest },
                                     &(struct strings){ &all, 1 }, into);
    assert_int_equal(got.len, sizeof longest / 2 * strlen("/REDACTED"));

    struct record r = usual();
    r.path = STR("/users/hidden?x");
    for (int format = LOG_JSON; format <= LOG_TRACE; format++) {
        const struct log_config log = { .format = (enum log_format)format, .redact_paths = rules };
        assert_null(strstr(logged(&log, &r), "hidden"));
    }
}

static void a_trace_has_what_a_replay_needs(void **state)
{
    (void)state;
    struct record r = usual();
    r.body_in = 5;
    r.body_out = 3000;
    assert_string_equal(formatted(LOG_TRACE, false, &r),
                        "{\"at\":1709210096007008,\"method\":\"GET\",\"path\":\"/a?b=c\","
                        "\"request_bytes\":5,\"status\":200,\"response_bytes\":3000,\"us\":1234,"
                        "\"end\":\"ok\"}\n");
    r = nothing();
    r.total_us = UINT32_MAX;
    assert_non_null(strstr(formatted(LOG_TRACE, false, &r), "\"method\":\"\",\"path\":\"\""));
    assert_non_null(strstr(line, "\"us\":0,"));
}

static void captured_headers_are_told_by_name(void **state)
{
    (void)state;
    struct str request[] = { STR("accept"), STR("x-none"), STR("x-empty") };
    struct str response[] = { STR("x-cache"), STR("x-none") };
    struct log_config log = { .format = LOG_JSON,
                              .request_headers = { request, 3 },
                              .response_headers = { response, 2 } };
    char mem[RECORD_STR_MAX];
    struct out o = out_into(mem, sizeof mem);
    record_capture(&o, STR("text/\"html\""));
    record_capture(&o, (struct str){ 0 });
    record_capture(&o, STR(""));
    record_capture(&o, STR("HIT"));
    record_capture(&o, (struct str){ 0 });
    struct record r = usual();
    r.captured = (struct str){ mem, out_len(&o) };
    assert_non_null(
        strstr(logged(&log, &r),
               ",\"request_headers\":{\"accept\":\"text/\\\"html\\\"\",\"x-empty\":\"\"},"
               "\"response_headers\":{\"x-cache\":\"HIT\"}}\n"));
    /* An answer of our own: nothing was captured of a server's. */
    r.captured.len = 0;
    assert_null(strstr(logged(&log, &r), "_headers"));
    /* Cut anywhere, nothing is read behind its end. */
    for (size_t n = 0; n < out_len(&o); n++) {
        char *exact = malloc(n + 1);
        memcpy(exact, mem, n);
        r.captured = (struct str){ exact, n };
        logged(&log, &r);
        free(exact);
    }
}

/* Of a line on which everything happened, those of the table, in its order. */
static void every_field_of_the_table_is_written(void **state)
{
    (void)state;
    struct str names[] = { STR("accept") };
    struct log_config log = { .format = LOG_JSON,
                              .request_headers = { names, 1 },
                              .response_headers = { names, 1 } };
    char mem[64];
    struct out o = out_into(mem, sizeof mem);
    record_capture(&o, STR("a"));
    record_capture(&o, STR("b"));
    struct record r = usual();
    r.captured = (struct str){ mem, out_len(&o) };
    r.listener = r.site = r.route = r.backend = r.user = r.server_name = r.client_subject =
        r.destination = r.rule = STR("x");
    r.tls_minor = 3;
    r.tls_failure = 1;
    r.end_reason = END_CONNECT_REFUSED;
    r.cache = CACHE_HIT;
    const char *at = logged(&log, &r), *next;
    const struct log_field *f;
    for (uint32_t i = 0; (f = log_field_at(i)); i++) {
        char key[64];
        snprintf(key, sizeof key, "%c\"%s\":", i ? ',' : '{', f->name);
        next = strstr(at, key);
        if (!next || !f->doc[0] || !f->when[0])
            fail_msg("%s is not where it should be, or not described", f->name);
        at = next;
    }
}

static void long_captured_values_are_cut(void **state)
{
    (void)state;
    char value[2 * RECORD_CAPTURE_MAX] = { 0 }, mem[RECORD_CAPTURE_MAX + 8];
    struct out o = out_into(mem, sizeof mem);
    record_capture(&o, (struct str){ value, sizeof value });
    record_capture(&o, (struct str){ value, 100 }); /* no room */
    assert_false(o.full);
    struct str captured = { mem, out_len(&o) }, got;
    assert_true(record_captured(&captured, &got));
    assert_int_equal(got.len, RECORD_CAPTURE_MAX);
    assert_true(record_captured(&captured, &got));
    assert_null(got.ptr);
    assert_false(record_captured(&captured, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_of_an_answered_request),
        cmocka_unit_test(json_leaves_out_what_did_not_happen),
        cmocka_unit_test(human_is_one_short_line),
        cmocka_unit_test(human_scales_its_units),
        cmocka_unit_test(combined_is_apaches),
        cmocka_unit_test(nobody_writes_a_line_of_their_own),
        cmocka_unit_test(the_longest_line_fits),
        cmocka_unit_test(json_is_json),
        cmocka_unit_test(names_of_the_configuration_are_told),
        cmocka_unit_test(values_of_secret_arguments_are_not_written),
        cmocka_unit_test(secret_segments_of_paths_are_not_written),
        cmocka_unit_test(a_trace_has_what_a_replay_needs),
        cmocka_unit_test(captured_headers_are_told_by_name),
        cmocka_unit_test(every_field_of_the_table_is_written),
        cmocka_unit_test(long_captured_values_are_cut),
    };
    return cmocka_run_group_tests_name("observe/log_format", tests, NULL, NULL);
}
