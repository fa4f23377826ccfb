/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operator asks a running proxy. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/wire/wire.h"

#define HEAD "admin: %s\nlisteners: { web: { bind: \"$LISTEN\", site: s } }\n"
#define SITE(routes) "sites:\n  s:\n    log: access\n    routes: [" routes "]\n"
#define BACKEND "backends: { app: { servers: [$SERVERS] } }\n"
#define PING HEAD SITE("{ respond: { body: pong } }")

#define GET_PING "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static const char *socket_path(struct wire *w)
{
    return wire_path(w, "admin.sock");
}

static struct conn *admin_dial(struct wire *w)
{
    return client_dial_to(w, wire_text(w, "unix:%s", socket_path(w)));
}

/* One request of the operator's; the connection ends after its answer. */
static struct message ask(struct wire *w, const char *method, const char *path, const char *fields)
{
    struct conn *c = admin_dial(w);
    sayf(c, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path, fields);
    struct message m = hear_answer_to(c, method);
    has_field(&m, "Connection", "close");
    hear_end(c);
    hang_up(c);
    return m;
}

static struct message get(struct wire *w, const char *path, int status)
{
    struct message m = ask(w, "GET", path, "");
    if (m.status != status)
        wire_fail(w, "GET %s: %d, not %d: %s", path, m.status, status, m.body);
    return m;
}

static void holds(struct wire *w, const char *text, const char *what)
{
    if (!strstr(text, what))
        wire_fail(w, "'%s' is not in:\n%s", what, text);
}

static void holds_not(struct wire *w, const char *text, const char *what)
{
    if (strstr(text, what))
        wire_fail(w, "'%s' is in:\n%s", what, text);
}

/* Its exit code is 0 when it gets the text. */
static void python_accepts(struct wire *w, const char *arguments, const char *text)
{
    FILE *p = popen(wire_text(w, "python3 %s", arguments), "w");
    assert_non_null(p);
    fputs(text, p);
    if (pclose(p) != 0)
        wire_fail(w, "python3 %s does not accept:\n%s", arguments, text);
}

static void is_json(struct wire *w, const char *text)
{
    python_accepts(w, "-m json.tool --no-ensure-ascii - /dev/null", text);
}

/* The value of a sample, by its whole name. */
static double sample(struct wire *w, const char *metrics, const char *name)
{
    const char *at = strstr(metrics, wire_text(w, "\n%s ", name));
    if (!at)
        wire_fail(w, "no sample %s in:\n%s", name, metrics);
    return strtod(at + strlen(name) + 2, NULL);
}

static void has_sample(struct wire *w, const char *metrics, const char *name, double value)
{
    double got = sample(w, metrics, name);
    if (got != value)
        wire_fail(w, "%s is %g, not %g", name, got, value);
}

/* ---- */

static void its_socket_is_for_owner_and_group(struct wire *w)
{
    struct stat st;
    sluice_run_config(w, PING, socket_path(w));
    assert_int_equal(stat(socket_path(w), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
}

static void it_is_gone_afterwards(struct wire *w)
{
    sluice_run_config(w, PING, socket_path(w));
    sluice_stop(w);
    assert_int_equal(access(socket_path(w), F_OK), -1);
}

static void the_index_names_all_there_is(struct wire *w)
{
    sluice_run_config(w, PING, socket_path(w));
    char *index = wire_text(w, "%s", get(w, "/", 200).body);
    char *rest = index;
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        char method[8], path[32];
        assert_int_equal(sscanf(line, "%7s %31s", method, path), 2);
        struct message m = ask(w, method, path, "");
        if (m.status != (strcmp(path, "/cache/purge") ? 200 : 400)) /* of what? */
            wire_fail(w, "%s %s: %d", method, path, m.status);
    }
    holds(w, get(w, "/healthz", 200).body, "ok\n");
    is_json(w, get(w, "/version", 200).body);
}

static void bad_requests_are_answered(struct wire *w)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        { "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
        { "POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405 },
        { "GET /reload HTTP/1.1\r\nHost: a\r\n\r\n", 405 },
        { "GET /cache/purge?all=1 HTTP/1.1\r\nHost: a\r\n\r\n", 405 },
        { "POST /cache HTTP/1.1\r\nHost: a\r\n\r\n", 405 },
        { "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 413 },
        { "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n", 413 },
        { "GET /\r\n\r\n", 400 },
        { "\026\003\001", 400 },
    };
    sluice_run_config(w, PING, socket_path(w));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conn *c = admin_dial(w);
        say(c, cases[i].request);
        hear_status(c, cases[i].status);
        hang_up(c);
    }
    struct conn *c = admin_dial(w);
    say(c, "GET / HTTP/1.1\r\nX-Long: ");
    say(c, wire_repeat(w, 'x', 9000));
    hear_status(c, 431);
}

static void a_body_is_taken_and_not_minded(struct wire *w)
{
    sluice_run_config(w, PING, socket_path(w));
    struct conn *c = admin_dial(w);
    say(c, "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n12");
    say(c, "34");
    hear_answered(c, 200, "ok\n");
    c = admin_dial(w);
    say(c, "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    struct message m = hear_answer_to(c, "HEAD");
    has_field(&m, "Content-Length", "3");
}

/* ---- metrics ---- */

static void metrics_tell_what_happened(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w,
                      HEAD SITE("{ match: { path: /ping }, respond: { body: pong } }, "
                                "{ match: { path: \"/a/*\" }, to: app }") BACKEND,
                      socket_path(w));
    struct conn *c = client_dial(w);
    say(c, "GET /ping HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_status(c, 200);
    say(c, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_status(c, 404);
    struct conn *s = NULL;
    for (int i = 0; i < 2; i++) {
        say(c, "GET /a/b HTTP/1.1\r\nHost: a\r\n\r\n");
        s = s ? s : origin_accept(o);
        hear_request(s);
        say(s, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nhi");
        hear_answered(c, 201, "hi");
    }
    logged(w, "end=replied site=s route=routes[0]");
    logged(w, "end=no_route site=s");
    logged(w, "status=201");
    logged(w, "status=201 listener=web site=s route=routes[1] backend=app");
    const char *m = get(w, "/metrics", 200).body;
    python_accepts(w, "tests/wire/check_metrics.py", m);
    has_sample(w, m, "sluice_site_requests_total{site=\"s\",status=\"2xx\"}", 3);
    has_sample(w, m, "sluice_site_requests_total{site=\"s\",status=\"4xx\"}", 1);
    has_sample(w, m, "sluice_site_ends_total{site=\"s\",reason=\"ok\",broken_by=\"\"}", 2);
    has_sample(w, m, "sluice_site_ends_total{site=\"s\",reason=\"no_route\",broken_by=\"client\"}",
               1);
    has_sample(w, m, "sluice_site_request_duration_seconds_count{site=\"s\"}", 4);
    has_sample(w, m, "sluice_listener_connections_total{listener=\"web\"}", 1);
    has_sample(w, m, "sluice_listener_connections{listener=\"web\"}", 1);
    has_sample(w, m, "sluice_backend_responses_total{backend=\"app\",status=\"2xx\"}", 2);
    has_sample(w, m, "sluice_proxy_overhead_seconds_count", 2);
    const char *server = wire_text(w, "{backend=\"app\",server=\"%s\"}", o->name);
    has_sample(w, m, wire_text(w, "sluice_server_connections_opened_total%s", server), 1);
    has_sample(w, m, wire_text(w, "sluice_server_connections_reused_total%s", server), 1);
    has_sample(w, m, wire_text(w, "sluice_server_idle_connections%s", server), 1);
    has_sample(w, m, wire_text(w, "sluice_server_connections%s", server), 1);
    assert_true(sample(w, m, "sluice_worker_turn_seconds_count") > 4);
}

static void counts_go_on_over_a_reload(struct wire *w)
{
    sluice_run_config(w, PING, socket_path(w));
    struct conn *c = client_dial(w);
    for (unsigned i = 1; i <= 3; i++) {
        say(c, GET_PING);
        hear_answered(c, 200, "pong");
        logged(w, "status=200");
        const char *m = get(w, "/metrics", 200).body;
        has_sample(w, m, "sluice_site_requests_total{site=\"s\",status=\"2xx\"}", i);
        has_sample(w, m, "sluice_listener_connections{listener=\"web\"}", 1);
        has_sample(w, m, "sluice_reloads_total{result=\"good\"}", i - 1);
        struct message r = ask(w, "POST", "/reload", "");
        assert_int_equal(r.status, 200);
    }
}

/* ---- reload ---- */

static void a_reload_answers_when_it_is_done(struct wire *w)
{
    sluice_run_config(w, PING, socket_path(w));
    sluice_write_config(w, HEAD SITE("{ respond: { body: new } }"), socket_path(w));
    struct message m = ask(w, "POST", "/reload", "Accept: application/json\r\n");
    assert_int_equal(m.status, 200);
    has_field(&m, "Content-Type", "application/json");
    is_json(w, m.body);
    holds(w, m.body, "\"ok\":true");
    struct conn *c = client_dial(w);
    say(c, GET_PING);
    hear_answered(c, 200, "new");
}

static void a_bad_reload_answers_with_every_error(struct wire *w)
{
    sluice_run_config(w, PING, socket_path(w));
    sluice_write_config(w, HEAD "wrkers: 1\n" SITE("{ respnd: x }"), socket_path(w));
    struct message m = ask(w, "POST", "/reload", "Accept: application/json\r\n");
    assert_int_equal(m.status, 422);
    is_json(w, m.body);
    holds(w, m.body, "\"ok\":false,\"errors\":2");
    m = ask(w, "POST", "/reload", "");
    assert_int_equal(m.status, 422);
    holds(w, m.body, "unknown key 'wrkers'");
    holds(w, m.body, "unknown key 'respnd'");
    holds(w, m.body, "^~~");
    struct conn *c = client_dial(w);
    say(c, GET_PING);
    hear_answered(c, 200, "pong");
    const char *metrics = get(w, "/metrics", 200).body;
    has_sample(w, metrics, "sluice_reloads_total{result=\"bad\"}", 2);
    has_sample(w, metrics, "sluice_reload_last_good", 0);
}

static void a_reload_that_cannot_be_taken_up_says_why(struct wire *w)
{
    sluice_run_config(w, PING, socket_path(w));
    FILE *f = fopen(wire_path(w, "sluice.yaml"), "w");
    fprintf(f,
            "admin: %s\nlogs: { access: { to: /nowhere/access.log } }\n"
            "listeners: { web: { bind: \"127.0.0.1:0\", site: s } }\n"
            "sites: { s: { log: access, routes: [{ respond: { body: new } }] } }\n",
            socket_path(w));
    fclose(f);
    struct message m = ask(w, "POST", "/reload", "");
    assert_int_equal(m.status, 500);
    holds(w, m.body, "/nowhere/access.log: No such file");
    struct conn *c = client_dial(w);
    say(c, GET_PING);
    hear_answered(c, 200, "pong");
}

static void the_command_reloads(struct wire *w)
{
    sluice_run_config(w, PING, socket_path(w));
    const char *file = wire_path(w, "sluice.yaml");
    struct outcome r = sluice_run(w, "reload -c %s", file);
    assert_int_equal(r.code, 0);
    holds(w, r.out, "reloaded");
    sluice_write_config(w, HEAD "wrkers: 1\n", socket_path(w));
    r = sluice_run(w, "reload -c %s", file);
    assert_int_equal(r.code, 78);
    holds(w, r.err, "unknown key 'wrkers'");
    r = sluice_run(w, "reload --socket %s --format json", socket_path(w));
    assert_int_equal(r.code, 78);
    is_json(w, r.out);
    r = sluice_run(w, "reload --socket %s.not", socket_path(w));
    assert_int_equal(r.code, 1);
    holds(w, r.err, "No such file");
    assert_int_equal(sluice_run(w, "reload --what").code, 2);
}

static void the_socket_may_move(struct wire *w)
{
    sluice_run_config(w, PING, socket_path(w));
    const char *other = wire_path(w, "other.sock");
    sluice_write_config(w, PING, other);
    assert_int_equal(ask(w, "POST", "/reload", "").status, 200);
    assert_int_equal(access(socket_path(w), F_OK), -1);
    assert_int_equal(sluice_run(w, "reload --socket %s", other).code, 0);
    sluice_stop(w);
    assert_int_equal(access(other, F_OK), -1);
}

/* ---- configuration, readiness ---- */

static void the_configuration_is_shown_without_secrets(struct wire *w)
{
    (void)origin_open(w);
    sluice_run_config(w,
                      HEAD SITE("{ to: app, request_headers: { set: { Authorization: \"Basic "
                                "aGlkZGVu\", X-Shown: shown } } }") BACKEND,
                      socket_path(w));
    const char *text = get(w, "/config", 200).body;
    holds(w, text, "Authorization: REMOVED");
    holds(w, text, "X-Shown: shown");
    holds_not(w, text, "aGlkZGVu");
    /* What runs, not what the file says by now. */
    sluice_write_config(w, PING, "/elsewhere");
    holds(w, get(w, "/config", 200).body, "X-Shown");
}

static void before_it_drains_it_is_not_ready_for_a_while(struct wire *w)
{
    sluice_run_config(w, "lame_duck: 300ms\n" PING, socket_path(w));
    get(w, "/readyz", 200);
    struct conn *c = client_dial(w);
    sluice_signal(w, SIGTERM);
    sluice_says(w, "not ready any more");
    get(w, "/readyz", 503);
    get(w, "/healthz", 200);
    say(c, GET_PING);
    hear_answered(c, 200, "pong");
    hang_up(client_dial(w)); /* listeners take clients still */
    assert_int_equal(ask(w, "POST", "/reload", "").status, 409);
    sluice_says(w, "draining");
    sluice_ends(w, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_socket_is_for_owner_and_group),
        TEST(it_is_gone_afterwards),
        TEST(the_index_names_all_there_is),
        TEST(bad_requests_are_answered),
        TEST(a_body_is_taken_and_not_minded),
        TEST(metrics_tell_what_happened),
        TEST(counts_go_on_over_a_reload),
        TEST(a_reload_answers_when_it_is_done),
        TEST(a_bad_reload_answers_with_every_error),
        TEST(a_reload_that_cannot_be_taken_up_says_why),
        TEST(the_command_reloads),
        TEST(the_socket_may_move),
        TEST(the_configuration_is_shown_without_secrets),
        TEST(before_it_drains_it_is_not_ready_for_a_while),
    };
    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
