/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A scripted HTTP/2 client or server: frames as they are, heads as lines ("name: value\n"). */
#ifndef SLUICE_TESTS_WIRE_H2_PEER_H
#define SLUICE_TESTS_WIRE_H2_PEER_H

#include <nghttp2/nghttp2.h>

#include "tests/wire/wire.h"

struct h2_peer {
    struct wire *w;
    struct conn *c;
    nghttp2_hd_inflater *inflater;
    bool mute; /* it acknowledges no SETTINGS */
};

struct h2_heard {
    uint8_t type, flags;
    int32_t stream;
    uint32_t len;
    const uint8_t *payload;
    const char *fields; /* of HEADERS */
};

struct h2_answer {
    int status;                    /* 0: none */
    const char *fields, *trailers; /* as lines; "": none */
    const char *interim;           /* heads before it, one after the other */
    const char *body;
    size_t body_len;
    bool reset;    /* by RST_STREAM, after whatever came */
    uint32_t code; /* of that */
};

struct h2_request {
    int32_t stream;
    const char *fields, *trailers; /* as lines; "": none */
    const char *body;
    size_t body_len;
    bool reset; /* by RST_STREAM, after whatever came */
    uint32_t code;
};

/* Connects, says the preface and empty SETTINGS. */
struct h2_peer *h2_dial(struct wire *w);
struct h2_peer *h2_on(struct conn *c);
void h2_greet(struct h2_peer *p);

void h2_say(struct h2_peer *p, uint8_t type, uint8_t flags, int32_t stream, const void *payload,
            size_t len);
/* HEADERS without any compression; a '\n' ends each line. */
void h2_head(struct h2_peer *p, int32_t stream, uint8_t flags, const char *lines);
size_t h2_encode(const char *lines, uint8_t *out, size_t max);
/* A GET, whole. */
void h2_get(struct h2_peer *p, int32_t stream, const char *path);
void h2_data(struct h2_peer *p, int32_t stream, uint8_t flags, const char *text);
void h2_u32(struct h2_peer *p, uint8_t type, int32_t stream, uint32_t value);

/* The next frame. false: the connection ended. */
bool h2_hear(struct h2_peer *p, struct h2_heard *f);
/* The next of that type on that stream; SETTINGS are acknowledged, all others are left out. */
struct h2_heard h2_hear_type(struct h2_peer *p, uint8_t type, int32_t stream);
/* The whole answer, or what there is until a reset; what is of other streams is left out. Windows
 * are opened as it comes. */
struct h2_answer h2_hear_answer(struct h2_peer *p, int32_t stream);
/* That status and body. */
void h2_answered(struct h2_peer *p, int32_t stream, int status, const char *body);
/* RST_STREAM with that code. */
void h2_hear_reset(struct h2_peer *p, int32_t stream, uint32_t code);
/* GOAWAY with that code, and the end of the connection. */
void h2_hear_goaway(struct h2_peer *p, uint32_t code);
/* --- as a server --- */

/* The next connection: its preface is heard, SETTINGS are said (count of pairs id, value). */
struct h2_peer *h2_accept_with(struct origin *o, const uint32_t (*settings)[2], size_t count);
struct h2_peer *h2_accept(struct origin *o);
/* What was accepted is HTTP/2; as above. */
struct h2_peer *h2_serve_on(struct conn *c, const uint32_t (*settings)[2], size_t count);
/* The next request, as far as its head; the whole of it, or what there is until a reset. */
struct h2_request h2_hear_head(struct h2_peer *p);
struct h2_request h2_hear_request(struct h2_peer *p);
/* The rest of what began so. */
void h2_hear_rest(struct h2_peer *p, struct h2_request *r);
/* That status and body, with content-length. */
void h2_reply(struct h2_peer *p, int32_t stream, int status, const char *body);
void h2_say_goaway(struct h2_peer *p, int32_t last, uint32_t code);
/* The peer says GOAWAY without an error and closes. */
void h2_hear_farewell(struct h2_peer *p);

/* The line is among the fields. */
void h2_has(struct h2_peer *p, const char *fields, const char *line);

#endif
