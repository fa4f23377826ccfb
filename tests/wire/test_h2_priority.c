/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Priorities (RFC 9218) decide in which order answers leave. The client asks for several, keeps the
 * connection's window shut until all of them wait, and then opens it bit by bit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/h2_peer.h"

#define BODY_BYTES 12000
#define WINDOW_BYTES 65535
#define STREAMS_MAX 8

struct asked {
    const char *priority; /* of the request: a header; NULL: none */
    const char *update;   /* PRIORITY_UPDATE that follows; NULL: none */
    const char *answer;   /* lines of the server's head */
};

static void get(struct h2_peer *p, int32_t id, const char *priority)
{
    h2_head(p, id, NGHTTP2_FLAG_END_STREAM,
            wire_text(p->w, ":method: GET\n:scheme: http\n:authority: a\n:path: /%d\n%s%s%s", id,
                      priority ? "priority: " : "", priority ? priority : "",
                      priority ? "\n" : ""));
}

static void update(struct h2_peer *p, int32_t id, const char *value)
{
    char payload[64] = { 0, 0, 0, (char)id };
    memcpy(payload + 4, value, strlen(value));
    h2_say(p, NGHTTP2_PRIORITY_UPDATE, 0, 0, payload, 4 + strlen(value));
}

static void answer(struct wire *w, struct conn *s, const char *lines)
{
    say(s, wire_text(w, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n",
                     BODY_BYTES, lines));
    say(s, wire_repeat(w, 'x', BODY_BYTES));
}

/* Uses up the connection's window. */
static void shut_window(struct h2_peer *p, struct origin *o)
{
    get(p, 1, NULL);
    struct conn *s = origin_accept(o);
    hear_request(s);
    say(s, wire_text(p->w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", WINDOW_BYTES));
    say(s, wire_repeat(p->w, 'w', WINDOW_BYTES));
    struct h2_heard f;
    do {
        f = h2_hear_type(p, NGHTTP2_DATA, 1);
    } while (!(f.flags & NGHTTP2_FLAG_END_STREAM));
    hang_up(s);
}

/* The streams in the order in which their DATA comes: "5 3 7", each time that it changes. */
static const char *order_of(struct h2_peer *p, unsigned streams)
{
    const char *order = "";
    unsigned ended = 0;
    int32_t last = 0;
    while (ended < streams) {
        h2_u32(p, NGHTTP2_WINDOW_UPDATE, 0, 3000);
        for (uint32_t n = 0; n < 3000;) {
            struct h2_heard f;
            assert_true(h2_hear(p, &f));
            if (f.type != NGHTTP2_DATA)
                continue;
            n += f.len;
            if (f.stream != last)
                order = wire_text(p->w, "%s%s%d", order, *order ? " " : "", f.stream);
            last = f.stream;
            ended += (f.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        }
    }
    return order;
}

static const char *order_asked(struct wire *w, const struct asked *asked, unsigned count)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    shut_window(p, o);
    for (unsigned i = 0; i < count; i++) {
        int32_t id = 3 + 2 * (int32_t)i;
        get(p, id, asked[i].priority);
        if (asked[i].update)
            update(p, id, asked[i].update);
        struct conn *s = origin_accept(o);
        hear_request(s);
        answer(w, s, asked[i].answer);
        h2_hear_type(p, NGHTTP2_HEADERS, id);
    }
    return order_of(p, count);
}

static void the_urgent_go_first(struct wire *w)
{
    static const struct asked asked[] = {
        { "u=5", NULL, "" }, { NULL, NULL, "" },  { "u=0", NULL, "" },
        { "u=7", NULL, "" }, { "u=1", NULL, "" },
    };
    assert_string_equal(order_asked(w, asked, 5), "7 11 5 3 9");
}

static void those_of_one_urgency_go_one_after_the_other(struct wire *w)
{
    static const struct asked asked[] = { { NULL, NULL, "" },
                                          { NULL, NULL, "" },
                                          { NULL, NULL, "" } };
    assert_string_equal(order_asked(w, asked, 3), "3 5 7");
}

static void the_incremental_take_turns(struct wire *w)
{
    static const struct asked asked[] = { { "i", NULL, "" }, { "u=3, i", NULL, "" } };
    const char *order = order_asked(w, asked, 2);
    assert_true(strlen(order) > strlen("3 5 3 5 3"));
}

static void an_update_goes_before_the_header(struct wire *w)
{
    static const struct asked asked[] = { { "u=1", "u=6", "" }, { "u=7", "u=0", "" } };
    assert_string_equal(order_asked(w, asked, 2), "5 3");
}

/* RFC 9218 8: what it says counts, what it does not say stays. */
static void the_server_knows_better(struct wire *w)
{
    static const struct asked asked[] = {
        { "u=1", NULL, "Priority: u=6\r\n" },
        { "u=5", NULL, "Priority: i=?0\r\n" },
        { "u=7", NULL, "Priority: u=0\r\n" },
    };
    assert_string_equal(order_asked(w, asked, 3), "7 5 3");
}

/* Before its stream is there, too. */
static void an_update_may_come_first(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    shut_window(p, o);
    update(p, 5, "u=0");
    for (int32_t id = 3; id <= 5; id += 2) {
        get(p, id, NULL);
        struct conn *s = origin_accept(o);
        hear_request(s);
        answer(w, s, "");
        h2_hear_type(p, NGHTTP2_HEADERS, id);
    }
    assert_string_equal(order_of(p, 2), "5 3");
}

/* A priority that is no structured field is no priority; one of RFC 7540 is none either. */
static void what_is_not_understood_is_left_out(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct h2_peer *p = h2_dial(w);
    shut_window(p, o);
    static const char *const priorities[] = { "u=4", "u=0, (", "u=2" };
    for (int32_t i = 0; i < 3; i++) {
        int32_t id = 3 + 2 * i;
        get(p, id, priorities[i]);
        h2_say(p, NGHTTP2_PRIORITY, 0, id, "\0\0\0\0\xff", 5);
        struct conn *s = origin_accept(o);
        hear_request(s);
        answer(w, s, "");
        h2_hear_type(p, NGHTTP2_HEADERS, id);
    }
    assert_string_equal(order_of(p, 3), "7 5 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_urgent_go_first),
        TEST(those_of_one_urgency_go_one_after_the_other),
        TEST(the_incremental_take_turns),
        TEST(an_update_goes_before_the_header),
        TEST(the_server_knows_better),
        TEST(an_update_may_come_first),
        TEST(what_is_not_understood_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
