/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers that take only so much at a time, and who waits for them. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "tests/wire/h2_peer.h"
#include "tests/wire/wire.h"

#define TOP                                                                                        \
    "listeners: { web: { bind: \"$LISTEN\", site: s, http2: true } }\n"                            \
    "sites: { s: { log: access, routes: [{ to: b }] } }\n"                                         \
    "backends:\n"                                                                                  \
    "  b:\n"                                                                                       \
    "    servers: [$SERVERS]\n"

static void ask(struct conn *c, const char *path)
{
    sayf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
}

/* The next request on that connection is for this path, and is answered. */
static void serve(struct conn *s, const char *path)
{
    struct message m = hear_request(s);
    char first[100];
    snprintf(first, sizeof first, "GET %s HTTP/1.1", path);
    if (strcmp(m.start, first) != 0)
        wire_fail(s->w, "'%s' came, not '%s'", m.start, first);
    sayf(s, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(path), path);
}

/* Waits until sluice has that many in its queue. */
static void until_queued(struct wire *w, const char *admin, unsigned count)
{
    char line[100];
    snprintf(line, sizeof line, "sluice_backend_queued_requests{backend=\"b\"} %u\n", count);
    for (;;) {
        struct conn *c = client_dial_to(w, wire_text(w, "unix:%s", admin));
        say(c, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        struct message m = hear_status(c, 200);
        hang_up(c);
        if (strstr(m.body, line))
            return;
        wire_left_ms(w);
    }
}

static const char *admin_of(struct wire *w)
{
    return wire_path(w, "admin");
}

/* ---- one server, one place ---- */

static void who_comes_first_is_served_first(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *admin = admin_of(w);
    sluice_run_config(w, "admin: \"%s\"\n" TOP "    per_server: { max_requests: 1 }\n", admin);
    struct conn *c[5];
    for (unsigned i = 0; i < 5; i++) {
        c[i] = client_dial(w);
        ask(c[i], wire_text(w, "/%u", i));
        until_queued(w, admin, i); /* the first one has the place */
    }
    struct conn *s = origin_accept(o);
    for (unsigned i = 0; i < 5; i++) {
        serve(s, wire_text(w, "/%u", i));
        hear_answered(c[i], 200, wire_text(w, "/%u", i));
        const char *phases = strstr(logged(w, "end=ok status=200 tries=1"), "\"phases\"");
        assert_true((strstr(phases, "\"waited\":") != NULL) == (i > 0));
    }
    origin_untouched(o);
}

static void a_full_queue_is_503_at_once(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *admin = admin_of(w);
    sluice_run_config(
        w, "admin: \"%s\"\n" TOP "    per_server: { max_requests: 1 }\n    queue: 1\n", admin);
    struct conn *a = client_dial(w), *b = client_dial(w), *c = client_dial(w);
    ask(a, "/a");
    struct conn *s = origin_accept(o);
    ask(b, "/b");
    until_queued(w, admin, 1);
    ask(c, "/c");
    struct message m = hear_status(c, 503);
    has_field(&m, "retry-after", "1");
    logged(w, "end=queue_full status=503 backend=b tries=0 broken_by=server");
    serve(s, "/a");
    serve(s, "/b");
    hear_answered(a, 200, "/a");
    hear_answered(b, 200, "/b");
    ask(c, "/c"); /* and that one goes on with its connection */
    serve(s, "/c");
    hear_answered(c, 200, "/c");
}

static void nobody_waits_for_longer_than_the_timeout(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, TOP "    per_server: { max_requests: 1 }\n"
                             "    queue: { timeout: 30ms }\n");
    struct conn *a = client_dial(w), *b = client_dial(w);
    ask(a, "/a");
    struct conn *s = origin_accept(o);
    ask(b, "/b");
    struct message m = hear_status(b, 503);
    has_field(&m, "retry-after", "1");
    logged(w, "end=queue_timeout status=503 backend=b tries=0");
    serve(s, "/a");
    hear_answered(a, 200, "/a");
    ask(b, "/b");
    serve(s, "/b");
    hear_answered(b, 200, "/b");
}

static void without_a_queue_nobody_waits(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, TOP "    per_server: { max_requests: 1 }\n    queue: 0\n");
    struct conn *a = client_dial(w), *b = client_dial(w);
    ask(a, "/a");
    struct conn *s = origin_accept(o);
    ask(b, "/b");
    hear_status(b, 503);
    serve(s, "/a");
    hear_answered(a, 200, "/a");
}

static void who_goes_away_leaves_the_queue(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *admin = admin_of(w);
    sluice_run_config(w, "admin: \"%s\"\n" TOP "    per_server: { max_requests: 1 }\n", admin);
    struct conn *a = client_dial(w), *b = client_dial(w), *c = client_dial(w);
    ask(a, "/a");
    struct conn *s = origin_accept(o);
    ask(b, "/b");
    until_queued(w, admin, 1);
    ask(c, "/c");
    until_queued(w, admin, 2);
    hang_up_hard(b);
    logged(w, "end=client_reset tries=0");
    until_queued(w, admin, 1);
    serve(s, "/a");
    serve(s, "/c");
    hear_answered(a, 200, "/a");
    hear_answered(c, 200, "/c");
}

static void a_body_waits_with_its_request(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *admin = admin_of(w);
    sluice_run_config(w, "admin: \"%s\"\n" TOP "    per_server: { max_requests: 1 }\n", admin);
    struct conn *a = client_dial(w), *b = client_dial(w);
    ask(a, "/a");
    struct conn *s = origin_accept(o);
    say(b, "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    until_queued(w, admin, 1);
    say(b, "llo");
    serve(s, "/a");
    struct message m = hear_request(s);
    assert_string_equal(m.body, "hello");
    say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    hear_answered(b, 200, "ok");
}

static void streams_of_http2_wait_too(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *admin = admin_of(w);
    sluice_run_config(w, "admin: \"%s\"\n" TOP "    per_server: { max_requests: 1 }\n", admin);
    struct h2_peer *p = h2_dial(w);
    h2_get(p, 1, "/1");
    struct conn *s = origin_accept(o);
    h2_get(p, 3, "/3");
    h2_get(p, 5, "/5");
    h2_get(p, 7, "/7");
    until_queued(w, admin, 3);
    h2_u32(p, NGHTTP2_RST_STREAM, 5, NGHTTP2_CANCEL);
    until_queued(w, admin, 2);
    serve(s, "/1");
    serve(s, "/3");
    serve(s, "/7");
    h2_answered(p, 1, 200, "/1");
    h2_answered(p, 3, 200, "/3");
    h2_answered(p, 7, 200, "/7");
}

static void a_reload_with_more_places_lets_them_go(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *admin = admin_of(w);
    sluice_run_config(w, "admin: \"%s\"\n" TOP "    per_server: { max_requests: 1 }\n", admin);
    struct conn *a = client_dial(w), *b = client_dial(w), *c = client_dial(w);
    ask(a, "/a");
    struct conn *s = origin_accept(o);
    ask(b, "/b");
    until_queued(w, admin, 1);
    sluice_write_config(w, "admin: \"%s\"\n" TOP "    per_server: { max_requests: 2 }\n", admin);
    sluice_signal(w, SIGHUP);
    struct conn *t = origin_accept(o);
    serve(t, "/b");
    hear_answered(b, 200, "/b");
    ask(c, "/c");
    serve(t, "/c"); /* a is still there, and counts */
    hear_answered(c, 200, "/c");
    serve(s, "/a");
    hear_answered(a, 200, "/a");
}

static void a_reload_that_sets_a_limit_counts_who_is_there(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *admin = admin_of(w);
    sluice_run_config(w, "admin: \"%s\"\n" TOP, admin);
    struct conn *a = client_dial(w), *b = client_dial(w);
    ask(a, "/a");
    struct conn *s = origin_accept(o);
    sluice_write_config(w, "admin: \"%s\"\n" TOP "    per_server: { max_requests: 1 }\n", admin);
    sluice_signal(w, SIGHUP);
    sluice_says(w, "sluice: reloaded");
    ask(b, "/b");
    until_queued(w, admin, 1);
    origin_untouched(o);
    serve(s, "/a");
    serve(s, "/b");
    hear_answered(a, 200, "/a");
    hear_answered(b, 200, "/b");
}

static void who_waits_while_sluice_drains_is_served(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *admin = admin_of(w);
    sluice_run_config(w, "admin: \"%s\"\n" TOP "    per_server: { max_requests: 1 }\n", admin);
    struct conn *a = client_dial(w), *b = client_dial(w);
    ask(a, "/a");
    struct conn *s = origin_accept(o);
    ask(b, "/b");
    until_queued(w, admin, 1);
    sluice_signal(w, SIGTERM);
    client_refused(w);
    serve(s, "/a");
    hear_answered(a, 200, "/a");
    struct conn *t = origin_accept(o); /* nothing is pooled any more */
    serve(t, "/b");
    hear_answered(b, 200, "/b");
    sluice_ends(w, 0);
}

/* ---- several servers ---- */

static void full_servers_are_passed_over(struct wire *w)
{
    struct origin *a = origin_open(w), *b = origin_open(w);
    sluice_run_config(w, TOP "    balance: { policy: maglev, key: \"query:k\" }\n"
                             "    per_server: { max_requests: 1 }\n");
    struct conn *c[3];
    for (unsigned i = 0; i < 2; i++) {
        c[i] = client_dial(w);
        ask(c[i], "/?k=1"); /* of one key: the second one is not its server's */
    }
    struct conn *s = origin_accept(a), *t = origin_accept(b);
    c[2] = client_dial(w);
    ask(c[2], "/?k=1");
    serve(t, "/?k=1");
    serve(t, "/?k=1");
    serve(s, "/?k=1");
    for (unsigned i = 0; i < 3; i++)
        hear_answered(c[i], 200, "/?k=1");
}

static void the_backend_as_a_whole_has_a_limit(struct wire *w)
{
    struct origin *a = origin_open(w), *b = origin_open(w);
    const char *admin = admin_of(w);
    sluice_run_config(w, "admin: \"%s\"\n" TOP "    breaker: { max_requests: 2 }\n", admin);
    struct conn *c[3];
    for (unsigned i = 0; i < 3; i++) {
        c[i] = client_dial(w);
        ask(c[i], "/");
    }
    until_queued(w, admin, 1);
    struct conn *s = origin_accept(a), *t = origin_accept(b);
    serve(s, "/");
    hear_request(s->in_len ? s : t);
}

/* ---- connections ---- */

static void unused_connections_count_and_make_room(struct wire *w)
{
    /* Of several workers one after the other has the only connection. */
    origin_answering(w, "A");
    sluice_run_config(w, "workers: 3\n" TOP "    per_server: { max_connections: 1 }\n"
                         "    timeouts: { upstream_idle: 1h }\n");
    unsigned workers = 0, last = 9;
    for (unsigned i = 0; i < 40; i++) {
        struct conn *c = client_dial(w);
        ask(c, "/");
        hear_answered(c, 200, "A");
        unsigned worker = (unsigned)atoi(log_field(w, logged(w, "end=ok"), "worker"));
        workers += worker != last;
        last = worker;
        hang_up(c);
    }
    assert_true(workers > 5);
}

static void a_tunnel_keeps_its_places(struct wire *w)
{
    struct origin *o = origin_open(w);
    const char *admin = admin_of(w);
    sluice_run_config(
        w, "admin: \"%s\"\n" TOP "    per_server: { max_requests: 1, max_connections: 1 }\n",
        admin);
    struct conn *a = client_dial(w), *b = client_dial(w);
    say(a, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
    hear_until(a, "\r\n\r\nhello");
    ask(b, "/b");
    until_queued(w, admin, 1);
    hang_up(a);
    hear_end(s);
    hang_up(s);
    serve(origin_accept(o), "/b");
    hear_answered(b, 200, "/b");
}

static void a_full_layer_4_server_refuses(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, "listeners: { web: { bind: \"$LISTEN\", tcp: b, log: access } }\n"
                         "backends: { b: { servers: [$SERVERS], "
                         "per_server: { max_connections: 1 } } }\n");
    struct conn *a = client_dial(w);
    say(a, "hi");
    struct conn *s = origin_accept(o);
    hear(s, "hi");
    logged(w, "end=tunnel_opened");
    struct conn *b = client_dial(w);
    hear_gone(b);
    logged(w, "end=queue_full");
    hang_up(a);
    hear_end(s);
    hang_up(s);
    logged(w, "end=tunnel_closed");
    struct conn *c = client_dial(w);
    say(c, "ho");
    hear(origin_accept(o), "ho");
}

/* ---- many workers ---- */

#define CONNS_MAX 256

/* A server that lets each request wait for a moment, and answers with the most that it ever had at
 * a time: "A REQUESTS CONNECTIONS". */
struct counting {
    struct pollfd fds[1 + CONNS_MAX];
    unsigned count;           /* of fds */
    unsigned have[CONNS_MAX]; /* bytes of the request's end that were seen: "\r\n\r\n" */
    bool asked[CONNS_MAX];
    unsigned in_flight, most_in_flight, most_connections;
};

static void read_request(struct counting *n, unsigned i)
{
    static const char end[] = "\r\n\r\n";
    char bytes[4096];
    ssize_t got = recv(n->fds[1 + i].fd, bytes, sizeof bytes, 0);
    if (got <= 0) {
        n->in_flight -= n->asked[i];
        close(n->fds[1 + i].fd);
        n->count--;
        n->fds[1 + i] = n->fds[n->count];
        n->have[i] = n->have[n->count - 1];
        n->asked[i] = n->asked[n->count - 1];
        return;
    }
    for (ssize_t k = 0; k < got; k++) {
        n->have[i] = bytes[k] == end[n->have[i]] ? n->have[i] + 1 : bytes[k] == '\r';
        if (n->have[i] < 4)
            continue;
        n->have[i] = 0;
        n->asked[i] = true;
        if (++n->in_flight > n->most_in_flight)
            n->most_in_flight = n->in_flight;
    }
}

static void answer_all(struct counting *n)
{
    char text[200], body[40];
    int len = snprintf(body, sizeof body, "A %u %u", n->most_in_flight, n->most_connections);
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len, body);
    for (unsigned i = 0; i + 1 < n->count; i++) {
        if (!n->asked[i])
            continue;
        n->asked[i] = false;
        n->in_flight--;
        if (send(n->fds[1 + i].fd, text, strlen(text), MSG_NOSIGNAL) < 0 && errno != EPIPE &&
            errno != ECONNRESET)
            abort();
    }
}

/* Answers when for a millisecond nothing more came: then all that may come are there. */
static int run_counting(int fd, const void *arg)
{
    (void)arg;
    struct counting *n = calloc(1, sizeof *n);
    CHECK(n);
    n->fds[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
    n->count = 1;
    for (;;) {
        int ready = poll(n->fds, n->count, n->in_flight ? 1 : -1);
        if (ready == 0)
            answer_all(n);
        for (unsigned i = n->count - 1; i-- > 0;)
            if (n->fds[1 + i].revents)
                read_request(n, i);
        if (n->fds[0].revents) {
            int c = accept(fd, NULL, NULL);
            CHECK(c >= 0 && n->count <= CONNS_MAX);
            n->have[n->count - 1] = 0;
            n->asked[n->count - 1] = false;
            n->fds[n->count++] = (struct pollfd){ .fd = c, .events = POLLIN };
            if (n->count - 1 > n->most_connections)
                n->most_connections = n->count - 1;
        }
    }
}

static void check_most(struct wire *w, const char *limits, unsigned count, unsigned requests_max,
                       unsigned connections_max)
{
    struct origin *o = origin_open(w);
    pid_t pid = wire_fork(w, run_counting, o->fd, NULL);
    sluice_run_config(w, "workers: 4\n" TOP "    per_server: %s\n    queue: { timeout: 60s }\n",
                      limits);
    struct load load = { .connections = 60, .requests = count };
    load_run(w, &load);
    assert_int_equal(load.answered, count);
    assert_int_equal(load.others, 0);
    struct conn *c = client_dial(w);
    ask(c, "/");
    unsigned requests, connections;
    struct message m = hear_status(c, 200);
    assert_int_equal(sscanf(m.body, "A %u %u", &requests, &connections), 2);
    wire_note(w, "most: %u requests, %u connections", requests, connections);
    assert_true(requests <= requests_max && connections <= connections_max);
    assert_true(requests == requests_max || connections == connections_max); /* all are used */
    kill(pid, SIGKILL);
}

static void all_workers_together_keep_max_requests(struct wire *w)
{
    check_most(w, "{ max_requests: 7 }", 1500, 7, 60);
}

static void all_workers_together_keep_max_connections(struct wire *w)
{
    check_most(w, "{ max_connections: 5 }", 1500, 5, 5);
}

static void one_place_for_all_workers(struct wire *w)
{
    check_most(w, "{ max_requests: 1, max_connections: 1 }", 300, 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_comes_first_is_served_first),
        TEST(a_full_queue_is_503_at_once),
        TEST(nobody_waits_for_longer_than_the_timeout),
        TEST(without_a_queue_nobody_waits),
        TEST(who_goes_away_leaves_the_queue),
        TEST(a_body_waits_with_its_request),
        TEST(streams_of_http2_wait_too),
        TEST(a_reload_with_more_places_lets_them_go),
        TEST(a_reload_that_sets_a_limit_counts_who_is_there),
        TEST(who_waits_while_sluice_drains_is_served),
        TEST(full_servers_are_passed_over),
        TEST(the_backend_as_a_whole_has_a_limit),
        TEST(unused_connections_count_and_make_room),
        TEST(a_tunnel_keeps_its_places),
        TEST(a_full_layer_4_server_refuses),
        TEST(all_workers_together_keep_max_requests),
        TEST(all_workers_together_keep_max_connections),
        TEST(one_place_for_all_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
