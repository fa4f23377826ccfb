/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/http/h1_head.h"
#include "core/http/target.h"
#include "tests/unit/guard.h"

struct request {
    struct guard guard;
    struct http_head head;
    struct arena arena;
    char block[256];
};

/* "METHOD TARGET", the minor version, a Host value or NULL; more follows as it is. */
static enum end_reason understand(struct request *r, const char *line, int minor, const char *host,
                                  const char *more, struct target *t)
{
    char text[1024];
    enum end_reason why;
    int n = snprintf(text, sizeof text, "%s HTTP/1.%d\r\n%s%s%s%s\r\n", line, minor,
                     host ? "Host: " : "", host ? host : "", host ? "\r\n" : "", more);
    struct str s = guard_end(&r->guard, (struct str){ text, (size_t)n });
    assert_int_equal(h1_parse_request(s.ptr, s.len, 0, &r->head, &why), H1_DONE);
    arena_init(&r->arena, r->block, sizeof r->block, 0);
    return target_parse(&r->head, &r->arena, t);
}

static void assert_str(struct str s, const char *expected)
{
    if (!str_eq(s, str_of(expected)))
        fail_msg("'%.*s' is not '%s'", (int)s.len, s.ptr, expected);
}

static void targets_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int minor;
        const char *field;
        enum target_form form;
        const char *authority, *host;
        uint32_t port;
        const char *path, *query;
    } cases[] = {
        { "GET /", 1, "a", TARGET_ORIGIN, "a", "a", 0, "/", "" },
        { "GET /x?", 1, "A.b:80", TARGET_ORIGIN, "A.b:80", "A.b", 80, "/x", "?" },
        { "GET /?a=b/../c?d&e[]={}%00", 1, "a", TARGET_ORIGIN, "a", "a", 0, "/",
          "?a=b/../c?d&e[]={}%00" },
        { "GET //evil.example/p", 1, "a", TARGET_ORIGIN, "a", "a", 0, "//evil.example/p", "" },
        { "GET /a/%2e%2E/%62?%2e%2E", 1, "a", TARGET_ORIGIN, "a", "a", 0, "/b", "?%2e%2E" },
        { "GET /../../etc", 1, "a", TARGET_ORIGIN, "a", "a", 0, "/etc", "" },
        /* Host */
        { "GET /", 0, NULL, TARGET_ORIGIN, "", "", 0, "/", "" },
        { "GET /", 0, "", TARGET_ORIGIN, "", "", 0, "/", "" },
        { "GET /", 1, "", TARGET_ORIGIN, "", "", 0, "/", "" },
        { "GET /", 1, "a:", TARGET_ORIGIN, "a", "a", 0, "/", "" },
        { "GET /", 1, "a:65535", TARGET_ORIGIN, "a:65535", "a", 65535, "/", "" },
        { "GET /", 1, "127.0.0.1:1", TARGET_ORIGIN, "127.0.0.1:1", "127.0.0.1", 1, "/", "" },
        { "GET /", 1, "[::1]", TARGET_ORIGIN, "[::1]", "[::1]", 0, "/", "" },
        { "GET /", 1, "[2001:DB8::1.2.3.4]:443", TARGET_ORIGIN, "[2001:DB8::1.2.3.4]:443",
          "[2001:DB8::1.2.3.4]", 443, "/", "" },
        { "GET /", 1, "a_b-c.~d.", TARGET_ORIGIN, "a_b-c.~d.", "a_b-c.~d.", 0, "/", "" },
        /* absolute form: its authority wins */
        { "GET http://b", 1, "a", TARGET_ABSOLUTE, "b", "b", 0, "/", "" },
        { "GET HTTPS://b:8443/x?y", 1, "a:1", TARGET_ABSOLUTE, "b:8443", "b", 8443, "/x", "?y" },
        { "GET http://b?q=/", 1, "b", TARGET_ABSOLUTE, "b", "b", 0, "/", "?q=/" },
        { "GET http://[::1]:80/%7e", 1, "a", TARGET_ABSOLUTE, "[::1]:80", "[::1]", 80, "/~", "" },
        { "GET http://b/", 0, NULL, TARGET_ABSOLUTE, "b", "b", 0, "/", "" },
        { "GET http://b/", 1, "", TARGET_ABSOLUTE, "b", "b", 0, "/", "" },
        { "GET http://b:/", 1, "a", TARGET_ABSOLUTE, "b", "b", 0, "/", "" },
        /* OPTIONS and CONNECT */
        { "OPTIONS *", 1, "a", TARGET_ASTERISK, "a", "a", 0, "*", "" },
        { "OPTIONS http://b:81", 1, "a", TARGET_ASTERISK, "b:81", "b", 81, "*", "" },
        { "OPTIONS http://b/", 1, "a", TARGET_ABSOLUTE, "b", "b", 0, "/", "" },
        { "OPTIONS http://b?x", 1, "a", TARGET_ABSOLUTE, "b", "b", 0, "/", "?x" },
        { "OPTIONS /x", 1, "a", TARGET_ORIGIN, "a", "a", 0, "/x", "" },
        { "CONNECT b:443", 1, "a", TARGET_AUTHORITY, "b:443", "b", 443, "", "" },
        { "CONNECT [::1]:1", 1, "a", TARGET_AUTHORITY, "[::1]:1", "[::1]", 1, "", "" },
    };
    struct request r = { .guard = guard_new(1024) };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target t;
        enum end_reason why = understand(&r, cases[i].line, cases[i].minor, cases[i].field, "", &t);
        if (why != END_OK)
            fail_msg("%s: %s", cases[i].line, end_reason_info(why)->word);
        assert_int_equal(t.form, cases[i].form);
        assert_str(t.authority, cases[i].authority);
        assert_str(t.host, cases[i].host);
        assert_int_equal(t.port, cases[i].port);
        assert_str(t.path, cases[i].path);
        assert_str(t.query, cases[i].query);
    }
    guard_free(&r.guard);
}

static void bad_targets_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "GET *",
        "GET a",
        "GET a/b",
        "GET ?x",
        "GET a:80",
        "GET .",
        "OPTIONS **",
        "OPTIONS *?x",
        /* bytes */
        "GET /%zz",
        "GET /%",
        "GET /%00",
        "GET /a\\b",
        "GET /#",
        "GET /a#b",
        "GET /?a#b",
        "GET /?a\\b",
        "GET /?%zz",
        "GET /?%",
        "GET /?%1",
        "GET /?a\"b",
        "GET /?\"11",
        "GET /?\"",
        "GET /?%z1",
        "GET /?%1z",
        "GET /?<script>",
        "GET /\"",
        "GET /<",
        "GET /{x}",
        /* absolute form */
        "GET http:",
        "GET http:/a",
        "GET http://",
        "GET http:///a",
        "GET http://?x",
        "GET http://:80/",
        "GET http://u@b/",
        "GET http://u:p@b/",
        "GET http://b:x/",
        "GET http://b:0/",
        "GET http://b:65536/",
        "GET http://b:123456/",
        "GET http://b\\c/",
        "GET http://b%41/",
        "GET http://[::1/",
        "GET http://[::1]x/",
        "GET http://b/%00",
        "GET http://b#c",
        "GET ftp://b/",
        "GET httpx://b/",
        "GET ws://b/",
        "GET javascript:alert(1)",
        /* CONNECT */
        "CONNECT /",
        "CONNECT *",
        "CONNECT b",
        "CONNECT b:",
        "CONNECT b:0",
        "CONNECT :443",
        "CONNECT b:443/",
        "CONNECT u@b:443",
        "CONNECT http://b:443",
    };
    struct request r = { .guard = guard_new(1024) };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct target t;
        enum end_reason why = understand(&r, lines[i], 1, "a", "", &t);
        if (why != END_BAD_TARGET)
            fail_msg("%s: %s", lines[i], end_reason_info(why)->word);
    }
    guard_free(&r.guard);
}

static void bad_hosts_are_refused(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        NULL,
        "u@a",
        "a b",
        "a,b",
        "a/",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "a:x",
        "a:80x",
        "a:-1",
        "a:+1",
        "a:0",
        "a:65536",
        "a:000080",
        "a:80:80",
        ":80",
        ":",
        "::1",
        "[::1",
        "::1]",
        "[]",
        "[]:80",
        "[a]",
        "[::1]x",
        "[::1]80",
        "[::g]",
        "[1.2.3.4]",
        "[::1%1]",
        "[:::1]",
        "[[::1]]",
        "a[::1]",
        "a%41",
        "a\"",
        "\x80",
        "a;b",
        "a*",
        "http://a",
        "a\tb",
        "[0000:0000:0000:0000:0000:0000:0000:0000:000000]",
        "[::0000000000000000000000000000000000000000000000000000000000000001]",
        "[v1.a]",
        "[::1]:x",
        "a=b",
        "a&b",
        "(a)",
        "a:8 0",
        "{a}",
        "a|b",
    };
    struct request r = { .guard = guard_new(1024) };
    struct target t;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        enum end_reason why = understand(&r, "GET /", 1, hosts[i], "", &t);
        if (why != END_BAD_HOST)
            fail_msg("%s: %s", hosts[i], end_reason_info(why)->word);
        assert_int_equal(understand(&r, "GET http://b/", 1, hosts[i], "", &t), END_BAD_HOST);
        assert_int_equal(understand(&r, "OPTIONS *", 1, hosts[i], "", &t), END_BAD_HOST);
        assert_int_equal(understand(&r, "CONNECT b:1", 1, hosts[i], "", &t), END_BAD_HOST);
    }
    assert_int_equal(understand(&r, "GET /", 1, "a", "Host: a\r\n", &t), END_BAD_HOST);
    assert_int_equal(understand(&r, "GET /", 1, "a", "X: y\r\nhost: b\r\n", &t), END_BAD_HOST);
    assert_int_equal(understand(&r, "GET /", 1, "", "Host:\r\n", &t), END_BAD_HOST);
    assert_int_equal(understand(&r, "GET /", 0, "a", "Host: a\r\n", &t), END_BAD_HOST);
    assert_int_equal(understand(&r, "GET /", 0, "u@a", "", &t), END_BAD_HOST);
    guard_free(&r.guard);
}

/* A normal path points into the head; another one into the arena, which keeps nothing unused. */
static void only_changed_paths_cost_memory(void **state)
{
    (void)state;
    struct request r = { .guard = guard_new(1024) };
    struct target t;
    assert_int_equal(understand(&r, "GET /a/b?c", 1, "a", "", &t), END_OK);
    assert_ptr_equal(t.path.ptr, head_str(&r.head, r.head.target).ptr);
    assert_ptr_equal(r.arena.at, r.block);
    assert_int_equal(understand(&r, "GET /a/../b?c", 1, "a", "", &t), END_OK);
    assert_ptr_equal(t.path.ptr, r.block);
    assert_ptr_equal(r.arena.at, r.block + 2);

    char line[300] = "GET /../";
    memset(line + 8, 'a', sizeof r.block);
    line[8 + sizeof r.block] = '\0';
    assert_int_equal(understand(&r, line, 1, "a", "", &t), END_OVERLOADED);
    guard_free(&r.guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_understood),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(bad_hosts_are_refused),
        cmocka_unit_test(only_changed_paths_cost_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
