/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arguments, listening, signals, stopping. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/wire/wire.h"

static void contains(struct wire *w, const char *text, const char *part)
{
    if (!strstr(text, part))
        wire_fail(w, "'%s' is not in:\n%s", part, text);
}

/* ---- arguments ---- */

static void help_is_data_and_succeeds(struct wire *w)
{
    static const char *const ways[] = { "--help", "-h", "help" };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct outcome o = sluice_run(w, "%s", ways[i]);
        assert_int_equal(o.code, 0);
        contains(w, o.out, "sluice proxy --from");
        assert_string_equal(o.err, "");
    }
    struct outcome o = sluice_run(w, "proxy --help");
    assert_int_equal(o.code, 0);
    assert_string_equal(o.err, "");
    static const char *const options[] = { "--from",    "--to",  "--balance",   "--log",
                                           "--workers", "--via", "--forwarded", "--timeout" };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        contains(w, o.out, options[i]);
}

static void version_is_one_line(struct wire *w)
{
    struct outcome o = sluice_run(w, "--version");
    assert_int_equal(o.code, 0);
    assert_int_equal(strncmp(o.out, "sluice ", 7), 0);
    assert_ptr_equal(strchr(o.out, '\n'), o.out + strlen(o.out) - 1);
}

static void bad_arguments_end_with_2_and_the_usage_line(struct wire *w)
{
    static const struct {
        const char *arguments, *message;
    } cases[] = {
        { "", "sluice proxy --from" },
        { "prox", "'prox' is not a command" },
        { "proxy", "--from is missing" },
        { "proxy --from :0", "--to is missing" },
        { "proxy --to 127.0.0.1:1", "--from is missing" },
        { "proxy --from :0 --to", "--to wants a value" },
        { "proxy --from :0 --to 127.0.0.1:1 --frobnicate", "'--frobnicate' is not an option" },
        { "proxy --from :0 --to 127.0.0.1:1 stray", "'stray' is not an option" },
        { "proxy --from :0 --to 127.0.0.1:1 --via=yes", "--via takes no value" },
        { "proxy --from 127.0.0.1 --to 127.0.0.1:1", "'127.0.0.1'" },
        { "proxy --from 127.0.0.1:65536 --to 127.0.0.1:1", "'127.0.0.1:65536'" },
        { "proxy --from example.com:80 --to 127.0.0.1:1", "'example.com:80'" },
        { "proxy --from unix:relative --to 127.0.0.1:1", "'unix:relative'" },
        { "proxy --from :0 --to :9000", "':9000'" },
        { "proxy --from :0 --to 127.0.0.1:1,", "''" },
        { "proxy --from :0 --to 127.0.0.1:1@x", "'127.0.0.1:1@x'" },
        { "proxy --from :0 --to 127.0.0.1:1@0", "weight 0" },
        { "proxy --from :0 --to 127.0.0.1:1,127.0.0.1:1", "given twice" },
        { "proxy --from :0 --to 127.0.0.1:1 --balance best", "'best'" },
        { "proxy --from :0 --to 127.0.0.1:1 --balance round_robin:uri", "round_robin has no key" },
        { "proxy --from :0 --to 127.0.0.1:1 --balance maglev:moon", "'moon'" },
        { "proxy --from :0 --to 127.0.0.1:1 --balance maglev:header:", "'header:'" },
        { "proxy --from :0 --to 127.0.0.1:1 --workers 0", "'0'" },
        { "proxy --from :0 --to 127.0.0.1:1 --workers many", "'many'" },
        { "proxy --from :0 --to 127.0.0.1:1 --log json:", "'json:'" },
        { "proxy --from :0 --to 127.0.0.1:1 --timeout connect", "'connect'" },
        { "proxy --from :0 --to 127.0.0.1:1 --timeout connect=2", "'connect=2'" },
        { "proxy --from :0 --to 127.0.0.1:1 --timeout connect=0s", "'connect=0s'" },
        { "proxy --from :0 --to 127.0.0.1:1 --timeout connect=-2s", "'connect=-2s'" },
        { "proxy --from :0 --to 127.0.0.1:1 --timeout connect=2d", "'connect=2d'" },
        { "proxy --from :0 --to 127.0.0.1:1 --timeout connect=99999999999999999999s",
          "'connect=99999999999999999999s'" },
        { "proxy --from :0 --to 127.0.0.1:1 --timeout patience=2s", "'patience=2s'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome o = sluice_run(w, "%s", cases[i].arguments);
        assert_int_equal(o.code, 2);
        assert_string_equal(o.out, "");
        contains(w, o.err, cases[i].message);
        contains(w, o.err, "sluice proxy --from");
    }
}

/* ---- starting ---- */

static void a_port_in_use_is_named_and_ends_with_1(struct wire *w)
{
    struct origin *o = origin_open(w);
    struct outcome r = sluice_run(w, "proxy --from %s --to 127.0.0.1:1", o->name);
    assert_int_equal(r.code, 1);
    contains(w, r.err, o->name);
    contains(w, r.err, "Address already in use");
    const char *port = strrchr(o->name, ':'); /* on every address, that one included */
    r = sluice_run(w, "proxy --from %s --to 127.0.0.1:1", port);
    assert_int_equal(r.code, 1);
    contains(w, r.err, port);
}

static void two_proxies_do_not_share_a_port(struct wire *w)
{
    sluice_start(w, "--to 127.0.0.1:1");
    struct outcome r = sluice_run(w, "proxy --from %s --to 127.0.0.1:1", sluice_address(w, 0));
    assert_int_equal(r.code, 1);
    contains(w, r.err, sluice_address(w, 0));
}

static void an_address_of_another_machine_is_named_and_ends_with_1(struct wire *w)
{
    struct outcome r = sluice_run(w, "proxy --from 192.0.2.1:0 --to 127.0.0.1:1");
    assert_int_equal(r.code, 1);
    contains(w, r.err, "192.0.2.1:0");
}

static void a_log_that_cannot_be_opened_is_named_and_ends_with_1(struct wire *w)
{
    struct outcome r =
        sluice_run(w, "proxy --from 127.0.0.1:0 --to 127.0.0.1:1 --log /nowhere/access.log");
    assert_int_equal(r.code, 1);
    contains(w, r.err, "/nowhere/access.log");
    contains(w, r.err, "No such file");
}

static void where_io_uring_is_refused_the_remedy_is_named(struct wire *w)
{
    static const int errors[] = { EPERM, ENOSYS };
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        sluice_without_io_uring(w, errors[i]);
        struct outcome r = sluice_run(w, "proxy --from 127.0.0.1:0 --to 127.0.0.1:1");
        assert_int_equal(r.code, 1);
        contains(w, r.err, "io_uring");
        contains(w, r.err, "seccomp profile");
        contains(w, r.err, strerror(errors[i]));
    }
}

static void it_has_a_worker_for_each_cpu_it_may_use(struct wire *w)
{
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    sluice_start(w, "--to 127.0.0.1:1 --workers auto");
    contains(w, w->sluice.err.p, wire_text(w, "sluice: %d worker", CPU_COUNT(&all)));
    sluice_stop(w);
    CPU_ZERO(&one);
    for (int i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0); /* ours, and so its */
    sluice_start(w, "--to 127.0.0.1:1 --workers auto");
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    contains(w, w->sluice.err.p, "sluice: 1 worker,");
}

static void it_listens_soon_and_says_what_to_try(struct wire *w)
{
    uint64_t start_us = wire_now_us();
    sluice_start(w, "--to 127.0.0.1:1 --workers auto");
    print_message("             start to listening: %.1f ms\n",
                  (double)(wire_now_us() - start_us) / 1000);
    contains(w, w->sluice.err.p, wire_text(w, "curl -i http://%s/", sluice_address(w, 0)));
    client_dial(w);
}

/* ---- listening ---- */

static void serves(struct wire *w, struct origin *o, const char *address, const char *forwarded_for)
{
    struct conn *c = client_dial_to(w, address);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    struct conn *s = origin_accept(o);
    struct message m = hear_request(s);
    if (forwarded_for)
        has_field(&m, "X-Forwarded-For", forwarded_for);
    else
        has_no_field(&m, "X-Forwarded-For");
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    hear_answered(c, 200, "ok");
    hear_end(c);
}

static void it_serves_ipv4(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    serves(w, o, sluice_address(w, 0), "127.0.0.1");
}

static void it_serves_ipv6_and_only_that(struct wire *w)
{
    struct origin *o = origin_open_at(w, "[::1]:0");
    sluice_start(w, "--from [::1]:0");
    serves(w, o, sluice_address(w, 0), "::1");
}

static void a_bare_port_takes_both_families(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--from :0 --workers 2");
    unsigned port;
    assert_int_equal(sscanf(strrchr(sluice_address(w, 0), ':'), ":%u", &port), 1);
    serves(w, o, wire_text(w, "127.0.0.1:%u", port), "127.0.0.1");
    serves(w, o, wire_text(w, "[::1]:%u", port), "::1");
}

static void it_serves_a_unix_socket_and_removes_it(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *path = wire_path(w, "front");
    sluice_start(w, "--from unix:%s --workers 2", path);
    serves(w, o, wire_text(w, "unix:%s", path), NULL);
    sluice_stop(w);
    struct stat st;
    assert_int_equal(stat(path, &st), -1);
}

static void what_a_killed_proxy_listened_on_can_be_had_at_once(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *path = wire_path(w, "front");
    sluice_start(w, "--from 127.0.0.1:0,unix:%s", path);
    const char *tcp = sluice_address(w, 0);
    sluice_signal(w, SIGKILL);
    sluice_ends(w, 128 + SIGKILL);
    sluice_start(w, "--from %s,unix:%s", tcp, path);
    serves(w, o, tcp, "127.0.0.1");
    serves(w, o, wire_text(w, "unix:%s", path), NULL);
}

static void the_unix_socket_of_a_living_proxy_is_in_use(struct wire *w)
{
    const char *path = wire_path(w, "front");
    sluice_start(w, "--from unix:%s --to 127.0.0.1:1", path);
    struct outcome r = sluice_run(w, "proxy --from unix:%s --to 127.0.0.1:1", path);
    assert_int_equal(r.code, 1);
    contains(w, r.err, path);
    client_dial_to(w, wire_text(w, "unix:%s", path));
}

static void abstract_unix_sockets_do_as_well(struct wire *w)
{
    struct origin *o = origin_open_at(w, wire_text(w, "unix:@sluice-back-%d", (int)getpid()));
    sluice_start(w, "--from unix:@sluice-front-%d", (int)getpid());
    serves(w, o, sluice_address(w, 0), NULL);
}

static void it_forwards_to_a_unix_socket(struct wire *w)
{
    struct origin *o = origin_open_at(w, wire_text(w, "unix:%s", wire_path(w, "back")));
    sluice_start(w, " ");
    serves(w, o, sluice_address(w, 0), "127.0.0.1");
}

static void it_listens_on_several_addresses(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *path = wire_path(w, "front");
    sluice_start(w, "--from 127.0.0.1:0,[::1]:0,unix:%s", path);
    serves(w, o, sluice_address(w, 0), "127.0.0.1");
    serves(w, o, sluice_address(w, 1), "::1");
    serves(w, o, sluice_address(w, 2), NULL);
}

/* ---- ending ---- */

static void term_ends_an_idle_proxy(struct wire *w)
{
    sluice_start(w, "--to 127.0.0.1:1 --workers 2");
    sluice_signal(w, SIGTERM);
    sluice_ends(w, 0);
}

/* A client with a request under way; gives the server's end: `on`, or a new connection. */
static struct conn *busy(struct wire *w, struct origin *o, struct conn *on, struct conn **client)
{
    *client = client_dial(w);
    say(*client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct conn *s = on ? on : origin_accept(o);
    hear_request(s);
    return s;
}

static void drains_on(struct wire *w, int signal_number)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *idle = client_dial(w), *c;
    struct conn *s = busy(w, o, get_and_answer(idle, o, NULL, "first"), &c);
    sluice_signal(w, signal_number);
    hear_end(idle);
    sluice_says(w, "draining");
    client_refused(w);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
    struct message m = hear_answered(c, 200, "last");
    has_field(&m, "Connection", "close");
    hear_end(c);
    hang_up(c);
    sluice_ends(w, 0);
}

static void term_lets_requests_end_but_no_client_begin(struct wire *w)
{
    drains_on(w, SIGTERM);
}

static void quit_does_the_same(struct wire *w)
{
    drains_on(w, SIGQUIT);
}

static void who_came_before_term_is_answered_once(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c = client_dial(w), *idle = client_dial(w);
    struct conn *s = get_and_answer(idle, o, NULL, "first"); /* so both were accepted */
    sluice_signal(w, SIGTERM);
    hear_end(idle);
    hear_end(s);
    say(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
    struct message m = hear_answered(c, 200, "last");
    has_field(&m, "Connection", "close");
    hear_end(c);
    hang_up(c);
    sluice_ends(w, 0);
}

static void the_drain_deadline_ends_what_does_not(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, "--timeout drain=100ms");
    struct conn *c;
    busy(w, o, NULL, &c);
    sluice_signal(w, SIGTERM);
    hear_gone(c);
    sluice_ends(w, 0);
    logged(w, "end=shutdown");
}

static void a_second_term_ends_at_once(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c;
    busy(w, o, NULL, &c);
    sluice_signal(w, SIGTERM);
    sluice_says(w, "draining");
    sluice_signal(w, SIGTERM);
    hear_gone(c);
    sluice_ends(w, 0);
}

static void int_ends_at_once(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct conn *c;
    busy(w, o, NULL, &c);
    sluice_signal(w, SIGINT);
    hear_gone(c);
    sluice_ends(w, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(help_is_data_and_succeeds),
        TEST(version_is_one_line),
        TEST(bad_arguments_end_with_2_and_the_usage_line),
        TEST(a_port_in_use_is_named_and_ends_with_1),
        TEST(two_proxies_do_not_share_a_port),
        TEST(an_address_of_another_machine_is_named_and_ends_with_1),
        TEST(a_log_that_cannot_be_opened_is_named_and_ends_with_1),
        TEST(where_io_uring_is_refused_the_remedy_is_named),
        TEST(it_has_a_worker_for_each_cpu_it_may_use),
        TEST(it_listens_soon_and_says_what_to_try),
        TEST(it_serves_ipv4),
        TEST(it_serves_ipv6_and_only_that),
        TEST(a_bare_port_takes_both_families),
        TEST(it_serves_a_unix_socket_and_removes_it),
        TEST(what_a_killed_proxy_listened_on_can_be_had_at_once),
        TEST(the_unix_socket_of_a_living_proxy_is_in_use),
        TEST(it_forwards_to_a_unix_socket),
        TEST(abstract_unix_sockets_do_as_well),
        TEST(it_listens_on_several_addresses),
        TEST(term_ends_an_idle_proxy),
        TEST(term_lets_requests_end_but_no_client_begin),
        TEST(quit_does_the_same),
        TEST(who_came_before_term_is_answered_once),
        TEST(the_drain_deadline_ends_what_does_not),
        TEST(a_second_term_ends_at_once),
        TEST(int_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
