/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between origin_connection.c, which makes steps, and origin_body.c, which knows some of them. */
#ifndef SLUICE_BENCH_ORIGIN_STEP_H
#define SLUICE_BENCH_ORIGIN_STEP_H

#include "bench/origin.h"

/* A step wants at least so much room: for a head, for a chunk's size. */
#define ROOM_MIN 1024

enum step {
    STEP_AGAIN, /* there may be more to do */
    STEP_INPUT, /* nothing to do without more input */
    STEP_FLUSH, /* ... before what was put is sent */
    STEP_WAIT,  /* ... before the timer */
};

/* What was received and not used yet. */
static inline struct str step_input(const struct connection *c)
{
    return (struct str){ c->at, (size_t)(c->end - c->at) };
}

void step_input_used(struct connection *c, size_t n);

static inline size_t step_room(const struct connection *c)
{
    return (size_t)(c->out.end - c->out.at);
}

/* The next bytes of the answer's body, as many as COPY_SPARE_BYTES at least. */
static inline const char *step_body(const struct connection *c)
{
    return c->answer.json ? c->worker->json + c->body_at % PATTERN_BYTES
                          : c->worker->pattern + c->body_at % PATTERN_PERIOD;
}

/* ---- origin_body.c ---- */

/* Puts the answer's head, and of the body what is small; the state says how it goes on. */
void body_put_answer(struct connection *c);

/* The head of an echo is answered at once, while it is still in memory. */
void body_begin_echo(struct connection *c, struct str head);

/* Switches protocols, or says that it would. */
void body_begin_websocket(struct connection *c, const struct request *r);

/* Steps: the pieces of a body of pattern; a request's body in chunks as it comes; a request's body
 * that is dropped, then `then`; WebSocket frames back. */
enum step body_send(struct connection *c);
enum step body_echo(struct connection *c);
enum step body_drop(struct connection *c, enum connection_state then);
enum step body_websocket(struct connection *c);

#endif
