/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check by gRPC's health protocol: grpc.health.v1.Health/Check, whose answer has to say SERVING.
 * Of protocol buffers it takes one field each way: HealthCheckRequest.service (1, text),
 * HealthCheckResponse.status (1, enum). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/http/h2.h"
#include "core/probe.h"

#define MESSAGE_HEAD_BYTES 5 /* whether it is compressed; its length */
#define ANSWER_BYTES_MAX 256 /* of a message: what is longer is none of these */

struct grpc_check {
    struct h2 h2;
    struct h2_stream stream;
    struct h2_batch batch; /* being sent, while the transport is */
    struct probe *probe;
    struct arena arena;
    uint32_t received;
    uint8_t answer[MESSAGE_HEAD_BYTES + ANSWER_BYTES_MAX];
    char question[MESSAGE_HEAD_BYTES + 2 + HEALTH_SERVICE_BYTES_MAX];
    char *head; /* the request's: h2_request() changes it */
    _Alignas(16) char first[4096];
};

_Static_assert(HEALTH_SERVICE_BYTES_MAX < 128, "its length is one byte of a varint");

char *probe_grpc_request(const struct health_config *h, struct str host, bool tls)
{
    (void)h;
    char *text;
    int n = asprintf(&text,
                     ":method: POST\r\n:scheme: %s\r\n:path: /grpc.health.v1.Health/Check\r\n"
                     ":authority: %.*s\r\ncontent-type: application/grpc\r\nte: trailers\r\n"
                     "user-agent: sluice\r\n\r\n",
                     tls ? "https" : "http", (int)host.len, host.ptr);
    return n < 0 ? NULL : text;
}

/* --- the answer --- */

/* The status in the message; -1: there is none such. */
static int status_of(const struct grpc_check *g)
{
    const uint8_t *p = g->answer + MESSAGE_HEAD_BYTES, *end = g->answer + g->received;
    if (g->received < MESSAGE_HEAD_BYTES || g->answer[0] != 0)
        return -1;
    uint32_t len = (uint32_t)g->answer[1] << 24 | (uint32_t)g->answer[2] << 16 |
                   (uint32_t)g->answer[3] << 8 | g->answer[4];
    if (len != (uint64_t)(end - p))
        return -1;
    if (len == 0) /* the default of an enum is not written: UNKNOWN */
        return 0;
    return len == 2 && p[0] == (1 << 3) ? p[1] : -1;
}

/* gRPC's own status, which ends it. */
static void judge(struct probe *p, const struct http_head *h)
{
    static const char *const words[] = { "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN" };
    const struct http_field *f = head_field_named(h, STR("grpc-status"));
    struct str code = f ? head_value(h, f) : (struct str){ 0 };
    int status = status_of(p->grpc);
    char why[64];
    if (!str_eq(code, STR("0")))
        snprintf(why, sizeof why, "grpc-status is %.*s", code.len ? (int)code.len : 7,
                 code.len ? code.ptr : "missing");
    else if (status < 0 || status >= (int)ARRAY_LEN(words))
        snprintf(why, sizeof why, "it does not answer as grpc.health.v1");
    else
        snprintf(why, sizeof why, "it says %s", words[status]);
    probe_result(p, str_eq(code, STR("0")) && status == 1 ? NULL : why);
}

static struct probe *probe_of(struct h2_stream *st)
{
    return container_of(st, struct grpc_check, stream)->probe;
}

static bool on_section(struct h2_stream *st, struct h2_collect *c, bool end_stream)
{
    struct probe *p = probe_of(st);
    struct http_head h;
    enum end_reason why;
    bool trailers = st->head_in;
    if (!h2_collect_end(c, &h, &why))
        return false;
    if (p->state != PROBE_ASKING || (!trailers && h.status < 200))
        return true;
    st->head_in = true;
    char text[64];
    snprintf(text, sizeof text, "it answers %u", h.status);
    if (why != END_OK)
        probe_result(p, "its answer's head is too large");
    else if (!trailers && h.status != 200)
        probe_result(p, text);
    else if (end_stream)
        judge(p, &h);
    return true;
}

static void on_stream_data(struct h2_stream *st, struct buf_slice data)
{
    struct grpc_check *g = probe_of(st)->grpc;
    uint32_t room = (uint32_t)sizeof g->answer - g->received;
    if (data.len > room && probe_of(st)->state == PROBE_ASKING)
        probe_result(probe_of(st), "it does not answer as grpc.health.v1");
    uint32_t n = data.len < room ? data.len : room;
    memcpy(g->answer + g->received, data.buf->data + data.off, n);
    g->received += n;
    h2_consume(st, data.len);
    buf_unref(data.buf);
}

static void on_ended(struct h2_stream *st)
{
    struct probe *p = probe_of(st);
    if (p->state == PROBE_ASKING) /* without trailers, or without anything */
        probe_result(p, "grpc-status is missing");
}

static void on_stream_closed(struct h2_stream *st, uint32_t code, bool by_peer)
{
    (void)code, (void)by_peer;
    struct probe *p = probe_of(st);
    if (p->state == PROBE_ASKING)
        probe_result(p, "it reset the call");
}

static void nothing_of_stream(struct h2_stream *st)
{
    (void)st;
}

static void nothing(struct h2 *h)
{
    (void)h;
}

static struct h2_stream *no_request(struct h2 *h)
{
    (void)h;
    return NULL;
}

static void on_goaway(struct h2 *h, uint32_t code)
{
    (void)h, (void)code; /* the stream's end tells */
}

static const struct h2_ops ops = {
    .begin = no_request,
    .section = on_section,
    .data = on_stream_data,
    .ended = on_ended,
    .sent = nothing_of_stream,
    .drained = nothing_of_stream,
    .closed = on_stream_closed,
    .pong = nothing,
    .settings = nothing,
    .goaway = on_goaway,
};

/* --- the connection --- */

static void send_some(struct probe *p)
{
    struct grpc_check *g = p->grpc;
    if (p->state != PROBE_ASKING || p->t.sending)
        return;
    if (!h2_wants_to_send(&g->h2)) {
        if (h2_is_over(&g->h2)) /* its end has been told, with why */
            probe_result(p, "it does not speak HTTP/2");
        return;
    }
    if (!h2_pull(&g->h2, &g->batch, p->prober->loop->now_ns)) {
        if (p->state == PROBE_ASKING)
            probe_result(p, "it breaks HTTP/2");
        return;
    }
    if (g->batch.parts && p->state == PROBE_ASKING)
        transport_send(&p->t, g->batch.iov, g->batch.parts);
}

/* The message before the name of the service. */
static struct str write_question(struct grpc_check *g, struct str service)
{
    uint8_t n = (uint8_t)service.len;
    uint8_t bytes = n ? (uint8_t)(n + 2) : 0;
    const char head[] = { 0, 0, 0, 0, (char)bytes, 1 << 3 | 2, (char)n };
    memcpy(g->question, head, sizeof head);
    memcpy(g->question + sizeof head, service.ptr ? service.ptr : "", n);
    return (struct str){ g->question, MESSAGE_HEAD_BYTES + (size_t)bytes };
}

static void begin(struct probe *p)
{
    const struct h2_config config = { .streams_max = 1, .window_bytes = H2_WINDOW_BYTES };
    struct loop *l = p->prober->loop;
    struct grpc_check *g = calloc(1, sizeof *g);
    if (g && !h2_init(&g->h2, &config, &ops, &l->bufs, l->now_ns)) {
        free(g);
        g = NULL;
    }
    p->grpc = g;
    if (!g) {
        probe_result(p, "there is no memory for a check");
        return;
    }
    g->probe = p;
    g->head = strdup(p->rules.request);
    h2_batch_init(&g->batch);
    arena_init(&g->arena, g->first, sizeof g->first, EXCHANGE_ARENA_EXTRA_BYTES_MAX);
    h2_stream_init(&g->stream, &g->arena);
    bool asked = g->head && h2_send_text(&g->stream, write_question(g, str_of(p->rules.service)));
    if (asked) {
        h2_send_end(&g->stream, NULL, 0);
        asked = h2_request(&g->h2, &g->stream, g->head, strlen(g->head));
    }
    if (!asked) {
        probe_result(p, "there is no memory for a check");
        return;
    }
    transport_read(&p->t);
    send_some(p);
}

static void on_data(struct probe *p, struct buf_slice data)
{
    bool good = h2_receive(&p->grpc->h2, data, p->prober->loop->now_ns);
    buf_unref(data.buf);
    if (p->state != PROBE_ASKING)
        return;
    if (!good) {
        probe_result(p, "it does not speak HTTP/2");
        return;
    }
    transport_read(&p->t);
    send_some(p);
}

static void on_end(struct probe *p, int err)
{
    (void)err;
    probe_result(p, "it closed the connection");
}

static void on_sent(struct probe *p)
{
    h2_batch_release(&p->grpc->batch);
    send_some(p);
}

static void drop(struct probe *p)
{
    struct grpc_check *g = p->grpc;
    p->grpc = NULL;
    if (!g)
        return;
    h2_batch_release(&g->batch);
    if (g->stream.h)
        h2_forget(&g->stream);
    h2_destroy(&g->h2);
    h2_drop_queue(&g->stream);
    arena_reset(&g->arena);
    free(g->head);
    free(g);
}

const struct probe_kind_ops probe_grpc = { begin, on_data, on_end, on_sent, drop };
