/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/addr.h"
#include "core/base/check.h"

static struct addr parsed(const char *text)
{
    struct addr a;
    const char *why = NULL;
    if (!addr_parse(str_of(text), true, &a, &why))
        fail_msg("'%s' refused: %s", text, why);
    return a;
}

static void reads_and_writes_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        int family;
    } cases[] = {
        { "127.0.0.1:80", "127.0.0.1:80", AF_INET },
        { "0.0.0.0:0", "0.0.0.0:0", AF_INET },
        { "255.255.255.255:65535", "255.255.255.255:65535", AF_INET },
        { "[::1]:80", "[::1]:80", AF_INET6 },
        { "[::]:8080", "[::]:8080", AF_INET6 },
        { "[2001:0db8:0::0001]:443", "[2001:db8::1]:443", AF_INET6 },
        { "[::ffff:10.1.2.3]:443", "10.1.2.3:443", AF_INET6 },
        { ":80", ":80", AF_INET6 },
        { "*:80", ":80", AF_INET6 },
        { "unix:/run/app.sock", "unix:/run/app.sock", AF_UNIX },
        { "unix:@sluice", "unix:@sluice", AF_UNIX },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr a = parsed(cases[i].in);
        char text[ADDR_TEXT_MAX];
        assert_int_equal(a.sa.sa_family, cases[i].family);
        assert_int_equal(addr_format(&a, text), strlen(cases[i].out));
        assert_string_equal(text, cases[i].out);
    }
}

static void fills_what_the_kernel_wants(void **state)
{
    (void)state;
    struct addr a = parsed("127.0.0.1:8080");
    assert_int_equal(a.len, sizeof(struct sockaddr_in));
    assert_int_equal(ntohs(a.v4.sin_port), 8080);
    assert_int_equal(ntohl(a.v4.sin_addr.s_addr), INADDR_LOOPBACK);

    a = parsed(":81");
    assert_int_equal(a.len, sizeof(struct sockaddr_in6));
    assert_true(a.dual_stack);
    assert_false(parsed("[::]:81").dual_stack);

    a = parsed("unix:/a");
    assert_int_equal(a.len, offsetof(struct sockaddr_un, sun_path) + 3); /* with the NUL */
    assert_string_equal(a.un.sun_path, "/a");
    a = parsed("unix:@a");
    assert_int_equal(a.len, offsetof(struct sockaddr_un, sun_path) + 2);
    assert_memory_equal(a.un.sun_path, "\0a", 2);
}

static void refuses_with_the_cause(void **state)
{
    (void)state;
    char long_path[128];
    snprintf(long_path, sizeof long_path, "unix:/%0107d", 0);
    const struct {
        const char *in, *why;
    } cases[] = {
        { "", "port is missing" },
        { "127.0.0.1", "port is missing" },
        { "8080", "port is missing" },
        { "127.0.0.1:", "port is missing" },
        { "127.0.0.1:8o", "not a number" },
        { "127.0.0.1:-1", "not a number" },
        { "127.0.0.1: 80", "not a number" },
        { "127.0.0.1:65536", "above 65535" },
        { "127.0.0.1:4294967376", "above 65535" },
        { "localhost:80", "names are not resolved" },
        { "127.0.0.1.:80", "names are not resolved" },
        { "1270.0.0.1:80", "names are not resolved" },
        { "0000000000000000000000000000000000000000000000000127.0.0.1:80", "not resolved" },
        { "::1:80", "[address]:port" },
        { "[::1]", "[address]:port" },
        { "[::1", "[address]:port" },
        { "[::1]80", "[address]:port" },
        { "[]:80", "malformed IPv6" },
        { "[127.0.0.1]:80", "malformed IPv6" },
        { "[::1]:", "port is missing" },
        { "unix:", "unix:/path" },
        { "unix:run/app.sock", "unix:/path" },
        { long_path, "longer than 107" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr a;
        const char *why = "nothing";
        if (addr_parse(str_of(cases[i].in), true, &a, &why))
            fail_msg("'%s' taken", cases[i].in);
        if (!strstr(why, cases[i].why))
            fail_msg("'%s': %s", cases[i].in, why);
    }
    struct addr a;
    const char *why = NULL;
    assert_false(addr_parse(STR(":80"), false, &a, &why));
    assert_string_equal(why, "the address is missing");
    assert_false(addr_parse(STR("*:80"), false, &a, &why));
    assert_false(addr_parse(STR("unix:/a\0b"), true, &a, &why));
    assert_false(addr_parse(STR("127.0.0.1\0:80"), true, &a, &why));
    long_path[sizeof "unix:/" - 1 + 106] = 0; /* 107 bytes fit */
    assert_true(addr_parse(str_of(long_path), true, &a, &why));
    char text[ADDR_TEXT_MAX];
    assert_int_equal(addr_format(&a, text), strlen(long_path));
    assert_string_equal(text, long_path);
}

static void shows_peers(void **state)
{
    (void)state;
    static const struct {
        const char *in, *with_port, *ip;
    } cases[] = {
        { "10.1.2.3:80", "10.1.2.3:80", "10.1.2.3" },
        { "[::ffff:10.1.2.3]:80", "10.1.2.3:80", "10.1.2.3" },
        { "[fe80::1]:65535", "[fe80::1]:65535", "fe80::1" },
        { "unix:/a", "unix", "unix" },
    };
    char text[ADDR_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr a = parsed(cases[i].in);
        struct peer_addr p = peer_addr_of(&a);
        assert_int_equal(peer_addr_format(&p, text), strlen(cases[i].with_port));
        assert_string_equal(text, cases[i].with_port);
        assert_int_equal(peer_addr_format_ip(&p, text), strlen(cases[i].ip));
        assert_string_equal(text, cases[i].ip);
    }
    struct addr none = { 0 };
    struct peer_addr p = peer_addr_of(&none);
    assert_int_equal(peer_addr_format(&p, text), 1);
    assert_string_equal(text, "-");
    addr_format(&none, text);
    assert_string_equal(text, "-");

    struct addr unnamed = { .len = sizeof(sa_family_t) };
    unnamed.sa.sa_family = AF_UNIX;
    addr_format(&unnamed, text);
    assert_string_equal(text, "unix");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_the_same),
        cmocka_unit_test(fills_what_the_kernel_wants),
        cmocka_unit_test(refuses_with_the_cause),
        cmocka_unit_test(shows_peers),
    };
    return cmocka_run_group_tests_name("base/addr", tests, NULL, NULL);
}
