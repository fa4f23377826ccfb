/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happens when a server does not answer well: retries by rule, their budget; clients that
 * stick to a server. */
#include <stdio.h>
#include <string.h>

#include "tests/wire/wire.h"

#define TOP                                                                                        \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites: { s: { log: access, routes: [{ to: b }] } }\n"
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"

static struct message ask(struct wire *w, const char *request, int status)
{
    struct conn *c = client_dial(w);
    say(c, request);
    struct message m = hear_status(c, status);
    hang_up(c);
    return m;
}

/* ---- retries ---- */

static void chosen_statuses_go_to_another_server(struct wire *w)
{
    origin_answering(w, "503 A");
    origin_answering(w, "B");
    sluice_run_config(w, TOP "backends: { b: { retries: { on: [503] }, servers: [$SERVERS] } }\n");
    for (unsigned i = 0; i < 10; i++)
        assert_string_equal(ask(w, GET, 200).body, "B");
    for (unsigned i = 0, tries = 0; i < 10; i++) {
        tries += log_field(w, logged(w, "end=ok status=200"), "tries")[0] - '0';
        if (i == 9)
            assert_in_range(tries, 15, 20); /* A was asked, and left, each time it was its turn */
    }
}

static void the_last_servers_answer_is_passed_on(struct wire *w)
{
    origin_answering(w, "503 A");
    origin_answering(w, "500 B");
    sluice_run_config(w, TOP "backends: { b: { retries: { on: [5xx] }, servers: [$SERVERS] } }\n");
    struct conn *c = client_dial(w);
    for (unsigned i = 0; i < 4; i++) {
        say(c, GET);
        struct message m = hear_answer(c);
        assert_true(m.status == 503 || m.status == 500);
        logged(w, "end=ok tries=2");
    }
}

static void what_must_not_be_done_twice_is_not(struct wire *w)
{
    origin_answering(w, "503 A");
    sluice_run_config(w, TOP "backends: { b: { retries: { on: [503] }, servers: [$SERVERS,"
                             " { address: \"127.0.0.1:1\", weight: 0 }] } }\n");
    ask(w, POST, 503);
    logged(w, "end=ok status=503 tries=1");
}

static void unless_told(struct wire *w)
{
    origin_answering(w, "503 A");
    origin_answering(w, "B");
    sluice_run_config(w, TOP "backends: { b: { retries: { on: [503], non_idempotent: true },"
                             " servers: [$SERVERS] } }\n");
    for (unsigned i = 0; i < 4; i++)
        ask(w, POST, 200);
}

static void a_silent_server_is_left_after_the_try_timeout(struct wire *w)
{
    struct origin *silent = origin_open(w);
    origin_answering(w, "B");
    sluice_run_config(w, TOP
                      "backends: { b: { retries: { try_timeout: 50ms }, servers: [$SERVERS] } }\n");
    for (unsigned i = 0; i < 2; i++)
        assert_string_equal(ask(w, GET, 200).body, "B");
    hear_head(origin_accept(silent));
}

static void a_routes_rules_go_before(struct wire *w)
{
    origin_answering(w, "503 A");
    origin_answering(w, "B");
    sluice_run_config(w,
                      "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
                      "sites: { s: { log: access, routes: [{ to: b, retries: { on: [503] } }] } }\n"
                      "backends: { b: { servers: [$SERVERS] } }\n");
    for (unsigned i = 0; i < 4; i++)
        ask(w, GET, 200);
}

/* One of two servers fails always: half of the requests would be repeated, a tenth may be. */
static void retries_stay_within_their_budget(struct wire *w)
{
    origin_answering(w, "503 A");
    origin_answering(w, "B");
    sluice_run_config(w, TOP "backends: { b: { retries: { on: [503], budget: 10%% },"
                             " servers: [$SERVERS] } }\n");
    struct load load = { .connections = 8, .requests = 4000 };
    load_run(w, &load);
    assert_int_equal(load.answered + load.others, 4000);
    /* answered = those that met B first or were repeated: n / 2 + repeated, roughly */
    assert_in_range(load.others, 1000, 2000);
}

/* ---- sticky clients ---- */

static const char *sticky_config(struct wire *w)
{
    const char *path = wire_path(w, "secret");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("a secret of more than sixteen bytes\n", f);
    fclose(f);
    return wire_text(w,
                     TOP "backends: { b: { sticky: { secret: \"%s\", cookie: srv },"
                         " servers: [$SERVERS] } }\n",
                     path);
}

/* "srv=..." of the answer. */
static const char *cookie_of(struct wire *w, const struct message *m)
{
    const char *set = field(m, "Set-Cookie");
    assert_non_null(set);
    assert_memory_equal(set, "srv=", 4);
    assert_non_null(strstr(set, "; Path=/; HttpOnly; SameSite=Lax"));
    return wire_text(w, "%.36s", set);
}

static void a_client_stays_with_its_server(struct wire *w)
{
    origin_answering(w, "A");
    origin_answering(w, "B");
    origin_answering(w, "C");
    sluice_run_config(w, "%s", sticky_config(w));
    for (unsigned i = 0; i < 6; i++) {
        struct message first = ask(w, GET, 200);
        const char *cookie = cookie_of(w, &first);
        for (const struct origin *o = w->origins; o; o = o->next)
            assert_null(strstr(cookie, o->name));
        for (unsigned k = 0; k < 5; k++) {
            struct message m =
                ask(w, wire_text(w, "GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1; %s\r\n\r\n", cookie),
                    200);
            assert_string_equal(m.body, first.body);
            has_no_field(&m, "Set-Cookie");
        }
    }
}

static void a_server_that_is_gone_is_replaced(struct wire *w)
{
    struct origin *a = origin_answering(w, "A");
    origin_answering(w, "B");
    sluice_run_config(w, "%s", sticky_config(w));
    struct message m = ask(w, GET, 200);
    while (m.body[0] != 'A')
        m = ask(w, GET, 200);
    const char *request =
        wire_text(w, "GET / HTTP/1.1\r\nHost: a\r\nCookie: %s\r\n\r\n", cookie_of(w, &m));
    origin_kill(a);
    m = ask(w, request, 200);
    assert_string_equal(m.body, "B");
    cookie_of(w, &m);
}

static void forged_and_foreign_cookies_are_ignored(struct wire *w)
{
    origin_answering(w, "A");
    origin_answering(w, "B");
    sluice_run_config(w, "%s", sticky_config(w));
    static const char *const values[] = {
        "",
        "0",
        "127.0.0.1:80",
        "0123456789abcdef0123456789abcdef",
        "\"\"",
        "%00",
        "0123456789abcdef0123456789abcdef0123456789abcdef",
    };
    unsigned by[2] = { 0 };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (unsigned k = 0; k < 2; k++) {
            struct message m = ask(
                w, wire_text(w, "GET / HTTP/1.1\r\nHost: a\r\nCookie: srv=%s\r\n\r\n", values[i]),
                200);
            by[m.body[0] - 'A']++;
            cookie_of(w, &m);
        }
    }
    assert_int_equal(by[0], by[1]); /* round robin went on */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chosen_statuses_go_to_another_server),
        TEST(the_last_servers_answer_is_passed_on),
        TEST(what_must_not_be_done_twice_is_not),
        TEST(unless_told),
        TEST(a_silent_server_is_left_after_the_try_timeout),
        TEST(a_routes_rules_go_before),
        TEST(retries_stay_within_their_budget),
        TEST(a_client_stays_with_its_server),
        TEST(a_server_that_is_gone_is_replaced),
        TEST(forged_and_foreign_cookies_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
