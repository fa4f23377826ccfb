/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/client_internal.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/gate.h"
#include "core/proxy/h2_client.h"
#include "core/proxy/listener.h"
#include "core/proxy/plan.h"
#include "core/proxy/tcp.h"
#include "core/proxy/tunnel.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"
#include "core/ring/sock.h"

static const struct transport_user transport_user;

static void on_timer(struct timer *t, uint64_t now_ns);
static void process(struct client *c);
static void handshake_failed(struct client *c, enum end_reason why);

/* --- deadlines --- */

/* Whether somebody waits for bytes of a request body. */
static bool body_awaited(const struct client *c)
{
    return c->ex->body_in.state == IN_BODY && c->ex->body_in.sink && c->t.reading;
}

/* The next moment at which the client takes too long; TIMER_NEVER: it owes us nothing. */
static uint64_t deadline(const struct client *c, enum end_reason *why)
{
    const struct handling *handling = c->ex ? c->ex->handling : &c->listener->site->handling;
    const struct timeouts *t = &handling->timeouts;
    uint64_t at = TIMER_NEVER;
    *why = END_OK;
    switch ((enum client_state)c->state) {
    case CLIENT_HANDSHAKE:
        *why = END_TLS_TIMEOUT;
        return c->since_ns + ms_to_ns(t->client_head_ms);
    case CLIENT_IDLE:
        at = c->since_ns +
             ms_to_ns(c->limited || c->preface_bytes ? t->client_head_ms : t->client_idle_ms);
        return c->requests && c->w->idle_until_ns && c->w->idle_until_ns < at ? c->w->idle_until_ns
                                                                              : at;
    case CLIENT_HEAD:
        *why = END_CLIENT_HEAD_TIMEOUT;
        return c->ex->start_ns + ms_to_ns(t->client_head_ms);
    case CLIENT_LINGER:
        return c->since_ns + ms_to_ns(t->client_linger_ms);
    case CLIENT_HTTP2:
    case CLIENT_CLOSING:
        return TIMER_NEVER;
    case CLIENT_SWITCHING:
    case CLIENT_BUSY:
        break;
    }
    if (c->state == CLIENT_BUSY && body_awaited(c)) {
        at = c->since_ns + ms_to_ns(t->client_body_ms);
        *why = END_CLIENT_BODY_TIMEOUT;
    }
    if (c->t.sending) {
        uint64_t write_at = c->t.send_progress_ns + ms_to_ns(t->client_write_ms);
        if (write_at < at) {
            at = write_at;
            *why = END_CLIENT_WRITE_TIMEOUT;
        }
    }
    return at;
}

void client_arm(struct client *c)
{
    if (c->state == CLIENT_CLOSING)
        return;
    enum end_reason why;
    loop_timer_set(c->t.loop, &c->timer, deadline(c, &why));
}

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct client *c = container_of(timer, struct client, timer);
    enum end_reason why;
    if (deadline(c, &why) > now_ns) {
        client_arm(c);
        return;
    }
    switch ((enum client_state)c->state) {
    case CLIENT_HANDSHAKE:
        handshake_failed(c, why);
        return;
    case CLIENT_IDLE:
    case CLIENT_LINGER:
        client_close(c, false);
        return;
    case CLIENT_HEAD:
        c->state = CLIENT_BUSY;
        exchange_refuse(c->ex, why);
        return;
    case CLIENT_SWITCHING:
    case CLIENT_BUSY:
        if (why == END_CLIENT_BODY_TIMEOUT) {
            exchange_request_broken(c->ex, why);
        } else {
            exchange_abandon(c->ex, why);
            client_close(c, true);
        }
        return;
    case CLIENT_HTTP2:
    case CLIENT_CLOSING:
        CHECK(false);
    }
}

/* --- life --- */

void client_accept(struct listener *l, int fd, const struct peer_addr *peer)
{
    struct worker *w = l->w;
    struct client *c = slab_take(&w->clients);
    if (!c) {
        sock_close(fd, true);
        listener_count_error(l);
        return;
    }
    memset(c, 0, sizeof *c);
    c->w = w;
    c->connection = ++w->connections;
    c->accepted_ns = c->since_ns = w->loop->now_ns;
    c->state = CLIENT_IDLE;
    struct tls_context *tls = plan_tls(l->use, l->bind->listener);
    if (!tls) {
        transport_init_plain(&c->t, w->loop, &transport_user, fd);
    } else if (transport_init_tls_server(&c->t, &w->tls, &transport_user, tls, fd)) {
        c->state = CLIENT_HANDSHAKE;
    } else {
        sock_close(fd, true);
        listener_count_error(l);
        slab_give(&w->clients, c);
        return;
    }
    c->listener = l;
    l->refs++;
    timer_init(&c->timer, on_timer);
    list_push_back(&w->client_list, &c->node);
    counter_add(&w->counters->clients_accepted, 1);
    counter_add(&l->counters->accepted, 1);
    char text[ADDR_TEXT_MAX];
    c->peer = *peer;
    size_t n =
        peer->family == AF_INET || peer->family == AF_INET6 ? peer_addr_format_ip(peer, text) : 0;
    CHECK(n <= sizeof c->ip_text);
    memcpy(c->ip_text, text, n);
    c->ip_text_len = (uint8_t)n;
    if (l->site->connection_limit && !gate_connection(c)) {
        listener_count_error(l);
        client_close(c, true);
        return;
    }
    if (c->state == CLIENT_IDLE)
        transport_read(&c->t);
    client_arm(c);
}

/* The client's part of an exchange is over; its memory goes when nobody sends from it. */
static void drop_exchange(struct client *c)
{
    struct exchange *ex = c->ex;
    c->ex = NULL;
    exchange_unref(ex);
}

void client_close(struct client *c, bool reset)
{
    if (c->state == CLIENT_CLOSING)
        return;
    CHECK(!c->ex || c->ex->state == EX_ENDED);
    c->state = CLIENT_CLOSING;
    timer_remove(&c->t.loop->timers, &c->timer);
    slice_drop(&c->in);
    transport_close(&c->t, reset);
}

static void on_closed(struct transport *t)
{
    struct client *c = container_of(t, struct client, t);
    if (c->ex) {
        out_release(&c->ex->h1_out);
        drop_exchange(c);
    }
    client_gone(c);
}

void client_gone(struct client *c)
{
    struct worker *w = c->w;
    gate_connection_gone(c);
    list_remove(&c->node);
    counter_add(&c->listener->counters->closed, 1);
    listener_unref(c->listener);
    counter_add(&w->counters->clients_closed, 1);
    slab_give(&w->clients, c);
    worker_object_gone(w);
}

void client_drain(struct client *c)
{
    if (c->state == CLIENT_HTTP2)
        h2_client_drain(c->h2);
    else if (c->state == CLIENT_IDLE && c->requests && c->w->idle_until_ns <= c->w->loop->now_ns)
        client_close(c, false);
    else
        client_arm(c);
}

void client_stop(struct client *c)
{
    if (c->state == CLIENT_CLOSING)
        return;
    if (c->state == CLIENT_HTTP2) {
        h2_client_stop(c->h2);
        return;
    }
    if (c->ex)
        exchange_abandon(c->ex, END_SHUTDOWN);
    client_close(c, true);
}

/* --- reading --- */

void client_want_bytes(struct client *c)
{
    if (c->in.buf || c->eof || c->t.reading)
        return;
    c->since_ns = c->t.loop->now_ns;
    transport_read(&c->t);
}

/* Everything was sent, and the client is to see it all: a close while it is still sending would
 * reset the connection under our answer (RFC 9112 9.6). */
static void linger(struct client *c)
{
    slice_drop(&c->in);
    transport_shutdown_write(&c->t);
    c->state = CLIENT_LINGER;
    c->since_ns = c->t.loop->now_ns;
    if (!c->t.reading)
        transport_read(&c->t);
    client_arm(c);
}

void client_exchange_finished(struct client *c)
{
    struct exchange *ex = c->ex;
    bool refused =
        ex->close_after && end_reason_info((enum end_reason)ex->reason)->who == WHO_CLIENT;
    bool whole = exchange_request_complete(ex) && !refused;
    bool last = ex->close_after || !whole || c->w->state != WORKER_RUNNING;
    /* By the client's own word. With TLS its close_notify does follow, and would be answered with a
     * reset that loses what it has not read yet. */
    bool nothing_follows = whole && !ex->framing.keep_alive && !c->t.tls;
    drop_exchange(c);
    if (c->state == CLIENT_CLOSING)
        return;
    if (last) {
        if (c->eof || (nothing_follows && !c->in.buf))
            client_close(c, false);
        else
            linger(c);
        return;
    }
    c->state = CLIENT_IDLE;
    c->since_ns = c->t.loop->now_ns;
    if (c->in.buf) {
        process(c);
    } else if (c->eof) {
        client_close(c, false);
    } else {
        client_want_bytes(c);
        client_arm(c);
    }
}

static bool begin_exchange(struct client *c)
{
    c->ex = exchange_create(c, &h1_downstream_ops);
    if (!c->ex)
        return false;
    h1_downstream_init(c->ex);
    c->state = CLIENT_HEAD;
    return true;
}

static void read_head(struct client *c)
{
    struct exchange *ex = c->ex;
    uint32_t head_bytes = 0;
    enum end_reason why = END_BAD_REQUEST_LINE;
    uint32_t offered = c->in.len;
    enum h1_result r = head_collect_feed(&ex->collect, &ex->arena, &c->in, h1_parse_request,
                                         &ex->head, &head_bytes, &why);
    if (r == H1_PARTIAL) {
        ex->bytes_in += offered;
        client_want_bytes(c);
        client_arm(c);
        return;
    }
    c->state = CLIENT_BUSY;
    if (r == H1_DONE && !h1_keep_head(ex, &c->in)) {
        r = H1_ERROR;
        why = END_OVERLOADED;
    }
    if (r == H1_ERROR) {
        ex->bytes_in += offered;
        h1_keep_request_line(ex);
        exchange_refuse(ex, why);
        return;
    }
    ex->bytes_in += head_bytes;
    slice_consume(&c->in, head_bytes);
    if (unlikely(c->listener->bind->listener->h2c_upgrade) && h2_upgrade_asked(c))
        return;
    exchange_start(ex);
    client_checked(c);
}

void client_checked(struct client *c)
{
    if (c->state == CLIENT_BUSY) {
        client_want_bytes(c);
        client_arm(c);
    }
}

/* CLIENT_LINGER: what comes is of no interest. */
void client_drop(struct client *c, uint32_t bytes)
{
    c->dropped_bytes += bytes;
    slice_drop(&c->in);
    if (c->dropped_bytes > LINGER_BYTES_MAX)
        client_close(c, true);
    else
        transport_read(&c->t);
}

static void process(struct client *c)
{
    switch ((enum client_state)c->state) {
    case CLIENT_HANDSHAKE:
        CHECK(false);
    case CLIENT_IDLE:
        if (c->requests == 0 && !c->t.tls && h2_preface_expected(c))
            return;
        if (!begin_exchange(c)) {
            client_close(c, true);
            return;
        }
        read_head(c);
        return;
    case CLIENT_HEAD:
        read_head(c);
        return;
    case CLIENT_BUSY:
        client_pump_body(c);
        return;
    case CLIENT_SWITCHING:
        client_give_way(c);
        return;
    case CLIENT_LINGER:
        client_drop(c, c->in.len);
        return;
    case CLIENT_HTTP2:
    case CLIENT_CLOSING:
        CHECK(false);
    }
}

/* --- becoming a tunnel --- */

void client_give_way(struct client *c)
{
    c->state = CLIENT_SWITCHING;
    client_arm(c);
    if (!c->t.sending && transport_stop(&c->t))
        exchange_switch_ready(c->ex);
}

static void on_stopped(struct transport *t)
{
    client_give_way(container_of(t, struct client, t));
}

void client_hand_over(struct client *c, struct tunnel *t, struct buf_slice *received)
{
    struct worker *w = c->w;
    t->listener = c->listener;
    t->limit_key = c->limit_key;
    *received = c->in;
    timer_remove(&w->loop->timers, &c->timer);
    transport_move(&t->t[TUNNEL_CLIENT], &c->t, &tunnel_client_user);
    drop_exchange(c);
    list_remove(&c->node);
    slab_give(&w->clients, c);
}

/* --- from the transport --- */

/* No request came, but the log says why. */
static void handshake_failed(struct client *c, enum end_reason why)
{
    if (begin_exchange(c)) {
        c->state = CLIENT_BUSY;
        exchange_abandon(c->ex, why);
    }
    client_close(c, false);
}

/* A challenge of ACME goes to who answers it, as it came. */
static void pass_challenge(struct client *c)
{
    struct listener *l = c->listener;
    int fd = c->t.fd;
    struct buf_slice hello = transport_take_hello(&c->t);
    c->t.fd = -1;
    tcp_begin(l, fd, &c->peer, plan_backend(l->use, l->bind->listener->acme), hello, false);
    client_close(c, false);
}

static void on_ready(struct transport *t, int err)
{
    struct client *c = container_of(t, struct client, t);
    CHECK(c->state == CLIENT_HANDSHAKE);
    c->state = CLIENT_IDLE;
    c->since_ns = t->loop->now_ns;
    struct tls_facts tls;
    if (err == 0 && transport_tls_facts(t, &tls) && str_eq(tls.protocol, STR("h2"))) {
        if (!h2_client_begin(c, (struct buf_slice){ 0 }))
            client_close(c, true);
    } else if (err == 0) {
        transport_read(t);
        client_arm(c);
    } else if (err == -EREMCHG) {
        pass_challenge(c);
    } else if (err == -EPROTOTYPE && begin_exchange(c)) {
        c->state = CLIENT_BUSY;
        exchange_refuse(c->ex, END_TLS_PLAIN_HTTP);
    } else if (transport_tls_failure(t) == TLS_TRUNCATED && transport_tls_silent(t)) {
        client_close(c, false); /* it went before it said anything, as probes of a port do */
    } else {
        handshake_failed(c, END_TLS_HANDSHAKE);
    }
}

static void on_data(struct transport *t, struct buf_slice data)
{
    struct client *c = container_of(t, struct client, t);
    CHECK(!c->in.buf);
    c->in = data;
    if (c->state == CLIENT_BUSY) {
        c->since_ns = t->loop->now_ns;
        relay_habit_note(&c->habit, &c->w->relay, data.len, data.buf->cap - data.off);
    }
    process(c);
}

/* What came was no end of a connection, but not TLS either. */
static bool broke_tls(const struct transport *t)
{
    enum tls_failure f = transport_tls_failure(t);
    return f == TLS_BAD_RECORD || f == TLS_BAD_HANDSHAKE || f == TLS_ALERT;
}

static void on_end(struct transport *t, int err)
{
    struct client *c = container_of(t, struct client, t);
    c->eof = true;
    switch ((enum client_state)c->state) {
    case CLIENT_HANDSHAKE:
        CHECK(false);
    case CLIENT_IDLE:
        if (broke_tls(t)) {
            handshake_failed(c, END_TLS_BROKEN);
            return;
        }
        client_close(c, false);
        return;
    case CLIENT_LINGER:
        client_close(c, false);
        return;
    case CLIENT_HEAD:
        if (err == 0) {
            c->state = CLIENT_BUSY;
            exchange_refuse(c->ex, END_CLIENT_CUT_HEAD);
            return;
        }
        break;
    case CLIENT_BUSY:
        /* A half-close after a whole request is a client that waits for its answer. */
        if (err == 0) {
            c->ex->close_after = true;
            client_pump_body(c);
            return;
        }
        break;
    case CLIENT_SWITCHING:
        if (err == 0) {
            client_give_way(c);
            return;
        }
        break;
    case CLIENT_HTTP2:
    case CLIENT_CLOSING:
        CHECK(false);
    }
    exchange_abandon(c->ex, err == -ENOMEM ? END_OVERLOADED
                            : broke_tls(t) ? END_TLS_BROKEN
                                           : END_CLIENT_RESET);
    client_close(c, true);
}

static void on_sent(struct transport *t, int err, uint64_t sent_bytes)
{
    struct client *c = container_of(t, struct client, t);
    out_sent(&c->ex->h1_out, err, sent_bytes);
    if (c->state == CLIENT_SWITCHING)
        client_give_way(c);
    else
        client_arm(c);
}

static const struct transport_user transport_user = {
    .on_ready = on_ready,
    .on_data = on_data,
    .on_piped = client_piped,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_closed = on_closed,
    .on_stopped = on_stopped,
};
