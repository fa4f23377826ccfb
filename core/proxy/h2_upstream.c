/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/h2_upstream.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/proxy/h2_pool.h"
#include "core/proxy/h2_slot.h"
#include "core/proxy/preamble.h"
#include "core/proxy/queue.h"
#include "core/proxy/server_tls.h"
#include "core/proxy/upstream_internal.h"
#include "core/proxy/worker.h"

/* A last GOAWAY has such a time to leave. */
#define ENDING_MS 1000

static const struct h2_ops codec_ops;
static const struct transport_user transport_user;

static void on_timer(struct timer *t, uint64_t now_ns);
static void run_flush(struct task *t);

static struct h2_slot *first_of(const struct list *slots)
{
    return container_of(slots->next, struct h2_slot, node);
}

/* --- deadlines --- */

static uint64_t ping_at(const struct h2_upstream *hu, enum end_reason *why)
{
    *why = hu->ping_ns ? END_SERVER_PING_TIMEOUT : END_OK;
    return hu->ping_ns   ? hu->ping_ns + ms_to_ns(hu->ping_timeout_ms)
           : hu->ping_ms ? hu->heard_ns + ms_to_ns(hu->ping_ms)
                         : TIMER_NEVER;
}

/* The next moment at which something of the connection itself takes too long, or is due; streams
 * have theirs. */
static uint64_t deadline(const struct h2_upstream *hu, enum end_reason *why)
{
    const struct upstream *up = hu->up;
    uint64_t at = TIMER_NEVER, write_at = TIMER_NEVER, idle_at;
    *why = END_OK;
    switch ((enum h2_upstream_state)hu->state) {
    case H2U_OPENING:
        *why = transport_tls_handshaking(&up->t) ? END_SERVER_TLS_TIMEOUT : END_CONNECT_TIMEOUT;
        return up->since_ns + ms_to_ns(hu->connect_ms);
    case H2U_ENDING:
        return up->since_ns + ms_to_ns(ENDING_MS);
    case H2U_CLOSING:
        return TIMER_NEVER;
    case H2U_OPEN:
        break;
    }
    at = ping_at(hu, why);
    idle_at = hu->lent ? TIMER_NEVER : up->since_ns + ms_to_ns(hu->idle_ms);
    if (idle_at < at) {
        at = idle_at;
        *why = END_OK;
    }
    if (up->t.sending)
        write_at = up->t.send_progress_ns + ms_to_ns(hu->stall_ms);
    if (write_at < at) {
        at = write_at;
        *why = END_SERVER_WRITE_TIMEOUT;
    }
    return at;
}

static void arm(struct h2_upstream *hu)
{
    enum end_reason why;
    loop_timer_set(hu->up->t.loop, &hu->up->timer, deadline(hu, &why));
}

/* --- ending --- */

void h2_upstream_leave(struct h2_upstream *hu)
{
    list_remove(&hu->node);
}

static bool lends(const struct h2_upstream *hu)
{
    return !list_empty(&hu->node);
}

void h2_upstream_used(struct h2_upstream *hu)
{
    struct server *s = hu->up->server;
    if (!hu->idle)
        return;
    hu->idle = false;
    server_idle_add(s, -1);
    s->active_count++;
    server_count(s, unpooled);
}

static void close_now(struct h2_upstream *hu, bool reset)
{
    if (hu->state == H2U_CLOSING)
        return;
    h2_upstream_leave(hu);
    h2_upstream_used(hu);
    hu->up->server->active_count--;
    hu->state = H2U_CLOSING;
    timer_remove(&hu->up->t.loop->timers, &hu->up->timer);
    transport_close(&hu->up->t, reset);
}

/* Whoever has a slot is told. */
static void lose_all(struct h2_upstream *hu, enum end_reason why)
{
    while (!list_empty(&hu->waiting))
        h2_slot_lost(first_of(&hu->waiting), why);
    struct list *n = hu->streams.next;
    while (n != &hu->streams) {
        struct h2_slot *slot = container_of(n, struct h2_slot, node);
        if (slot->a) {
            h2_slot_lost(slot, why);
            n = hu->streams.next; /* that may have moved others */
        } else {
            n = n->next;
        }
    }
}

/* The connection broke, or is broken off. */
static void fail(struct h2_upstream *hu, enum end_reason why)
{
    close_now(hu, true);
    lose_all(hu, why);
}

/* It could not be used at all. */
static void opening_failed(struct h2_upstream *hu, enum end_reason why, bool blame)
{
    if (blame)
        server_connect_failed(hu->up->server, hu->up->ticket);
    else
        server_connect_abandoned(hu->up->server, hu->up->ticket);
    fail(hu, why);
}

/* Nobody has a slot: the server is told, and it ends. */
static void end(struct h2_upstream *hu)
{
    CHECK(hu->lent == 0);
    if (hu->state >= H2U_ENDING)
        return;
    h2_upstream_leave(hu);
    h2_upstream_used(hu);
    if (hu->state == H2U_OPENING || hu->up->w->state == WORKER_STOPPING) {
        close_now(hu, false);
        return;
    }
    hu->state = H2U_ENDING;
    hu->up->since_ns = h2_upstream_now(hu);
    if (!hu->broken)
        h2_goaway(&hu->h2, NGHTTP2_NO_ERROR);
    h2_upstream_flush(hu);
    arm(hu);
}

/* The server broke the rules: it hears so in place of what the codec had to say. */
static void codec_failed(struct h2_upstream *hu)
{
    if (hu->state >= H2U_ENDING || hu->broken)
        return;
    hu->broken = true;
    if (hu->state == H2U_OPENING) {
        opening_failed(hu, END_SERVER_NO_HTTP2, true);
        return;
    }
    uint32_t code = hu->h2.abuse ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR;
    if (hu->h2.abuse)
        counter_add(&hu->up->w->counters->h2_abuse[hu->h2.abuse - 1], 1);
    h2_last_words(&hu->h2, code, hu->last_words);
    hu->last_words_bytes = H2_LAST_WORDS_BYTES;
    h2_upstream_leave(hu);
    lose_all(hu, END_SERVER_PROTOCOL);
    if (hu->lent == 0)
        end(hu);
}

void h2_upstream_unopened(struct h2_upstream *hu)
{
    server_connect_abandoned(hu->up->server, hu->up->ticket);
    close_now(hu, false);
}

void h2_upstream_retire(struct h2_upstream *hu)
{
    h2_upstream_leave(hu);
    if (hu->lent == 0)
        end(hu);
}

static bool is_worth_keeping(const struct h2_upstream *hu)
{
    const struct server *s = hu->up->server;
    return lends(hu) && hu->state == H2U_OPEN && hu->up->w->state == WORKER_RUNNING && s->refs &&
           hu->uses < hu->uses_max && s->idle_count < hu->idle_max && !h2_is_over(&hu->h2);
}

void h2_upstream_slot_back(struct h2_upstream *hu)
{
    struct server *s = hu->up->server;
    CHECK(hu->lent > 0);
    hu->lent--;
    if (s->connections_capped)
        queue_tell(hu->up->w, s->shared->backend); /* there is room on this connection */
    if (hu->lent || hu->state >= H2U_ENDING)
        return;
    if (hu->state == H2U_OPENING) {
        server_connect_abandoned(s, hu->up->ticket);
        end(hu);
        return;
    }
    if (!is_worth_keeping(hu)) {
        end(hu);
        return;
    }
    hu->up->since_ns = h2_upstream_now(hu);
    hu->idle = true;
    s->active_count--;
    server_idle_add(s, 1);
    server_count(s, pooled);
    server_has_idle(s);
    arm(hu);
}

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct upstream *up = container_of(timer, struct upstream, timer);
    struct h2_upstream *hu = up->h2;
    enum end_reason why;
    if (deadline(hu, &why) > now_ns) {
        arm(hu);
    } else if (hu->state == H2U_OPENING) {
        opening_failed(hu, why, true);
    } else if (hu->state == H2U_ENDING) {
        close_now(hu, true);
    } else if (why != END_OK) {
        fail(hu, why);
    } else if (hu->lent == 0 && now_ns >= up->since_ns + ms_to_ns(hu->idle_ms)) {
        end(hu);
    } else {
        hu->ping_ns = now_ns;
        h2_ping(&hu->h2);
        h2_upstream_flush(hu);
        arm(hu);
    }
}

/* --- opening --- */

struct h2_upstream *h2_upstream_create(struct worker *w, const struct attempt *a, struct server *s,
                                       const struct server_tls_name *name)
{
    bool either = a->backend->protocol == PROTOCOL_AUTO;
    struct h2_upstream *hu = slab_take(&w->h2_upstreams);
    if (!hu)
        server_untake_connection(s);
    struct upstream *up = hu ? upstream_create(w, s, name, either ? "h2,http/1.1" : "h2") : NULL;
    if (!up) {
        if (hu)
            slab_give(&w->h2_upstreams, hu);
        return NULL;
    }
    *hu = (struct h2_upstream){ .up = up,
                                .state = H2U_OPENING,
                                .auto_protocol = either,
                                .connect_ms = a->timeouts->connect_ms };
    up->state = UP_HTTP2;
    up->h2 = hu;
    up->t.user = &transport_user;
    timer_init(&up->timer, on_timer);
    list_init(&hu->node);
    list_init(&hu->waiting);
    list_init(&hu->streams);
    list_init(&hu->touched);
    hu->flush.run = run_flush;
    list_push_back(&s->h2, &hu->node);
    return hu;
}

void h2_upstream_open(struct h2_upstream *hu, const struct attempt *a)
{
    struct upstream *up = hu->up;
    if (hu->uses > 1)
        return; /* the first has begun it */
    /* The timer first: the transport may have failed before it began. */
    arm(hu);
    if (preamble_set(&up->t, a->backend, a->client_peer, a->client_fd))
        transport_connect(&up->t, up->server->addr);
    else
        opening_failed(hu, END_OVERLOADED, false);
}

/* TLS agreed on HTTP/1.1: it is the first one's. */
static void become_http1(struct h2_upstream *hu)
{
    struct upstream *up = hu->up;
    struct server *s = up->server;
    CHECK(hu->lent > 0 && !hu->speaks);
    s->h1_agreed = true;
    server_connected(s);
    h2_upstream_leave(hu);
    timer_remove(&up->t.loop->timers, &up->timer);
    struct attempt *first = h2_slot_empty(first_of(&hu->waiting));
    while (!list_empty(&hu->waiting))
        h2_pool_lend_again(up->w, s, h2_slot_empty(first_of(&hu->waiting)));
    slab_give(&up->w->h2_upstreams, hu);
    upstream_speak_http1(up, first);
}

static void begin_codec(struct h2_upstream *hu)
{
    struct transport *t = &hu->up->t;
    const struct h2_config config = { .window_bytes = H2_WINDOW_BYTES };
    if (!h2_init(&hu->h2, &config, &codec_ops, &t->loop->bufs, t->loop->now_ns)) {
        opening_failed(hu, END_OVERLOADED, false);
        return;
    }
    hu->speaks = true;
    h2_upstream_flush(hu);
    transport_read(t);
}

static void not_opened(struct h2_upstream *hu, int err)
{
    struct upstream *up = hu->up;
    enum end_reason why =
        upstream_failure_is_ours(err) ? END_OVERLOADED : server_tls_reason(&up->t, err);
    bool name_refused = up->name_of_request && server_tls_blames_name(why);
    /* A server may refuse the handshake for want of a common protocol (RFC 7301 3.2). */
    if (transport_tls_failure(&up->t) == TLS_NO_PROTOCOL)
        why = END_SERVER_NO_HTTP2;
    for (struct list *n = hu->waiting.next; n != &hu->waiting; n = n->next)
        container_of(n, struct h2_slot, node)->a->name_refused = name_refused;
    opening_failed(hu, why, why != END_OVERLOADED && !name_refused);
}

static void on_ready(struct transport *t, int err)
{
    struct upstream *up = container_of(t, struct upstream, t);
    struct h2_upstream *hu = up->h2;
    struct tls_facts facts;
    if (err) {
        not_opened(hu, err);
        return;
    }
    upstream_count_tls(up);
    bool agreed =
        !up->server->tls || (transport_tls_facts(t, &facts) && str_eq(facts.protocol, STR("h2")));
    if (agreed)
        begin_codec(hu);
    else if (hu->auto_protocol)
        become_http1(hu);
    else
        opening_failed(hu, END_SERVER_NO_HTTP2, true);
}

/* The server's first SETTINGS. Who waits begins, as many as it takes. */
static void opened(struct h2_upstream *hu)
{
    struct server *s = hu->up->server;
    uint32_t left = h2_pool_streams_allowed(hu);
    server_connected(s);
    s->h1_agreed = false;
    while (!list_empty(&hu->waiting)) {
        struct h2_slot *slot = first_of(&hu->waiting);
        if (left) {
            left--;
            h2_slot_begin(slot);
        } else if (s->h2_streams == 0) {
            h2_slot_fail(slot, END_SERVER_REFUSED, true);
        } else {
            struct attempt *a = h2_slot_empty(slot);
            h2_upstream_slot_back(hu);
            h2_pool_lend_again(hu->up->w, s, a);
        }
    }
    if (hu->state == H2U_OPEN)
        arm(hu);
}

/* --- from the codec --- */

static void on_settings(struct h2 *h)
{
    struct h2_upstream *hu = container_of(h, struct h2_upstream, h2);
    hu->up->server->h2_streams = h2_streams_allowed(h);
    if (hu->state != H2U_OPENING)
        return;
    hu->state = H2U_OPEN;
    opened(hu);
}

static void on_pong(struct h2 *h)
{
    container_of(h, struct h2_upstream, h2)->ping_ns = 0;
}

/* Streams that it does not name as processed are closed by the codec, as refused. */
static void on_goaway(struct h2 *h, uint32_t code)
{
    (void)code;
    h2_upstream_leave(container_of(h, struct h2_upstream, h2));
}

static const struct h2_ops codec_ops = {
    .section = h2_slot_section,
    .data = h2_slot_data,
    .ended = h2_slot_ended,
    .sent = h2_slot_sent,
    .drained = h2_slot_drained,
    .closed = h2_slot_closed,
    .pong = on_pong,
    .settings = on_settings,
    .goaway = on_goaway,
};

static void pump_touched(struct h2_upstream *hu)
{
    while (!list_empty(&hu->touched)) {
        struct h2_slot *slot = container_of(hu->touched.next, struct h2_slot, touched);
        list_remove(&slot->touched);
        h2_slot_pump(slot);
    }
}

/* --- sending --- */

void h2_upstream_flush(struct h2_upstream *hu)
{
    if (hu->speaks && hu->state != H2U_CLOSING)
        loop_defer(hu->up->t.loop, &hu->flush);
}

static bool fill(struct h2_upstream *hu)
{
    if (hu->last_words_bytes) {
        bool fits =
            h2_batch_copy(hu->batch, &hu->up->t.loop->bufs, hu->last_words, hu->last_words_bytes);
        hu->last_words_bytes = 0;
        return fits;
    }
    return hu->broken || h2_pull(&hu->h2, hu->batch, h2_upstream_now(hu));
}

static void drop_batch(struct h2_upstream *hu)
{
    h2_batch_release(hu->batch);
    slab_give(&hu->up->w->h2_batches, hu->batch);
    hu->batch = NULL;
}

/* What to do when there is nothing to send. */
static void sent_all(struct h2_upstream *hu)
{
    if (hu->state == H2U_ENDING)
        close_now(hu, false);
    else if (!hu->broken && h2_is_over(&hu->h2)) /* after an error that the codec has told */
        fail(hu, hu->state == H2U_OPENING ? END_SERVER_NO_HTTP2 : END_SERVER_PROTOCOL);
}

static void run_flush(struct task *task)
{
    struct h2_upstream *hu = container_of(task, struct h2_upstream, flush);
    struct upstream *up = hu->up;
    if (hu->batch || hu->state == H2U_CLOSING)
        return;
    hu->batch = slab_take(&up->w->h2_batches);
    if (!hu->batch) {
        fail(hu, END_OVERLOADED);
        return;
    }
    h2_batch_init(hu->batch);
    if (!fill(hu))
        codec_failed(hu);
    pump_touched(hu);
    if (hu->state == H2U_CLOSING)
        return;
    if (hu->batch->bytes) {
        transport_send(&up->t, hu->batch->iov, hu->batch->parts);
        arm(hu);
        return;
    }
    drop_batch(hu);
    sent_all(hu);
}

static void on_sent(struct transport *t, int err, uint64_t sent_bytes)
{
    (void)sent_bytes;
    struct h2_upstream *hu = container_of(t, struct upstream, t)->h2;
    drop_batch(hu);
    if (!err)
        run_flush(&hu->flush);
    else if (hu->state == H2U_ENDING)
        close_now(hu, true);
    /* Else the receiving side tells: the server may have answered before it closed. */
}

/* --- receiving --- */

static void on_data(struct transport *t, struct buf_slice data)
{
    struct upstream *up = container_of(t, struct upstream, t);
    struct h2_upstream *hu = up->h2;
    bool heeded = hu->state != H2U_ENDING && !hu->broken;
    hu->heard_ns = t->loop->now_ns;
    bool fine = !heeded || h2_receive(&hu->h2, data, t->loop->now_ns);
    buf_unref(data.buf);
    pump_touched(hu);
    if (!fine)
        codec_failed(hu);
    if (hu->state == H2U_CLOSING)
        return;
    if (heeded && !hu->broken && (h2_wants_to_send(&hu->h2) || h2_is_over(&hu->h2)))
        h2_upstream_flush(hu);
    transport_read(t);
    if (hu->lent == 0 && !lends(hu))
        end(hu);
}

static void on_end(struct transport *t, int err)
{
    struct upstream *up = container_of(t, struct upstream, t);
    struct h2_upstream *hu = up->h2;
    if (hu->state == H2U_OPENING) {
        bool refused = transport_tls_failure(t) == TLS_ALERT; /* it wants another certificate */
        opening_failed(hu, refused ? END_SERVER_TLS_REFUSED : END_SERVER_NO_HTTP2, true);
    } else {
        fail(hu, err == -ENOMEM ? END_OVERLOADED : END_SERVER_RESET);
    }
}

static void destroy(struct h2_upstream *hu)
{
    struct upstream *up = hu->up;
    CHECK(hu->lent == 0 && list_empty(&hu->waiting));
    if (hu->batch)
        drop_batch(hu);
    for (struct list *n = hu->streams.next; n != &hu->streams; n = n->next)
        h2_forget(&container_of(n, struct h2_slot, node)->stream);
    if (hu->speaks)
        h2_destroy(&hu->h2);
    while (!list_empty(&hu->streams))
        h2_slot_free(first_of(&hu->streams));
    slab_give(&up->w->h2_upstreams, hu);
    upstream_destroy(up);
}

static void run_destroy(struct task *task)
{
    destroy(container_of(task, struct h2_upstream, flush));
}

static void on_closed(struct transport *t)
{
    struct h2_upstream *hu = container_of(t, struct upstream, t)->h2;
    if (hu->flush.queued)
        hu->flush.run = run_destroy;
    else
        destroy(hu);
}

static const struct transport_user transport_user = {
    .on_ready = on_ready,
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_closed = on_closed,
};
