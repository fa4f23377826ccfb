/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who asks: Basic authentication. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/wire/wire.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* alice: secret (bcrypt), bob: secret (SHA-512), carol: other (SHA-256) */
#define USERS                                                                                      \
    "carol:$5$rounds=1000$saltsalt$DqtkTIG04cmrnEJ0mkoECt9ibZmoxRHB02bHnTLkpZD\n"                  \
    "alice:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n"                         \
    "bob:$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/"                  \
    "Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/\n"

/* Half a second of work. */
#define SLOW "dave:$6$rounds=500000$saltsalt$x\n"

#define ALICE "Basic YWxpY2U6c2VjcmV0"
#define ALICE_WRONG "Basic YWxpY2U6d3Jvbmc="
#define BOB "basic  Ym9iOnNlY3JldA=="
#define CAROL "BASIC Y2Fyb2w6b3RoZXI"
#define NOBODY "Basic bm9ib2R5OnNlY3JldA=="
#define DAVE "Basic ZGF2ZTpubw=="

static void write_users(struct wire *w, const char *users)
{
    FILE *f = fopen(wire_path(w, "users"), "w");
    assert_non_null(f);
    fputs(users, f);
    assert_int_equal(fclose(f), 0);
}

#define CONFIG(more)                                                                               \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites:\n"                                                                                     \
    "  s:\n"                                                                                       \
    "    log: access\n"                                                                            \
    "    basic_auth: { users: users, realm: 'a \"b\" c' }\n" more                                  \
    "backends: { app: { servers: [$SERVERS] } }\n"
#define TO_APP "    routes: [{ to: app }]\n"

static void ask(struct conn *c, const char *authorization)
{
    sayf(c, "GET / HTTP/1.1\r\nHost: a\r\n%s%s%s\r\n", authorization ? "Authorization: " : "",
         authorization ? authorization : "", authorization ? "\r\n" : "");
}

static void without_a_name_a_client_is_asked_for_one(struct wire *w)
{
    struct origin *o = origin_open(w);
    write_users(w, USERS);
    sluice_run_config(w, CONFIG(TO_APP));
    struct conn *c = client_dial(w);
    ask(c, NULL);
    struct message m = hear_status(c, 401);
    has_field(&m, "WWW-Authenticate", "Basic realm=\"a \\\"b\\\" c\", charset=\"UTF-8\"");
    logged(w, "status=401 end=auth_required user=");
    ask(c, "Bearer abc");
    hear_status(c, 401);
    logged(w, "status=401 end=auth_required");
    origin_untouched(o);
}

static void each_kind_of_password_lets_in(struct wire *w)
{
    static const char *const right[] = { ALICE, BOB, CAROL, ALICE, BOB };
    struct origin *o = origin_open(w);
    write_users(w, USERS);
    sluice_run_config(w, CONFIG(TO_APP));
    struct conn *c = client_dial(w), *s = NULL;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        ask(c, right[i]);
        s = s ? s : origin_accept(o);
        struct message m = hear_request(s);
        has_no_field(&m, "Authorization"); /* it was for us */
        say(s, OK_ANSWER);
        hear_answered(c, 200, "ok");
        logged(w, "status=200 end=ok user=%s", i % 3 == 0 ? "alice" : i % 3 == 1 ? "bob" : "carol");
    }
}

static void wrong_ones_do_not(struct wire *w)
{
    static const char *const wrong[] = {
        ALICE_WRONG,
        ALICE_WRONG,
        NOBODY,
        NOBODY,
        "Basic YWxpY2U6", /* alice with no password */
        "Basic YWxpY2U=", /* no colon */
        "Basic ",
        "Basic ====",
        "Basic !!!!",
        "Basic OnNlY3JldA==",
        "Basic YWxpY2U6c2VjcmV0AHg=", /* with a NUL */
    };
    struct origin *o = origin_open(w);
    write_users(w, USERS);
    sluice_run_config(w, CONFIG(TO_APP));
    struct conn *c = client_dial(w);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        wire_note(w, "%s", wrong[i]);
        ask(c, wrong[i]);
        struct message m = hear_status(c, 401);
        assert_non_null(field(&m, "WWW-Authenticate"));
        logged(w, "status=401 end=%s",
               strcmp(wrong[i], "Basic ") ? "auth_failed" : "auth_required");
    }
    sayf(c, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: " ALICE "\r\nAuthorization: " ALICE
            "\r\n\r\n");
    hear_status(c, 401);
    ask(c, wire_text(w, "Basic %s", wire_repeat(w, 'a', 1000)));
    hear_status(c, 401);
    origin_untouched(o);
}

static void the_name_is_a_variable_and_the_field_can_be_passed_on(struct wire *w)
{
    struct origin *o = origin_open(w);
    write_users(w, USERS);
    sluice_run_config(w, CONFIG("    request_headers:\n"
                                "      set: { X-User: $user, Authorization: "
                                "$header(Authorization) }\n" TO_APP));
    struct conn *c = client_dial(w);
    ask(c, ALICE);
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    has_field(&m, "X-User", "alice");
    has_field(&m, "Authorization", ALICE);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
}

static void answers_of_our_own_are_kept_too(struct wire *w)
{
    write_users(w, USERS);
    origin_open(w);
    sluice_run_config(w, CONFIG("    routes:\n"
                                "      - { match: { path: / }, respond: { body: hello } }\n"
                                "      - { match: { path: /x }, to: app }\n"));
    struct conn *c = client_dial(w);
    ask(c, NULL);
    hear_status(c, 401);
    say(c, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_status(c, 401); /* not even that there is nothing */
    ask(c, ALICE);
    hear_answered(c, 200, "hello");
    ask(c, ALICE);
    hear_answered(c, 200, "hello");
}

static void a_body_waits_for_its_turn(struct wire *w)
{
    struct origin *o = origin_open(w);
    write_users(w, USERS);
    sluice_run_config(w, CONFIG(TO_APP));
    struct conn *c = client_dial(w);
    say(c,
        "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: " ALICE "\r\nContent-Length: 5\r\n\r\nhello"
        "GET /next HTTP/1.1\r\nHost: a\r\nAuthorization: " CAROL "\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    assert_string_equal(m.body, "hello");
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    hear_request(s);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
}

static void others_are_served_while_a_password_is_checked(struct wire *w)
{
    struct origin *o = origin_open(w);
    write_users(w, USERS SLOW);
    sluice_run_config(w, CONFIG(TO_APP));
    struct conn *a = client_dial(w), *b = client_dial(w), *c = client_dial(w);
    ask(c, ALICE); /* is remembered */
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    logged(w, "status=200");
    ask(a, DAVE);
    ask(b, DAVE); /* waits for the same answer */
    ask(c, ALICE);
    hear_request(s);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    logged(w, "status=200"); /* before the others */
    hear_status(a, 401);
    hear_status(b, 401);
}

static void a_client_may_leave_while_it_is_checked(struct wire *w)
{
    struct origin *o = origin_open(w);
    write_users(w, USERS SLOW);
    sluice_run_config(w, CONFIG(TO_APP));
    struct conn *a = client_dial(w);
    ask(a, DAVE);
    hang_up_hard(a);
    logged(w, "end=client_reset");
    struct conn *c = client_dial(w);
    ask(c, ALICE);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    /* stopping waits for what is still being checked */
    struct conn *d = client_dial(w);
    ask(d, "Basic ZGF2ZTpzbG93");
    sluice_stop(w);
}

static void a_changed_password_counts_at_once(struct wire *w)
{
    struct origin *o = origin_open(w);
    write_users(w, "alice:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n");
    sluice_run_config(w, CONFIG(TO_APP));
    struct conn *c = client_dial(w);
    ask(c, ALICE);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
    write_users(w, "alice:$5$rounds=1000$saltsalt$DqtkTIG04cmrnEJ0mkoECt9ibZmoxRHB02bHnTLkpZD\n");
    sluice_signal(w, SIGHUP);
    sluice_says(w, "sluice: reloaded");
    ask(c, ALICE);
    hear_status(c, 401);
    ask(c, "Basic YWxpY2U6b3RoZXI=");
    hear_request(s);
    say(s, OK_ANSWER);
    hear_answered(c, 200, "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_name_a_client_is_asked_for_one),
        TEST(each_kind_of_password_lets_in),
        TEST(wrong_ones_do_not),
        TEST(the_name_is_a_variable_and_the_field_can_be_passed_on),
        TEST(answers_of_our_own_are_kept_too),
        TEST(a_body_waits_for_its_turn),
        TEST(others_are_served_while_a_password_is_checked),
        TEST(a_client_may_leave_while_it_is_checked),
        TEST(a_changed_password_counts_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
