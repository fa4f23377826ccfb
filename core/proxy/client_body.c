/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bodies of an HTTP/1 client's requests. */
#include "core/base/limits.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/client_internal.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

/* After an early answer what still comes of the body is read and dropped, within bounds. */
static bool body_dropped_too_long(struct client *c, uint64_t taken_before)
{
    if (c->ex->body_in.sink)
        return false;
    c->dropped_bytes += (uint32_t)(c->ex->body_in.taken_bytes - taken_before);
    return c->dropped_bytes > LINGER_BYTES_MAX;
}

/* What was taken of the body just now ends the exchange, or is the last that is taken. */
static bool body_refused(struct client *c, uint64_t taken_before)
{
    struct exchange *ex = c->ex;
    if (ex->body_in.state == IN_BAD) {
        exchange_request_broken(ex, (enum end_reason)ex->body_in.why);
        return true;
    }
    if (ex->body_in.body_bytes > ex->handling->body_bytes_max && ex->body_in.sink) {
        exchange_request_broken(ex, END_BODY_TOO_LARGE);
        return true;
    }
    return body_dropped_too_long(c, taken_before); /* the client sees its answer and the end */
}

/* The first bytes are never in a pipe: until some have been taken, another server may get them. */
static void want_body(struct client *c)
{
    if (c->ex->body_in.taken_bytes == 0) {
        client_want_bytes(c);
        return;
    }
    if (!c->in.buf && !c->eof && !c->t.reading &&
        relay_read(&c->t, &c->ex->h1_in, &c->habit, &c->w->relay))
        c->since_ns = c->t.loop->now_ns;
}

void client_pump_body(struct client *c)
{
    struct exchange *ex = c->ex;
    if (c->state != CLIENT_BUSY || ex->state == EX_ENDED)
        return;
    if (ex->state < EX_WAITING && !ex->request_buffer) { /* the body waits for a connection */
        if (ex->state == EX_QUEUED && exchange_request_complete(ex))
            client_want_bytes(c); /* whether the client goes away */
        return;
    }
    if (ex->body_in.state == IN_BODY && c->in.buf) {
        uint64_t taken = ex->body_in.taken_bytes;
        in_pump(&ex->h1_in, &c->in);
        if (body_refused(c, taken))
            return;
    }
    if (ex->body_in.state == IN_BODY && !c->in.buf && c->eof) {
        exchange_request_broken(ex, END_CLIENT_CUT_BODY);
        return;
    }
    want_body(c);
    client_arm(c);
    if (ex->request_buffer)
        body_buffer_drain(ex->request_buffer);
    if (ex->state == EX_BUFFERING) {
        exchange_buffered(ex);
    } else if (ex->attempt.up && ex->state >= EX_WAITING) {
        upstream_flush(&ex->attempt);
    }
}

void client_piped(struct transport *t, struct splice_pipe *pipe)
{
    struct client *c = container_of(t, struct client, t);
    if (!pipe) {
        counter_add(&c->w->counters->pipes_refused, 1);
        transport_read(t);
        return;
    }
    uint32_t bytes = pipe->bytes;
    struct body_sink *sink = c->state == CLIENT_BUSY ? c->ex->body_in.sink : NULL;
    c->since_ns = t->loop->now_ns;
    relay_habit_note(&c->habit, &c->w->relay, bytes, SPLICE_BYTES_MAX);
    if (sink)
        sink->pipes->piped(sink, pipe);
    else
        splice_give(&t->loop->pipes, pipe);
    if (c->state != CLIENT_BUSY) { /* it lingers */
        client_drop(c, bytes);
        return;
    }
    uint64_t taken = c->ex->body_in.taken_bytes;
    in_piped(&c->ex->h1_in, bytes);
    if (!body_refused(c, taken))
        client_pump_body(c);
}
