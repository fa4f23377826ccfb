/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1.1 connections of the load generator: a request at a time on each. */
#include <errno.h>
#include <stdlib.h>

#include "bench/load.h"
#include "bench/origin_answer.h"
#include "core/base/out.h"

#define WEBSOCKET_KEY "c2x1aWNlIGxvYWQga2V5IQ=="

static const struct transport_user user;

/* It can take a request. The one that waits longest goes first: all are in use. */
static void set_free(struct load_connection *c, enum load_state state)
{
    c->state = state;
    list_push_back(&c->worker->free, &c->node);
}

static void begin_close(struct load_connection *c, bool reset)
{
    list_remove(&c->node);
    c->worker->connecting_count -= c->state == LOAD_CONNECTING;
    c->state = LOAD_CLOSING;
    transport_close(&c->transport, reset);
}

/* The request has ended; the connection is for its caller to deal with. */
static void end_request(struct load_connection *c, enum load_error error)
{
    struct load_worker *w = c->worker;
    c->has_request = false;
    w->in_flight--;
    loop_timer_set(w->loop, &c->timeout, TIMER_NEVER);
    schedule_record(w, c->due, error, w->loop->now_ns - c->due.due_ns, c->response.status,
                    c->response.body_bytes);
}

/* It counts as never sent. */
static void cut_request(struct load_connection *c)
{
    c->has_request = false;
    c->worker->in_flight--;
    c->worker->cut++;
    loop_timer_set(c->worker->loop, &c->timeout, TIMER_NEVER);
}

static void fail(struct load_connection *c, enum load_error error)
{
    if (c->has_request)
        end_request(c, error);
    begin_close(c, true);
}

/* ---- Sending ---- */

/* RFC 6455 4.1; the key is the same for all, as nobody here caches. */
static void put_upgrade(struct load_connection *c, struct out *o)
{
    out_lit(o, "GET ");
    out_str(o, c->what.target);
    out_lit(o, " HTTP/1.1\r\nHost: ");
    out_str(o, c->worker->options->host);
    out_lit(o, "\r\nUser-Agent: sluice-load\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WEBSOCKET_KEY "\r\n\r\n");
}

static void put_head(struct load_connection *c, struct out *o)
{
    const struct load_options *options = c->worker->options;
    const struct trace_entry *what = &c->what;
    out_str(o, what->method);
    out_char(o, ' ');
    out_str(o, what->target);
    out_lit(o, " HTTP/1.1\r\nHost: ");
    out_str(o, options->host);
    out_lit(o, "\r\nUser-Agent: sluice-load\r\n");
    if (what->body_bytes > 0 || str_eq(what->method, STR("POST")) ||
        str_eq(what->method, STR("PUT"))) {
        out_lit(o, "Content-Length: ");
        out_u64(o, what->body_bytes);
        out_lit(o, "\r\n");
    }
    if (options->new_connections)
        out_lit(o, "Connection: close\r\n");
    out_lit(o, "\r\n");
}

static unsigned put_body(struct load_connection *c, struct iovec *into)
{
    size_t bytes = c->body_left < LOAD_BODY_PIECE ? (size_t)c->body_left : LOAD_BODY_PIECE;
    c->body_left -= bytes;
    *into = (struct iovec){ c->worker->body, bytes };
    return bytes > 0;
}

/* A WebSocket's first request is preceded by the switch to it. */
static void send_request(struct load_connection *c)
{
    bool websocket = c->worker->options->websocket, switches = websocket && !c->switched;
    struct out o = out_into(c->head, LOAD_HEAD_BYTES);
    c->state = LOAD_BUSY;
    c->body_left = switches ? 0 : c->what.body_bytes;
    c->message_bytes = 0;
    response_begin(&c->response, str_eq(c->what.method, STR("HEAD")));
    c->response.switches = switches;
    if (switches)
        put_upgrade(c, &o);
    else if (websocket)
        websocket_put_head(&o, c->body_left, c->worker->mask);
    else
        put_head(c, &o);
    c->iov[0] = (struct iovec){ c->head, out_len(&o) };
    transport_send(&c->transport, c->iov, 1 + put_body(c, &c->iov[1]));
    transport_read(&c->transport);
}

void load_transport_open(struct load_worker *w, struct transport *t,
                         const struct transport_user *its_user)
{
    const struct load_options *o = w->options;
    w->opened++;
    if (!o->tls)
        transport_init_plain_client(t, w->loop, its_user);
    else
        CHECK(transport_init_tls_client(t, &w->tls, its_user, w->context, str_of(o->server_name),
                                        o->no_resumption ? NULL : &w->resume));
    transport_connect(t, &o->to);
}

enum load_error load_error_of_connect(const struct transport *t, int err)
{
    if (err == -ECONNREFUSED)
        return LOAD_REFUSED;
    if (transport_tls_failure(t) != TLS_FINE)
        return LOAD_TLS;
    return err == -ECONNRESET ? LOAD_RESET : LOAD_CONNECT;
}

static void open_connection(struct load_connection *c)
{
    struct load_worker *w = c->worker;
    c->state = LOAD_CONNECTING;
    c->reused = c->switched = false;
    c->websocket = (struct websocket){ 0 };
    w->connecting_count++;
    w->down_count--;
    load_transport_open(w, &c->transport, &user);
}

static void dispatch(struct load_worker *w)
{
    while (w->queue_count > 0 && !list_empty(&w->free)) {
        struct load_connection *c = container_of(w->free.next, struct load_connection, node);
        list_remove(&c->node);
        c->due = schedule_take(w);
        c->what = schedule_what(w, c->due.index);
        c->has_request = true;
        c->retried = false;
        w->in_flight++;
        loop_timer_set(w->loop, &c->timeout, w->loop->now_ns + w->options->timeout_ns);
        if (c->state == LOAD_IDLE)
            send_request(c);
        else
            open_connection(c);
    }
}

/* ---- What comes back ---- */

static void whole(struct load_connection *c)
{
    bool goes_on = c->response.keep_alive && !c->worker->options->new_connections &&
                   c->body_left == 0 && !c->transport.sending && !c->transport.ended;
    end_request(c, load_judge(c->worker->options, c->response.status, c->response.body_bytes,
                              c->what.method));
    if (!goes_on) {
        begin_close(c, false);
        return;
    }
    c->reused = true;
    set_free(c, LOAD_IDLE);
    transport_read(&c->transport);
}

/* The message has come back. */
static void message_whole(struct load_connection *c, bool more)
{
    bool same = c->message_bytes == c->what.body_bytes;
    c->response.status = 101;
    c->response.body_bytes = c->message_bytes;
    if (more || c->body_left > 0) {
        fail(c, LOAD_MALFORMED); /* before all of it was sent, or something behind it */
        return;
    }
    end_request(c, same ? LOAD_FINE : LOAD_LENGTH);
    if (c->transport.sending) {
        begin_close(c, false);
        return;
    }
    c->reused = true;
    set_free(c, LOAD_IDLE);
    transport_read(&c->transport);
}

static void read_frames(struct load_connection *c, struct str bytes)
{
    switch (websocket_read(&c->websocket, &bytes, &c->message_bytes)) {
    case WEBSOCKET_MESSAGE:
        message_whole(c, bytes.len > 0);
        break;
    case WEBSOCKET_OVER:
        fail(c, LOAD_CLOSED);
        break;
    case WEBSOCKET_MALFORMED:
        fail(c, LOAD_MALFORMED);
        break;
    default:
        transport_read(&c->transport);
    }
}

/* The answer to the upgrade is whole. */
static void switched(struct load_connection *c)
{
    if (c->response.status != 101) {
        fail(c, LOAD_STATUS);
        return;
    }
    c->switched = true;
    send_request(c);
}

/* After the response took something. */
static void look(struct load_connection *c)
{
    if (c->response.state == RESPONSE_WHOLE && c->response.switches) {
        switched(c);
        return;
    }
    if (c->response.state == RESPONSE_WHOLE)
        whole(c);
    else if (c->response.state == RESPONSE_MALFORMED)
        fail(c, LOAD_MALFORMED);
    else
        transport_read(&c->transport);
}

static void on_ready(struct transport *t, int err)
{
    struct load_connection *c = container_of(t, struct load_connection, transport);
    c->worker->resumed += !err && transport_tls_resumed(t);
    if (err) {
        fail(c, load_error_of_connect(t, err));
        return;
    }
    c->worker->connecting_count--;
    if (c->has_request) {
        send_request(c);
    } else {
        set_free(c, LOAD_IDLE);
        transport_read(t);
    }
}

static void on_data(struct transport *t, struct buf_slice data)
{
    struct load_connection *c = container_of(t, struct load_connection, transport);
    c->worker->received_bytes += data.len;
    struct str bytes = { (const char *)data.buf->data + data.off, data.len };
    if (!c->has_request) {
        begin_close(c, true); /* nothing was asked for */
    } else if (c->switched) {
        read_frames(c, bytes);
    } else {
        response_take(&c->response, bytes);
        look(c);
    }
    buf_unref(data.buf);
}

/* A server may close a kept connection while the next request is under way (RFC 9112 9.3.1): what
 * is idempotent is sent once more. */
static bool may_retry(const struct load_connection *c)
{
    return c->reused && !c->retried && !response_begun(&c->response) &&
           !str_eq(c->what.method, STR("POST"));
}

static void on_end(struct transport *t, int err)
{
    struct load_connection *c = container_of(t, struct load_connection, transport);
    if (!c->has_request) {
        begin_close(c, false);
        return;
    }
    if (err == 0)
        response_end(&c->response);
    if (c->response.state == RESPONSE_WHOLE) {
        whole(c);
    } else if (err == 0 && may_retry(c)) {
        c->retried = true;
        c->worker->retries++;
        begin_close(c, false);
    } else {
        fail(c, err == 0 ? LOAD_CLOSED : LOAD_RESET);
    }
}

/* A send that fails does not end the request: an answer may be there already, and on_end tells. */
static void on_sent(struct transport *t, int err, uint64_t sent_bytes)
{
    struct load_connection *c = container_of(t, struct load_connection, transport);
    (void)sent_bytes;
    if (!err && c->state == LOAD_BUSY && c->has_request && put_body(c, &c->iov[0]))
        transport_send(t, c->iov, 1);
}

static void on_closed(struct transport *t)
{
    struct load_connection *c = container_of(t, struct load_connection, transport);
    c->worker->down_count++;
    if (c->has_request)
        open_connection(c); /* once more */
    else
        set_free(c, LOAD_DOWN);
}

static const struct transport_user user = {
    .on_ready = on_ready,
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_closed = on_closed,
};

static void timed_out(struct timer *timer, uint64_t now_ns)
{
    struct load_connection *c = container_of(timer, struct load_connection, timeout);
    (void)now_ns;
    if (c->state != LOAD_CLOSING)
        fail(c, LOAD_TIMEOUT);
}

/* ---- All of them ---- */

static void open_all(struct load_worker *w)
{
    w->connections = calloc(w->connection_count, sizeof *w->connections);
    CHECK(w->connections);
    for (unsigned i = 0; i < w->connection_count; i++) {
        struct load_connection *c = &w->connections[i];
        c->worker = w;
        c->head = malloc(LOAD_HEAD_BYTES);
        CHECK(c->head);
        list_init(&c->node);
        timer_init(&c->timeout, timed_out);
        if (w->options->new_connections)
            set_free(c, LOAD_DOWN);
        else
            open_connection(c);
    }
}

static void close_all(struct load_worker *w)
{
    for (unsigned i = 0; i < w->connection_count; i++) {
        struct load_connection *c = &w->connections[i];
        if (c->has_request) /* the user ended it all */
            cut_request(c);
        if (c->state != LOAD_DOWN && c->state != LOAD_CLOSING)
            begin_close(c, true);
    }
}

static void free_all(struct load_worker *w)
{
    for (unsigned i = 0; i < w->connection_count; i++) {
        timer_remove(&w->loop->timers, &w->connections[i].timeout);
        response_free(&w->connections[i].response);
        free(w->connections[i].head);
    }
    free(w->connections);
}

const struct load_engine load_h1 = {
    .open = open_all,
    .dispatch = dispatch,
    .close = close_all,
    .free = free_all,
};
