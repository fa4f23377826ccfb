/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What works although the server process may do nothing: started by root, with a `user` that may
 * neither read nor write anything of what the configuration names. */
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/wire/wire.h"

#define USERS "user: %s\nadmin: %s\n"
#define LISTENER "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
#define SITE(routes) "sites:\n  s:\n    log: access\n    routes: [" routes "]\n"
#define BACKEND "backends: { app: { servers: [$SERVERS] } }\n"
#define CONFIG(routes) USERS LISTENER SITE(routes) BACKEND

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static const char *admin_path(struct wire *w)
{
    return wire_path(w, "admin.sock");
}

static void write_file(struct wire *w, const char *name, const char *text)
{
    FILE *f = fopen(wire_path(w, name), "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(wire_path(w, name), 0600), 0);
}

/* Waits for the end of a reload. */
static struct outcome reload(struct wire *w)
{
    return sluice_run(w, "reload --socket %s", admin_path(w));
}

static void reload_well(struct wire *w)
{
    struct outcome o = reload(w);
    if (o.code != 0)
        wire_fail(w, "not reloaded: %s", o.err);
}

/* The keeper's children, those that drain included. */
static unsigned servers(struct wire *w, pid_t *pids, unsigned max)
{
    char *path = wire_text(w, "/proc/%d/task/%d/children", (int)sluice_pid(w), (int)sluice_pid(w));
    char *text = wire_read_file(w, path);
    unsigned n = 0;
    for (char *word = strtok(text, " "); word && n < max; word = strtok(NULL, " "))
        pids[n++] = (pid_t)atoi(word);
    return n;
}

static uid_t user_of(struct wire *w, pid_t pid)
{
    char *status = wire_read_file(w, wire_text(w, "/proc/%d/status", (int)pid));
    char *at = strstr(status, "\nUid:\t");
    assert_non_null(at);
    return (uid_t)atoi(at + 6);
}

static uid_t uid_named(const char *name)
{
    const struct passwd *p = getpwnam(name);
    assert_non_null(p);
    return p->pw_uid;
}

static void answers(struct wire *w, const char *text)
{
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_answered(c, 200, text);
    hang_up(c);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void everything_is_read_again_for_a_user_who_may_not(struct wire *w)
{
    (void)origin_open(w);
    write_file(w, "page.html", "old page");
    write_file(w, "users", "bob:$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1\n");
    write_file(w, "networks", "192.0.2.0/24\n");
    write_file(w, "part.yaml", "lame_duck: 0s\n");
    sluice_run_config(w,
                      "include: part.yaml\n" CONFIG(
                          "{ match: { path: /none }, to: app, error_pages: { 502: page.html } },"
                          "{ match: { path: /auth }, basic_auth: { users: users }, respond: {} },"
                          "{ match: { path: /deny }, deny: { file: networks }, respond: {} },"
                          "{ respond: { body: one } }"),
                      "nobody", admin_path(w));
    answers(w, "one");
    write_file(w, "networks", "127.0.0.0/8\n");
    reload_well(w);
    struct conn *c = client_dial(w);
    say(c, "GET /deny HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_status(c, 403);
    say(c, "GET /auth HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_status(c, 401);
}

static void mistakes_are_found_by_whom_may_read(struct wire *w)
{
    (void)origin_open(w);
    sluice_run_config(w, CONFIG("{ respond: { body: one } }"), "nobody", admin_path(w));
    sluice_write_config(w, CONFIG("{ respnd: { body: two } }"), "nobody", admin_path(w));
    struct outcome o = reload(w);
    assert_int_equal(o.code, 78);
    assert_non_null(strstr(o.err, "unknown key 'respnd'"));
    answers(w, "one");
}

/* ---- logs, admin ---------------------------------------------------------------------------- */

#define LOGS_TO_OWN                                                                                \
    "include: logs.yaml\n" USERS LISTENER                                                          \
    "sites: { s: { log: own, routes: [ { respond: { body: one } } ] } }\n"

static void logs_are_opened_where_only_root_writes(struct wire *w)
{
    (void)origin_open(w);
    const char *log = wire_path(w, "own.log"), *moved = wire_path(w, "own.log.1");
    write_file(w, "logs.yaml", wire_text(w, "logs: { own: { to: %s } }\n", log));
    sluice_run_config(w, LOGS_TO_OWN, "nobody", admin_path(w));
    answers(w, "one");
    assert_int_equal(rename(log, moved), 0);
    sluice_signal(w, SIGUSR1);
    do /* what was under way still goes to the old file */
        answers(w, "one");
    while (access(log, F_OK) != 0 || !strstr(wire_read_file(w, log), "\"status\":200"));
    struct stat st;
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(st.st_uid, 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

/* Whoever may write to the folder could lead root to any file else. */
static void a_link_in_a_folder_of_others_is_not_followed(struct wire *w)
{
    (void)origin_open(w);
    const char *folder = wire_path(w, "logs"), *victim = wire_path(w, "victim");
    write_file(w, "victim", "");
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(chown(folder, uid_named("nobody"), (gid_t)-1), 0);
    assert_int_equal(symlink(victim, wire_text(w, "%s/own.log", folder)), 0);
    sluice_run_config(w, CONFIG("{ respond: { body: one } }"), "nobody", admin_path(w));
    write_file(w, "logs.yaml", wire_text(w, "logs: { own: { to: %s/own.log } }\n", folder));
    sluice_write_config(w, LOGS_TO_OWN, "nobody", admin_path(w));
    struct outcome o = reload(w);
    assert_int_equal(o.code, 1);
    assert_non_null(strstr(o.err, "root follows no link"));
    answers(w, "one");
    struct stat st;
    assert_int_equal(stat(victim, &st), 0);
    assert_int_equal(st.st_size, 0);
}

static void the_admin_socket_is_for_root_and_the_users_group(struct wire *w)
{
    (void)origin_open(w);
    sluice_run_config(w, CONFIG("{ respond: { body: one } }"), "nobody", admin_path(w));
    struct stat st;
    assert_int_equal(stat(admin_path(w), &st), 0);
    assert_int_equal(st.st_uid, 0);
    assert_int_equal(st.st_gid, getpwnam("nobody")->pw_gid);
    assert_int_equal(st.st_mode & 0777, 0660);
}

/* ---- ports ---------------------------------------------------------------------------------- */

static void a_port_below_1024_comes_with_a_reload(struct wire *w)
{
    (void)origin_open(w);
    /* An address and port of our own, as likely as 16 bits make it. */
    const char *at =
        wire_text(w, "127.1.%d.%d:%d", getpid() >> 8 & 255, getpid() & 255, 100 + getpid() % 900);
    sluice_run_config(w, CONFIG("{ respond: { body: one } }"), "nobody", admin_path(w));
    sluice_write_config(w,
                        USERS "listeners: { web: { bind: [\"$LISTEN\", \"%s\"], site: s } }\n" SITE(
                            "{ respond: { body: two } }") BACKEND,
                        "nobody", admin_path(w), at);
    reload_well(w);
    struct conn *c = client_dial_to(w, at);
    say(c, GET);
    hear_answered(c, 200, "two");
}

/* ---- another user --------------------------------------------------------------------------- */

static void another_user_serves_and_the_first_one_drains(struct wire *w)
{
    pid_t pids[4];
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ to: app }"), "nobody", admin_path(w));
    struct conn *c = client_dial(w);
    say(c, GET);
    struct conn *s = origin_accept(o);
    hear_request(s);
    assert_int_equal(servers(w, pids, 4), 1);
    assert_int_equal(user_of(w, pids[0]), uid_named("nobody"));
    sluice_write_config(w, CONFIG("{ respond: { body: two } }"), "daemon", admin_path(w));
    reload_well(w);
    answers(w, "two");
    assert_int_equal(servers(w, pids, 4), 2);
    assert_int_equal(user_of(w, pids[1]), uid_named("daemon"));
    /* What was running ends as it began. */
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold");
    struct message m = hear_answered(c, 200, "old");
    has_field(&m, "Connection", "close");
    hear_end(c);
    while (servers(w, pids, 4) != 1)
        (void)wire_left_ms(w);
    assert_int_equal(user_of(w, pids[0]), uid_named("daemon"));
    answers(w, "two");
    /* The operator is answered by the new one, and it reloads as the first did. */
    sluice_write_config(w, CONFIG("{ respond: { body: three } }"), "daemon", admin_path(w));
    reload_well(w);
    answers(w, "three");
    assert_int_equal(servers(w, pids, 4), 1);
}

static void a_user_that_there_is_not_changes_nothing(struct wire *w)
{
    pid_t pids[4];
    (void)origin_open(w);
    sluice_run_config(w, CONFIG("{ respond: { body: one } }"), "nobody", admin_path(w));
    sluice_write_config(w, CONFIG("{ respond: { body: two } }"), "no-such-user", admin_path(w));
    struct outcome o = reload(w);
    assert_int_equal(o.code, 1);
    assert_non_null(strstr(o.err, "this machine has no user 'no-such-user'"));
    answers(w, "one");
    assert_int_equal(servers(w, pids, 4), 1);
}

static void another_user_that_cannot_begin_changes_nothing(struct wire *w)
{
    pid_t pids[4];
    struct origin *o = origin_open(w);
    sluice_run_config(w, CONFIG("{ respond: { body: one } }"), "nobody", admin_path(w));
    sluice_write_config(w,
                        USERS "listeners: { web: { bind: [\"$LISTEN\", \"%s\"], site: s } }\n" SITE(
                            "{ respond: { body: two } }") BACKEND,
                        "daemon", admin_path(w), o->name);
    struct outcome failed = reload(w);
    assert_int_equal(failed.code, 1);
    assert_non_null(strstr(failed.err, "cannot listen on"));
    answers(w, "one");
    while (servers(w, pids, 4) != 1)
        (void)wire_left_ms(w);
    assert_int_equal(user_of(w, pids[0]), uid_named("nobody"));
    /* And the next attempt is as good as the first. */
    sluice_write_config(w, CONFIG("{ respond: { body: two } }"), "daemon", admin_path(w));
    reload_well(w);
    answers(w, "two");
}

static void what_took_over_comes_back_when_it_dies(struct wire *w)
{
    pid_t pids[4];
    (void)origin_open(w);
    sluice_run_config(w, CONFIG("{ respond: { body: one } }"), "nobody", admin_path(w));
    sluice_write_config(w, CONFIG("{ respond: { body: two } }"), "daemon", admin_path(w));
    reload_well(w);
    struct conn *c = client_dial(w);
    say(c, GET);
    hear_answered(c, 200, "two");
    do /* one of them may be leaving */
        (void)wire_left_ms(w);
    while (servers(w, pids, 4) != 1 || user_of(w, pids[0]) != uid_named("daemon"));
    assert_int_equal(kill(pids[0], SIGKILL), 0);
    hear_gone(c);
    answers(w, "two");
    assert_int_equal(servers(w, pids, 4), 1);
    assert_int_equal(user_of(w, pids[0]), uid_named("daemon"));
}

/* Keep-alive clients ask on while users change: a connection may close between two requests, but
 * no request fails. */
static void no_request_fails_while_users_change(struct wire *w)
{
    (void)origin_answering(w, "A");
    sluice_run_config(w, CONFIG("{ to: app }"), "nobody", admin_path(w));
    for (unsigned i = 0; i < 6; i++) {
        struct conn *c = client_dial(w);
        say(c, GET);
        hear_answered(c, 200, "A");
        sluice_write_config(w, CONFIG("{ to: app }"), i % 2 ? "nobody" : "daemon", admin_path(w));
        struct conn *d = client_dial(w); /* queued, or accepted by any of the two */
        reload_well(w);
        say(d, GET);
        hear_answered(d, 200, "A");
        answers(w, "A");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_is_read_again_for_a_user_who_may_not),
        TEST(mistakes_are_found_by_whom_may_read),
        TEST(logs_are_opened_where_only_root_writes),
        TEST(a_link_in_a_folder_of_others_is_not_followed),
        TEST(the_admin_socket_is_for_root_and_the_users_group),
        TEST(a_port_below_1024_comes_with_a_reload),
        TEST(another_user_serves_and_the_first_one_drains),
        TEST(a_user_that_there_is_not_changes_nothing),
        TEST(another_user_that_cannot_begin_changes_nothing),
        TEST(what_took_over_comes_back_when_it_dies),
        TEST(no_request_fails_while_users_change),
    };
    if (geteuid() != 0) {
        puts("skipped: only root can drop privileges");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
