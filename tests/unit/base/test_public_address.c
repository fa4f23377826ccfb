/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/base/public_address.h"

static struct peer_addr address(const char *text)
{
    struct peer_addr a = { .family = AF_INET };
    if (inet_pton(AF_INET, text, a.ip) != 1) {
        a.family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, a.ip), 1);
    }
    return a;
}

static void special_addresses_are_not_public(void **state)
{
    (void)state;
    static const char *const special[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2001:1ff::1",
        "3fff::1",
        "5f00::1",
        "64:ff9b:1::a00:1",
        /* in other clothes */
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.1.2.3",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:c0a8:101::1",
    };
    for (size_t i = 0; i < ARRAY_LEN(special); i++) {
        struct peer_addr a = address(special[i]);
        if (address_is_public(&a))
            fail_msg("%s", special[i]);
    }
    struct peer_addr unix = { .family = AF_UNIX }, none = { 0 };
    assert_false(address_is_public(&unix));
    assert_false(address_is_public(&none));
}

static void others_are(void **state)
{
    (void)state;
    static const char *const public[] = {
        "1.1.1.1",          "9.255.255.255",   "11.0.0.1",
        "100.63.255.255",   "100.128.0.1",     "126.1.1.1",
        "128.0.0.1",        "169.253.1.1",     "172.15.255.255",
        "172.32.0.1",       "192.0.3.1",       "192.167.1.1",
        "192.169.1.1",      "198.17.1.1",      "198.20.0.1",
        "223.255.255.255",  "2606:4700::1111", "2001:4860:4860::8888",
        "2001:200::1",      "2a00::1",         "::ffff:1.1.1.1",
        "64:ff9b::1.1.1.1", "2002:101:101::1", "3ffe::1",
    };
    for (size_t i = 0; i < ARRAY_LEN(public); i++) {
        struct peer_addr a = address(public[i]);
        if (!address_is_public(&a))
            fail_msg("%s", public[i]);
    }
}

static void the_inner_address_is_found(void **state)
{
    (void)state;
    static const char *const holders[] = { "::ffff:10.1.2.3", "64:ff9b::10.1.2.3",
                                           "2002:a01:203::1" };
    struct peer_addr inner, expected = address("10.1.2.3");
    for (size_t i = 0; i < ARRAY_LEN(holders); i++) {
        struct peer_addr a = address(holders[i]);
        assert_true(address_inner(&a, &inner));
        assert_memory_equal(&inner, &expected, sizeof inner);
    }
    struct peer_addr plain = address("2606:4700::1111");
    assert_false(address_inner(&plain, &inner));
    assert_false(address_inner(&expected, &inner));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_addresses_are_not_public),
        cmocka_unit_test(others_are),
        cmocka_unit_test(the_inner_address_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
