/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may come in, and how often. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/wire.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

#define CONFIG(site)                                                                               \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "trusted_proxies: [127.0.0.0/8]\n"                                                             \
    "sites:\n"                                                                                     \
    "  s:\n"                                                                                       \
    "    log: access\n" site "backends: { app: { servers: [$SERVERS] } }\n"

#define TO_APP "    routes: [{ to: app }]\n"

/* Asks as a client of that address and wants that status. */
static void ask_as(struct conn *c, const char *ip, const char *path, int status)
{
    sayf(c, "GET %s HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: %s\r\n\r\n", path, ip);
    struct message m = hear_status(c, status);
    if (status == 429)
        assert_in_range(atoi(field(&m, "Retry-After")), 1, 3600);
    logged(c->w, status == 429 ? "status=429 end=rate_limited" : "status=%d", status);
}

/* ---- rates ---- */

static void a_client_over_its_rate_gets_429_and_a_time(struct wire *w)
{
    origin_answering(w, "A");
    sluice_run_config(w, CONFIG("    rate_limit: { rate: 6/m, burst: 3 }\n" TO_APP));
    struct conn *c = client_dial(w);
    for (unsigned i = 0; i < 3; i++)
        ask_as(c, "192.0.2.1", "/", 200);
    ask_as(c, "192.0.2.1", "/", 429); /* the connection stays */
    ask_as(c, "192.0.2.1", "/", 429);
    ask_as(c, "192.0.2.2", "/", 200);
    sayf(c, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    struct message m = hear_status(c, 429);
    assert_in_range(atoi(field(&m, "Retry-After")), 9, 10); /* one each 10 s */
}

static void networks_and_exempt_clients(struct wire *w)
{
    origin_answering(w, "A");
    sluice_run_config(w, CONFIG("    rate_limit: { rate: 1/h, burst: 2, ipv4_prefix: 24,\n"
                                "                  exempt: [192.0.2.7, 2001:db8:1::/48] }\n" //
                                TO_APP));
    struct conn *c = client_dial(w);
    ask_as(c, "192.0.2.1", "/", 200);
    ask_as(c, "192.0.2.200", "/", 200);
    ask_as(c, "192.0.2.3", "/", 429);
    ask_as(c, "192.0.2.7", "/", 200);
    ask_as(c, "192.0.3.3", "/", 200);
    ask_as(c, "2001:db8::1", "/", 200);
    ask_as(c, "2001:db8::2", "/", 200);
    ask_as(c, "2001:db8::3", "/", 429); /* one /64 */
    ask_as(c, "2001:db8:1::3", "/", 200);
    ask_as(c, "2001:db8:0:1::3", "/", 200);
}

static void limits_of_site_and_route_count_both(struct wire *w)
{
    origin_answering(w, "A");
    sluice_run_config(w, CONFIG("    rate_limit: { rate: 1/h, burst: 4 }\n"
                                "    routes:\n"
                                "      - { match: { path: /free }, to: app, rate_limit: off }\n"
                                "      - match: { path: /login }\n"
                                "        to: app\n"
                                "        rate_limit: { rate: 1/h, burst: 2 }\n"
                                "      - { to: app }\n"));
    struct conn *c = client_dial(w);
    ask_as(c, "192.0.2.1", "/login", 200);
    ask_as(c, "192.0.2.1", "/login", 200);
    ask_as(c, "192.0.2.1", "/login", 429);
    ask_as(c, "192.0.2.1", "/login", 429); /* what is refused costs nothing at the site's limit */
    ask_as(c, "192.0.2.1", "/", 200);
    ask_as(c, "192.0.2.1", "/", 200);
    ask_as(c, "192.0.2.1", "/", 429);
    ask_as(c, "192.0.2.1", "/free", 200);
    ask_as(c, "192.0.2.1", "/free", 200);
}

#define LIMITED(burst, more) CONFIG("    rate_limit: { rate: 1/h, burst: " burst " }\n" more TO_APP)

static void an_unchanged_limit_lives_through_a_reload(struct wire *w)
{
    origin_answering(w, "A");
    sluice_run_config(w, LIMITED("2", ""));
    struct conn *c = client_dial(w);
    ask_as(c, "192.0.2.1", "/", 200);
    ask_as(c, "192.0.2.1", "/", 200);
    sluice_write_config(w, LIMITED("2", "    via: true\n"));
    sluice_signal(w, SIGHUP);
    sluice_says(w, "sluice: reloaded");
    ask_as(c, "192.0.2.1", "/", 429);
    ask_as(c, "192.0.2.2", "/", 200);
}

static void a_changed_limit_counts_anew(struct wire *w)
{
    origin_answering(w, "A");
    sluice_run_config(w, LIMITED("1", ""));
    struct conn *c = client_dial(w);
    ask_as(c, "192.0.2.1", "/", 200);
    ask_as(c, "192.0.2.1", "/", 429);
    sluice_write_config(w, LIMITED("2", ""));
    sluice_signal(w, SIGHUP);
    sluice_says(w, "sluice: reloaded");
    ask_as(c, "192.0.2.1", "/", 200);
    ask_as(c, "192.0.2.1", "/", 200);
    ask_as(c, "192.0.2.1", "/", 429);
}

/* ---- connections ---- */

static void a_connection_too_many_is_told_and_closed(struct wire *w)
{
    origin_answering(w, "A");
    sluice_run_config(w, CONFIG("    connection_limit: { concurrent: 2 }\n" TO_APP));
    struct conn *a = client_dial(w), *b = client_dial(w);
    say(a, GET);
    hear_answered(a, 200, "A");
    say(b, GET);
    hear_answered(b, 200, "A");
    logged(w, "status=200");
    logged(w, "status=200");
    struct conn *c = client_dial(w);
    say(c, GET);
    struct message m = hear_refused(c, 429);
    has_field(&m, "Retry-After", "1");
    logged(w, "status=429 end=connection_limited");
    say(a, GET); /* the others are not touched */
    hear_answered(a, 200, "A");
}

static void a_place_that_is_left_can_be_taken(struct wire *w)
{
    origin_answering(w, "A");
    sluice_run_config(w, CONFIG("    connection_limit: { concurrent: 1 }\n" TO_APP));
    struct conn *a = client_dial(w);
    say(a, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    hear_answered(a, 200, "A");
    hear_end(a);
    hang_up(a);
    struct conn *b = client_dial(w);
    say(b, GET);
    hear_answered(b, 200, "A");
}

static void new_connections_over_their_rate_are_told_when_to_come(struct wire *w)
{
    origin_answering(w, "A");
    sluice_run_config(w, CONFIG("    connection_limit: { rate: 2/m, burst: 2 }\n" TO_APP));
    for (unsigned i = 0; i < 3; i++) {
        struct conn *c = client_dial(w);
        say(c, GET);
        if (i < 2) {
            hear_answered(c, 200, "A");
        } else {
            struct message m = hear_refused(c, 429);
            assert_in_range(atoi(field(&m, "Retry-After")), 28, 30);
        }
    }
}

static void an_exempt_peer_is_not_counted(struct wire *w)
{
    origin_answering(w, "A");
    sluice_run_config(
        w, CONFIG("    connection_limit: { concurrent: 1, exempt: 127.0.0.0/8 }\n" TO_APP));
    struct conn *a = client_dial(w), *b = client_dial(w);
    say(a, GET);
    hear_answered(a, 200, "A");
    say(b, GET);
    hear_answered(b, 200, "A");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_over_its_rate_gets_429_and_a_time),
        TEST(networks_and_exempt_clients),
        TEST(limits_of_site_and_route_count_both),
        TEST(an_unchanged_limit_lives_through_a_reload),
        TEST(a_changed_limit_counts_anew),
        TEST(a_connection_too_many_is_told_and_closed),
        TEST(a_place_that_is_left_can_be_taken),
        TEST(new_connections_over_their_rate_are_told_when_to_come),
        TEST(an_exempt_peer_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
