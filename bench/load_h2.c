/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 connections of the load generator: several requests at a time on each, by nghttp2 itself.
 * Not by the proxy's codec: what measures it shares neither its mistakes nor its limits. */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "bench/load.h"
#include "bench/origin_answer.h"
#include "core/base/check.h"
#include "core/base/out.h"

#define OUT_BYTES (128 * 1024)
#define OUT_PIECE_MAX (17 * 1024)              /* of what nghttp2 gives at a time */
#define WINDOW_BYTES ((UINT32_C(1) << 30) - 1) /* as h2load's: no window is ever the limit */
#define NUMBER_BYTES 24

struct h2_connection;

/* A request at a time; between two it is in its connection's `spare`. */
struct h2_slot {
    struct list node;
    struct h2_connection *connection;
    bool busy;
    int32_t id; /* 0: not submitted yet, the connection is being made */
    int status; /* the last that came */
    bool ended; /* the answer is whole */
    uint64_t body_bytes, body_left;
    struct due due;
    struct trace_entry what;
    struct timer timeout;
};

enum h2_state {
    H2_DOWN,       /* no transport */
    H2_CONNECTING, /* busy slots wait for it */
    H2_READY,
    H2_DRAINING, /* ready, but takes no more requests; closed with the last answer */
    H2_CLOSING,  /* on_closed comes; no slot is busy */
};

struct h2_connection {
    struct list node; /* in w->free: it can take another request (DOWN, CONNECTING, READY) */
    struct list pending_node; /* in load_h2.pending: it may have something to send */
    struct load_worker *worker;
    enum h2_state state;
    bool heard, is_http2;          /* something came; and it were SETTINGS */
    unsigned busy_count, busy_max; /* slots; at most as many as the server allows */
    struct transport transport;
    nghttp2_session *session; /* NULL: not ready yet */
    struct h2_slot *slots;
    struct list spare;
    struct iovec iov;
    uint8_t *out; /* OUT_BYTES */
};

struct load_h2 {
    nghttp2_session_callbacks *callbacks;
    struct h2_connection *connections;
    struct list pending;
};

static const struct transport_user user;

/* ---- Who can take a request ---- */

/* In `free`, behind all others, or not in it. */
static void list_anew(struct h2_connection *c)
{
    list_remove(&c->node);
    if (c->state <= H2_READY && c->busy_count < c->busy_max)
        list_push_back(&c->worker->free, &c->node);
}

static void begin_close(struct h2_connection *c, bool reset)
{
    c->worker->connecting_count -= c->state == H2_CONNECTING;
    c->state = H2_CLOSING;
    list_anew(c);
    list_remove(&c->pending_node);
    transport_close(&c->transport, reset);
}

static void drain(struct h2_connection *c)
{
    if (c->state != H2_READY)
        return;
    c->state = H2_DRAINING;
    list_anew(c);
}

/* ---- How requests end ---- */

static void let_go(struct h2_slot *s)
{
    struct h2_connection *c = s->connection;
    if (s->id && c->session)
        nghttp2_session_set_stream_user_data(c->session, s->id, NULL);
    s->busy = false;
    s->id = 0;
    c->busy_count--;
    c->worker->in_flight--;
    loop_timer_set(c->worker->loop, &s->timeout, TIMER_NEVER);
    list_push_back(&c->spare, &s->node);
    if (c->worker->options->new_connections)
        drain(c);
    list_anew(c);
}

static void end_request(struct h2_slot *s, enum load_error error)
{
    struct load_worker *w = s->connection->worker;
    schedule_record(w, s->due, error, w->loop->now_ns - s->due.due_ns, s->status, s->body_bytes);
    let_go(s);
}

/* RFC 9113 8.7: it was not processed, so that even a POST may be sent once more. */
static void send_again(struct h2_slot *s)
{
    struct load_worker *w = s->connection->worker;
    w->retries++;
    s->due.retried = true;
    schedule_put_back(w, s->due);
    let_go(s);
}

/* The connection is of no use any more. */
static void fail(struct h2_connection *c, enum load_error error)
{
    for (unsigned i = 0; i < c->worker->options->streams; i++)
        if (c->slots[i].busy)
            end_request(&c->slots[i], error);
    begin_close(c, true);
}

/* ---- Sending ---- */

static nghttp2_nv field(const char *name, struct str value)
{
    return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value.ptr, strlen(name), value.len,
                         NGHTTP2_NV_FLAG_NONE };
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *into, size_t bytes,
                         uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)session, (void)user_data;
    struct h2_slot *s = source->ptr;
    if (s->id != id) /* it has ended, and the slot has another one */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (bytes > s->body_left)
        bytes = (size_t)s->body_left;
    if (bytes > LOAD_BODY_PIECE)
        bytes = LOAD_BODY_PIECE;
    memcpy(into, s->connection->worker->body, bytes);
    s->body_left -= bytes;
    if (s->body_left == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)bytes;
}

/* False: the connection has no stream numbers left. */
static bool submit(struct h2_slot *s)
{
    struct h2_connection *c = s->connection;
    const struct load_options *o = c->worker->options;
    const struct trace_entry *what = &s->what;
    char number[NUMBER_BYTES];
    struct out length = out_into(number, sizeof number);
    out_u64(&length, what->body_bytes);
    nghttp2_nv fields[] = {
        field(":method", what->method),
        field(":scheme", o->tls ? STR("https") : STR("http")),
        field(":authority", o->host),
        field(":path", what->target),
        field("user-agent", STR("sluice-load")),
        field("content-length", (struct str){ number, out_len(&length) }),
    };
    bool sized = what->body_bytes > 0 || str_eq(what->method, STR("POST")) ||
                 str_eq(what->method, STR("PUT"));
    nghttp2_data_provider body = { .source.ptr = s, .read_callback = read_body };
    s->body_left = what->body_bytes;
    s->id = nghttp2_submit_request(c->session, NULL, fields, ARRAY_LEN(fields) - !sized,
                                   s->body_left > 0 ? &body : NULL, s);
    if (s->id > 0)
        return true;
    s->id = 0;
    return false;
}

/* A connection of another protocol than HTTP/2 broke, however it did. */
static enum load_error unless_other_protocol(const struct h2_connection *c, enum load_error error)
{
    return c->heard && !c->is_http2 ? LOAD_PROTOCOL : error;
}

/* Sends what there is, and closes what has nothing more to say. */
static void flush(struct h2_connection *c)
{
    size_t used = 0;
    ssize_t n = 0;
    list_remove(&c->pending_node);
    if ((c->state != H2_READY && c->state != H2_DRAINING) || c->transport.sending)
        return;
    while (used + OUT_PIECE_MAX <= OUT_BYTES) {
        const uint8_t *piece;
        n = nghttp2_session_mem_send(c->session, &piece);
        if (n <= 0)
            break;
        CHECK((size_t)n <= OUT_BYTES - used);
        memcpy(c->out + used, piece, (size_t)n);
        used += (size_t)n;
    }
    CHECK(n >= 0);
    /* Who broke the protocol is sent a GOAWAY, and nothing of it is read any more. */
    if (!nghttp2_session_want_read(c->session)) {
        if (c->busy_count > 0) {
            fail(c, unless_other_protocol(c, LOAD_MALFORMED));
            return;
        }
        drain(c);
    }
    if (used > 0) {
        c->iov = (struct iovec){ c->out, used };
        transport_send(&c->transport, &c->iov, 1);
    } else if (c->busy_count == 0 && c->state == H2_DRAINING) {
        begin_close(c, false);
    }
}

static void submit_or_drain(struct h2_slot *s)
{
    if (submit(s))
        return;
    struct h2_connection *c = s->connection;
    drain(c);
    schedule_put_back(c->worker, s->due);
    let_go(s);
}

static void open_connection(struct h2_connection *c)
{
    struct load_worker *w = c->worker;
    c->state = H2_CONNECTING;
    c->heard = c->is_http2 = false;
    c->busy_max = w->options->streams;
    w->connecting_count++;
    w->down_count--;
    load_transport_open(w, &c->transport, &user);
}

static void give(struct h2_connection *c, struct due due)
{
    struct load_worker *w = c->worker;
    struct h2_slot *s = container_of(c->spare.next, struct h2_slot, node);
    list_remove(&s->node);
    s->busy = true;
    s->ended = false;
    s->status = 0;
    s->body_bytes = 0;
    s->due = due;
    s->what = schedule_what(w, due.index);
    c->busy_count++;
    w->in_flight++;
    loop_timer_set(w->loop, &s->timeout, w->loop->now_ns + w->options->timeout_ns);
    if (c->state == H2_DOWN)
        open_connection(c);
    else if (c->state == H2_READY)
        submit_or_drain(s);
    list_anew(c);
    list_remove(&c->pending_node);
    list_push_back(&w->h2->pending, &c->pending_node);
}

static void dispatch(struct load_worker *w)
{
    while (w->queue_count > 0 && !list_empty(&w->free)) {
        struct h2_connection *c = container_of(w->free.next, struct h2_connection, node);
        give(c, schedule_take(w));
    }
    while (!list_empty(&w->h2->pending))
        flush(container_of(w->h2->pending.next, struct h2_connection, pending_node));
}

/* ---- What nghttp2 tells ---- */

static struct h2_slot *slot_of(nghttp2_session *session, int32_t id)
{
    struct h2_slot *s = nghttp2_session_get_stream_user_data(session, id);
    return s && s->busy && s->id == id ? s : NULL;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    (void)flags, (void)user_data;
    struct h2_slot *s = slot_of(session, frame->hd.stream_id);
    if (s && str_eq((struct str){ (const char *)name, name_len }, STR(":status")) && value_len == 3)
        s->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t bytes, void *user_data)
{
    (void)flags, (void)data, (void)user_data;
    struct h2_slot *s = slot_of(session, id);
    if (s)
        s->body_bytes += bytes;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct h2_connection *c = user_data;
    const struct load_options *o = c->worker->options;
    struct h2_slot *s = frame->hd.stream_id ? slot_of(session, frame->hd.stream_id) : NULL;
    if (s && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
        s->ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        drain(c);
    if (frame->hd.type == NGHTTP2_SETTINGS) {
        c->is_http2 = true;
        uint32_t allowed =
            nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
        c->busy_max = allowed < o->streams ? allowed : o->streams;
        list_anew(c);
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user_data)
{
    const struct load_options *o = ((struct h2_connection *)user_data)->worker->options;
    struct h2_slot *s = slot_of(session, id);
    if (!s)
        return 0;
    if (s->ended)
        end_request(s, load_judge(o, s->status, s->body_bytes, s->what.method));
    else if (code == NGHTTP2_REFUSED_STREAM && !s->due.retried)
        send_again(s);
    else if (code == NGHTTP2_PROTOCOL_ERROR)
        end_request(s, LOAD_MALFORMED); /* nghttp2 found the answer to be that, or the peer us */
    else
        end_request(s, LOAD_RESET);
    return 0;
}

/* A request that waited to be sent when a GOAWAY came. */
static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *user_data)
{
    (void)error, (void)user_data;
    struct h2_slot *s = slot_of(session, frame->hd.stream_id);
    if (s && frame->hd.type == NGHTTP2_HEADERS)
        send_again(s);
    return 0;
}

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *made;
    CHECK(nghttp2_session_callbacks_new(&made) == 0);
    nghttp2_session_callbacks_set_on_header_callback(made, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(made, on_frame_not_sent);
    return made;
}

static void begin_session(struct h2_connection *c)
{
    nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES },
    };
    CHECK(nghttp2_session_client_new(&c->session, c->worker->h2->callbacks, c) == 0 &&
          nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) ==
              0 &&
          nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                                (int32_t)WINDOW_BYTES) == 0);
}

/* ---- What the transport tells ---- */

/* Whether this TLS connection is one of HTTP/2. */
static bool agreed(const struct transport *t)
{
    struct tls_facts facts;
    return !t->tls || (transport_tls_facts(t, &facts) && str_eq(facts.protocol, STR("h2")));
}

static void on_ready(struct transport *t, int err)
{
    struct h2_connection *c = container_of(t, struct h2_connection, transport);
    c->worker->resumed += !err && transport_tls_resumed(t);
    if (err || !agreed(t)) {
        fail(c, err ? load_error_of_connect(t, err) : LOAD_PROTOCOL);
        return;
    }
    c->worker->connecting_count--;
    c->state = H2_READY;
    begin_session(c);
    for (unsigned i = 0; i < c->worker->options->streams; i++)
        if (c->slots[i].busy)
            submit_or_drain(&c->slots[i]);
    flush(c);
    transport_read(t);
}

static void on_data(struct transport *t, struct buf_slice data)
{
    struct h2_connection *c = container_of(t, struct h2_connection, transport);
    c->worker->received_bytes += data.len;
    c->heard = true;
    ssize_t n = nghttp2_session_mem_recv(c->session, data.buf->data + data.off, data.len);
    buf_unref(data.buf);
    if (n < 0) {
        fail(c, unless_other_protocol(c, LOAD_MALFORMED));
        return;
    }
    flush(c);
    if (c->state == H2_READY || c->state == H2_DRAINING)
        transport_read(t);
}

static void on_end(struct transport *t, int err)
{
    struct h2_connection *c = container_of(t, struct h2_connection, transport);
    fail(c, unless_other_protocol(c, err == 0 ? LOAD_CLOSED : LOAD_RESET));
}

/* A send that fails ends no request: on_end tells. */
static void on_sent(struct transport *t, int err, uint64_t sent_bytes)
{
    (void)sent_bytes;
    if (!err)
        flush(container_of(t, struct h2_connection, transport));
}

static void on_closed(struct transport *t)
{
    struct h2_connection *c = container_of(t, struct h2_connection, transport);
    nghttp2_session_del(c->session);
    c->session = NULL;
    c->state = H2_DOWN;
    c->busy_max = c->worker->options->streams;
    c->worker->down_count++;
    list_anew(c);
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
    struct h2_slot *s = container_of(timer, struct h2_slot, timeout);
    struct h2_connection *c = s->connection;
    (void)now_ns;
    if (s->id)
        nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
    end_request(s, LOAD_TIMEOUT);
    if (c->state == H2_CONNECTING && c->busy_count == 0)
        begin_close(c, true);
    else
        flush(c);
}

/* ---- All of them ---- */

static void init_connection(struct load_worker *w, struct h2_connection *c)
{
    unsigned streams = w->options->streams;
    c->worker = w;
    c->busy_max = streams;
    c->out = malloc(OUT_BYTES);
    c->slots = calloc(streams, sizeof *c->slots);
    CHECK(c->out && c->slots);
    list_init(&c->node);
    list_init(&c->pending_node);
    list_init(&c->spare);
    for (unsigned i = 0; i < streams; i++) {
        c->slots[i].connection = c;
        timer_init(&c->slots[i].timeout, timed_out);
        list_init(&c->slots[i].node);
        list_push_back(&c->spare, &c->slots[i].node);
    }
}

static void open_all(struct load_worker *w)
{
    w->h2 = calloc(1, sizeof *w->h2);
    CHECK(w->h2);
    w->h2->connections = calloc(w->connection_count, sizeof *w->h2->connections);
    CHECK(w->h2->connections);
    w->h2->callbacks = make_callbacks();
    list_init(&w->h2->pending);
    for (unsigned i = 0; i < w->connection_count; i++) {
        struct h2_connection *c = &w->h2->connections[i];
        init_connection(w, c);
        if (!w->options->new_connections)
            open_connection(c);
        list_anew(c);
    }
}

static void close_all(struct load_worker *w)
{
    for (unsigned i = 0; i < w->connection_count; i++) {
        struct h2_connection *c = &w->h2->connections[i];
        for (unsigned j = 0; j < w->options->streams; j++) {
            if (c->slots[j].busy) { /* the user ended it all */
                w->cut++;
                let_go(&c->slots[j]);
            }
        }
        if (c->state != H2_DOWN && c->state != H2_CLOSING)
            begin_close(c, true);
    }
}

static void free_all(struct load_worker *w)
{
    for (unsigned i = 0; i < w->connection_count; i++) {
        struct h2_connection *c = &w->h2->connections[i];
        for (unsigned j = 0; j < w->options->streams; j++)
            timer_remove(&w->loop->timers, &c->slots[j].timeout);
        free(c->slots);
        free(c->out);
    }
    nghttp2_session_callbacks_del(w->h2->callbacks);
    free(w->h2->connections);
    free(w->h2);
}

const struct load_engine load_h2 = {
    .open = open_all,
    .dispatch = dispatch,
    .close = close_all,
    .free = free_all,
};
