/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/h2.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/http/h2_internal.h"

static struct h2_stream *stream_of(nghttp2_session *s, int32_t id)
{
    return id ? nghttp2_session_get_stream_user_data(s, id) : NULL;
}

/* NGHTTP2_ERR_CALLBACK_FAILURE ends it all. */
static int too_much(struct h2 *h, enum h2_abuse kind)
{
    h->abuse = (uint8_t)(kind + 1);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int spend(struct h2 *h, enum h2_abuse kind)
{
    return h2_budget_spend(&h->budget, kind, h->now_ns) ? 0 : too_much(h, kind);
}

/* --- heads and trailers --- */

static int on_begin_headers(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    int32_t id = frame->hd.stream_id;
    bool request = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    struct h2_stream *st = stream_of(s, id);
    h->collecting = NULL;
    h->head_bytes = 0;
    if (request) {
        st = h->ops->begin(h);
        if (!st) {
            nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
            return 0;
        }
        h2_attach(h, st, id);
    }
    if (!st || st->reset)
        return 0;
    enum h2_section section = st->head_in ? H2_TRAILERS : h->server ? H2_REQUEST : H2_RESPONSE;
    h2_collect_begin(&h->collect, section, st->arena);
    h->collecting = st;
    return 0;
}

static int malformed(struct h2 *h, int32_t id)
{
    h->collecting = NULL;
    h->in_head = false;
    nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    (void)s, (void)flags;
    struct h2 *h = user;
    h->head_bytes += (uint32_t)(name_len + value_len) + 32; /* RFC 7541 4.1 */
    if (h->head_bytes > H2_HEAD_LIST_BYTES_MAX)
        return too_much(h, H2_ABUSE_HPACK);
    if (!h->collecting || h->collecting->id != frame->hd.stream_id)
        return 0;
    struct str n = { (const char *)name, name_len }, v = { (const char *)value, value_len };
    enum end_reason before = (enum end_reason)h->collect.why;
    if (!h2_collect_field(&h->collect, n, v))
        return malformed(h, frame->hd.stream_id);
    if (h->server && !h->collecting->head_in && str_eq(n, STR("priority")))
        priority_merge(&h->collecting->priority, v);
    bool beyond = before == END_OK && h->collect.why != END_OK;
    return beyond ? spend(h, H2_ABUSE_HPACK) : 0;
}

/* RFC 9113 8.1.1: what nghttp2 would only leave out makes the message malformed. */
static int on_invalid_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                             void *user)
{
    (void)s, (void)name, (void)name_len, (void)value, (void)value_len, (void)flags;
    return malformed(user, frame->hd.stream_id);
}

static int section_complete(struct h2 *h, const nghttp2_frame *frame)
{
    struct h2_stream *st = h->collecting;
    bool end_stream = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    h->in_head = false;
    h->collecting = NULL;
    if (!st || st->id != frame->hd.stream_id)
        return 0;
    st->remote_ended = end_stream;
    if (end_stream && !h->server)
        h2_budget_earn(&h->budget);
    if (!h->ops->section(st, &h->collect, end_stream)) {
        h2_reset(st, NGHTTP2_PROTOCOL_ERROR);
        return 0;
    }
    if (end_stream && st->h && !st->reset)
        h->ops->ended(st);
    return 0;
}

static int on_invalid_frame(nghttp2_session *s, const nghttp2_frame *frame, int code, void *user)
{
    (void)s, (void)code;
    struct h2 *h = user;
    if (frame->hd.type == NGHTTP2_HEADERS)
        h2_note_reset(h, frame->hd.stream_id); /* it will be, and may not even be known */
    h->in_head = false;
    h->collecting = NULL;
    return 0;
}

/* --- other frames --- */

static int on_begin_frame(nghttp2_session *s, const nghttp2_frame_hd *hd, void *user)
{
    (void)s;
    struct h2 *h = user;
    h->in_head = hd->type == NGHTTP2_HEADERS;
    switch (hd->type) {
    case NGHTTP2_HEADERS:
        return h2_check_head(h, hd->stream_id) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    case NGHTTP2_PRIORITY: /* 6.3; nghttp2 does not look at it any more */
        if (hd->stream_id == 0 || hd->length != 5) {
            h->error = hd->stream_id ? NGHTTP2_FRAME_SIZE_ERROR : NGHTTP2_PROTOCOL_ERROR;
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        return spend(h, H2_ABUSE_PRIORITY);
    case NGHTTP2_PRIORITY_UPDATE:
        return spend(h, H2_ABUSE_PRIORITY);
    case NGHTTP2_WINDOW_UPDATE:
        return spend(h, H2_ABUSE_WINDOW_UPDATE);
    case NGHTTP2_SETTINGS:
        return hd->flags & NGHTTP2_FLAG_ACK ? 0 : spend(h, H2_ABUSE_SETTINGS);
    case NGHTTP2_PING:
        return hd->flags & NGHTTP2_FLAG_ACK ? 0 : spend(h, H2_ABUSE_PING);
    default:
        return hd->type > NGHTTP2_CONTINUATION ? spend(h, H2_ABUSE_UNKNOWN) : 0;
    }
}

static int on_data_chunk(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p,
                         size_t len, void *user)
{
    (void)flags;
    struct h2 *h = user;
    nghttp2_session_consume_connection(s, len);
    struct h2_stream *st = stream_of(s, id);
    if (!st || st->reset || len == 0) {
        nghttp2_session_consume_stream(s, id, len);
        return 0;
    }
    CHECK(p >= h->in->data && p + len <= h->in->data + h->in->cap);
    buf_ref(h->in);
    h->ops->data(st, (struct buf_slice){ h->in, (uint32_t)(p - h->in->data), (uint32_t)len });
    return 0;
}

static int data_complete(struct h2 *h, const nghttp2_frame *frame)
{
    bool end_stream = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (!end_stream && frame->hd.length <= frame->data.padlen)
        return spend(h, H2_ABUSE_EMPTY_DATA);
    h2_budget_earn(&h->budget);
    struct h2_stream *st = end_stream ? stream_of(h->session, frame->hd.stream_id) : NULL;
    if (st) {
        st->remote_ended = true;
        if (!st->reset)
            h->ops->ended(st);
    }
    return 0;
}

/* RFC 9218 7.1: in place of all that was said before. nghttp2 has taken it up already. */
static void note_priority(struct h2 *h, const nghttp2_ext_priority_update *update)
{
    struct h2_stream *st = stream_of(h->session, update->stream_id);
    if (!st)
        return;
    st->priority = priority_default();
    priority_merge(&st->priority,
                   (struct str){ (const char *)update->field_value, update->field_value_len });
}

static int on_frame_recv(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        return section_complete(h, frame);
    case NGHTTP2_DATA:
        return data_complete(h, frame);
    case NGHTTP2_SETTINGS:
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK)) {
            h->settings_seen = true;
            h->ops->settings(h);
        }
        return 0;
    case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
            h->ops->pong(h);
        return 0;
    case NGHTTP2_PRIORITY_UPDATE:
        note_priority(h, frame->ext.payload);
        return 0;
    case NGHTTP2_GOAWAY:
        h->ops->goaway(h, frame->goaway.error_code);
        return 0;
    case NGHTTP2_RST_STREAM: {
        struct h2_stream *st = stream_of(s, frame->hd.stream_id);
        if (st)
            st->reset_by_peer = true;
        return st && !st->reset && h->server ? spend(h, H2_ABUSE_RESET) : 0;
    }
    default:
        return 0;
    }
}

static int on_stream_close(nghttp2_session *s, int32_t id, uint32_t code, void *user)
{
    (void)s;
    struct h2 *h = user;
    struct h2_stream *st = stream_of(s, id);
    if (!st)
        return 0;
    bool by_peer = st->reset_by_peer;
    h2_detach(st);
    h->ops->closed(st, code, by_peer);
    return 0;
}

static int on_frame_send(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    uint8_t type = frame->hd.type;
    if (type == NGHTTP2_RST_STREAM) {
        uint32_t code = frame->rst_stream.error_code;
        h2_note_reset(h, frame->hd.stream_id);
        bool theirs = code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
                      code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR ||
                      code == NGHTTP2_REFUSED_STREAM;
        return theirs && h->server ? spend(h, H2_ABUSE_MADE_RESET) : 0;
    }
    if (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA)
        return 0;
    struct h2_stream *st = stream_of(s, frame->hd.stream_id);
    if (!st)
        return 0;
    st->sent_bytes += 9 + frame->hd.length;
    if (type == NGHTTP2_DATA)
        h2_budget_earn(&h->budget);
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    if (st->tunnel)
        return 0;
    if (h->server) {
        h2_budget_earn(&h->budget);
        /* RFC 9113 8.1: the rest of the request is not needed. */
        if (!st->remote_ended)
            nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, st->id, NGHTTP2_NO_ERROR);
        h2_detach(st);
    }
    h->ops->sent(st);
    return 0;
}

/* Frames of types that nobody knows are left out (RFC 9113 4.1), after they were counted. */
static int on_unpack(nghttp2_session *s, void **payload, const nghttp2_frame_hd *hd, void *user)
{
    (void)s, (void)payload, (void)hd, (void)user;
    return NGHTTP2_ERR_CANCEL;
}

/* --- life --- */

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *c;
    if (nghttp2_session_callbacks_new(&c) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(c, on_invalid_header);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
    nghttp2_session_callbacks_set_unpack_extension_callback(c, on_unpack);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(c, h2_on_send_data);
    return c;
}

static nghttp2_option *make_options(void)
{
    nghttp2_option *o;
    if (nghttp2_option_new(&o) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_builtin_recv_extension_type(o, NGHTTP2_PRIORITY_UPDATE);
    for (unsigned type = NGHTTP2_CONTINUATION + 1; type < 256; type++)
        if (type != NGHTTP2_PRIORITY_UPDATE)
            nghttp2_option_set_user_recv_extension_type(o, (uint8_t)type);
    nghttp2_option_set_max_send_header_block_length(o, 4 * HEAD_BYTES_MAX);
    nghttp2_option_set_stream_reset_rate_limit(o, 100000, 100000); /* h2_budget.h counts */
    nghttp2_option_set_max_continuations(o, H2_CONTINUATIONS_MAX);
    return o;
}

static bool submit_settings(struct h2 *h, const struct h2_config *config)
{
    nghttp2_settings_entry server[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, config->streams_max },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, config->window_bytes },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEAD_BYTES_MAX },
        { NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
        { NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 },
    };
    nghttp2_settings_entry client[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, config->window_bytes },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEAD_BYTES_MAX },
    };
    int rc = config->server ? nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, server, 5)
                            : nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, client, 3);
    return rc == 0 && nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
                                                            H2_CONNECTION_WINDOW_BYTES) == 0;
}

bool h2_init(struct h2 *h, const struct h2_config *config, const struct h2_ops *ops,
             struct buf_pool *pool, uint64_t now_ns)
{
    *h = (struct h2){ .ops = ops, .pool = pool, .server = config->server, .now_ns = now_ns };
    list_init(&h->drained);
    h->closed.frame_left_bytes = H2_PREFACE_BYTES;
    h2_budget_init(&h->budget, now_ns);
    h2_memory_init(&h->memory);
    nghttp2_session_callbacks *callbacks = make_callbacks();
    nghttp2_option *options = make_options();
    int rc = NGHTTP2_ERR_NOMEM;
    if (callbacks && options)
        rc =
            config->server
                ? nghttp2_session_server_new3(&h->session, callbacks, h, options, &h->memory.hooks)
                : nghttp2_session_client_new3(&h->session, callbacks, h, options, &h->memory.hooks);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    if (rc == 0 && submit_settings(h, config))
        return true;
    h2_destroy(h);
    return false;
}

void h2_destroy(struct h2 *h)
{
    CHECK(h->streams_count == 0);
    nghttp2_session_del(h->session);
    h->session = NULL;
    h2_memory_destroy(&h->memory);
}

void h2_rest(struct h2 *h)
{
    if (h->streams_count == 0 && !h->in_head && !h2_wants_to_send(h))
        h2_memory_rest(&h->memory);
}

bool h2_receive(struct h2 *h, struct buf_slice data, uint64_t now_ns)
{
    h->now_ns = now_ns;
    const uint8_t *p = data.buf->data + data.off;
    uint32_t given = 0, seen = 0;
    ssize_t n = 0;
    h->in = data.buf;
    while (n >= 0 && seen < data.len) {
        int32_t data_on;
        seen += h2_scan(h, p + seen, data.len - seen, &data_on);
        uint32_t end = data_on ? seen - 1 : seen;
        n = nghttp2_session_mem_recv(h->session, p + given, end - given);
        given = end;
        if (n >= 0 && data_on && !h2_check_data(h, data_on))
            n = NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (n >= 0 && given < data.len)
        n = nghttp2_session_mem_recv(h->session, p + given, data.len - given);
    h->in = NULL;
    if (n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
        h->abuse = H2_ABUSE_CONTINUATION + 1;
    else if (n == NGHTTP2_ERR_FLOODED && !h->abuse)
        h->abuse = H2_ABUSE_PING + 1; /* acknowledgements that the peer does not take */
    return n >= 0 && !h->abuse;
}

static bool setting_is_valid(uint16_t id, uint32_t value)
{
    switch (id) {
    case NGHTTP2_SETTINGS_ENABLE_PUSH:
    case NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL:
    case NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES:
        return value <= 1;
    case NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE:
        return value <= INT32_MAX;
    case NGHTTP2_SETTINGS_MAX_FRAME_SIZE:
        return value >= 1 << 14 && value < 1 << 24;
    default:
        return true;
    }
}

/* nghttp2 would go over and say GOAWAY then. */
static bool settings_are_valid(const uint8_t *p, size_t bytes)
{
    for (; bytes >= 6; bytes -= 6, p += 6)
        if (!setting_is_valid((uint16_t)(p[0] << 8 | p[1]), (uint32_t)p[2] << 24 |
                                                                (uint32_t)p[3] << 16 |
                                                                (uint32_t)p[4] << 8 | p[5]))
            return false;
    return bytes == 0;
}

bool h2_upgrade(struct h2 *h, struct h2_stream *st, const uint8_t *settings, size_t bytes,
                bool head_request)
{
    if (!settings_are_valid(settings, bytes) ||
        nghttp2_session_upgrade2(h->session, settings, bytes, head_request, st) != 0)
        return false;
    h->closed.last_id = 1;
    h->closed.opened_count = 1;
    h->settings_seen = false; /* the connection's own are still to come */
    h2_attach(h, st, 1);
    st->head_in = st->remote_ended = true;
    return true;
}

static void tell_drained(struct h2 *h)
{
    while (!list_empty(&h->drained)) {
        struct h2_stream *st = container_of(h->drained.next, struct h2_stream, drained_node);
        list_remove(&st->drained_node);
        if (!st->reset)
            h->ops->drained(st);
    }
}

bool h2_pull(struct h2 *h, struct h2_batch *b, uint64_t now_ns)
{
    h->now_ns = now_ns;
    h->batch = b;
    bool fine = true;
    while (fine && h2_batch_room(b, h->pool, H2_FRAME_ROOM_BYTES, 1)) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(h->session, &p);
        if (n == 0)
            break;
        fine = n > 0 && h2_batch_copy(b, h->pool, p, (uint32_t)n);
    }
    h->batch = NULL;
    tell_drained(h);
    return fine && !h->abuse;
}

bool h2_wants_to_send(const struct h2 *h)
{
    return nghttp2_session_want_write(h->session);
}

bool h2_is_over(const struct h2 *h)
{
    return !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session);
}

static void put_u32(char *out, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(v >> (24 - 8 * i));
}

void h2_last_words(const struct h2 *h, uint32_t code, char out[H2_LAST_WORDS_BYTES])
{
    memset(out, 0, H2_LAST_WORDS_BYTES);
    out[2] = 8; /* length */
    out[3] = NGHTTP2_GOAWAY;
    put_u32(out + 9, (uint32_t)nghttp2_session_get_last_proc_stream_id(h->session));
    put_u32(out + 13, code);
}

uint32_t h2_streams_allowed(const struct h2 *h)
{
    return nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void h2_shutdown_notice(struct h2 *h)
{
    nghttp2_submit_shutdown_notice(h->session);
}

void h2_goaway(struct h2 *h, uint32_t code)
{
    h->named_last = true;
    int32_t last = nghttp2_session_get_last_proc_stream_id(h->session);
    nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, last, code, NULL, 0);
}

void h2_ping(struct h2 *h)
{
    nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
}
