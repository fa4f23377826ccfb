/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configuration changes under running connections. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/wire/wire.h"

#define LISTENER "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
#define SITE(routes) "sites:\n  s:\n    log: access\n    routes: [" routes "]\n"
#define BACKEND "backends: { app: { servers: [$SERVERS] } }\n"
#define CONFIG(routes) LISTENER SITE(routes) BACKEND

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static void reload_to(struct wire *w, const char *says)
{
    sluice_signal(w, SIGHUP);
    sluice_says(w, says);
}

static void the_next_request_of_a_connection_meets_the_new_rules(struct wire *w)
{
    (void)origin_open(w);
    sluice_run_config(w, CONFIG("{ respond: { body: old } }"));
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_answered(c, 200, "old");
    sluice_write_config(w, CONFIG("{ respond: { body: new } }"));
    reload_to(w, "sluice: reloaded");
    say(c, GET);
    hear_answered(c, 200, "new");
}

static void a_running_exchange_ends_as_it_began(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ to: app, response_headers: { set: { X-Rules: old } } }"));
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    sluice_write_config(w, LISTENER SITE("{ respond: { body: new } }"));
    reload_to(w, "sluice: reloaded");
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold");
    struct message m = hear_answered(c, 200, "old");
    has_field(&m, "X-Rules", "old");
    say(c, GET);
    hear_answered(c, 200, "new");
    hear_end(s); /* nobody lists its server any more */
}

static void a_server_that_stays_keeps_its_connections(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ to: app }"));
    struct conn *c = client_dial(w);
    struct conn *s = get_and_answer(c, o, NULL, "one");
    sluice_write_config(w, CONFIG("{ to: app, via: true }"));
    reload_to(w, "sluice: reloaded");
    get_and_answer(c, o, s, "two");
    origin_untouched(o);
}

static void a_bad_file_changes_nothing(struct wire *w)
{
    (void)origin_open(w);
    sluice_run_config(w, CONFIG("{ respond: { body: old } }"));
    struct conn *c = client_dial(w);
    sluice_write_config(w, CONFIG("{ respnd: { body: new } }"));
    reload_to(w, "unknown key 'respnd'");
    sluice_says(w, "not reloaded");
    say(c, GET);
    hear_answered(c, 200, "old");
    sluice_write_config(w, CONFIG("{ respond: { body: new } }"));
    reload_to(w, "sluice: reloaded");
    say(c, GET);
    hear_answered(c, 200, "new");
}

static void a_listener_that_goes_lets_its_clients_end(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *path = wire_path(w, "second.sock");
    sluice_run_config(w,
                      "listeners: { web: { bind: \"$LISTEN\", site: s },\n"
                      "             other: { bind: \"unix:%s\", site: s } }\n" //
                      SITE("{ to: app }") BACKEND,
                      path);
    struct conn *c = client_dial_to(w, wire_text(w, "unix:%s", path));
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    sluice_write_config(w, CONFIG("{ to: app }"));
    reload_to(w, "sluice: reloaded");
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    struct message m = hear_answered(c, 200, "ok");
    has_field(&m, "Connection", "close");
    struct conn *d = client_dial(w); /* the other one goes on */
    say(d, GET);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    hear_answered(d, 200, "ok");
}

static void a_listener_that_is_taken_fails_the_reload(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ respond: { body: old } }"));
    sluice_write_config(w,
                        "listeners: { web: { bind: [\"$LISTEN\", \"%s\"], site: s } }\n" //
                        SITE("{ respond: { body: new } }") BACKEND,
                        o->name);
    reload_to(w, "not reloaded: cannot listen on");
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_answered(c, 200, "old");
}

static void many_reloads_disturb_nobody(struct wire *w)
{
    (void)origin_answering(w, "A");
    sluice_run_config(w, CONFIG("{ to: app }"));
    struct conn *c = client_dial(w);
    for (unsigned i = 0; i < 30; i++) {
        sluice_write_config(w, CONFIG("{ to: app, name: n%u }"), i);
        sluice_signal(w, SIGHUP);
        for (unsigned k = 0; k < 20; k++) {
            say(c, GET);
            hear_status(c, 200);
        }
    }
    sluice_says(w, "sluice: reloaded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_next_request_of_a_connection_meets_the_new_rules),
        TEST(a_running_exchange_ends_as_it_began),
        TEST(a_server_that_stays_keeps_its_connections),
        TEST(a_bad_file_changes_nothing),
        TEST(a_listener_that_goes_lets_its_clients_end),
        TEST(a_listener_that_is_taken_fails_the_reload),
        TEST(many_reloads_disturb_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
