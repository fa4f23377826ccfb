/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/upstream_internal.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/h2_pool.h"
#include "core/proxy/h2_upstream.h"
#include "core/proxy/preamble.h"
#include "core/proxy/queue.h"
#include "core/proxy/server_tls.h"
#include "core/proxy/worker.h"
#include "core/ring/sock.h"

#define POOL_NAMES_LOOKED_AT 32

static const struct transport_user transport_user;
static const struct slot_ops slot_ops;

static void on_timer(struct timer *t, uint64_t now_ns);
static void on_request_sent(struct h1_out *out, int err);

/* --- deadlines --- */

/* The next moment at which something of this connection takes too long; TIMER_NEVER: nothing can.
 * *why says what. */
static uint64_t deadline(const struct upstream *up, enum end_reason *why)
{
    const struct timeouts *t = up->a ? up->a->timeouts : NULL;
    uint64_t at = TIMER_NEVER;
    *why = END_OK;
    switch ((enum upstream_state)up->state) {
    case UP_CONNECTING:
        *why = transport_tls_handshaking(&up->t) ? END_SERVER_TLS_TIMEOUT : END_CONNECT_TIMEOUT;
        at = up->since_ns + ms_to_ns(t->connect_ms);
        break;
    case UP_IDLE:
        return up->since_ns + ms_to_ns(up->idle_timeout_ms);
    case UP_SWITCHING:
    case UP_HTTP2:
    case UP_CLOSING:
        return TIMER_NEVER;
    case UP_HEAD:
        /* Interim responses and request bytes are progress. */
        if (up->request_sent || up->request_failed) {
            *why = END_SERVER_FIRST_BYTE_TIMEOUT;
            at = up->since_ns + ms_to_ns(t->first_byte_ms);
        }
        break;
    case UP_BODY:
        if (up->t.reading) {
            *why = END_SERVER_STALL;
            at = up->since_ns + ms_to_ns(t->stall_ms);
        }
        break;
    }
    if (up->a->deadline_ns && up->a->deadline_ns < at) {
        *why = END_SERVER_FIRST_BYTE_TIMEOUT;
        at = up->a->deadline_ns;
    }
    if (up->t.sending) {
        uint64_t write_at = up->t.send_progress_ns + ms_to_ns(t->stall_ms);
        if (write_at < at) {
            at = write_at;
            *why = END_SERVER_WRITE_TIMEOUT;
        }
    }
    return at;
}

void upstream_arm(struct upstream *up)
{
    enum end_reason why;
    loop_timer_set(up->t.loop, &up->timer, deadline(up, &why));
}

/* --- opening, lending, closing --- */

/* name: for TLS. False without memory. */
static bool init_transport(struct upstream *up, struct worker *w, struct server *s,
                           const struct server_tls_name *name, const char *alpn)
{
    if (!s->tls) {
        transport_init_plain_client(&up->t, w->loop, &transport_user);
        return true;
    }
    if (!transport_init_tls_client(&up->t, &w->tls, &transport_user, s->tls, name->text,
                                   &s->resume))
        return false;
    transport_tls_offer(&up->t, alpn);
    return true;
}

struct upstream *upstream_create(struct worker *w, struct server *s,
                                 const struct server_tls_name *name, const char *alpn)
{
    struct upstream *up = slab_take(&w->upstreams);
    if (!up) {
        server_untake_connection(s);
        return NULL;
    }
    memset(up, 0, offsetof(struct upstream, body_in));
    if (!init_transport(up, w, s, name, alpn)) {
        slab_give(&w->upstreams, up);
        server_untake_connection(s);
        return NULL;
    }
    up->name_of_request = s->tls && name->of_request;
    up->since_ns = w->loop->now_ns;
    up->uses = 0;
    up->w = w;
    up->server = s;
    up->slot.ops = &slot_ops;
    up->state = UP_CONNECTING;
    up->keep_alive = up->got_bytes = up->request_sent = up->request_failed = false;
    up->source.ops = &upstream_source_ops;
    out_clear(&up->out);
    timer_init(&up->timer, on_timer);
    list_push_back(&w->upstream_list, &up->node);
    list_init(&up->idle_node);
    s->active_count++;
    s->connections++;
    up->ticket = server_connect_begin(s, w->loop->now_ns);
    counter_add(&w->counters->upstream_opened, 1);
    server_count(s, opened);
    return up;
}

/* A pooled connection that asked for the same name; of many with others not all are looked at. */
static struct upstream *find_pooled(const struct server *s, const struct server_tls_name *name)
{
    const struct list *n = s->idle.next;
    for (int i = 0; n != &s->idle && i < POOL_NAMES_LOOKED_AT; n = n->next, i++) {
        struct upstream *up = container_of(n, struct upstream, idle_node);
        if (!s->tls || str_eq(transport_tls_server_name(&up->t), name->text))
            return up;
    }
    return NULL;
}

static void use_pooled(struct upstream *up)
{
    struct server *s = up->server;
    CHECK(up->state == UP_IDLE);
    list_remove(&up->idle_node);
    server_idle_add(s, -1);
    s->active_count++;
    up->state = UP_HEAD;
    counter_add(&up->w->counters->upstream_reused, 1);
    server_count(s, reused);
    server_count(s, unpooled);
}

/* What a connection is to speak. With `auto`, TLS agrees on that. */
static enum upstream_protocol protocol_for(const struct server *s,
                                           const struct backend_config *config, bool switches)
{
    if (config->protocol == PROTOCOL_AUTO && (!s->tls || switches))
        return PROTOCOL_H1;
    return config->protocol;
}

/* With a PROXY header, a connection is one client's. */
static bool may_be_pooled(const struct backend_config *config, enum upstream_protocol protocol,
                          bool fresh_only)
{
    return !fresh_only && !config->proxy_protocol && protocol != PROTOCOL_H2;
}

bool upstream_has_slot(const struct server *s, const struct backend_config *config, struct str host,
                       bool switches, bool fresh_only)
{
    struct server_tls_name name;
    enum upstream_protocol protocol = protocol_for(s, config, switches);
    if (s->tls)
        server_tls_name(s, host, &name);
    return (may_be_pooled(config, protocol, fresh_only) && find_pooled(s, &name)) ||
           (protocol != PROTOCOL_H1 && h2_pool_has_room(s, config, &name, fresh_only));
}

bool upstream_lend(struct worker *w, struct attempt *a, struct server *s, bool fresh_only)
{
    struct server_tls_name name;
    if (s->tls)
        server_tls_name(s, a->host, &name);
    enum upstream_protocol protocol = protocol_for(s, a->backend, a->switches);
    struct upstream *up =
        may_be_pooled(a->backend, protocol, fresh_only) ? find_pooled(s, &name) : NULL;
    a->http2 = false;
    a->secure = s->tls;
    a->reused = up != NULL;
    if (!up && protocol != PROTOCOL_H1)
        return h2_pool_lend(w, a, s, &name, fresh_only);
    if (up)
        use_pooled(up);
    else
        up = upstream_create(w, s, &name, NULL);
    if (!up)
        return false;
    up->reused = a->reused;
    up->a = a;
    a->up = &up->slot;
    return true;
}

bool upstream_begin(struct worker *w, struct attempt *a, struct server *s, bool fresh_only)
{
    if (!upstream_lend(w, a, s, fresh_only)) {
        server_leave(s);
        return false;
    }
    a->name_refused = false;
    a->request_taken_ns = a->first_byte_ns = 0;
    return true;
}

static void close_connection(struct upstream *up, bool reset)
{
    CHECK(up->state != UP_CLOSING && !up->a);
    if (up->state == UP_IDLE) {
        list_remove(&up->idle_node);
        server_idle_add(up->server, -1);
        server_count(up->server, unpooled);
    } else {
        up->server->active_count--;
    }
    up->state = UP_CLOSING;
    timer_remove(&up->t.loop->timers, &up->timer);
    slice_drop(&up->in);
    transport_close(&up->t, reset);
}

struct attempt *upstream_detach(struct upstream *up)
{
    struct attempt *a = up->a;
    CHECK(a && a->up == &up->slot);
    a->up = NULL;
    up->a = NULL;
    server_leave(up->server);
    up->body_in.m.sink = NULL;
    a->ops->detached(a);
    if (!out_idle(&up->out)) {
        a->ops->hold(a);
        up->held = a;
    }
    out_abort(&up->out);
    return a;
}

static void slot_abort(struct attempt *a)
{
    struct upstream *up = upstream_of(a);
    if (up->state == UP_CONNECTING)
        server_connect_abandoned(up->server, up->ticket);
    upstream_detach(up);
    /* Nothing that was cut may look like a whole request: the server sees a reset. */
    close_connection(up, !up->request_sent);
}

void upstream_retire(struct upstream *up)
{
    if (up->state == UP_IDLE)
        close_connection(up, false);
    else if (up->state == UP_HTTP2)
        h2_upstream_retire(up->h2);
}

/* a: the attempt that had it. */
static void give_back(struct upstream *up, const struct attempt *a)
{
    struct worker *w = up->w;
    struct server *s = up->server;
    const struct backend_config *config = a->backend;
    bool keep = up->keep_alive && !config->proxy_protocol && up->request_sent && up->in.len == 0 &&
                up->t.reading && w->state == WORKER_RUNNING && s->refs &&
                up->uses < config->pool_uses_max && s->idle_count < config->pool_idle_max &&
                *s->idle_sum < s->idle_sum_max;
    if (!keep) {
        close_connection(up, false);
        return;
    }
    up->state = UP_IDLE;
    up->idle_timeout_ms = a->timeouts->upstream_idle_ms;
    up->since_ns = w->loop->now_ns;
    s->active_count--;
    server_idle_add(s, 1);
    server_count(s, pooled);
    list_push_front(&s->idle, &up->idle_node);
    upstream_arm(up);
    server_has_idle(s);
}

/* --- the request --- */

static void begin_request(struct upstream *up)
{
    up->state = UP_HEAD;
    up->got_bytes = up->request_sent = up->request_failed = up->keep_alive = false;
    up->collect = (struct head_collect){ 0 };
    up->uses++;
    up->since_ns = up->request_ns = up->t.loop->now_ns;
    up->habit = (struct relay_habit){ 0 };
    out_init(&up->out, &up->t, up->a->arena, on_request_sent);
    up->a->ops->connected(up->a);
}

void upstream_switch(struct attempt *a)
{
    struct upstream *up = upstream_of(a);
    CHECK(up->state == UP_HEAD && !up->t.reading && out_idle(&up->out));
    up->state = UP_SWITCHING;
    upstream_arm(up);
}

static struct body_sink *slot_send(struct attempt *a, struct str head, enum body_framing framing,
                                   struct body_source *body)
{
    struct upstream *up = upstream_of(a);
    bool queued = out_raw(&up->out, head.ptr, (uint32_t)head.len, NULL);
    CHECK(queued);
    out_body(&up->out, framing, body);
    transport_read(&up->t);
    if (framing == FRAME_NONE) {
        up->out.m.sink.ops->end(&up->out.m.sink, NULL);
        out_flush(&up->out);
    }
    upstream_arm(up);
    return &up->out.m.sink;
}

static void slot_flush(struct attempt *a)
{
    struct upstream *up = upstream_of(a);
    out_flush(&up->out);
    upstream_arm(up);
}

static void slot_go(struct attempt *a)
{
    struct upstream *up = upstream_of(a);
    if (up->state == UP_HEAD) {
        begin_request(up);
        return;
    }
    /* The timer first: the transport may have failed before it began. */
    upstream_arm(up);
    if (!preamble_set(&up->t, a->backend, a->client_peer, a->client_fd)) {
        server_connect_abandoned(up->server, up->ticket);
        upstream_fail(up, END_OVERLOADED);
        return;
    }
    transport_connect_from(&up->t, up->server->addr, up->server->source);
}

static const struct slot_ops slot_ops = { slot_go, slot_send, slot_flush, slot_abort };

static void on_request_sent(struct h1_out *out, int err)
{
    struct upstream *up = container_of(out, struct upstream, out);
    up->since_ns = up->t.loop->now_ns;
    if (err) {
        /* The server may have answered before it closed: the receiving side tells. */
        up->request_failed = true;
        up->a->ops->request_cut(up->a);
    } else {
        up->request_sent = true;
        if (up->a)
            up->a->request_taken_ns = up->since_ns;
    }
    upstream_arm(up);
}

/* --- the response --- */

static bool is_ours(enum end_reason why)
{
    return why == END_OVERLOADED || why == END_SOURCE_ADDRESS;
}

void upstream_fail(struct upstream *up, enum end_reason why)
{
    bool untouched =
        up->state == UP_CONNECTING || (up->request_failed && up->out.m.sent_bytes == 0);
    struct attempt *a = upstream_detach(up);
    if (why != END_SERVER_STALE && !is_ours(why))
        server_failed(up->server);
    close_connection(up, why != END_SERVER_STALE);
    a->ops->failed(a, why, untouched);
}

void upstream_break(struct upstream *up, enum end_reason why)
{
    struct attempt *a = upstream_detach(up);
    close_connection(up, true);
    a->ops->broken(a, why);
}

/* All of the response was received: the connection is given back before the client has it all. */
void upstream_received(struct upstream *up)
{
    struct attempt *a = upstream_detach(up);
    give_back(up, a);
    a->ops->received(a);
}

/* --- from the transport --- */

bool upstream_failure_is_ours(int err)
{
    return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EADDRNOTAVAIL;
}

void upstream_count_tls(const struct upstream *up)
{
    if (up->server->tls)
        server_count(up->server, handshakes);
    if (transport_tls_resumed(&up->t))
        server_count(up->server, resumed);
}

/* EADDRNOTAVAIL: its ports are all in use, or the address is not there at all. */
static enum end_reason connect_reason(const struct upstream *up, int err)
{
    const struct addr *source = up->server->source;
    if (err == -EADDRNOTAVAIL && source && !sock_is_local(source))
        return END_SOURCE_ADDRESS;
    return upstream_failure_is_ours(err) ? END_OVERLOADED : server_tls_reason(&up->t, err);
}

static void on_ready(struct transport *t, int err)
{
    struct upstream *up = container_of(t, struct upstream, t);
    CHECK(up->state == UP_CONNECTING);
    if (err) {
        enum end_reason why = connect_reason(up, err);
        up->a->name_refused = up->name_of_request && server_tls_blames_name(why);
        if (is_ours(why) || up->a->name_refused)
            server_connect_abandoned(up->server, up->ticket);
        else
            server_connect_failed(up->server, up->ticket);
        upstream_fail(up, why);
        return;
    }
    server_connected(up->server);
    upstream_count_tls(up);
    begin_request(up);
}

static void on_data(struct transport *t, struct buf_slice data)
{
    struct upstream *up = container_of(t, struct upstream, t);
    CHECK(!up->in.buf);
    if (up->state == UP_IDLE) { /* nobody asked anything */
        buf_unref(data.buf);
        close_connection(up, true);
        return;
    }
    up->in = data;
    up->since_ns = t->loop->now_ns;
    if (!up->got_bytes) {
        up->got_bytes = true;
        up->a->first_byte_ns = t->loop->now_ns;
    }
    if (up->state == UP_HEAD) {
        upstream_read_head(up);
    } else {
        relay_habit_note(&up->habit, &up->w->relay, data.len, data.buf->cap - data.off);
        upstream_pump(up);
    }
}

static void on_end(struct transport *t, int err)
{
    struct upstream *up = container_of(t, struct upstream, t);
    switch ((enum upstream_state)up->state) {
    case UP_IDLE:
        close_connection(up, false);
        return;
    case UP_HEAD:
        if (err == -ENOMEM)
            upstream_fail(up, END_OVERLOADED);
        else if (up->got_bytes)
            upstream_fail(up, END_RESPONSE_CUT_HEAD);
        else if (transport_tls_failure(t) == TLS_ALERT) /* it wants another certificate of us */
            upstream_fail(up, END_SERVER_TLS_REFUSED);
        else
            upstream_fail(up, up->reused ? END_SERVER_STALE : END_SERVER_RESET);
        return;
    case UP_BODY:
        /* A reset is told once: where sending met it, the end that is read may be no clean one. */
        if (err == 0 && !up->request_failed && in_end_of_stream(&up->body_in))
            upstream_received(up);
        else
            upstream_break(up, err == -ENOMEM ? END_OVERLOADED : END_RESPONSE_CUT_BODY);
        return;
    case UP_SWITCHING:
    case UP_CONNECTING:
    case UP_HTTP2:
    case UP_CLOSING:
        CHECK(false);
    }
}

static void on_sent(struct transport *t, int err, uint64_t sent_bytes)
{
    struct upstream *up = container_of(t, struct upstream, t);
    out_sent(&up->out, err, sent_bytes);
    upstream_arm(up);
}

static void on_closed(struct transport *t)
{
    struct upstream *up = container_of(t, struct upstream, t);
    CHECK(up->state == UP_CLOSING);
    out_release(&up->out);
    if (up->held)
        up->held->ops->release(up->held);
    upstream_destroy(up);
}

void upstream_destroy(struct upstream *up)
{
    struct worker *w = up->w;
    list_remove(&up->node);
    server_connection_gone(up->server);
    counter_add(&w->counters->upstream_closed, 1);
    slab_give(&w->upstreams, up);
    worker_object_gone(w);
}

static const struct transport_user transport_user = {
    .on_ready = on_ready,
    .on_data = on_data,
    .on_piped = upstream_piped,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_closed = on_closed,
    .on_stopped = upstream_stopped,
};

void upstream_speak_http1(struct upstream *up, struct attempt *a)
{
    up->h2 = NULL;
    up->t.user = &transport_user;
    timer_init(&up->timer, on_timer);
    up->a = a;
    a->up = &up->slot;
    begin_request(up);
}

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct upstream *up = container_of(timer, struct upstream, timer);
    enum end_reason why;
    if (deadline(up, &why) > now_ns) {
        upstream_arm(up);
        return;
    }
    switch ((enum upstream_state)up->state) {
    case UP_IDLE:
        close_connection(up, false);
        return;
    case UP_CONNECTING:
        server_connect_failed(up->server, up->ticket);
        upstream_fail(up, why);
        return;
    case UP_HEAD:
        upstream_fail(up, why);
        return;
    case UP_BODY:
        upstream_break(up, why);
        return;
    case UP_SWITCHING:
    case UP_HTTP2:
    case UP_CLOSING:
        CHECK(false);
    }
}
