/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layer 4: listeners that pass connections on. */
#include <signal.h>
#include <string.h>

#include "tests/wire/wire.h"

#define MIB (UINT64_C(1024) * 1024)

#define LISTENER(more) "listeners: { l: { bind: $LISTEN, tcp: b, log: access" more " } }\n"
#define BACKEND(more) "backends: { b: { servers: [$SERVERS]" more " } }\n"

static void a_connection_is_passed_on(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, LISTENER("") BACKEND(""));
    struct conn *c = client_dial(w);
    struct conn *s = origin_accept(o); /* at once: the server may be the one who speaks first */
    say(s, "220 ready\r\n");
    hear(c, "220 ready\r\n");
    say(c, "EHLO me\r\n");
    hear(s, "EHLO me\r\n");
    logged(w, "end=tunnel_opened method=TCP listener=l backend=b site= bytes_in=0");
    end_sending(c);
    hear_end(s);
    say(s, "221 bye\r\n");
    hang_up(s);
    hear(c, "221 bye\r\n");
    hear_end(c);
    logged(w, "end=tunnel_closed bytes_in=9 bytes_out=20");
}

static void what_the_client_says_first_waits_for_the_server(struct wire *w)
{
    struct origin *dead = origin_dead(w), *o = origin_open(w);
    (void)dead;
    sluice_run_config(w, LISTENER("") BACKEND(""));
    for (int i = 0; i < 2; i++) { /* one of them meets the dead one first */
        struct conn *c = client_dial(w);
        say(c, "hello");
        struct conn *s = origin_accept(o);
        hear(s, "hello");
        hang_up(c);
        hear_end(s);
        hang_up(s);
        logged(w, "end=tunnel_opened");
        logged(w, "end=tunnel_closed");
    }
}

static void without_a_server_the_connection_ends(struct wire *w)
{
    origin_dead(w);
    sluice_run_config(w, LISTENER("") BACKEND(""));
    struct conn *c = client_dial(w);
    hear_gone(c);
    logged(w, "end=connect_refused broken_by=server bytes_in=0 bytes_out=0");
}

static void a_server_that_does_not_accept_is_given_up(struct wire *w)
{
    origin_full(w);
    sluice_run_config(w, LISTENER("") BACKEND(", timeouts: { connect: 300ms }"));
    struct conn *c = client_dial(w);
    hear_gone(c);
    logged(w, "end=connect_timeout");
}

static void streams_are_whole_and_counted(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_run_config(w, LISTENER("") BACKEND(""));
    struct conn *c = client_dial(w), *s = origin_accept(o);
    stream_send(c, 1, 50 * MIB, BY_NOTHING);
    stream_send(s, 2, 30 * MIB, BY_NOTHING);
    stream_hear(s, 1, 50 * MIB, BY_NOTHING);
    stream_hear(c, 2, 30 * MIB, BY_NOTHING);
    streams_sent(w);
    hang_up(c);
    hang_up(s);
    logged(w, "end=tunnel_opened");
    logged(w, "bytes_in=%llu bytes_out=%llu", (unsigned long long)(50 * MIB),
           (unsigned long long)(30 * MIB));
}

static void a_stopping_client_is_forgotten_while_connecting(struct wire *w)
{
    origin_full(w);
    sluice_run_config(w, LISTENER("") BACKEND("") "defaults: { timeouts: { drain: 300ms } }\n");
    struct conn *c = client_dial(w);
    sluice_signal(w, SIGTERM);
    hear_gone(c);
    logged(w, "end=shutdown");
    sluice_ends(w, 0);
}

static void the_file_says_one_of_both(struct wire *w)
{
    static const struct {
        const char *listener, *says;
    } cases[] = {
        { "bind: \":0\"", "needs 'site' (HTTP), 'tcp'" },
        { "bind: \":0\", tcp: b, site: s", "has both 'site' and 'tcp'" },
        { "bind: \":0\", tcp: c", "no backend 'c'" },
        { "bind: \":0\", site: s, log: access", "'log' is for 'tcp' listeners" },
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sluice_write_config(w,
                            "listeners: { l: { %s } }\nbackends: { b: { servers: "
                            "[\"127.0.0.1:1\"] } }\nsites: { s: { routes: [{ to: b }] } }\n",
                            cases[i].listener);
        struct outcome r = sluice_run(w, "check -c %s", wire_path(w, "sluice.yaml"));
        assert_int_equal(r.code, 78);
        if (!strstr(r.err, cases[i].says) && !strstr(r.out, cases[i].says))
            wire_fail(w, "not said: %s, but: %s%s", cases[i].says, r.out, r.err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_is_passed_on),
        TEST(what_the_client_says_first_waits_for_the_server),
        TEST(without_a_server_the_connection_ends),
        TEST(a_server_that_does_not_accept_is_given_up),
        TEST(streams_are_whole_and_counted),
        TEST(a_stopping_client_is_forgotten_while_connecting),
        TEST(the_file_says_one_of_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
