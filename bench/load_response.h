/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small reader of HTTP/1 responses for the load generator: what came, when it is whole. */
#ifndef SLUICE_BENCH_LOAD_RESPONSE_H
#define SLUICE_BENCH_LOAD_RESPONSE_H

#include "bench/origin_request.h"

#define RESPONSE_HEAD_MAX (64 * 1024)

enum response_state {
    RESPONSE_HEAD,        /* the head is not complete; what there is of it is kept in `partial` */
    RESPONSE_BODY,        /* `body` says what is still to come */
    RESPONSE_UNTIL_CLOSE, /* ... until the connection ends */
    RESPONSE_WHOLE,
    RESPONSE_MALFORMED,
};

struct response {
    enum response_state state;
    int status;
    bool head_only;      /* given: the request was a HEAD */
    bool switches;       /* given: a 101 is no interim response, but the last */
    bool keep_alive;     /* the server wants to go on */
    uint64_t body_bytes; /* so far, without chunk framing */
    struct request_body body;
    char *partial; /* RESPONSE_HEAD_MAX; allocated when a head comes in pieces, kept */
    uint32_t partial_bytes;
};

/* Before each response; `partial` stays. */
void response_begin(struct response *r, bool head_only);

/* Takes the next bytes; interim (1xx) responses are passed over. What follows a whole response is
 * malformed: nothing else was asked for. */
void response_take(struct response *r, struct str bytes);

/* The stream has ended cleanly: the response may be whole by that. */
void response_end(struct response *r);

/* Whether any byte of it has come. */
bool response_begun(const struct response *r);

void response_free(struct response *r);

#endif
