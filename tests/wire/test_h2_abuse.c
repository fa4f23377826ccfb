/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Floods of HTTP/2: each ends its own connection with ENHANCE_YOUR_CALM, and is counted by its
 * kind. While they run a canary's requests are answered at once, and memory does not grow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/h2_peer.h"

#define FRAMES_MAX 500
/* For an answer: sanitizers and neighbours included; without a flood it takes 1 ms. */
#define QUICK_US 1000000
#define GROWTH_BYTES_MAX (48 << 20)

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define CONFIGURATION                                                                              \
    "admin: %s\n"                                                                                  \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "defaults: { timeouts: { client_head: %s } }\n"                                                \
    "sites: { s: { routes: [{ match: { path: / , method: POST }, to: dead },"                      \
    " { match: { method: PUT }, to: never }, { to: app }] } }\n"                                   \
    "backends: { app: { servers: [\"%s\"] }, never: { servers: [\"%s\"] },"                        \
    " dead: { servers: [\"127.0.0.1:1\"] } }\n"

struct canary {
    struct origin *o;
    struct conn *client, *server;
};

static void sings(struct canary *k)
{
    uint64_t before_us = wire_now_us();
    k->server = get_and_answer(k->client, k->o, k->server, "canary");
    uint64_t took_us = wire_now_us() - before_us;
    if (took_us > QUICK_US)
        wire_fail(k->client->w, "the canary waited for %llu us", (unsigned long long)took_us);
}

static const char *admin_path(struct wire *w)
{
    return wire_path(w, "admin.sock");
}

static struct canary begin(struct wire *w, const char *head_timeout)
{
    struct origin *o = origin_open(w), *never = origin_full(w);
    sluice_run_config(w, CONFIGURATION, admin_path(w), head_timeout, o->name, never->name);
    struct canary k = { o, client_dial(w), NULL };
    k.server = get_and_answer(k.client, o, NULL, "canary");
    return k;
}

/* Resident memory of all of sluice's processes. */
static uint64_t memory_bytes(struct wire *w)
{
    FILE *p = popen(wire_text(w,
                              "ps -o rss= -p $(pgrep -d, -P %d),%d | awk \"{ s += \\$1 } END "
                              "{ print s }\"",
                              sluice_pid(w), sluice_pid(w)),
                    "r");
    char line[64] = "";
    assert_non_null(p);
    assert_non_null(fgets(line, sizeof line, p));
    pclose(p);
    return strtoull(line, NULL, 10) * 1024;
}

/* One connection went because of this. */
static void counted(struct wire *w, const char *kind)
{
    struct conn *c = client_dial_to(w, wire_text(w, "unix:%s", admin_path(w)));
    say(c, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    struct message m = hear_answer(c);
    const char *sample = wire_text(w, "\nsluice_http2_floods_total{kind=\"%s\"} 1\n", kind);
    if (!strstr(m.body, sample))
        wire_fail(w, "no '%s' in\n%s", sample, m.body);
}

/* ---- frames ---- */

/* How one frame of the flood is said; i counts from 0. */
typedef void flood_fn(struct h2_peer *p, int i);

static void say_ping(struct h2_peer *p, int i)
{
    (void)i;
    h2_say(p, NGHTTP2_PING, 0, 0, "12345678", 8);
}

static void say_settings(struct h2_peer *p, int i)
{
    (void)i;
    h2_say(p, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

static void say_priority(struct h2_peer *p, int i)
{
    (void)i;
    h2_say(p, NGHTTP2_PRIORITY, 0, 3, "\0\0\0\0\1", 5);
}

/* RFC 9218 7.1: of streams that are not there. */
static void say_priority_update(struct h2_peer *p, int i)
{
    const char update[] = { 0, 0, (char)(i >> 7), (char)(2 * i + 1), 'u', '=', '1' };
    h2_say(p, NGHTTP2_PRIORITY_UPDATE, 0, 0, update, sizeof update);
}

static void say_window(struct h2_peer *p, int i)
{
    (void)i;
    h2_u32(p, NGHTTP2_WINDOW_UPDATE, 0, 1);
}

static void say_unknown(struct h2_peer *p, int i)
{
    (void)i;
    h2_say(p, 0xbe, 0, 0, "x", 1);
}

static void say_empty_data(struct h2_peer *p, int i)
{
    if (i == 0)
        h2_head(p, 1, 0, ":method: PUT\n:scheme: http\n:authority: a\n:path: /\n");
    h2_data(p, 1, 0, "");
}

/* CVE-2025-8671: what makes us reset a stream. */
static void say_what_is_reset(struct h2_peer *p, int i)
{
    h2_head(p, 1 + 2 * i, NGHTTP2_FLAG_END_STREAM, ":method: GET\n:scheme: http\n:authority: a\n");
}

/* The same by way of a stream's window that becomes too large. */
static void say_window_too_large(struct h2_peer *p, int i)
{
    h2_head(p, 1 + 2 * i, 0, ":method: PUT\n:scheme: http\n:authority: a\n:path: /\n");
    h2_u32(p, NGHTTP2_WINDOW_UPDATE, 1 + 2 * i, INT32_MAX);
}

/* CVE-2023-44487; :path / has no route here, it is answered by us when it is not reset. */
static void say_and_reset(struct h2_peer *p, int i)
{
    h2_head(p, 1 + 2 * i, 0, ":method: POST\n:scheme: http\n:authority: a\n:path: /\n");
    h2_u32(p, NGHTTP2_RST_STREAM, 1 + 2 * i, NGHTTP2_CANCEL);
}

/* A head of more fields than are taken, each a byte: it is answered 431, so often. */
static void say_many_fields(struct h2_peer *p, int i)
{
    uint8_t block[200] = { 0x82, 0x86, 0x84 };
    memset(block + 3, 0x90, sizeof block - 3); /* accept-encoding: gzip, deflate */
    h2_say(p, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1 + 2 * i, block,
           sizeof block);
}

static void flood(struct wire *w, flood_fn *say_one, const char *kind)
{
    struct canary k = begin(w, "10s");
    struct h2_peer *p = h2_dial(w);
    int frames = say_one == say_window ? 3 * FRAMES_MAX : FRAMES_MAX;
    uint64_t before = memory_bytes(w);
    for (int i = 0; i < frames; i++) {
        say_one(p, i);
        if (i % 100 == 20)
            sings(&k);
    }
    h2_hear_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
    sings(&k);
    assert_true(memory_bytes(w) < before + GROWTH_BYTES_MAX);
    counted(w, kind);
}

#define FLOOD(name, say_one, kind)                                                                 \
    static void name(struct wire *w)                                                               \
    {                                                                                              \
        flood(w, say_one, kind);                                                                   \
    }

FLOOD(pings, say_ping, "ping")
FLOOD(settings, say_settings, "settings")
FLOOD(priorities, say_priority, "priority")
FLOOD(priority_updates, say_priority_update, "priority")
FLOOD(window_updates, say_window, "window_update")
FLOOD(unknown_frames, say_unknown, "unknown_frame")
FLOOD(empty_data, say_empty_data, "empty_data")
FLOOD(made_resets, say_what_is_reset, "made_reset")
FLOOD(bad_windows, say_window_too_large, "made_reset")
FLOOD(rapid_resets, say_and_reset, "rapid_reset")
FLOOD(heads_of_many_fields, say_many_fields, "header_list")

/* ---- heads ---- */

static void continuations(struct wire *w)
{
    struct canary k = begin(w, "10s");
    struct h2_peer *p = h2_dial(w);
    h2_say(p, NGHTTP2_HEADERS, 0, 1, "\x82", 1);
    for (int i = 0; i < 50; i++)
        h2_say(p, NGHTTP2_CONTINUATION, 0, 1, NULL, 0);
    h2_hear_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
    sings(&k);
    counted(w, "continuation");
}

/* One field of 4 KiB goes into the table; then each byte names it again: 64 MB in 16 KiB. */
static void a_bomb_of_hpack(struct wire *w)
{
    struct canary k = begin(w, "10s");
    struct h2_peer *p = h2_dial(w);
    static uint8_t block[16000];
    size_t n = 0;
    static const uint8_t start[] = { 0x82, 0x86, 0x84, 0x40, 1, 'x', 0x7f, 0x81, 0x1e };
    memcpy(block, start, sizeof start);
    n += sizeof start;
    memset(block + n, 'a', 3968);
    n += 3968;
    memset(block + n, 0xbe, sizeof block - n);
    uint64_t before = memory_bytes(w);
    h2_say(p, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block,
           sizeof block);
    sings(&k);
    h2_hear_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(memory_bytes(w) < before + GROWTH_BYTES_MAX);
    counted(w, "header_list");
}

/* ---- what does not go on ---- */

static void stalled_prefaces_and_heads(struct wire *w)
{
    struct canary k = begin(w, "100ms");
    struct conn *cut = client_dial(w);
    say(cut, "PRI * HTTP/2.0\r\n\r\nS");
    struct h2_peer *silent = h2_on(client_dial(w)), *half = h2_dial(w);
    say(silent->c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    silent->mute = half->mute = true; /* an acknowledgement there is an error of another kind */
    h2_say(half, NGHTTP2_HEADERS, 0, 1, "\x82", 1);
    hear_gone(cut);
    h2_hear_goaway(silent, NGHTTP2_ENHANCE_YOUR_CALM);
    h2_hear_goaway(half, NGHTTP2_ENHANCE_YOUR_CALM);
    k.client = client_dial(w);
    sings(&k);
}

/* 100 streams whose answers are wanted by a client that takes nothing: each holds a little. */
static void windows_of_nothing_hold_little(struct wire *w)
{
    struct canary k = begin(w, "10s");
    struct h2_peer *p = h2_on(client_dial(w));
    say(p->c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const uint8_t no_window[6] = { 0, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0, 0, 0, 0 };
    h2_say(p, NGHTTP2_SETTINGS, 0, 0, no_window, 6);
    uint64_t before = memory_bytes(w);
    const char *body = wire_repeat(w, 'b', 100000);
    struct conn *servers[100];
    for (int i = 0; i < 100; i++) {
        h2_get(p, 1 + 2 * i, "/");
        servers[i] = i ? origin_accept(k.o) : k.server; /* which was pooled */
        hear_request(servers[i]);
        say(servers[i], "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
        say(servers[i], body);
    }
    k.server = NULL;
    sings(&k);
    assert_true(memory_bytes(w) < before + GROWTH_BYTES_MAX);
    hang_up(p->c);
    for (int i = 0; i < 100; i++)
        hear_gone(servers[i]);
    sings(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pings),
        TEST(settings),
        TEST(priorities),
        TEST(priority_updates),
        TEST(window_updates),
        TEST(unknown_frames),
        TEST(empty_data),
        TEST(made_resets),
        TEST(bad_windows),
        TEST(rapid_resets),
        TEST(heads_of_many_fields),
        TEST(continuations),
        TEST(a_bomb_of_hpack),
        TEST(stalled_prefaces_and_heads),
        TEST(windows_of_nothing_hold_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
