/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/h2_client_internal.h"

#include <string.h>

#include "core/base/check.h"
#include "core/proxy/client.h"
#include "core/proxy/exchange.h"
#include "core/proxy/listener.h"
#include "core/proxy/worker.h"

/* The client sees our notice within such a time, if it does not answer the PING behind it. */
#define NOTICE_MS 1000

#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

/* So long idle, it gives back what memory it can. */
#define REST_MS 500

static const struct transport_user transport_user;

static void on_timer(struct timer *t, uint64_t now_ns);
static void run_flush(struct task *t);

static uint64_t now(const struct h2_client *hc)
{
    return hc->c->t.loop->now_ns;
}

static bool idle(const struct h2_client *hc)
{
    return list_empty(&hc->exchanges) && list_empty(&hc->leaving);
}

/* --- deadlines --- */

static bool may_rest(const struct h2_client *hc)
{
    return hc->state == H2C_OPEN && !hc->resting && hc->h2.settings_seen && idle(hc) && !hc->batch;
}

static uint64_t deadline(const struct h2_client *hc, enum end_reason *why)
{
    const struct client *c = hc->c;
    const struct timeouts *t = &c->listener->site->handling.timeouts;
    uint64_t at = TIMER_NEVER;
    *why = END_OK;
    if (hc->state == H2C_CLOSING)
        return at;
    if (hc->state == H2C_LINGER)
        return c->since_ns + ms_to_ns(t->client_linger_ms);
    if (c->t.sending) {
        at = c->t.send_progress_ns + ms_to_ns(t->client_write_ms);
        *why = END_CLIENT_WRITE_TIMEOUT;
    }
    uint64_t head_at = hc->head_ns             ? hc->head_ns + ms_to_ns(t->client_head_ms)
                       : !hc->h2.settings_seen ? hc->idle_ns + ms_to_ns(t->client_head_ms)
                                               : TIMER_NEVER;
    if (head_at < at) {
        at = head_at;
        *why = END_CLIENT_HEAD_TIMEOUT;
    }
    uint64_t idle_at = hc->state == H2C_NOTICED ? c->since_ns + ms_to_ns(NOTICE_MS)
                       : idle(hc)               ? hc->idle_ns + ms_to_ns(t->client_idle_ms)
                                                : TIMER_NEVER;
    if (idle_at < at) {
        at = idle_at;
        *why = END_OK;
    }
    if (may_rest(hc) && hc->idle_ns + ms_to_ns(REST_MS) < at) {
        at = hc->idle_ns + ms_to_ns(REST_MS);
        *why = END_OK;
    }
    return at;
}

static void arm(struct h2_client *hc)
{
    enum end_reason why;
    if (hc->state != H2C_CLOSING)
        loop_timer_set(hc->c->t.loop, &hc->c->timer, deadline(hc, &why));
}

/* --- ending --- */

static void abandon_list(struct list *l, enum end_reason why)
{
    for (struct list *n = l->next; n != l; n = n->next)
        exchange_abandon(container_of(n, struct exchange, h2.node), why);
}

static void abandon_all(struct h2_client *hc, enum end_reason why)
{
    abandon_list(&hc->exchanges, why);
    abandon_list(&hc->leaving, why);
}

/* Every exchange has ended. */
static void close_now(struct h2_client *hc, bool reset)
{
    struct client *c = hc->c;
    if (hc->state == H2C_CLOSING)
        return;
    hc->state = H2C_CLOSING;
    c->state = CLIENT_CLOSING;
    timer_remove(&c->t.loop->timers, &c->timer);
    transport_close(&c->t, reset);
}

/* All is said: so that the client sees it, its own bytes are read until it closes. */
static void linger(struct h2_client *hc)
{
    struct client *c = hc->c;
    hc->state = H2C_LINGER;
    c->since_ns = now(hc);
    if (c->eof) {
        close_now(hc, false);
        return;
    }
    transport_shutdown_write(&c->t);
    transport_read(&c->t);
    arm(hc);
}

/* Nothing more is heard; what is queued leaves, then it ends. */
static void end(struct h2_client *hc, enum end_reason why)
{
    if (hc->state >= H2C_ENDING)
        return;
    abandon_all(hc, why);
    hc->state = H2C_ENDING;
    h2_client_flush(hc);
    arm(hc);
}

/* The codec is at its end: a last GOAWAY goes out in place of what it had to say. */
static void fail(struct h2_client *hc, uint32_t code, enum end_reason why)
{
    if (hc->state >= H2C_ENDING)
        return;
    hc->broken = true;
    h2_last_words(&hc->h2, code, hc->last_words);
    hc->last_words_bytes = H2_LAST_WORDS_BYTES;
    end(hc, why);
}

static void count_abuse(struct h2_client *hc, enum h2_abuse kind)
{
    counter_add(&hc->c->w->counters->h2_abuse[kind], 1);
}

static void codec_failed(struct h2_client *hc)
{
    if (hc->h2.abuse) {
        count_abuse(hc, (enum h2_abuse)(hc->h2.abuse - 1));
        fail(hc, NGHTTP2_ENHANCE_YOUR_CALM, END_HTTP2_ABUSE);
    } else {
        uint32_t code = hc->h2.error ? hc->h2.error : NGHTTP2_PROTOCOL_ERROR;
        fail(hc, code, END_HTTP2_ERROR);
    }
}

void h2_client_drain(struct h2_client *hc)
{
    if (hc->state != H2C_OPEN)
        return;
    hc->state = H2C_NOTICED;
    hc->c->since_ns = now(hc);
    h2_shutdown_notice(&hc->h2);
    hc->ping_due = true;
    h2_client_flush(hc);
    arm(hc);
}

void h2_client_name_last(struct h2_client *hc)
{
    hc->state = H2C_DRAINING;
    h2_goaway(&hc->h2, NGHTTP2_NO_ERROR);
    h2_client_flush(hc);
    if (idle(hc))
        end(hc, END_OK);
}

void h2_client_stop(struct h2_client *hc)
{
    if (hc->state == H2C_CLOSING)
        return;
    abandon_all(hc, END_SHUTDOWN);
    close_now(hc, true);
}

static void on_timer(struct timer *timer, uint64_t now_ns)
{
    struct client *c = container_of(timer, struct client, timer);
    struct h2_client *hc = c->h2;
    enum end_reason why;
    if (deadline(hc, &why) > now_ns) {
        arm(hc);
    } else if (may_rest(hc) && hc->idle_ns + ms_to_ns(REST_MS) <= now_ns) {
        hc->resting = true;
        h2_rest(&hc->h2);
        arm(hc);
    } else if (why == END_CLIENT_WRITE_TIMEOUT) {
        abandon_all(hc, why);
        close_now(hc, true);
    } else if (why == END_CLIENT_HEAD_TIMEOUT) {
        count_abuse(hc, H2_ABUSE_STALL);
        fail(hc, NGHTTP2_ENHANCE_YOUR_CALM, why);
    } else if (hc->state == H2C_LINGER) {
        close_now(hc, false);
    } else {
        h2_client_name_last(hc);
    }
}

/* --- exchanges --- */

void h2_client_release(struct h2_client *hc, struct exchange *ex)
{
    struct client *c = hc->c;
    h2_side_release(ex);
    exchange_unref(ex);
    hc->idle_ns = now(hc);
    if (hc->state == H2C_OPEN && c->limited)
        h2_client_name_last(hc);
    else if (c->w->state != WORKER_RUNNING || c->listener->state == LISTENER_CLOSING)
        h2_client_drain(hc);
    if (hc->state == H2C_DRAINING && idle(hc))
        end(hc, END_OK);
}

void h2_client_finished(struct h2_client *hc, struct exchange *ex)
{
    if (hc->state != H2C_CLOSING)
        h2_client_release(hc, ex);
}

/* --- sending --- */

void h2_client_flush(struct h2_client *hc)
{
    if (hc->state < H2C_LINGER)
        loop_defer(hc->c->t.loop, &hc->flush);
}

/* What the codec has to say; when it is at its end, the last words behind what of that is whole. */
static void fill(struct h2_client *hc)
{
    struct h2_batch *b = hc->batch;
    struct buf_pool *pool = &hc->c->t.loop->bufs;
    if (hc->switching && !h2_batch_copy(b, pool, SWITCHING, sizeof SWITCHING - 1))
        hc->broken = true;
    hc->switching = false;
    if (!hc->broken && !h2_pull(&hc->h2, b, now(hc)))
        codec_failed(hc);
    if (!hc->last_words_bytes)
        return;
    bool fits = h2_batch_room(b, pool, hc->last_words_bytes, 0);
    if (fits)
        h2_batch_copy(b, pool, hc->last_words, hc->last_words_bytes);
    if (fits || b->bytes == 0) /* else they are the next batch */
        hc->last_words_bytes = 0;
}

static void drop_batch(struct h2_client *hc)
{
    h2_batch_release(hc->batch);
    slab_give(&hc->c->w->h2_batches, hc->batch);
    hc->batch = NULL;
}

/* What to do when there is nothing to send. */
static void sent_all(struct h2_client *hc)
{
    if (hc->state == H2C_ENDING)
        linger(hc);
    else if (!hc->broken && h2_is_over(&hc->h2)) /* the codec saw an error and has said so */
        end(hc, END_HTTP2_ERROR);
}

static void run_flush(struct task *t)
{
    struct h2_client *hc = container_of(t, struct h2_client, flush);
    struct client *c = hc->c;
    if (hc->batch || hc->state >= H2C_LINGER)
        return;
    hc->batch = slab_take(&c->w->h2_batches);
    if (!hc->batch) {
        abandon_all(hc, END_OVERLOADED);
        close_now(hc, true);
        return;
    }
    h2_batch_init(hc->batch);
    fill(hc);
    if (hc->ping_due && hc->state == H2C_NOTICED) {
        hc->ping_due = false;
        h2_ping(&hc->h2);
    }
    if (hc->batch->bytes) {
        transport_send(&c->t, hc->batch->iov, hc->batch->parts);
        arm(hc);
        return;
    }
    drop_batch(hc);
    sent_all(hc);
}

static void on_sent(struct transport *t, int err, uint64_t sent_bytes)
{
    (void)sent_bytes;
    struct client *c = container_of(t, struct client, t);
    struct h2_client *hc = c->h2;
    drop_batch(hc);
    if (err) {
        abandon_all(hc, END_CLIENT_RESET);
        close_now(hc, true);
        return;
    }
    while (!list_empty(&hc->leaving)) {
        struct exchange *ex = container_of(hc->leaving.next, struct exchange, h2.node);
        ex->out.sent_bytes = ex->h2.stream.sent_bytes;
        if (ex->state == EX_ENDED)
            h2_client_release(hc, ex);
        else
            exchange_finished(ex);
    }
    run_flush(&hc->flush);
    arm(hc);
}

/* --- receiving --- */

static void pump_touched(struct h2_client *hc)
{
    while (!list_empty(&hc->touched)) {
        struct exchange *ex = container_of(hc->touched.next, struct exchange, h2.touched);
        list_remove(&ex->h2.touched);
        h2_side_pump(ex);
    }
}

static void receive(struct h2_client *hc, struct buf_slice data)
{
    struct client *c = hc->c;
    if (hc->state >= H2C_ENDING) {
        c->dropped_bytes += data.len;
        buf_unref(data.buf);
        if (c->dropped_bytes > LINGER_BYTES_MAX) {
            close_now(hc, true);
            return;
        }
    } else {
        hc->resting = false;
        bool fine = h2_receive(&hc->h2, data, now(hc));
        buf_unref(data.buf);
        if (!hc->h2.in_head)
            hc->head_ns = 0;
        pump_touched(hc);
        if (!fine)
            codec_failed(hc);
        else if (h2_wants_to_send(&hc->h2) || h2_is_over(&hc->h2))
            h2_client_flush(hc);
    }
    transport_read(&c->t);
    arm(hc);
}

static void on_data(struct transport *t, struct buf_slice data)
{
    receive(container_of(t, struct client, t)->h2, data);
}

static void on_end(struct transport *t, int err)
{
    struct client *c = container_of(t, struct client, t);
    struct h2_client *hc = c->h2;
    c->eof = true;
    if (hc->state == H2C_ENDING && (c->t.sending || hc->flush.queued))
        return; /* it may still read */
    abandon_all(hc, err ? END_CLIENT_RESET : END_CLIENT_GONE);
    close_now(hc, err != 0);
}

static void forget_streams(struct list *l)
{
    for (struct list *n = l->next; n != l; n = n->next)
        h2_forget(&container_of(n, struct exchange, h2.node)->h2.stream);
}

static void forget_all(struct list *l)
{
    while (!list_empty(l)) {
        struct exchange *ex = container_of(l->next, struct exchange, h2.node);
        h2_side_release(ex);
        exchange_unref(ex);
    }
}

static void on_closed(struct transport *t)
{
    struct client *c = container_of(t, struct client, t);
    struct h2_client *hc = c->h2;
    if (hc->batch)
        drop_batch(hc);
    forget_streams(&hc->exchanges);
    h2_destroy(&hc->h2);
    forget_all(&hc->exchanges);
    forget_all(&hc->leaving);
    CHECK(!hc->flush.queued); /* it was queued before the close was, or not at all */
    slab_give(&c->w->h2_clients, hc);
    client_gone(c);
}

static const struct transport_user transport_user = {
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_closed = on_closed,
};

/* The client is not touched, nor does the codec call back. NULL without memory. */
static struct h2_client *create(struct client *c)
{
    struct h2_client *hc = slab_take(&c->w->h2_clients);
    if (!hc)
        return NULL;
    *hc = (struct h2_client){ .c = c, .state = H2C_OPEN, .idle_ns = c->t.loop->now_ns };
    struct h2_config config = { .server = true,
                                .streams_max = H2_STREAMS_MAX,
                                .window_bytes = H2_WINDOW_BYTES };
    if (!h2_init(&hc->h2, &config, &h2_client_codec_ops, &c->t.loop->bufs, c->t.loop->now_ns)) {
        slab_give(&c->w->h2_clients, hc);
        return NULL;
    }
    list_init(&hc->exchanges);
    list_init(&hc->leaving);
    list_init(&hc->touched);
    hc->flush.run = run_flush;
    return hc;
}

static void take_over(struct h2_client *hc)
{
    struct client *c = hc->c;
    c->h2 = hc;
    c->state = CLIENT_HTTP2;
    c->t.user = &transport_user;
    timer_remove(&c->t.loop->timers, &c->timer);
    timer_init(&c->timer, on_timer);
    h2_client_flush(hc);
}

/* first: what was received of it already; without a buffer: nothing. */
static void begin(struct h2_client *hc, struct buf_slice first)
{
    if (first.buf)
        receive(hc, first);
    else
        transport_read(&hc->c->t);
    arm(hc);
}

bool h2_client_begin(struct client *c, struct buf_slice first)
{
    struct h2_client *hc = create(c);
    if (!hc)
        return false;
    take_over(hc);
    begin(hc, first);
    return true;
}

bool h2_client_upgrade(struct client *c, const uint8_t *settings, size_t bytes)
{
    struct exchange *ex = c->ex;
    bool head_request = ex->head.method_id == METHOD_HEAD;
    struct h2_client *hc = create(c);
    if (!hc)
        return false;
    struct h2_side before = ex->h2; /* in a union with HTTP/1's */
    h2_side_init(ex, hc);
    if (!h2_upgrade(&hc->h2, &ex->h2.stream, settings, bytes, head_request)) {
        ex->h2 = before;
        ex->head.version_major = 1;
        h2_destroy(&hc->h2);
        slab_give(&c->w->h2_clients, hc);
        return false;
    }
    ex->head.ended = true;
    ex->head.extended_connect = false;
    ex->down = &h2_downstream_ops;
    list_push_back(&hc->exchanges, &ex->h2.node);
    c->ex = NULL;
    hc->switching = true;
    take_over(hc);
    h2_side_start(ex);
    struct buf_slice first = c->in;
    c->in = (struct buf_slice){ 0 };
    begin(hc, first);
    return true;
}
