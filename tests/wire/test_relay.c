/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Large bodies, by every way there is: whole, counted, and visibly cut when they are cut. */
#include <stdlib.h>
#include <string.h>

#include "tests/wire/wire.h"

#define MIB (UINT64_C(1024) * 1024)
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

#define RUN                                                                                        \
    "sites: { s: { timeouts: { client_write: 400ms }, log: access, routes: [{ to: b }] } }\n"      \
    "backends: { b: { servers: [$SERVERS] } }\n"                                                   \
    "listeners: { l: { bind: $LISTEN, site: s } }\n"

static const char *const strategies[] = { "auto", "copy", "splice", "ring_splice" };
#define STRATEGIES (sizeof strategies / sizeof strategies[0])

static struct origin *start(struct wire *w, const char *strategy)
{
    wire_note(w, "strategy %s", strategy);
    struct origin *o = origin_open(w);
    sluice_run_config(w, RUN "relay: { strategy: %s, splice_from: 32KiB }\n", strategy);
    return o;
}

static void finish(struct wire *w, struct origin *o)
{
    origin_close(o);
    sluice_stop(w);
}

static void downloads_are_whole_in_every_framing(struct wire *w)
{
    enum { BYTES = 5 * 1024 * 1024 + 4321 };
    for (unsigned i = 0; i < STRATEGIES; i++) {
        struct origin *o = start(w, strategies[i]);
        struct conn *c = client_dial(w), *s = NULL;
        for (enum coding coding = BY_LENGTH; coding <= BY_CLOSE; coding++) {
            say(c, GET);
            if (!s)
                s = origin_accept(o);
            hear_request(s);
            if (coding == BY_LENGTH)
                sayf(s, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BYTES);
            else if (coding == BY_CHUNKS)
                say(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            else
                say(s, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            stream_send(s, 7, BYTES, coding);
            struct message m = hear_head(c);
            if (coding == BY_CLOSE)
                hang_up(s); /* the child has it, until all is sent */
            stream_hear(c, 7, BYTES, m.coding);
            streams_sent(w);
            logged(w, "end=ok status=200");
        }
        finish(w, o);
    }
}

static void large_chunks_are_whole(struct wire *w)
{
    for (unsigned i = 0; i < STRATEGIES; i++) {
        struct origin *o = start(w, strategies[i]);
        struct conn *c = client_dial(w);
        say(c, GET);
        struct conn *s = origin_accept(o);
        hear_request(s);
        say(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n100000\r\n");
        hear_head(c);
        char *mega = wire_repeat(w, 'm', MIB), *half = wire_repeat(w, 'h', MIB / 2);
        say_bytes(s, mega, MIB);
        say(s, "\r\n80000\r\n");
        say_bytes(s, half, MIB / 2);
        say(s, "\r\n3\r\nend\r\n0\r\nX-Sum: 1\r\n\r\n");
        uint64_t got = 0;
        for (;;) {
            uint64_t n = strtoull(hear_until(c, "\r\n"), NULL, 16);
            if (n == 0)
                break;
            const char *p = hear_bytes(c, n);
            for (uint64_t k = 0; k < n; k++, got++)
                if (got < MIB + MIB / 2 && p[k] != (got < MIB ? 'm' : 'h'))
                    wire_fail(w, "wrong byte at %llu", (unsigned long long)got);
            hear(c, "\r\n");
        }
        hear(c, "X-Sum: 1\r\n\r\n");
        assert_int_equal(got, MIB + MIB / 2 + 3);
        logged(w, "end=ok status=200");
        get_and_answer(c, o, s, "goes on"); /* nothing is left over */
        finish(w, o);
    }
}

static void uploads_are_whole(struct wire *w)
{
    enum { BYTES = 6 * 1024 * 1024 + 99 };
    for (unsigned i = 0; i < STRATEGIES; i++) {
        struct origin *o = start(w, strategies[i]);
        struct conn *c = client_dial(w), *s = NULL;
        for (enum coding coding = BY_LENGTH; coding <= BY_CHUNKS; coding++) {
            if (coding == BY_LENGTH)
                sayf(c, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", BYTES);
            else
                say(c, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            stream_send(c, 8, BYTES, coding);
            if (!s)
                s = origin_accept(o);
            struct message m = hear_head(s);
            stream_hear(s, 8, BYTES, m.coding);
            streams_sent(w);
            say(s, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
            hear_answered(c, 201, "");
            logged(w, "end=ok status=201");
        }
        finish(w, o);
    }
}

static void a_server_that_dies_in_mid_body_is_seen_to(struct wire *w)
{
    for (unsigned i = 0; i < STRATEGIES; i++) {
        for (int hard = 0; hard < 2; hard++) {
            struct origin *o = start(w, strategies[i]);
            struct conn *c = client_dial(w);
            say(c, GET);
            struct conn *s = origin_accept(o);
            hear_request(s);
            say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n");
            say_bytes(s, wire_repeat(w, 'x', 700000), 700000);
            struct message m = hear_head(c);
            assert_int_equal(m.length, 2000000);
            hear_bytes(c, 300000);
            if (hard)
                hang_up_hard(s);
            else
                hang_up(s);
            hear_gone(c);
            logged(w, "end=response_cut_body broken_by=server status=200");
            finish(w, o);
        }
    }
}

static void a_client_that_dies_in_mid_body_harms_nobody(struct wire *w)
{
    for (unsigned i = 0; i < STRATEGIES; i++) {
        struct origin *o = start(w, strategies[i]);
        struct conn *c = client_dial(w);
        say(c, GET);
        struct conn *s = origin_accept(o);
        hear_request(s);
        say(s, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        stream_send(s, 9, 100000000, BY_LENGTH);
        hear_head(c);
        hear_bytes(c, 500000);
        hang_up_hard(c);
        streams_cut(w);
        logged(w, "end=client_reset broken_by=client");
        c = client_dial(w);
        get_and_answer(c, o, NULL, "well");
        finish(w, o);
    }
}

static void a_client_that_stops_reading_meets_the_write_deadline(struct wire *w)
{
    for (unsigned i = 0; i < STRATEGIES; i++) {
        struct origin *o = start(w, strategies[i]);
        struct conn *c = client_dial(w);
        say(c, GET);
        struct conn *s = origin_accept(o);
        hear_request(s);
        say(s, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        stream_send(s, 9, 1000000000, BY_LENGTH);
        hear_head(c);
        logged(w, "end=client_write_timeout broken_by=client");
        streams_cut(w);
        finish(w, o);
    }
}

static void an_answer_in_mid_upload_ends_it(struct wire *w)
{
    for (unsigned i = 0; i < STRATEGIES; i++) {
        struct origin *o = start(w, strategies[i]);
        struct conn *c = client_dial(w);
        say(c, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
        stream_send(c, 9, 100000000, BY_LENGTH);
        struct conn *s = origin_accept(o);
        hear_head(s);
        hear_bytes(s, 400000);
        say(s, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
        hear_answered(c, 413, "no");
        streams_cut(w);
        logged(w, "status=413");
        finish(w, o);
    }
}

static void without_descriptors_for_pipes_it_copies(struct wire *w)
{
    enum { BYTES = 3 * 1024 * 1024 };
    struct origin *o = origin_open(w);
    sluice_limit_descriptors(w, 40);
    sluice_start(w, " ");
    struct conn *clients[40];
    unsigned count = 0;
    struct conn *c = client_dial(w), *s;
    say(c, GET);
    s = origin_accept(o);
    hear_request(s);
    /* Whoever connects now takes what is left. */
    while (count < 40)
        clients[count++] = client_dial(w);
    say(clients[0], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"); /* is accepted, or waits */
    sayf(s, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BYTES);
    stream_send(s, 7, BYTES, BY_LENGTH);
    hear_head(c);
    stream_hear(c, 7, BYTES, BY_LENGTH);
    streams_sent(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(downloads_are_whole_in_every_framing),
        TEST(large_chunks_are_whole),
        TEST(uploads_are_whole),
        TEST(a_server_that_dies_in_mid_body_is_seen_to),
        TEST(a_client_that_dies_in_mid_body_harms_nobody),
        TEST(a_client_that_stops_reading_meets_the_write_deadline),
        TEST(an_answer_in_mid_upload_ends_it),
        TEST(without_descriptors_for_pipes_it_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
