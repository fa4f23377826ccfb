/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forward proxies in the configuration. */
#include <stdlib.h>

#include "tests/unit/config/config_test.h"

#define IN_FORWARD(x) "listeners: { p: { bind: \"127.0.0.1:1\", forward: {\n" x "\n} } }\n"
#define IN_RULE(x) IN_FORWARD("rules: [{ action: deny,\n" x "\n}]")

struct wrong {
    const char *text, *messages;
};

static void wrong_values(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        { IN_FORWARD("ports: [0]"),
          "2:9: error: '0' is neither a port (443) nor a range (8000-8999)\n" },
        { IN_FORWARD("ports: [443, 70000]"),
          "2:14: error: '70000' is neither a port (443) nor a range (8000-8999)\n" },
        { IN_FORWARD("ports: [90-80]"),
          "2:9: error: '90-80' is neither a port (443) nor a range (8000-8999)\n" },
        { IN_FORWARD("source: eth0"), "2:9: error: 'eth0' is no IP address\n" },
        { IN_FORWARD("source: 10.0.0.0/8"), "2:9: error: '10.0.0.0/8' is no IP address\n" },
        { IN_FORWARD("source: [10.0.0.1, 10.0.0.2]"),
          "2:20: error: one address of each family is enough\n" },
        { IN_FORWARD("rules: [{ hosts: a.b }]"),
          "2:9: error: 'action' is missing in listeners.p.forward.rules[0]\n" },
        { IN_RULE("hosts: [\"*.example.com\"]"),
          "3:9: error: '*.example.com': a name stands for all below it, too: leave '*.' out\n" },
        { IN_RULE("hosts: [a.b, \"a b\"]"),
          "3:14: error: 'a b': no host name (letters, digits, '-', '_' and dots; others in their "
          "xn-- form)\n" },
        { IN_FORWARD("cache: {}"),
          "2:1: error: unknown key 'cache' in listeners.p.forward; there is defaults.cache\n" },
        { IN_FORWARD("via_name: "
                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
          "2:11: error: longer than 64 bytes\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_messages(cases[i].text, cases[i].messages);
}

static void a_listener_is_one_thing(void **state)
{
    (void)state;
    expect_messages(
        "listeners: { p: {\nbind: \"127.0.0.1:1\", site: s, forward: {} } }\n" REST_SITES
            REST_BACKENDS,
        "1:17: error: listener 'p' has both 'site' and 'forward'\n");
    expect_messages("listeners: { s: {\nbind: \"127.0.0.1:1\", forward: {} },\n"
                    "l: { bind: \":80\", site: s } }\n" REST_SITES REST_BACKENDS,
                    "2:22: error: a site is called 's', too: logs and metrics could not tell them "
                    "apart\n");
}

static void an_open_proxy_is_warned_of(void **state)
{
    (void)state;
    static const char *const closed[] = {
        "listeners: { p: { bind: \"127.0.0.1:1\", forward: {} } }\n",
        "listeners: { p: { bind: [\"[::1]:1\", \"unix:/x\"], forward: {} } }\n",
        "listeners: { p: { bind: \":1\", forward: { allow: 10.0.0.0/8 } } }\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        expect_messages(closed[i], "");
    expect_messages("listeners: { p: { bind: [\"127.0.0.1:1\", \":1\"],\nforward: {} } }\n",
                    "2:1: warning: an open proxy: whoever reaches ':1' may use it; see 'allow' and "
                    "'basic_auth'\n");
}

static void what_is_for_our_servers_is_not_for_others(void **state)
{
    (void)state;
    struct loaded *l =
        load_good("defaults: { via: true, request_headers: { set: { X-Me: $client_ip } }, "
                  "hide: Server, cache: {}, hsts: 1d, timeouts: { connect: 7s } }\n"
                  "listeners: { p: { bind: \"127.0.0.1:1\", forward: {} },\n"
                  "l: { bind: \":80\", site: s } }\n" REST_SITES REST_BACKENDS);
    assert_non_null(l->config);
    assert_int_equal(l->config->sites_count, 2);
    const struct listener_config *p = &l->config->listeners[0];
    assert_ptr_equal(p->site, &l->config->sites[1]);
    assert_string_equal(p->site->name, "p");
    assert_ptr_equal(l->config->listeners[1].site, &l->config->sites[0]);
    const struct handling *h = &p->site->handling;
    assert_false(h->via);
    assert_int_equal(h->request_edits.items_count + h->response_edits.items_count, 0);
    assert_null(h->cache);
    assert_int_equal(h->hsts.len, 0);
    assert_int_equal(h->timeouts.connect_ms, 7000);
    const struct forward_config *f = p->site->forward;
    assert_non_null(f);
    assert_true(f->otherwise_allows && !f->pac);
    assert_int_equal(f->ports.items_count, 3);
    assert_int_equal(f->fallback_ms, FORWARD_FALLBACK_MS);
    unload(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(a_listener_is_one_thing),
        cmocka_unit_test(an_open_proxy_is_warned_of),
        cmocka_unit_test(what_is_for_our_servers_is_not_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
