/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small reader of HTTP/1 requests for the bench's origin: it understands what a proxy or a load
 * generator sends, and is no judge of anything else. */
#ifndef SLUICE_BENCH_ORIGIN_REQUEST_H
#define SLUICE_BENCH_ORIGIN_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

enum body_state {
    BODY_END,        /* nothing (more) belongs to this request */
    BODY_LENGTH,     /* `left` bytes to come */
    BODY_CHUNK_SIZE, /* inside a chunk's size, collected in `left` */
    BODY_CHUNK_EXT,  /* behind it, until the end of the line */
    BODY_CHUNK_DATA, /* `left` bytes of a chunk to come */
    BODY_CHUNK_TAIL, /* the line end behind a chunk's data */
    BODY_TRAILER,    /* in a trailer line that is not empty so far */
    BODY_TRAILER_START,
};

struct request_body {
    enum body_state state;
    uint64_t left;
};

struct request {
    struct str method, target;
    struct str head; /* all of it, the empty line included */
    struct request_body body;
    uint8_t version_minor;
    bool keep_alive;
    bool expects_continue;
    struct str websocket_key; /* empty: none */
};

/* Reads a head from text: its length, 0 when it is not complete yet, -1 when it is none. The
 * strings point into text. */
long request_read(struct str text, struct request *r);

/* Steps through the body: returns how many bytes of text were used, and in *data the run of body
 * bytes among them (may be empty). Ends at state BODY_END; a malformed chunk gives -1. */
long request_body_read(struct request_body *b, struct str text, struct str *data);

#endif
