/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection of the origin. A step puts a piece of an answer; steps are made until the input is
 * used up, the room is, or something has to be waited for; then what was put is sent. */
#include <stdlib.h>

#include "bench/origin_step.h"
#include "core/base/limits.h"
#include "core/ring/sock.h"

/* A head may come in pieces up to this long. */
#define HEAD_MAX (64 * 1024)

static void free_connection(struct connection *c)
{
    struct origin_worker *w = c->worker;
    timer_remove(&w->loop->timers, &c->delay);
    timer_remove(&w->loop->timers, &c->idle);
    buf_unref(c->in);
    buf_unref(c->out_buf);
    free(c->partial);
    sock_close(c->fd, c->reset);
    list_remove(&c->node);
    slab_give(&w->slab, c);
}

static void join(struct connection *c)
{
    if (!op_busy(&c->rx) && !op_busy(&c->tx))
        free_connection(c);
}

static void close_connection(struct connection *c, bool reset)
{
    c->closing = true;
    c->reset = reset;
    op_cancel(c->worker->loop, &c->rx);
    op_cancel(c->worker->loop, &c->tx);
    join(c);
}

/* ---- input ---- */

void step_input_used(struct connection *c, size_t n)
{
    c->at += n;
    if (c->at < c->end)
        return;
    buf_unref(c->in);
    c->in = NULL;
    free(c->partial);
    c->partial = NULL;
    c->at = c->end = NULL;
}

/* Keeps an incomplete head until more comes. */
static bool keep_partial(struct connection *c)
{
    size_t len = step_input(c).len;
    if (len >= HEAD_MAX)
        return false;
    if (c->partial) {
        memmove(c->partial, c->at, len);
    } else {
        c->partial = malloc(HEAD_MAX + BUFFER_BYTES);
        if (!c->partial)
            return false;
        memcpy(c->partial, c->at, len);
        buf_unref(c->in);
        c->in = NULL;
    }
    c->at = c->partial;
    c->end = c->partial + len;
    return true;
}

static void take_input(struct connection *c, struct buf *buf, uint32_t len)
{
    if (c->partial) {
        size_t have = step_input(c).len;
        memcpy(c->partial + have, buf->data, len);
        c->end = c->partial + have + len;
        buf_unref(buf);
    } else {
        c->in = buf;
        c->at = (const char *)buf->data;
        c->end = c->at + len;
    }
}

/* ---- steps ---- */

static void limit_idle(struct connection *c)
{
    uint64_t limit_ms = c->worker->options->keep_alive_idle_ms;
    if (limit_ms > 0)
        loop_timer_set(c->worker->loop, &c->idle, c->worker->loop->now_ns + ms_to_ns(limit_ms));
}

static enum step refuse(struct connection *c, int status)
{
    c->answer = (struct answer){ .status = status, .text = STR("This is no request.\n") };
    c->keep_alive = false;
    c->version_minor = 1;
    c->head_only = false;
    step_input_used(c, step_input(c).len);
    body_put_answer(c);
    return STEP_AGAIN;
}

static void begin_request(struct connection *c, const struct request *r)
{
    c->worker->requests++;
    c->request_body = r->body;
    c->request_body_bytes = 0;
    c->keep_alive = r->keep_alive;
    if (++c->requests == c->worker->options->keep_alive_requests)
        c->keep_alive = false;
    loop_timer_set(c->worker->loop, &c->idle, TIMER_NEVER);
    c->after_delay = AT_ANSWER;
    c->version_minor = r->version_minor;
    c->answer = answer_for(r->target, &c->worker->loop->rng);
    c->head_only = str_eq(r->method, STR("HEAD")) || answer_is_bodiless(c->answer.status);
    c->direct_left = 0;
    if (r->expects_continue && !c->answer.early && c->answer.interim == 0)
        c->answer.interim = 1;
    c->state = AT_INTERIM;
}

static enum step step_head(struct connection *c)
{
    struct request r;
    struct str text = step_input(c);
    if (text.len == 0)
        return STEP_INPUT;
    long len = request_read(text, &r);
    if (len < 0)
        return refuse(c, 400);
    if (len == 0)
        return keep_partial(c) ? STEP_INPUT : refuse(c, 431);
    begin_request(c, &r);
    if (c->answer.body == ANSWER_WEBSOCKET) {
        body_begin_websocket(c, &r);
    } else if (c->answer.body == ANSWER_ECHO) {
        for (; c->answer.interim > 0; c->answer.interim--)
            out_lit(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        body_begin_echo(c, r.head);
    }
    step_input_used(c, (size_t)len);
    return STEP_AGAIN;
}

static enum step step_interim(struct connection *c)
{
    if (c->answer.interim > 0) {
        c->answer.interim--;
        out_lit(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        return STEP_AGAIN;
    }
    c->state = c->answer.early ? AT_DELAY : AT_BODY_FIRST;
    return STEP_AGAIN;
}

static enum step step_delay(struct connection *c)
{
    if (c->answer.delay_ms > 0) {
        if (c->delay.deadline_ns == TIMER_NEVER)
            loop_timer_set(c->worker->loop, &c->delay,
                           c->worker->loop->now_ns + ms_to_ns(c->answer.delay_ms));
        return STEP_WAIT;
    }
    c->state = c->after_delay;
    return STEP_AGAIN;
}

static enum step step_answer(struct connection *c)
{
    if (c->answer.reset && c->answer.size == 0) {
        c->state = AT_CLOSE;
        return STEP_AGAIN;
    }
    body_put_answer(c);
    return STEP_AGAIN;
}

static enum step step_end(struct connection *c)
{
    bool goes_on = c->keep_alive && !c->answer.reset;
    c->state = goes_on ? AT_HEAD : AT_CLOSE;
    if (goes_on)
        limit_idle(c);
    return STEP_AGAIN;
}

static enum step step(struct connection *c)
{
    if (step_room(c) < ROOM_MIN || c->direct_left > 0)
        return STEP_FLUSH;
    switch (c->state) {
    case AT_HEAD:
        return step_head(c);
    case AT_INTERIM:
        return step_interim(c);
    case AT_BODY_FIRST:
        return body_drop(c, AT_DELAY);
    case AT_DELAY:
        return step_delay(c);
    case AT_ANSWER:
        return step_answer(c);
    case AT_SEND:
        return body_send(c);
    case AT_ECHO:
        return body_echo(c);
    case AT_WEBSOCKET:
        return body_websocket(c);
    case AT_BODY_LAST:
        return body_drop(c, AT_END);
    case AT_END:
        return step_end(c);
    case AT_CLOSE:
        return STEP_FLUSH;
    }
    CHECK(false);
}

/* ---- output ---- */

static bool nothing_put(const struct connection *c)
{
    return c->sent == c->out.at && c->direct_left == 0;
}

/* Sends what was put and, behind it, what is sent from where it is. */
static void flush(struct connection *c)
{
    size_t put = (size_t)(c->out.at - c->sent);
    size_t direct = c->direct_left < PATTERN_BYTES ? (size_t)c->direct_left : PATTERN_BYTES;
    char *pattern = (char *)step_body(c);
    if (c->answer.json && direct > PATTERN_BYTES - c->body_at % PATTERN_BYTES)
        direct = PATTERN_BYTES - c->body_at % PATTERN_BYTES;
    if (direct == 0) {
        op_send(c->worker->loop, &c->tx, c->fd, c->sent, (uint32_t)put);
    } else if (put == 0) {
        op_send(c->worker->loop, &c->tx, c->fd, pattern, (uint32_t)direct);
    } else {
        c->iov[0] = (struct iovec){ (char *)c->sent, put };
        c->iov[1] = (struct iovec){ pattern, direct };
        c->msg = (struct msghdr){ .msg_iov = c->iov, .msg_iovlen = 2 };
        op_sendmsg(c->worker->loop, &c->tx, c->fd, &c->msg);
    }
}

static bool have_room(struct connection *c)
{
    if (c->out_buf)
        return true;
    c->out_buf = buf_take(&c->worker->loop->bufs);
    if (!c->out_buf)
        return false;
    c->out = out_into(c->out_buf->data, c->out_buf->cap);
    c->sent = c->out.at;
    return true;
}

static void drop_room(struct connection *c)
{
    buf_unref(c->out_buf);
    c->out_buf = NULL;
    c->out = (struct out){ 0 };
    c->sent = NULL;
}

/* Goes on as far as possible: afterwards an op is in flight or the timer is set, or the connection
 * is gone. */
static void run(struct connection *c)
{
    enum step s;
    if (op_busy(&c->tx))
        return; /* goes on when all is sent */
    if (!have_room(c)) {
        close_connection(c, true);
        return;
    }
    do
        s = step(c);
    while (s == STEP_AGAIN);
    if (!nothing_put(c)) {
        flush(c);
    } else {
        drop_room(c);
        bool cut_short = c->end_seen && (s == STEP_INPUT || s == STEP_WAIT);
        if (c->state == AT_CLOSE || cut_short) {
            close_connection(c, c->answer.reset);
            return;
        }
    }
    if ((s == STEP_INPUT || (s == STEP_WAIT && !c->at)) && !op_busy(&c->rx) && !c->end_seen)
        op_recv(c->worker->loop, &c->rx, c->fd);
}

static void received(struct op *op, struct op_result result)
{
    struct connection *c = container_of(op, struct connection, rx);
    if (c->closing) {
        buf_unref(result.buf);
        join(c);
        return;
    }
    if (result.res < 0) {
        close_connection(c, false);
        return;
    }
    if (result.res == 0)
        c->end_seen = true;
    else
        take_input(c, result.buf, (uint32_t)result.res);
    run(c);
}

static void sent(struct op *op, struct op_result result)
{
    struct connection *c = container_of(op, struct connection, tx);
    if (c->closing) {
        join(c);
        return;
    }
    if (result.res < 0) {
        close_connection(c, false);
        return;
    }
    size_t n = (size_t)result.res, put = (size_t)(c->out.at - c->sent);
    size_t of_put = n < put ? n : put;
    c->sent += of_put;
    n -= of_put;
    c->body_at += n;
    c->body_left -= n;
    c->direct_left -= n;
    if (!nothing_put(c)) {
        flush(c);
        return;
    }
    drop_room(c);
    run(c);
}

static void delay_over(struct timer *t, uint64_t now_ns)
{
    struct connection *c = container_of(t, struct connection, delay);
    (void)now_ns;
    c->answer.delay_ms = 0;
    run(c);
}

static void idle_over(struct timer *t, uint64_t now_ns)
{
    struct connection *c = container_of(t, struct connection, idle);
    (void)now_ns;
    if (!c->closing && c->state == AT_HEAD && !c->at)
        close_connection(c, false);
}

void connection_accepted(struct server_worker *sw, int fd)
{
    struct origin_worker *w = sw->user;
    struct connection *c = slab_take(&w->slab);
    if (!c) {
        sock_close(fd, true);
        return;
    }
    *c = (struct connection){ .worker = w, .fd = fd, .state = AT_HEAD };
    op_init(&c->rx, received);
    op_init(&c->tx, sent);
    timer_init(&c->delay, delay_over);
    timer_init(&c->idle, idle_over);
    list_push_back(&w->connections, &c->node);
    w->accepted++;
    op_recv(w->loop, &c->rx, fd);
}

void connection_close_all(struct origin_worker *w)
{
    for (struct list *n = w->connections.next, *next; n != &w->connections; n = next) {
        struct connection *c = container_of(n, struct connection, node);
        next = n->next;
        if (!c->closing)
            close_connection(c, false);
    }
}
