/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One list of servers out of what the layers say. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/servers/merge.h"

static struct server_config server(const char *host)
{
    struct server_config s = { .host = host, .name = host, .weight = 1 };
    const char *why;
    if (strncmp(host, "srv:", 4) == 0)
        s.kind = SERVER_SERVICE;
    else if (!addr_parse(str_of(host), false, &s.addr, &why))
        s = (struct server_config){ .kind = SERVER_NAME, .host = host, .name = host, .weight = 1 };
    return s;
}

static struct resolved at(const char *address, const char *target, uint16_t priority,
                          uint16_t weight)
{
    struct resolved r = { .target = target, .priority = priority, .weight = weight };
    const char *why;
    assert_true(addr_parse(str_of(address), false, &r.addr, &why));
    return r;
}

/* "10.0.0.1:1=2 app:1!" - id, weight, what is removed in brackets, what has no address with '!'. */
static void put(const struct merged *m, char *out, size_t bytes)
{
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < m->count; i++) {
        const struct merged_server *s = &m->items[i];
        n += (size_t)snprintf(out + n, bytes - n, "%s%s%s=%u%s%s", i ? " " : "",
                              s->removed ? "[" : "", s->config.name, s->config.weight,
                              s->config.addr.len ? "" : "!", s->removed ? "]" : "");
        assert_true(n < bytes);
    }
}

static void put_notes(const struct merged *m, char *out, size_t bytes)
{
    static const char *const kinds[] = { "duplicate", "orphan", "conflict", "many", "weightless" };
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < m->notes_count; i++)
        n += (size_t)snprintf(out + n, bytes - n, "%s%s %s", i ? ", " : "",
                              kinds[m->notes[i].issue], m->notes[i].id);
    assert_true(n < bytes);
}

static void expect(const struct server_entry *e, uint32_t count,
                   const struct server_change *const *changes, uint32_t changes_count,
                   enum dns_family family, const char *servers, const char *notes)
{
    char text[4096];
    struct merged *m = merge_servers(e, count, changes, changes_count, family);
    assert_non_null(m);
    put(m, text, sizeof text);
    assert_string_equal(text, servers);
    put_notes(m, text, sizeof text);
    assert_string_equal(text, notes);
    merged_free(m);
}

static void the_layers_come_one_after_the_other(void **state)
{
    (void)state;
    struct server_config a = server("10.0.0.1:1"), b = server("10.0.0.2:1"),
                         c = server("10.0.0.3:1");
    a.weight = 7;
    const struct server_entry e[] = { { &a, LAYER_CONFIG, NULL },
                                      { &b, LAYER_FILE, NULL },
                                      { &c, LAYER_API, NULL } };
    expect(e, 3, NULL, 0, DNS_AUTO, "10.0.0.1:1=7 10.0.0.2:1=1 10.0.0.3:1=1", "");
    expect(e, 0, NULL, 0, DNS_AUTO, "", "");
    struct merged *m = merge_servers(e, 3, NULL, 0, DNS_AUTO);
    assert_int_equal(m->items[1].layer, LAYER_FILE);
    struct server_config out[SERVERS_MAX];
    assert_int_equal(merged_in_force(m, out), 3);
    merged_free(m);
}

static void who_names_a_server_first_says_what_it_is(void **state)
{
    (void)state;
    struct server_config a = server("10.0.0.1:1"), b = server("10.0.0.1:1"), n = a;
    b.weight = 9;
    n.name = "other"; /* wanted twice, under two names */
    const struct server_entry e[] = { { &a, LAYER_CONFIG, NULL },
                                      { &b, LAYER_API, NULL },
                                      { &n, LAYER_CONFIG, NULL } };
    expect(e, 3, NULL, 0, DNS_AUTO, "10.0.0.1:1=1 other=1", "duplicate 10.0.0.1:1");
}

static void names_become_servers(void **state)
{
    (void)state;
    struct resolved both[] = { at("10.0.0.1:0", "", 0, 0), at("10.0.0.2:0", "", 0, 0),
                               at("[fd00::1]:0", "", 0, 0) };
    struct resolution all = { both, 3 }, six = { both + 2, 1 }, none = { NULL, 0 };
    struct server_config app = server("app:9000"), named = app;
    named.name = "x";
    named.weight = 3;
    const struct server_entry e = { &app, LAYER_CONFIG, &all }, v6 = { &app, LAYER_CONFIG, &six },
                              n = { &named, LAYER_CONFIG, &all }, u = { &app, LAYER_CONFIG, &none };
    expect(&e, 1, NULL, 0, DNS_AUTO, "10.0.0.1:9000=1 10.0.0.2:9000=1", "");
    expect(&e, 1, NULL, 0, DNS_BOTH, "10.0.0.1:9000=1 10.0.0.2:9000=1 [fd00::1]:9000=1", "");
    expect(&v6, 1, NULL, 0, DNS_AUTO, "[fd00::1]:9000=1", "");
    expect(&e, 1, NULL, 0, DNS_IPV6, "[fd00::1]:9000=1", "");
    expect(&n, 1, NULL, 0, DNS_AUTO, "x@10.0.0.1:9000=3 x@10.0.0.2:9000=3", "");
    expect(&u, 1, NULL, 0, DNS_AUTO, "app:9000=1!", ""); /* seen, and gets nothing */
    struct server_config ten = server("10.0.0.2:9000");
    const struct server_entry two[] = { e, { &ten, LAYER_FILE, NULL } };
    expect(two, 2, NULL, 0, DNS_AUTO, "10.0.0.1:9000=1 10.0.0.2:9000=1", "duplicate 10.0.0.2:9000");
}

static void services_have_priorities_and_weights(void **state)
{
    (void)state;
    struct resolved targets[] = { at("10.0.0.1:80", "a.test", 10, 60000),
                                  at("10.0.0.2:81", "b.test", 10, 30000),
                                  at("10.0.0.3:82", "c.test", 20, 0) };
    struct resolution r = { targets, 3 };
    struct server_config s = server("srv:_http._tcp.test");
    const struct server_entry e = { &s, LAYER_CONFIG, &r };
    expect(&e, 1, NULL, 0, DNS_AUTO, "10.0.0.1:80=256 10.0.0.2:81=128 10.0.0.3:82=1", "");
    struct merged *m = merge_servers(&e, 1, NULL, 0, DNS_AUTO);
    assert_int_equal(m->items[1].config.priority, 0);
    assert_int_equal(m->items[2].config.priority, 1);
    assert_string_equal(m->items[2].config.host, "c.test:82");
    assert_string_equal(m->items[2].from, "srv:_http._tcp.test");
    assert_int_equal(m->items[0].layer, LAYER_DNS);
    assert_int_equal(m->items[0].weight_by, LAYER_DNS);
    merged_free(m);
}

static void changes_by_hand_go_before(void **state)
{
    (void)state;
    struct resolved two[] = { at("10.0.0.1:0", "", 0, 0), at("10.0.0.2:0", "", 0, 0) };
    struct resolution r = { two, 2 };
    struct server_config app = server("app:1"), ten = server("10.0.0.9:1");
    const struct server_entry e[] = { { &app, LAYER_CONFIG, &r }, { &ten, LAYER_CONFIG, NULL } };
    struct server_change one = {
        .id = "10.0.0.2:1", .weighted = true, .weight = 5, .base_named = true, .base_weight = 1
    };
    struct server_change gone = {
        .id = "10.0.0.9:1", .removed = true, .base_named = true, .base_weight = 1
    };
    struct server_change all = {
        .id = "app:1", .stated = true, .state = STATE_DRAIN, .base_named = true, .base_weight = 1
    };
    const struct server_change *changes[] = { &one, &gone, &all };
    expect(e, 2, changes, 3, DNS_AUTO, "10.0.0.1:1=1 10.0.0.2:1=5 [10.0.0.9:1=1]", "");
    struct merged *m = merge_servers(e, 2, changes, 3, DNS_AUTO);
    struct server_config out[SERVERS_MAX];
    assert_int_equal(merged_in_force(m, out), 2);
    assert_int_equal(m->items[0].state, STATE_DRAIN); /* by the name that gives it */
    assert_int_equal(m->items[1].layer_weight, 1);
    merged_free(m);
}

static void conflicts_are_said(void **state)
{
    (void)state;
    struct server_config a = server("10.0.0.1:1");
    const struct server_entry e = { &a, LAYER_CONFIG, NULL };
    struct server_change weight = {
        .id = "10.0.0.1:1", .weighted = true, .weight = 5, .base_named = true, .base_weight = 2
    };
    struct server_change lost = { .id = "10.0.0.7:1", .removed = true, .base_named = true };
    struct server_change added = { .id = "10.0.0.1:1", .added = &a }; /* named since */
    const struct server_change *changes[] = { &weight, &lost };
    const struct server_change *late[] = { &added };
    expect(&e, 1, changes, 2, DNS_AUTO, "10.0.0.1:1=5", "conflict 10.0.0.1:1, orphan 10.0.0.7:1");
    expect(&e, 1, late, 1, DNS_AUTO, "10.0.0.1:1=1", "conflict 10.0.0.1:1");
    a.weight = 0;
    expect(&e, 1, NULL, 0, DNS_AUTO, "10.0.0.1:1=0", "weightless ");
}

static void there_are_never_too_many(void **state)
{
    (void)state;
    static struct resolved many[SERVERS_MAX + 3];
    struct server_config out[SERVERS_MAX];
    for (uint32_t i = 0; i < ARRAY_LEN(many); i++) {
        char text[32];
        snprintf(text, sizeof text, "10.0.%u.%u:0", i / 250, i % 250);
        many[i] = at(text, "", 0, 0);
    }
    struct resolution r = { many, ARRAY_LEN(many) };
    struct server_config app = server("app:1");
    const struct server_entry e = { &app, LAYER_CONFIG, &r };
    struct merged *m = merge_servers(&e, 1, NULL, 0, DNS_AUTO);
    assert_int_equal(merged_in_force(m, out), SERVERS_MAX);
    assert_int_equal(m->notes_count, 3);
    assert_int_equal(m->notes[0].issue, ISSUE_TOO_MANY);
    merged_free(m);
}

static void what_workers_see_decides_what_is_the_same(void **state)
{
    (void)state;
    struct server_config a = server("10.0.0.1:1"), b = server("10.0.0.2:1");
    const struct server_entry e[] = { { &a, LAYER_CONFIG, NULL }, { &b, LAYER_CONFIG, NULL } };
    struct server_change drain = { .id = "10.0.0.1:1", .stated = true, .state = STATE_DRAIN };
    struct server_change gone = { .id = "10.0.0.2:1", .removed = true };
    const struct server_change *changes[] = { &drain }, *removal[] = { &gone };
    struct merged *m = merge_servers(e, 2, NULL, 0, DNS_AUTO);
    struct merged *drained = merge_servers(e, 2, changes, 1, DNS_AUTO);
    struct merged *less = merge_servers(e, 2, removal, 1, DNS_AUTO);
    struct merged *one = merge_servers(e, 1, NULL, 0, DNS_AUTO);
    assert_true(merged_same(m, drained));
    assert_false(merged_same(m, less));
    assert_true(merged_same(less, one));
    assert_false(merged_same(one, m));
    a.weight = 2;
    struct merged *heavier = merge_servers(e, 2, NULL, 0, DNS_AUTO);
    assert_false(merged_same(m, heavier));
    assert_int_equal(m->items[0].config.weight, 1); /* nothing that was given is needed any more */
    merged_free(m);
    merged_free(drained);
    merged_free(less);
    merged_free(one);
    merged_free(heavier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layers_come_one_after_the_other),
        cmocka_unit_test(who_names_a_server_first_says_what_it_is),
        cmocka_unit_test(names_become_servers),
        cmocka_unit_test(services_have_priorities_and_weights),
        cmocka_unit_test(changes_by_hand_go_before),
        cmocka_unit_test(conflicts_are_said),
        cmocka_unit_test(there_are_never_too_many),
        cmocka_unit_test(what_workers_see_decides_what_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
