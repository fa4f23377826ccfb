/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Access logs of sites and routes. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/wire.h"

#define HEAD "include: logs.yaml\nlisteners: { web: { bind: \"$LISTEN\", site: s } }\n"
#define SITE(routes) "sites:\n  s:\n    log: access\n    routes: [" routes "]\n"
#define BACKEND "backends: { app: { servers: [$SERVERS] } }\n"

/* A second log, into a file: gives its path. */
static const char *second_log(struct wire *w, const char *keys)
{
    const char *path = wire_path(w, "second.log");
    FILE *f = fopen(wire_path(w, "logs.yaml"), "w");
    assert_non_null(f);
    fprintf(f, "logs: { second: { to: %s, %s } }\n", path, keys);
    assert_int_equal(fclose(f), 0);
    return path;
}

static void get(struct wire *w, struct conn *c, const char *target, int status)
{
    say(c, wire_text(w, "GET %s HTTP/1.1\r\nHost: a\r\nX-A: from client\r\n\r\n", target));
    hear_status(c, status);
}

static void has(struct wire *w, const char *line, const char *name, const char *value)
{
    const char *got = log_field(w, line, name);
    if (!got || strcmp(got, value) != 0)
        wire_fail(w, "%s is %s, not %s, in %s", name, got ? got : "not there", value, line);
}

static unsigned lines_of(const char *text)
{
    unsigned n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static void a_route_has_a_log_of_its_own(struct wire *w)
{
    const char *path = second_log(w, "format: json");
    sluice_run_config(w, HEAD SITE("{ match: { path: /own }, respond: {}, log: second }, "
                                   "{ match: { path: /none }, respond: {}, log: off }, "
                                   "{ respond: {} }"));
    struct conn *c = client_dial(w);
    get(w, c, "/own", 200);
    get(w, c, "/none", 200);
    get(w, c, "/other", 200);
    logged(w, "path=/other request=3");
    sluice_stop(w);
    const char *own = wire_read_file(w, path);
    assert_int_equal(lines_of(own), 1);
    has(w, own, "path", "/own");
}

static void of_what_goes_well_a_sample_is_logged_of_errors_all(struct wire *w)
{
    const char *path = second_log(w, "sample: 0%");
    (void)origin_dead(w);
    sluice_run_config(w, HEAD "defaults: { log: second }\nsites:\n  s:\n    routes: ["
                              "{ match: { path: /well }, respond: {} }, { to: app }]\n" BACKEND);
    struct conn *c = client_dial(w);
    for (int i = 0; i < 20; i++)
        get(w, c, "/well", 200);
    get(w, c, "/broken", 502);
    sluice_stop(w);
    const char *all = wire_read_file(w, path);
    assert_int_equal(lines_of(all), 1);
    has(w, all, "path", "/broken");
    has(w, all, "backend", "app");
}

static void secrets_are_not_written_and_wanted_headers_are(struct wire *w)
{
    const char *path = second_log(w, "redact: token, request_headers: [X-A, X-None], "
                                     "response_headers: X-B");
    struct origin *o = origin_open(w);
    sluice_run_config(w, HEAD SITE("{ to: app, log: second }") BACKEND);
    struct conn *c = client_dial(w);
    say(c, "GET /p?a=b&token=hidden HTTP/1.1\r\nHost: a\r\nX-A: from client\r\n\r\n");
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nX-B: from server\r\nContent-Length: 0\r\n\r\n");
    hear_status(c, 200);
    sluice_stop(w);
    const char *line = wire_read_file(w, path);
    has(w, line, "path", "/p?a=b&token=REDACTED");
    assert_null(strstr(line, "hidden"));
    assert_non_null(strstr(line, "\"request_headers\":{\"x-a\":\"from client\"},"
                                 "\"response_headers\":{\"x-b\":\"from server\"}"));
}

/* Where the log goes changes while an exchange is running: its line goes where it would have. */
static void a_line_goes_where_its_exchange_began(struct wire *w)
{
    const char *path = second_log(w, "format: json");
    struct origin *o = origin_open(w);
    sluice_run_config(w, HEAD SITE("{ to: app, log: second }") BACKEND);
    struct conn *c = client_dial(w);
    say(c, "GET /old HTTP/1.1\r\nHost: a\r\n\r\n");
    struct conn *s = origin_accept(o);
    hear_request(s);
    sluice_write_config(
        w, "listeners: { web: { bind: \"$LISTEN\", site: s } }\n" SITE("{ to: app }") BACKEND);
    sluice_signal(w, SIGHUP);
    sluice_says(w, "sluice: reloaded");
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    hear_status(c, 200);
    get_and_answer(c, o, s, "new");
    logged(w, "request=2 site=s");
    sluice_stop(w);
    const char *old = wire_read_file(w, path);
    assert_int_equal(lines_of(old), 1);
    has(w, old, "path", "/old");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_route_has_a_log_of_its_own),
        TEST(of_what_goes_well_a_sample_is_logged_of_errors_all),
        TEST(secrets_are_not_written_and_wanted_headers_are),
        TEST(a_line_goes_where_its_exchange_began),
    };
    return cmocka_run_group_tests_name("logs", tests, NULL, NULL);
}
