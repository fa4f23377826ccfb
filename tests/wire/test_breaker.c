/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The circuit breaker of a backend: it opens, lets some through on trial, closes. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/wire/wire.h"

#define CONFIG                                                                                     \
    "admin: \"%s\"\n"                                                                              \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites: { s: { log: access, routes: [{ to: b }] } }\n"                                         \
    "backends:\n"                                                                                  \
    "  b:\n"                                                                                       \
    "    servers: [$SERVERS]\n"                                                                    \
    "    retries: { backoff_min: 1ms, backoff_max: 1ms }\n"

static void ask(struct conn *c)
{
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

static bool metric_is(struct wire *w, const char *line)
{
    struct conn *c = client_dial_to(w, wire_text(w, "unix:%s", wire_path(w, "admin")));
    say(c, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    bool is = strstr(hear_status(c, 200).body, line) != NULL;
    hang_up(c);
    return is;
}

static void fail_ten_times(struct conn *c, struct origin *o, struct conn **s)
{
    for (unsigned i = 0; i < 10; i++) {
        ask(c);
        if (!*s)
            *s = origin_accept(o);
        hear_request(*s);
        say(*s, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
        hear_status(c, 500);
        logged(c->w, "end=ok status=500");
    }
}

static void many_failures_open_the_circuit(struct wire *w)
{
    struct origin *o = origin_open(w);
    struct conn *s = NULL;
    sluice_run_config(w, CONFIG "    breaker: { error_rate: 50%%, requests: 10, time: 1h }\n",
                      wire_path(w, "admin"));
    struct conn *c = client_dial(w);
    fail_ten_times(c, o, &s);
    sluice_says(w, "backend b: the circuit is open");
    ask(c);
    struct message m = hear_status(c, 503);
    assert_non_null(field(&m, "retry-after"));
    logged(w, "end=circuit_open status=503 backend=b tries=0 broken_by=server");
    hear_nothing(s);
    assert_true(metric_is(w, "sluice_backend_circuit_state{backend=\"b\",state=\"open\"} 1\n"));
    assert_true(metric_is(w, "sluice_backend_circuit_opened_total{backend=\"b\"} 1\n"));
}

static void trials_close_it(struct wire *w)
{
    struct origin *o = origin_open(w);
    struct conn *s = NULL;
    sluice_run_config(w,
                      CONFIG "    breaker: { error_rate: 50%%, requests: 10, time: 100ms,"
                             " trials: 2 }\n    timeouts: { upstream_idle: 1h }\n",
                      wire_path(w, "admin"));
    struct conn *a = client_dial(w), *b = client_dial(w), *c = client_dial(w);
    fail_ten_times(a, o, &s);
    sluice_says(w, "backend b: the circuit is half open");
    ask(a);
    hear_request(s);
    ask(b);
    struct conn *t = origin_accept(o);
    hear_request(t);
    ask(c);
    hear_status(c, 503); /* no more than these two */
    logged(w, "end=circuit_open");
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    say(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    hear_status(a, 200);
    hear_status(b, 200);
    sluice_says(w, "backend b: the circuit is closed");
    ask(c);
    struct pollfd fds[2] = { { .fd = s->fd, .events = POLLIN }, { .fd = t->fd, .events = POLLIN } };
    assert_true(poll(fds, 2, wire_left_ms(w)) > 0);
    struct conn *k = fds[0].revents ? s : t;
    hear_request(k);
    say(k, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    hear_status(c, 200);
}

static void a_failed_trial_opens_it_again(struct wire *w)
{
    struct origin *o = origin_open(w);
    struct conn *s = NULL;
    sluice_run_config(w, CONFIG "    breaker: { error_rate: 50%%, requests: 10, time: 50ms }\n",
                      wire_path(w, "admin"));
    struct conn *c = client_dial(w);
    fail_ten_times(c, o, &s);
    sluice_says(w, "backend b: the circuit is half open");
    ask(c);
    hear_request(s);
    say(s, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
    hear_status(c, 503);
    while (!metric_is(w, "sluice_backend_circuit_opened_total{backend=\"b\"} 2\n"))
        wire_left_ms(w);
}

static void a_reload_without_it_closes_it(struct wire *w)
{
    struct origin *o = origin_open(w);
    struct conn *s = NULL;
    sluice_run_config(w, CONFIG "    breaker: { error_rate: 50%%, requests: 10, time: 1h }\n",
                      wire_path(w, "admin"));
    struct conn *c = client_dial(w);
    fail_ten_times(c, o, &s);
    sluice_says(w, "backend b: the circuit is open");
    sluice_write_config(w, CONFIG, wire_path(w, "admin"));
    sluice_signal(w, SIGHUP);
    sluice_says(w, "backend b: the circuit is closed");
    ask(c);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    hear_status(c, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(many_failures_open_the_circuit),
        TEST(trials_close_it),
        TEST(a_failed_trial_opens_it_again),
        TEST(a_reload_without_it_closes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
