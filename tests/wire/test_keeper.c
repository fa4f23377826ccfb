/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper and its server process. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/wire.h"

#define LISTENER "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
#define SITE(routes) "sites:\n  s:\n    log: access\n    routes: [" routes "]\n"
#define BACKEND "backends: { app: { servers: [$SERVERS] } }\n"
#define CONFIG(routes) LISTENER SITE(routes) BACKEND

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/* The keeper's only child. */
static pid_t server_pid(struct wire *w)
{
    char *path = wire_text(w, "/proc/%d/task/%d/children", (int)sluice_pid(w), (int)sluice_pid(w));
    return (pid_t)atoi(wire_read_file(w, path));
}

static void a_server_process_that_is_killed_comes_back(struct wire *w)
{
    (void)origin_answering(w, "A");
    sluice_run_config(w, CONFIG("{ to: app }"));
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_answered(c, 200, "A");
    assert_int_equal(kill(server_pid(w), SIGKILL), 0);
    hear_gone(c);
    /* The socket was never closed: this one waits in its queue for the next process. */
    struct conn *d = client_dial(w);
    say(d, GET);
    hear_answered(d, 200, "A");
    sluice_says(w, "died of signal 9");
}

static void it_comes_back_with_the_last_good_configuration(struct wire *w)
{
    (void)origin_open(w);
    sluice_run_config(w, CONFIG("{ respond: { body: one } }"));
    sluice_write_config(w, CONFIG("{ respond: { body: two } }"));
    sluice_signal(w, SIGHUP);
    sluice_says(w, "sluice: reloaded");
    sluice_write_config(w, CONFIG("{ respnd: { body: three } }"));
    sluice_signal(w, SIGHUP);
    sluice_says(w, "not reloaded");
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_answered(c, 200, "two");
    assert_int_equal(kill(server_pid(w), SIGKILL), 0);
    hear_gone(c); /* who dials before could still be accepted by the dying one */
    struct conn *d = client_dial(w);
    say(d, GET);
    hear_answered(d, 200, "two");
}

/* The sockets of a group stay with the keeper, however many workers there are: each is accepted on,
 * or every second connection would wait for nobody. */
static void it_accepts_on_all_sockets_that_are_held(struct wire *w)
{
    (void)origin_open(w);
    const char *four = "workers: 4\n", *one = "workers: 1\n";
    const char *text = "listeners: { web: { bind: \"127.0.0.1:0\", site: s } }\n" SITE(
        "{ respond: { body: one } }");
    const char *path = wire_path(w, "own.yaml");
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fprintf(f, "logs: { access: { to: stdout } }\n%s%s", i ? one : four, text);
        assert_int_equal(fclose(f), 0);
        if (i == 0)
            sluice_run_file(w, path);
    }
    sluice_signal(w, SIGHUP);
    sluice_says(w, "sluice: reloaded");
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_answered(c, 200, "one");
    assert_int_equal(kill(server_pid(w), SIGKILL), 0);
    hear_gone(c);
    sluice_says(w, "1 worker,");
    for (unsigned i = 0; i < 16; i++) {
        struct conn *d = client_dial(w);
        say(d, GET);
        hear_answered(d, 200, "one");
    }
}

static void the_server_process_has_no_privileges(struct wire *w)
{
    if (geteuid() != 0) {
        skip();
        return;
    }
    (void)origin_open(w);
    sluice_run_config(w, "user: nobody\n" CONFIG("{ respond: { body: one } }"));
    char *status = wire_read_file(w, wire_text(w, "/proc/%d/status", (int)server_pid(w)));
    assert_null(strstr(status, "\nUid:\t0"));
    assert_null(strstr(status, "\nGid:\t0"));
    assert_non_null(strstr(status, "\nNoNewPrivs:\t1"));
    assert_non_null(strstr(status, "\nCapEff:\t0000000000000000"));
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_answered(c, 200, "one");
    sluice_signal(w, SIGKILL); /* still ends with its keeper, whom it could not signal */
    hear_end(c);
    sluice_ends(w, 128 + SIGKILL);
}

static void the_server_process_ends_with_its_keeper(struct wire *w)
{
    (void)origin_open(w);
    sluice_run_config(w, CONFIG("{ respond: { body: one } }"));
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_answered(c, 200, "one");
    sluice_signal(w, SIGKILL);
    hear_end(c); /* it drains */
    sluice_ends(w, 128 + SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_process_that_is_killed_comes_back),
        TEST(it_comes_back_with_the_last_good_configuration),
        TEST(it_accepts_on_all_sockets_that_are_held),
        TEST(the_server_process_has_no_privileges),
        TEST(the_server_process_ends_with_its_keeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
