/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Floods of HTTP/2: each ends its own connection with ENHANCE_YOUR_CALM, and while they run a
 * canary's requests are answered. */
#include <string.h>

#include "tests/wire/h2_peer.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define FRAMES_MAX 500

struct canary {
    struct conn *client, *server;
};

static struct canary canary(struct wire *w, struct origin *o)
{
    struct canary k = { client_dial(w), NULL };
    k.server = get_and_answer(k.client, o, NULL, "canary");
    return k;
}

static void sings(struct canary *k, struct origin *o)
{
    get_and_answer(k->client, o, k->server, "canary");
}

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

/* CVE-2023-44487; :path / has no route here, it is answered by us when it is not reset. */
static void say_and_reset(struct h2_peer *p, int i)
{
    h2_head(p, 1 + 2 * i, 0, ":method: POST\n:scheme: http\n:authority: a\n:path: /\n");
    h2_u32(p, NGHTTP2_RST_STREAM, 1 + 2 * i, NGHTTP2_CANCEL);
}

static void flood(struct wire *w, flood_fn *say_one)
{
    struct origin *o = origin_open(w), *never = origin_full(w);
    sluice_run_config(w,
                      "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"
                      "sites: { s: { routes: [{ match: { path: / , method: POST }, to: dead },"
                      " { match: { method: PUT }, to: never }, { to: app }] } }\n"
                      "backends: { app: { servers: [\"%s\"] }, never: { servers: [\"%s\"] },"
                      " dead: { servers: [\"127.0.0.1:1\"] } }\n",
                      o->name, never->name);
    struct canary k = canary(w, o);
    struct h2_peer *p = h2_dial(w);
    /* More than the budget, and little that is left unread behind the GOAWAY. */
    int frames = say_one == say_window          ? 3 * FRAMES_MAX
                 : say_one == say_what_is_reset ? 130
                                                : FRAMES_MAX;
    for (int i = 0; i < frames; i++) {
        say_one(p, i);
        if (i == 20)
            sings(&k, o);
    }
    if (say_one == say_what_is_reset)
        hear_gone(p->c); /* its GOAWAY may be lost: resets of streams that are unread go first */
    else
        h2_hear_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
    sings(&k, o);
}

static void pings(struct wire *w)
{
    flood(w, say_ping);
}

static void settings(struct wire *w)
{
    flood(w, say_settings);
}

static void priorities(struct wire *w)
{
    flood(w, say_priority);
}

static void window_updates(struct wire *w)
{
    flood(w, say_window);
}

static void unknown_frames(struct wire *w)
{
    flood(w, say_unknown);
}

static void empty_data(struct wire *w)
{
    flood(w, say_empty_data);
}

static void made_resets(struct wire *w)
{
    flood(w, say_what_is_reset);
}

static void rapid_resets(struct wire *w)
{
    flood(w, say_and_reset);
}

static void continuations(struct wire *w)
{
    struct origin *o = origin_open(w);
    sluice_start(w, " ");
    struct canary k = canary(w, o);
    struct h2_peer *p = h2_dial(w);
    h2_say(p, NGHTTP2_HEADERS, 0, 1, "\x82", 1);
    for (int i = 0; i < 50; i++)
        h2_say(p, NGHTTP2_CONTINUATION, 0, 1, NULL, 0);
    h2_hear_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
    sings(&k, o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pings),          TEST(settings),       TEST(priorities),
        TEST(window_updates), TEST(unknown_frames), TEST(empty_data),
        TEST(made_resets),    TEST(rapid_resets),   TEST(continuations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
