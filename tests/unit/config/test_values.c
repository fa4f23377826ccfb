/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each kind of wrong value has its message, which quotes it, at its place: numbers, addresses,
 * references, shapes. */
#include "tests/unit/config/config_test.h"

struct wrong {
    const char *text, *messages;
};

static void expect_all(const struct wrong *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_messages(cases[i].text, cases[i].messages);
}

static void wrong_numbers(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_TOP("workers: 4000"),
          "2:10: error: '4000' is neither auto nor a number from 1 to 256\n" },
        { IN_TOP("workers: 0"), "2:10: error: '0' is neither auto nor a number from 1 to 256\n" },
        { IN_TOP("workers: -1"), "2:10: error: '-1' is neither auto nor a number from 1 to 256\n" },
        { IN_TOP("workers: many"),
          "2:10: error: 'many' is neither auto nor a number from 1 to 256\n" },
        { IN_TOP("workers: '4'"), "2:10: error: '4': write numbers without quotes\n" },
        { IN_TOP("workers: 4.5"),
          "2:10: error: '4.5' is neither auto nor a number from 1 to 256\n" },
        { IN_TOP("workers: [4]"), "2:10: error: 'workers' wants a number, not a list\n" },
        { IN_TOP("workers:"), "2:1: error: 'workers' has no value; it wants a number\n" },
        { IN_TOP("workers: 99999999999999999999"),
          "2:10: error: '99999999999999999999' is neither auto nor a number from 1 to 256\n" },
        { IN_TOP("worker_limits: { clients: 0, buffers: 15 }"),
          "2:27: error: '0' is neither auto nor a number from 1 to 10000000\n"
          "2:39: error: '15' is neither auto nor a number from 16 to 10000000\n" },
        { IN_BACKEND("servers: { address: \"10.0.0.1:1\", weight: 257 }"),
          "2:10: error: 'servers' wants a list, not a map\n" },
        { IN_BACKEND("servers: \"10.0.0.1:1\", pool: { idle: x, uses: 0 }"),
          "2:38: error: 'x' is not a number from 0 to 100000\n"
          "2:47: error: '0' is not a number from 1 to 1000000000\n" },
        { IN_BACKEND("servers: \"10.0.0.1:1\", retries: 4"),
          "2:33: error: 'retries' wants a map, not text\n" },
        { IN_BACKEND("servers: \"10.0.0.1:1\", retries: { attempts: 11 }"),
          "2:45: error: '11' is not a number from 1 to 10\n" },
        { IN_SITE("limits: { fields: 101 }"),
          "2:19: error: '101' is not a number from 1 to 100\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_durations(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_TOP("lame_duck: 5"), "2:12: error: '5' has no unit; write 5ms or 5s\n" },
        { IN_TOP("lame_duck: 5sec"),
          "2:12: error: '5sec': no unit 'sec'; there are ms, s, m, h, d; write 5s\n" },
        { IN_TOP("lame_duck: soon"),
          "2:12: error: 'soon' is no duration; write 500ms, 2s or 1h\n" },
        { IN_TOP("lame_duck: 2h"), "2:12: error: '2h' is more than 1h\n" },
        { IN_TOP("lame_duck: 0.0001s"), "2:12: error: '0.0001s' is finer than can be kept\n" },
        { IN_TOP("lame_duck: 1.5ms"), "2:12: error: '1.5ms' is finer than can be kept\n" },
        { IN_TOP("lame_duck: -1s"), "2:12: error: '-1s' is no duration; write 500ms, 2s or 1h\n" },
        { IN_TOP("lame_duck: 1h30m"),
          "2:12: error: '1h30m': no unit 'h30m'; there are ms, s, m, h, d\n" },
        { IN_TOP("lame_duck: 9999999999999s"), "2:12: error: '9999999999999s' is more than 1h\n" },
        { IN_TOP("lame_duck: \"\""), "2:12: error: '' is no duration; write 500ms, 2s or 1h\n" },
        { IN_TOP("lame_duck: 5 s"),
          "2:12: error: '5 s': number and unit are written without a space\n" },
        { IN_SITE("timeouts: { connect: 0s }"), "2:22: error: '0s' is less than 1ms\n" },
        { IN_SITE("timeouts: { connect: 2d }"), "2:22: error: '2d' is more than 1d\n" },
        { IN_SITE("timeouts: 5s"), "2:11: error: 'timeouts' wants a map, not text\n" },
        { IN_SITE("maintenance: { retry_after: 1500ms }"),
          "2:29: error: '1500ms' is finer than can be kept\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_sizes(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_SITE("max_body: 10"), "2:11: error: '10' has no unit; write 10B or 10KiB\n" },
        { IN_SITE("max_body: 10MB"),
          "2:11: error: '10MB': no unit 'MB'; there are B, KiB, MiB, GiB; write 10MiB\n" },
        { IN_SITE("max_body: 10 MiB"),
          "2:11: error: '10 MiB': number and unit are written without a space\n" },
        { IN_SITE("max_body: lots"),
          "2:11: error: 'lots' is no size; write unlimited or 512B, 64KiB or 10MiB\n" },
        { IN_SITE("max_body: 2000000GiB"), "2:11: error: '2000000GiB' is more than 1048576GiB\n" },
        { IN_SITE("max_body: 1.0005KiB"), "2:11: error: '1.0005KiB' is finer than can be kept\n" },
        { IN_SITE("limits: { head: 64KiB }"), "2:17: error: '64KiB' is more than 32KiB\n" },
        { IN_SITE("limits: { head: 1KiB, target: 63B }"), "2:31: error: '63B' is less than 64B\n" },
        { IN_SITE("buffers: { request: 2GiB, response: unlimited }"),
          "2:21: error: '2GiB' is more than 1GiB\n"
          "2:37: error: 'unlimited' is no size; write 512B, 64KiB or 10MiB\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_percentages_rates_and_words(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_LOG("to: stdout, sample: 10"), "2:21: error: '10' has no unit; write 10%\n" },
        { IN_LOG("to: stdout, sample: 101%"), "2:21: error: '101%' is more than 100%\n" },
        { IN_LOG("to: stdout, sample: 10percent"),
          "2:21: error: '10percent': no unit 'percent'; there is %\n" },
        { IN_LOG("to: stdout, format: jsn"),
          "2:21: error: 'jsn' is none of json, human, combined, trace; did you mean 'json'?\n" },
        { IN_LOG("to: stdout, format: xml"),
          "2:21: error: 'xml' is none of json, human, combined, trace\n" },
        { IN_SITE("rate_limit: 100"),
          "2:13: error: '100' is no rate; write 100/s, 600/m or 1000/h (from 1 to 100000000)\n" },
        { IN_SITE("rate_limit: 0/s"),
          "2:13: error: '0/s' is no rate; write 100/s, 600/m or 1000/h (from 1 to 100000000)\n" },
        { IN_SITE("rate_limit: 10/min"), "2:13: error: '10/min' is no rate; write 100/s, 600/m or "
                                         "1000/h (from 1 to 100000000)\n" },
        { IN_SITE("rate_limit: { burst: 5 }"),
          "2:1: error: 'rate' is missing in sites.s.rate_limit\n" },
        { IN_SITE("rate_limit: { rate: 1/s, ipv4_prefix: 33, ipv6_prefix: 0 }"),
          "2:39: error: '33' is not a number from 1 to 32\n"
          "2:56: error: '0' is not a number from 1 to 128\n" },
        { IN_SITE("connection_limit: { burst: 3 }"),
          "2:1: error: a connection_limit has 'rate', 'concurrent' or both\n" },
        { IN_SITE("connection_limit: off"),
          "2:19: error: 'connection_limit' wants a map, not text\n" },
        { IN_SITE("via: yes"), "2:6: error: 'yes' is neither true nor false\n" },
        { IN_SITE("via: 'true'"),
          "2:6: error: 'true' is neither true nor false; write it without quotes\n" },
        { IN_SITE("via: 1"), "2:6: error: '1' is neither true nor false\n" },
        { IN_TOP("request_id: { trust: sometimes, header: 'X Y' }"),
          "2:22: error: 'sometimes' is none of never, trusted_proxies, always\n"
          "2:41: error: 'X Y' is no name of a header\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_addresses_to_listen_on(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_LISTENER("bind: 80"),
          "2:7: error: '80' is no address; write \":80\" for all addresses\n" },
        { IN_LISTENER("bind: \":80000\""), "2:7: error: ':80000': the port is above 65535 (write "
                                           "127.0.0.1:8080, [::1]:8080, :8080 or unix:/path)\n" },
        { IN_LISTENER("bind: localhost:80"),
          "2:7: error: 'localhost:80': not an IP address (names are not resolved) (write "
          "127.0.0.1:8080, [::1]:8080, :8080 or unix:/path)\n" },
        { IN_LISTENER("bind: \"::1:80\""),
          "2:7: error: '::1:80': an IPv6 address is written [address]:port (write 127.0.0.1:8080, "
          "[::1]:8080, :8080 or unix:/path)\n" },
        { IN_LISTENER("bind: \"[::1]\""),
          "2:7: error: '[::1]': an IPv6 address is written [address]:port (write 127.0.0.1:8080, "
          "[::1]:8080, :8080 or unix:/path)\n" },
        { IN_LISTENER("bind: unix:relative"),
          "2:7: error: 'unix:relative': a Unix socket is written unix:/path or unix:@name (write "
          "127.0.0.1:8080, [::1]:8080, :8080 or unix:/path)\n" },
        { IN_LISTENER("bind: []"), "2:7: error: a listener has at least one address\n" },
        { IN_LISTENER("bind: { a: 1 }"), "2:7: error: 'bind' wants an address like 127.0.0.1:8080, "
                                         "[::1]:8080, \":8080\" or unix:/path, not a map\n" },
        { IN_LISTENER("bind: [\":80\", \":80\"]"),
          "2:15: error: ':80': listener 'l' listens there already\n" },
        { IN_LISTENER("bind: [\":80\", \"0.0.0.0:80\"]"),
          "2:15: error: '0.0.0.0:80': listener 'l' listens there already\n" },
        { IN_LISTENER("bind: [\"unix:/a\", \"unix:/a\"]"),
          "2:19: error: 'unix:/a': listener 'l' listens there already\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_addresses_of_servers(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_BACKEND("servers: 10.0.0.1"),
          "2:10: error: '10.0.0.1': the port is missing (write 127.0.0.1:9000, [::1]:9000, "
          "app.internal:9000 or unix:/path)\n" },
        { IN_BACKEND("servers: 10.0.0.1:0"),
          "2:10: error: '10.0.0.1:0': a server has no port 0 (write 127.0.0.1:9000, [::1]:9000, "
          "app.internal:9000 or unix:/path)\n" },
        { IN_BACKEND("servers: app.internal"),
          "2:10: error: 'app.internal': the port is missing (write 127.0.0.1:9000, [::1]:9000, "
          "app.internal:9000 or unix:/path)\n" },
        { IN_BACKEND("servers: app.internal:0"),
          "2:10: error: 'app.internal:0': a server has no port 0 (write 127.0.0.1:9000, "
          "[::1]:9000, app.internal:9000 or unix:/path)\n" },
        { IN_BACKEND("servers: http://app.internal:80"),
          "2:10: error: 'http://app.internal:80': an address, not a URL (write 127.0.0.1:9000, "
          "[::1]:9000, app.internal:9000 or unix:/path)\n" },
        { IN_BACKEND("servers: \":80\""),
          "2:10: error: ':80': the address is missing (write 127.0.0.1:9000, [::1]:9000, "
          "app.internal:9000 or unix:/path)\n" },
        { IN_BACKEND("servers: \"app_:80x\""),
          "2:10: error: 'app_:80x': neither an address nor a name with its port (write "
          "127.0.0.1:9000, [::1]:9000, app.internal:9000 or unix:/path)\n" },
        { IN_BACKEND("servers: []"), "2:10: error: a backend has at least one server\n" },
        { IN_BACKEND("servers: [10.0.0.1:1, 10.0.0.1:1]"),
          "2:23: error: a server '10.0.0.1:1' is there already; use 'weight' for a larger share, "
          "or give it a 'name'\n" },
        { IN_BACKEND("servers: [{ weight: 1 }]"),
          "2:11: error: 'address' is missing in backends.b.servers[0]\n" },
        { IN_BACKEND("servers: { address: [a] }"),
          "2:10: error: 'servers' wants a list, not a map\n" },
        { IN_BACKEND("servers:"), "2:1: error: 'servers' has no value; it wants a list\n" },
        { IN_BACKEND("balance: maglev"), "1:13: error: 'servers' is missing in backends.b\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_networks(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_TOP("trusted_proxies: 10.0.0.1/8"),
          "2:18: error: '10.0.0.1/8': the address has bits behind the prefix (write 10.0.0.0/8, "
          "192.0.2.7 or 2001:db8::/32)\n" },
        { IN_TOP("trusted_proxies: [10.0.0.0/33, \"::/129\", 10.0.0/8, all, 10.0.0.0/]"),
          "2:19: error: '10.0.0.0/33': the prefix length is a number from 0 to 32 (write "
          "10.0.0.0/8, 192.0.2.7 or 2001:db8::/32)\n"
          "2:32: error: '::/129': the prefix length is a number from 0 to 128 (write 10.0.0.0/8, "
          "192.0.2.7 or 2001:db8::/32)\n"
          "2:42: error: '10.0.0/8': not an IP address or network (write 10.0.0.0/8, 192.0.2.7 or "
          "2001:db8::/32)\n"
          "2:52: error: 'all': not an IP address or network (write 10.0.0.0/8, 192.0.2.7 or "
          "2001:db8::/32)\n"
          "2:57: error: '10.0.0.0/': the prefix length is a number from 0 to 32 (write 10.0.0.0/8, "
          "192.0.2.7 or 2001:db8::/32)\n" },
        { IN_TOP("trusted_proxies: { file: /nowhere/list, networks: \"2001:db8::1/32\" }"),
          "2:18: error: cannot read '/nowhere/list': No such file or directory\n"
          "2:51: error: '2001:db8::1/32': the address has bits behind the prefix (write "
          "10.0.0.0/8, 192.0.2.7 or 2001:db8::/32)\n" },
        { IN_SITE("allow: office"), "2:8: error: 'office': not an IP address or network (write "
                                    "10.0.0.0/8, 192.0.2.7 or 2001:db8::/32)\n" },
        { IN_MATCH("client: 10.0.0.256"), "2:9: error: '10.0.0.256': not an IP address or network "
                                          "(write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32)\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_balancing(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_BACKEND("servers: 10.0.0.1:1, balance: magleff"),
          "2:31: error: 'magleff' is none of round_robin, random, least_requests, power_of_two, "
          "peak_ewma, maglev, ring_hash, rendezvous; did you mean 'maglev'?\n" },
        { IN_BACKEND("servers: 10.0.0.1:1, balance: { policy: round_robin, key: uri }"),
          "2:54: error: 'key' is for maglev, ring_hash and rendezvous; round_robin has none\n" },
        { IN_BACKEND("servers: 10.0.0.1:1, balance: { key: uri }"),
          "2:33: error: 'key' is for maglev, ring_hash and rendezvous; round_robin has none\n" },
        { IN_BACKEND("servers: 10.0.0.1:1, balance: { policy: maglev, key: header }"),
          "2:54: error: 'header' is none of client_ip, path, sni, header:NAME, "
          "cookie:NAME, query:NAME\n" },
        { IN_BACKEND("servers: 10.0.0.1:1, balance: { policy: maglev, key: \"cookie:a b\" }"),
          "2:54: error: 'cookie:a b' is none of client_ip, path, sni, header:NAME, "
          "cookie:NAME, query:NAME\n" },
        { IN_BACKEND("servers: 10.0.0.1:1, retries: { backoff_min: 2m, backoff_max: 1m }"),
          "2:46: error: '2m': backoff_min (120000 ms) is longer than backoff_max (60000 ms)\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_references(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_LISTENER("bind: \":1\", site: t"),
          "2:13: error: duplicate key 'site' in listeners.l; it stands already in line 1\n" },
        { IN_ROUTE("to: c"), "2:5: error: no backend 'c'\n" },
        { IN_ROUTE("to: bb"), "2:5: error: no backend 'bb'\n" },
        { IN_SITE("log: main"), "2:6: error: no log 'main'\n" },
        { IN_SITE("external_auth: { to: auth }"), "2:22: error: no backend 'auth'\n" },
        { IN_ROUTE("to: [b, b]"), "2:9: error: backend 'b' is there already\n" },
        { IN_ROUTE("to: []"), "2:5: error: 'to' names at least one backend\n" },
        { IN_ROUTE("to: [{ backend: b, weight: 0 }]"),
          "2:5: error: every weight is 0: nobody could answer\n" },
        { IN_ROUTE("to: [{ weight: 1 }]"),
          "2:6: error: 'backend' is missing in sites.s.routes[0].to[0]\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_users(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_SITE("basic_auth: nowhere"),
          "2:13: error: cannot read 'nowhere': No such file or directory\n" },
        { IN_SITE("basic_auth: { realm: x }"),
          "2:1: error: 'users' is missing in sites.s.basic_auth\n" },
        { IN_SITE("basic_auth: [a]"), "2:13: error: 'basic_auth' wants a file name, not a list\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

static void wrong_shapes(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_TOP("sites: []"), "2:8: error: 'sites' wants a map, not a list\n"
                               "3:38: error: no site 's'\n"
                               "4:1: error: duplicate key 'sites'; it stands already in line 2\n" },
        { IN_TOP("logs: { a: stdout }"), "2:12: error: 'a' wants a map, not text\n" },
        { IN_TOP("logs: { off: { to: stdout } }"), "2:9: error: 'off' is no name: 1 to 64 letters, "
                                                   "digits, '_', '-' and '.', and not 'off'\n" },
        { IN_TOP("logs: { \"a b\": { to: stdout } }"),
          "2:9: error: 'a b' is no name: 1 to 64 letters, digits, '_', '-' and '.', and not "
          "'off'\n" },
        { IN_TOP("admin:"), "2:1: error: 'admin' has no value; it wants a map\n" },
        { IN_TOP("admin: { }"), "2:1: error: 'socket' is missing in admin\n" },
        { IN_SITE("timeouts: []"), "2:11: error: 'timeouts' wants a map, not a list\n" },
        { IN_SITE("maintenance: 5"), "2:14: error: '5' is neither true nor false\n" },
        { IN_SITE("error_pages: x"), "2:14: error: 'error_pages' wants a map, not text\n" },
        { IN_SITE("methods: { a: b }"), "2:10: error: 'methods' wants a method, not a map\n" },
        { IN_LISTENER("bind: [[a]]"), "2:8: error: 'bind' wants an address like 127.0.0.1:8080, "
                                      "[::1]:8080, \":8080\" or unix:/path, not a list\n" },
    };
    expect_all(cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_numbers),
        cmocka_unit_test(wrong_durations),
        cmocka_unit_test(wrong_sizes),
        cmocka_unit_test(wrong_percentages_rates_and_words),
        cmocka_unit_test(wrong_addresses_to_listen_on),
        cmocka_unit_test(wrong_addresses_of_servers),
        cmocka_unit_test(wrong_networks),
        cmocka_unit_test(wrong_balancing),
        cmocka_unit_test(wrong_references),
        cmocka_unit_test(wrong_users),
        cmocka_unit_test(wrong_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
