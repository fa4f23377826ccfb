/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forward proxies: names whose answers change, what is kept, and clients that take nothing. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/limits.h"
#include "tests/unit/proxy/name_server.h"
#include "tests/wire/wire.h"

#define MIB (UINT64_C(1024) * 1024)

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define FORWARD(more) "listeners: { p: { bind: $LISTEN, forward: { log: access" more " } } }\n"

static void connect_to(struct conn *c, const char *authority)
{
    sayf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", authority, authority);
}

static const char *port_of(const struct origin *o)
{
    return strrchr(o->name, ':') + 1;
}

/* ---- names whose answers change ---- */

enum { A = 1, AAAA = 28 };

/* First the address that may be reached, then those that may not: 127.0.0.1 in every guise. */
static bool rebind(const struct question_seen *q, struct reply *r)
{
    if (strcmp(q->name, "both.test") == 0) {
        if (q->type == A) {
            reply_a(r, NULL, 0, "127.0.0.1");
            reply_a(r, NULL, 0, "127.0.0.2");
        }
    } else if (q->before == 0) {
        if (q->type == A)
            reply_a(r, NULL, 0, "127.0.0.2");
    } else if (q->before == 1) {
        if (q->type == A)
            reply_a(r, NULL, 0, "127.0.0.1");
    } else if (q->type == AAAA) {
        reply_aaaa(r, NULL, 0, q->before == 2 ? "::ffff:127.0.0.1" : "::1");
    }
    return true;
}

static void is_reached_at(struct origin *o, const char *ip)
{
    struct conn *s = origin_accept(o);
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    char text[32];
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
    unsigned a = ntohl(at.sin_addr.s_addr);
    snprintf(text, sizeof text, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
    assert_string_equal(text, ip);
}

/* A name is judged by the address that would be connected to, each time. */
static void a_name_that_becomes_private_is_refused(struct wire *w)
{
    static struct name_server names;
    struct origin *o = origin_open_at(w, "0.0.0.0:0");
    name_server_start(&names, rebind);
    sluice_run_config(w,
                      FORWARD(", allow_private: [127.0.0.2]") "dns: { servers: "
                                                              "[\"127.0.0.1:%u\"] }\n",
                      names.port);
    const char *to = wire_text(w, "rebind.test:%s", port_of(o));
    struct conn *c = client_dial(w), *d = client_dial(w), *e = client_dial(w);
    connect_to(c, to);
    is_reached_at(o, "127.0.0.2");
    hear_until(c, "\r\n\r\n");
    logged(w, "end=tunnel_opened destination=%s", to);
    for (int i = 0; i < 3; i++) {
        connect_to(d, to);
        hear_status(d, 403);
        logged(w, "end=forward_private rule=private tries=0 destination=%s", to);
    }
    connect_to(e, wire_text(w, "both.test:%s", port_of(o)));
    is_reached_at(o, "127.0.0.2");
    hear_until(e, "\r\n\r\n");
    origin_untouched(o);
    name_server_stop(&names);
}

/* ---- connections that are kept ---- */

/* One request of each client, all at once: `count` connections, in the order of the clients. */
static void use_connections(struct conn **clients, struct conn **servers, unsigned count,
                            struct origin *o, const char *ip)
{
    for (unsigned i = 0; i < count; i++) {
        sayf(clients[i], "GET http://%s:%s/ HTTP/1.1\r\nHost: x\r\n\r\n", ip, port_of(o));
        servers[i] = origin_accept(o);
        hear_request(servers[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        say(servers[i], OK_ANSWER);
        hear_answered(clients[i], 200, "ok");
    }
}

static void so_many_connections_to_one_destination_are_kept(struct wire *w)
{
    enum { COUNT = FORWARD_IDLE_MAX + 3 };
    struct conn *clients[COUNT], *servers[COUNT];
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(", allow_private: [127.0.0.1]"));
    for (unsigned i = 0; i < COUNT; i++)
        clients[i] = client_dial(w);
    use_connections(clients, servers, COUNT, o, "127.0.0.1");
    for (unsigned i = FORWARD_IDLE_MAX; i < COUNT; i++)
        hear_end(servers[i]);
    for (unsigned i = 0; i < FORWARD_IDLE_MAX; i++)
        hear_nothing(servers[i]);
}

static void so_many_connections_to_all_destinations_are_kept(struct wire *w)
{
    enum { DESTINATIONS = FORWARD_IDLE_ALL_MAX / FORWARD_IDLE_MAX };
    struct conn *clients[FORWARD_IDLE_MAX], *servers[DESTINATIONS + 1][FORWARD_IDLE_MAX];
    struct origin *o = origin_open_at(w, "0.0.0.0:0");
    sluice_run_config(w, FORWARD(", allow_private: [127.0.0.0/8]"));
    for (unsigned i = 0; i < FORWARD_IDLE_MAX; i++)
        clients[i] = client_dial(w);
    for (unsigned d = 0; d <= DESTINATIONS; d++)
        use_connections(clients, servers[d], FORWARD_IDLE_MAX, o, wire_text(w, "127.0.1.%u", d));
    for (unsigned i = 0; i < FORWARD_IDLE_MAX; i++)
        hear_end(servers[DESTINATIONS][i]);
    for (unsigned d = 0; d < DESTINATIONS; d++)
        for (unsigned i = 0; i < FORWARD_IDLE_MAX; i++)
            hear_nothing(servers[d][i]);
    /* one goes, and there is room for one */
    hang_up(servers[0][0]);
    use_connections(clients, servers[0], 1, o, "127.0.2.1");
    use_connections(clients + 1, servers[0] + 1, 1, o, "127.0.2.2");
    hear_end(servers[0][1]);
    hear_nothing(servers[0][0]);
}

/* ---- clients that take nothing ---- */

enum { DOWNLOAD_MIB = 96, GROWTH_MAX_KIB = 24 * 1024 };

/* Takes some of it, and is stopped. */
static int take_some(int fd, const void *arg)
{
    static char bytes[65536];
    uint64_t left = 2 * MIB;
    (void)arg;
    while (left) {
        ssize_t n = recv(fd, bytes, left < sizeof bytes ? left : sizeof bytes, 0);
        if (n <= 0)
            return 1;
        left -= (uint64_t)n;
    }
    raise(SIGSTOP);
    while (recv(fd, bytes, sizeof bytes, 0) > 0) {
    }
    return 0;
}

/* The most that sluice has had, in KiB: of the process that has most. */
static unsigned peak_kib(struct wire *w)
{
    unsigned most = 0, kib;
    int pid = (int)sluice_pid(w);
    FILE *f = popen(wire_text(w,
                              "for p in %d $(cat /proc/%d/task/%d/children); do grep VmHWM "
                              "/proc/$p/status; done",
                              pid, pid, pid),
                    "r");
    assert_non_null(f);
    while (fscanf(f, " VmHWM: %u kB", &kib) == 1)
        most = kib > most ? kib : most;
    pclose(f);
    assert_true(most > 0);
    return most;
}

static void stopped_in_mid_download(struct wire *w, bool tunnel)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w,
                      FORWARD(", allow_private: [127.0.0.1], timeouts: { client_write: 500ms }"));
    struct conn *c = client_dial(w);
    if (tunnel)
        connect_to(c, o->name);
    else
        sayf(c, "GET http://%s/ HTTP/1.1\r\nHost: x\r\n\r\n", o->name);
    struct conn *s = origin_accept(o);
    if (tunnel) {
        logged(w, "end=tunnel_opened");
    } else {
        hear_request(s);
        sayf(s, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
             (unsigned long long)(DOWNLOAD_MIB * MIB));
    }
    unsigned before_kib = peak_kib(w);
    pid_t taker = wire_fork(w, take_some, c->fd, NULL);
    stream_send(s, 1, DOWNLOAD_MIB * MIB, BY_NOTHING);
    int status = 0;
    assert_int_equal(waitpid(taker, &status, WUNTRACED), taker);
    assert_true(WIFSTOPPED(status));
    logged(w, "end=client_write_timeout broken_by=client");
    streams_cut(w);
    unsigned grown_kib = peak_kib(w) - before_kib;
    wire_note(w, "grown by %u KiB", grown_kib);
    assert_true(grown_kib < GROWTH_MAX_KIB);
    kill(taker, SIGKILL);
    wire_join(w, taker);
}

static void a_client_that_is_stopped_is_waited_for_and_costs_little(struct wire *w)
{
    stopped_in_mid_download(w, false);
}

static void a_stopped_client_of_a_tunnel_is_no_other(struct wire *w)
{
    stopped_in_mid_download(w, true);
}

/* ---- where connections come from ---- */

static void a_source_address_that_is_not_ours_is_said(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, FORWARD(", allow_private: [127.0.0.1], source: 192.0.2.77"));
    struct conn *c = client_dial(w);
    connect_to(c, o->name);
    struct message m = hear_status(c, 500);
    assert_non_null(strstr(m.body, "source address"));
    logged(w, "end=source_address broken_by=sluice status=500");
    sayf(c, "GET http://%s/ HTTP/1.1\r\nHost: x\r\n\r\n", o->name);
    hear_status(c, 500);
    logged(w, "end=source_address");
    origin_untouched(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name_that_becomes_private_is_refused),
        TEST(so_many_connections_to_one_destination_are_kept),
        TEST(so_many_connections_to_all_destinations_are_kept),
        TEST(a_client_that_is_stopped_is_waited_for_and_costs_little),
        TEST(a_stopped_client_of_a_tunnel_is_no_other),
        TEST(a_source_address_that_is_not_ours_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
