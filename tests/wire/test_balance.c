/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who gets a request: round robin by weight, Maglev by its keys (issue 5). */
#include <stdio.h>
#include <string.h>

#include "tests/wire/wire.h"

static unsigned count(const char *text, char c)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

static void three_servers(struct wire *w)
{
    origin_answering(w, "A");
    origin_answering(w, "B");
    origin_answering(w, "C");
}

/* Who answers one request with such a line in its head, on a connection of its own. */
static char answers_to(struct wire *w, const char *path, const char *format, unsigned value)
{
    char line[128];
    snprintf(line, sizeof line, format, value);
    return who_answers(w, 1, path, line)[0];
}

/* ---- round robin ---- */

static void round_robin_goes_round(struct wire *w)
{
    three_servers(w);
    sluice_start(w, "--log off");
    const char *answers = who_answers(w, 30, "/", "");
    for (unsigned i = 0; i + 3 < 30; i++)
        assert_int_equal(answers[i], answers[i + 3]);
    assert_int_equal(count(answers, 'A'), 10);
    assert_int_equal(count(answers, 'B'), 10);
    assert_int_equal(count(answers, 'C'), 10);
}

static void weights_are_shares(struct wire *w)
{
    struct origin *a = origin_answering(w, "A"), *b = origin_answering(w, "B"),
                  *c = origin_answering(w, "C");
    sluice_start(w, "--log off --to %s@5,%s,%s@2", a->name, b->name, c->name);
    const char *answers = who_answers(w, 80, "/", "");
    assert_int_equal(count(answers, 'A'), 50);
    assert_int_equal(count(answers, 'B'), 10);
    assert_int_equal(count(answers, 'C'), 20);
    assert_null(strstr(answers, "AAAA")); /* spread, not in a row */
}

static void weight_0_gets_nothing(struct wire *w)
{
    struct origin *a = origin_answering(w, "A"), *b = origin_answering(w, "B");
    sluice_start(w, "--log off --to %s@0,%s", a->name, b->name);
    assert_int_equal(count(who_answers(w, 20, "/", ""), 'B'), 20);
}

static void every_worker_spreads_its_load(struct wire *w)
{
    struct load load = { .connections = 20, .requests = 2000 };
    three_servers(w);
    sluice_start(w, "--log off --workers 2");
    load_run(w, &load);
    assert_int_equal(load.answered, 2000);
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(load.by[i], 600, 733);
}

/* ---- maglev ---- */

/* The same value goes to the same server each time; many values use all servers. */
static void is_stable_and_spread(struct wire *w, const char *path, const char *format)
{
    enum { VALUES = 60 };
    char first[VALUES + 1] = "";
    for (unsigned i = 0; i < VALUES; i++)
        first[i] = answers_to(w, path, format, i);
    for (char c = 'A'; c <= 'C'; c++)
        assert_in_range(count(first, c), 5, 40);
    for (unsigned i = 0; i < VALUES; i += 7)
        assert_int_equal(answers_to(w, path, format, i), first[i]);
}

static void maglev_by_header_is_stable(struct wire *w)
{
    three_servers(w);
    sluice_start(w, "--log off --balance maglev:header:X-User");
    is_stable_and_spread(w, "/", "x-user: %u\r\n");
    who_answers(w, 10, "/", ""); /* without it they are served all the same */
}

static void maglev_by_cookie_is_stable(struct wire *w)
{
    three_servers(w);
    sluice_start(w, "--log off --balance maglev:cookie:sid");
    is_stable_and_spread(w, "/", "Cookie: theme=dark; sid=%u; lang=en\r\n");
    for (unsigned i = 0; i < 10; i++) {
        char c = answers_to(w, "/", "Cookie: sid=%u\r\n", i);
        assert_int_equal(answers_to(w, "/", "Cookie: sidx=7; xsid=8; sid=%u\r\n", i), c);
        assert_int_equal(answers_to(w, "/", "Cookie: a=b\r\nCookie: sid=%u\r\n", i), c);
    }
}

static void maglev_by_uri_is_stable(struct wire *w)
{
    three_servers(w);
    sluice_start(w, "--log off --balance maglev:uri");
    unsigned by[3] = { 0 };
    for (unsigned i = 0; i < 60; i++) {
        char c = who_answers(w, 1, wire_text(w, "/page%u", i), "")[0];
        by[c - 'A']++;
        /* The path is the key, in its normal form and without the query. */
        assert_int_equal(who_answers(w, 1, wire_text(w, "/%%70age%u?x=%u", i, i), "")[0], c);
        assert_int_equal(who_answers(w, 1, wire_text(w, "/x/../page%u", i), "")[0], c);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(by[i], 5, 40);
}

static void maglev_by_client_address_is_stable(struct wire *w)
{
    three_servers(w);
    sluice_start(w, "--log off --balance maglev");
    char first[31] = "";
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 30; i++) {
            struct conn *c = client_dial_from(w, wire_text(w, "127.0.1.%u:0", i + 1));
            say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            char who = hear_status(c, 200).body[0];
            hang_up(c);
            if (round)
                assert_int_equal(who, first[i]);
            first[i] = who;
        }
    }
    for (char c = 'A'; c <= 'C'; c++)
        assert_true(count(first, c) >= 2);
}

static void policies_by_key_are_stable(struct wire *w, const char *policy)
{
    three_servers(w);
    sluice_start(w, "--log off --balance %s:query:user", policy);
    unsigned by[3] = { 0 };
    for (unsigned i = 0; i < 60; i++) {
        char c = who_answers(w, 1, wire_text(w, "/a?x=1&user=%u", i), "")[0];
        by[c - 'A']++;
        assert_int_equal(who_answers(w, 1, wire_text(w, "/b?user=%u&x=%u", i, i), "")[0], c);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(by[i], 5, 40);
    who_answers(w, 10, "/", "");
}

static void ring_hash_by_argument_is_stable(struct wire *w)
{
    policies_by_key_are_stable(w, "ring_hash");
}

static void rendezvous_by_argument_is_stable(struct wire *w)
{
    policies_by_key_are_stable(w, "rendezvous");
}

static void a_network_is_one_key(struct wire *w)
{
    three_servers(w);
    sluice_run_config(w, "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
                         "sites: { s: { routes: [{ to: b }] } }\n"
                         "backends: { b: { balance: { policy: maglev, ipv4_prefix: 24 },"
                         " servers: [$SERVERS] } }\n");
    char first[256] = "";
    unsigned by[3] = { 0 };
    for (unsigned net = 0; net < 30; net++) {
        for (unsigned i = 1; i < 4; i++) {
            struct conn *c = client_dial_from(w, wire_text(w, "127.0.%u.%u:0", net, i * 70));
            say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            char who = hear_status(c, 200).body[0];
            hang_up(c);
            if (i > 1)
                assert_int_equal(who, first[net]);
            first[net] = who;
        }
        by[first[net] - 'A']++;
    }
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(by[i], 2, 25);
}

/* ---- by load ---- */

static void random_uses_all(struct wire *w)
{
    three_servers(w);
    sluice_start(w, "--log off --balance random");
    const char *answers = who_answers(w, 300, "/", "");
    for (char c = 'A'; c <= 'C'; c++)
        assert_in_range(count(answers, c), 60, 140);
}

/* One server has a request that it does not answer: nothing more goes there. */
static void the_busy_server_is_avoided(struct wire *w, const char *policy)
{
    struct origin *busy = origin_open(w), *free_one = origin_answering(w, "B");
    sluice_start(w, "--log off --balance %s --to %s@256,%s@1", policy, busy->name, free_one->name);
    say(client_dial(w), "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); /* by weight: to the busy one */
    struct conn *s = origin_accept(busy);
    hear_head(s);
    assert_int_equal(count(who_answers(w, 50, "/", ""), 'B'), 50);
}

static void least_requests_avoids_the_busy_one(struct wire *w)
{
    the_busy_server_is_avoided(w, "least_requests");
}

static void power_of_two_avoids_the_busy_one(struct wire *w)
{
    the_busy_server_is_avoided(w, "power_of_two");
}

static void a_dead_server_moves_only_its_own_keys(struct wire *w)
{
    three_servers(w);
    sluice_start(w, "--log off --balance maglev:header:X-User");
    char before[31] = "", after[31] = "";
    for (unsigned i = 0; i < 30; i++)
        before[i] = answers_to(w, "/", "X-User: %u\r\n", i);
    origin_kill(w->origins->next);
    for (unsigned i = 0; i < 30; i++)
        after[i] = answers_to(w, "/", "X-User: %u\r\n", i);
    assert_true(count(before, 'B') > 0);
    assert_int_equal(count(after, 'B'), 0);
    for (unsigned i = 0; i < 30; i++)
        if (before[i] != 'B')
            assert_int_equal(after[i], before[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(round_robin_goes_round),
        TEST(weights_are_shares),
        TEST(weight_0_gets_nothing),
        TEST(every_worker_spreads_its_load),
        TEST(maglev_by_header_is_stable),
        TEST(maglev_by_cookie_is_stable),
        TEST(maglev_by_uri_is_stable),
        TEST(maglev_by_client_address_is_stable),
        TEST(ring_hash_by_argument_is_stable),
        TEST(rendezvous_by_argument_is_stable),
        TEST(a_network_is_one_key),
        TEST(random_uses_all),
        TEST(least_requests_avoids_the_busy_one),
        TEST(power_of_two_avoids_the_busy_one),
        TEST(a_dead_server_moves_only_its_own_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
