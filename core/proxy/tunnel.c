/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/tunnel.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/backend.h"
#include "core/proxy/gate.h"
#include "core/proxy/h1_in.h"
#include "core/proxy/listener.h"
#include "core/proxy/log.h"
#include "core/proxy/plan.h"
#include "core/proxy/tcp.h"
#include "core/proxy/worker.h"

/* --- deadlines --- */

/* The next moment at which it takes too long. */
static uint64_t deadline(const struct tunnel *t, enum end_reason *why)
{
    if (t->state != TUNNEL_OPEN)
        return tcp_deadline(t, why);
    uint64_t at = t->since_ns + ms_to_ns(t->idle_ms);
    *why = END_TUNNEL_IDLE;
    for (unsigned side = 0; side < TUNNEL_SIDES; side++) {
        uint32_t write_ms = side == TUNNEL_CLIENT ? t->client_write_ms : t->server_write_ms;
        uint64_t write_at = t->t[side].send_progress_ns + ms_to_ns(write_ms);
        if (t->t[side].sending && write_at < at) {
            at = write_at;
            *why = side == TUNNEL_CLIENT ? END_CLIENT_WRITE_TIMEOUT : END_SERVER_WRITE_TIMEOUT;
        }
    }
    return at;
}

void tunnel_arm(struct tunnel *t)
{
    enum end_reason why;
    if (t->state != TUNNEL_CLOSING)
        loop_timer_set(t->w->loop, &t->timer, deadline(t, &why));
}

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct tunnel *t = container_of(timer, struct tunnel, timer);
    enum end_reason why;
    if (deadline(t, &why) > now_ns)
        tunnel_arm(t);
    else if (t->state == TUNNEL_OPEN)
        tunnel_close(t, why);
    else
        tcp_too_late(t, why);
}

/* --- life --- */

struct tunnel *tunnel_create(struct worker *w)
{
    struct tunnel *t = slab_take(&w->tunnels);
    if (!t)
        return NULL;
    memset(t, 0, sizeof *t);
    t->w = w;
    t->t[TUNNEL_CLIENT].fd = t->t[TUNNEL_SERVER].fd = -1;
    t->connect_us = UINT32_MAX;
    timer_init(&t->timer, on_timer);
    list_push_back(&w->tunnel_list, &t->node);
    return t;
}

void tunnel_set_label(struct tunnel *t, struct str destination, struct str user, const char *rule)
{
    struct tunnel_label *l = malloc(sizeof *l + destination.len + user.len);
    if (!l)
        return;
    *l = (struct tunnel_label){ rule, (uint16_t)destination.len, (uint16_t)user.len };
    memcpy(l->text, destination.ptr, destination.len);
    if (user.len)
        memcpy(l->text + destination.len, user.ptr, user.len);
    t->label = l;
}

void tunnel_discard(struct tunnel *t)
{
    free(t->label);
    list_remove(&t->node);
    slab_give(&t->w->tunnels, t);
}

static void count_bytes(struct tunnel *t)
{
    struct counters *n = t->w->counters;
    counter_add(&n->tunnels_closed, 1);
    counter_add(&n->bytes_from_clients, t->way[TUNNEL_CLIENT].bytes);
    counter_add(&n->bytes_to_clients, t->way[TUNNEL_SERVER].bytes);
}

/* All sides are closed. */
static void finish(struct tunnel *t)
{
    struct worker *w = t->w;
    for (unsigned side = 0; side < TUNNEL_SIDES; side++) {
        struct tunnel_way *way = &t->way[side];
        slice_drop(&way->sending);
        slice_drop(&way->waiting);
        if (way->pipe)
            splice_give(&w->loop->pipes, way->pipe);
    }
    if (t->server) {
        t->server->active_count--;
        server_leave(t->server);
        counter_add(&w->counters->upstream_closed, 1);
        server_connection_gone(t->server);
    }
    gate_leave(w, t->limit_key);
    if (!t->t[TUNNEL_CLIENT].streamed) {
        counter_add(&t->listener->counters->closed, 1);
        counter_add(&w->counters->clients_closed, 1);
    }
    listener_unref(t->listener);
    plan_use_unref(t->use);
    tunnel_discard(t);
    worker_object_gone(w);
}

void tunnel_close(struct tunnel *t, enum end_reason why)
{
    CHECK(t->state != TUNNEL_CLOSING);
    if (t->state == TUNNEL_CONNECTING && t->server && !t->t[TUNNEL_SERVER].closing &&
        op_busy(&t->t[TUNNEL_SERVER].tx))
        server_connect_abandoned(t->server, t->ticket);
    bool whole = t->way[TUNNEL_CLIENT].ended && t->way[TUNNEL_SERVER].ended;
    if (t->state == TUNNEL_OPEN)
        count_bytes(t);
    t->state = TUNNEL_CLOSING;
    t->reason = (uint8_t)why;
    log_tunnel(t, why);
    timer_remove(&t->w->loop->timers, &t->timer);
    for (unsigned side = 0; side < TUNNEL_SIDES; side++)
        t->open_sides += t->t[side].ops != NULL;
    for (unsigned side = 0; side < TUNNEL_SIDES; side++)
        if (t->t[side].ops && !t->t[side].closing)
            transport_close(&t->t[side], !whole);
}

void tunnel_stop(struct tunnel *t)
{
    if (t->state != TUNNEL_CLOSING)
        tunnel_close(t, END_SHUTDOWN);
}

/* --- passing on --- */

static bool can_splice(const struct tunnel *t)
{
    return transport_can_splice(&t->t[TUNNEL_CLIENT]) && transport_can_splice(&t->t[TUNNEL_SERVER]);
}

static void read_more(struct tunnel *t, unsigned from)
{
    struct tunnel_way *way = &t->way[from];
    struct transport *in = &t->t[from];
    if (way->end_seen || way->waiting.buf || way->pipe || in->reading)
        return;
    if (way->habit.splices && can_splice(t))
        transport_read_pipe(in, SPLICE_BYTES_MAX);
    else
        transport_read(in);
}

/* Sends what comes next, unless something is being sent. */
static void send_next(struct tunnel *t, unsigned from)
{
    struct tunnel_way *way = &t->way[from];
    struct transport *out = &t->t[!from];
    if (way->sending.buf || way->pipe_sending)
        return;
    if (way->waiting.buf) {
        way->sending = way->waiting;
        way->waiting = (struct buf_slice){ 0 };
        way->iov = (struct iovec){ way->sending.buf->data + way->sending.off, way->sending.len };
        transport_send(out, &way->iov, 1);
    } else if (way->pipe) {
        way->pipe_sending = true;
        transport_send_pipe(out, way->pipe);
    } else if (way->end_seen && !way->ended) {
        way->ended = true;
        transport_shutdown_write(out);
    }
}

/* After every event of an open tunnel. */
static void go_on(struct tunnel *t, unsigned from)
{
    send_next(t, from);
    read_more(t, from);
    if (t->way[TUNNEL_CLIENT].ended && t->way[TUNNEL_SERVER].ended)
        tunnel_close(t, END_TUNNEL_CLOSED);
    else
        tunnel_arm(t);
}

void tunnel_begin(struct tunnel *t, struct buf_slice from_client, struct buf_slice from_server)
{
    t->state = TUNNEL_OPEN;
    t->since_ns = t->w->loop->now_ns;
    t->way[TUNNEL_CLIENT].waiting = from_client;
    t->way[TUNNEL_SERVER].waiting = from_server;
    for (unsigned side = 0; side < TUNNEL_SIDES; side++)
        t->way[side].end_seen = t->t[side].ended;
    counter_add(&t->w->counters->tunnels_opened, 1);
    for (unsigned side = 0; side < TUNNEL_SIDES; side++) {
        send_next(t, side);
        read_more(t, side);
    }
    tunnel_arm(t);
}

static void note(struct tunnel *t, unsigned from, uint32_t bytes, uint32_t most)
{
    t->since_ns = t->w->loop->now_ns;
    relay_habit_note(&t->way[from].habit, &t->w->relay, bytes, most);
}

static void on_data(struct tunnel *t, unsigned from, struct buf_slice data)
{
    struct tunnel_way *way = &t->way[from];
    if (t->state == TUNNEL_HANDSHAKE) {
        tcp_hello(t, data);
        return;
    }
    CHECK(!way->waiting.buf && !way->pipe);
    note(t, from, data.len, data.buf->cap - data.off);
    way->waiting = data;
    go_on(t, from);
}

static void on_piped(struct tunnel *t, unsigned from, struct splice_pipe *pipe)
{
    struct tunnel_way *way = &t->way[from];
    CHECK(!way->waiting.buf && !way->pipe);
    if (pipe) {
        note(t, from, pipe->bytes, SPLICE_BYTES_MAX);
    } else {
        counter_add(&t->w->counters->pipes_refused, 1);
        way->habit = (struct relay_habit){ 0 };
    }
    way->pipe = pipe;
    go_on(t, from);
}

static void on_sent(struct tunnel *t, unsigned to, int err, uint64_t sent_bytes)
{
    struct tunnel_way *way = &t->way[!to];
    t->since_ns = t->w->loop->now_ns;
    way->bytes += sent_bytes;
    if (way->pipe_sending) {
        splice_give(&t->w->loop->pipes, way->pipe);
        way->pipe = NULL;
        way->pipe_sending = false;
    } else {
        slice_drop(&way->sending);
    }
    if (err)
        tunnel_close(t, to == TUNNEL_CLIENT ? END_CLIENT_RESET : END_TUNNEL_SERVER_RESET);
    else
        go_on(t, !to);
}

static void on_end(struct tunnel *t, unsigned from, int err)
{
    if (t->state == TUNNEL_HANDSHAKE) { /* in the middle of a ClientHello */
        tunnel_close(t, END_TLS_HANDSHAKE);
        return;
    }
    if (err) {
        tunnel_close(t, from == TUNNEL_CLIENT ? END_CLIENT_RESET : END_TUNNEL_SERVER_RESET);
        return;
    }
    t->way[from].end_seen = true;
    go_on(t, from);
}

static void on_closed(struct tunnel *t, unsigned side)
{
    if (t->state == TUNNEL_CONNECTING && side == TUNNEL_SERVER) {
        tcp_server_gone(t);
        return;
    }
    CHECK(t->state == TUNNEL_CLOSING && t->open_sides > 0);
    if (--t->open_sides == 0)
        finish(t);
}

/* The same for either side; a transport does not know which it is. */
#define OF_SIDE(name, side)                                                                        \
    static void name##_ready(struct transport *tr, int err)                                        \
    {                                                                                              \
        tcp_ready(container_of(tr, struct tunnel, t[side]), side, err);                            \
    }                                                                                              \
    static void name##_data(struct transport *tr, struct buf_slice data)                           \
    {                                                                                              \
        on_data(container_of(tr, struct tunnel, t[side]), side, data);                             \
    }                                                                                              \
    static void name##_piped(struct transport *tr, struct splice_pipe *pipe)                       \
    {                                                                                              \
        on_piped(container_of(tr, struct tunnel, t[side]), side, pipe);                            \
    }                                                                                              \
    static void name##_sent(struct transport *tr, int err, uint64_t sent_bytes)                    \
    {                                                                                              \
        on_sent(container_of(tr, struct tunnel, t[side]), side, err, sent_bytes);                  \
    }                                                                                              \
    static void name##_end(struct transport *tr, int err)                                          \
    {                                                                                              \
        on_end(container_of(tr, struct tunnel, t[side]), side, err);                               \
    }                                                                                              \
    static void name##_closed(struct transport *tr)                                                \
    {                                                                                              \
        on_closed(container_of(tr, struct tunnel, t[side]), side);                                 \
    }                                                                                              \
    const struct transport_user tunnel_##name##_user = {                                           \
        .on_ready = name##_ready,                                                                  \
        .on_data = name##_data,                                                                    \
        .on_piped = name##_piped,                                                                  \
        .on_sent = name##_sent,                                                                    \
        .on_end = name##_end,                                                                      \
        .on_closed = name##_closed,                                                                \
    };

OF_SIDE(client, TUNNEL_CLIENT)
OF_SIDE(server, TUNNEL_SERVER)
