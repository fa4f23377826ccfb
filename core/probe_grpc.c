/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check by gRPC's health protocol: grpc.health.v1.Health/Check, whose answer has to say SERVING.
 * Of protocol buffers it takes one field each way: HealthCheckRequest.service (1, text),
 * HealthCheckResponse.status (1, enum). */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/probe_h2.h"

#define MESSAGE_HEAD_BYTES 5 /* whether it is compressed; its length */
#define ANSWER_BYTES_MAX 256 /* of a message: what is longer is none of these */
#define QUESTION_BYTES_MAX (MESSAGE_HEAD_BYTES + 2 + HEALTH_SERVICE_BYTES_MAX)

_Static_assert(HEALTH_SERVICE_BYTES_MAX < 128, "its length is one byte of a varint");
_Static_assert(QUESTION_BYTES_MAX <= PROBE_H2_BODY_BYTES_MAX, "it is a body");

/* The status in the message; -1: there is none such. */
static int status_of(struct str message)
{
    const uint8_t *all = (const uint8_t *)message.ptr, *p = all + MESSAGE_HEAD_BYTES;
    if (message.len < MESSAGE_HEAD_BYTES || all[0] != 0)
        return -1;
    uint32_t len = (uint32_t)all[1] << 24 | (uint32_t)all[2] << 16 | (uint32_t)all[3] << 8 | all[4];
    if (len != message.len - MESSAGE_HEAD_BYTES)
        return -1;
    if (len == 0) /* the default of an enum is not written: UNKNOWN */
        return 0;
    return len == 2 && p[0] == (1 << 3) ? p[1] : -1;
}

static void on_head(struct probe *p, const struct http_head *h)
{
    char text[64];
    snprintf(text, sizeof text, "it answers %u", h->status);
    if (h->status != 200)
        probe_result(p, text);
}

static void on_body(struct probe *p, struct str so_far, bool full)
{
    if (full || so_far.len > MESSAGE_HEAD_BYTES + ANSWER_BYTES_MAX)
        probe_result(p, "it does not answer as grpc.health.v1");
}

/* By gRPC's own status, which ends it. */
static void on_end(struct probe *p, struct str body, const struct http_head *last)
{
    static const char *const words[] = { "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN" };
    const struct http_field *f = last ? head_field_named(last, STR("grpc-status")) : NULL;
    struct str code = f ? head_value(last, f) : (struct str){ 0 };
    int status = status_of(body);
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

/* The message with the name of the service. */
static struct str write_question(char out[QUESTION_BYTES_MAX], const char *service)
{
    uint8_t n = (uint8_t)strlen(service);
    uint8_t bytes = n ? (uint8_t)(n + 2) : 0;
    const char head[] = { 0, 0, 0, 0, (char)bytes, 1 << 3 | 2, (char)n };
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, service, n);
    return (struct str){ out, MESSAGE_HEAD_BYTES + (size_t)bytes };
}

static void begin(struct probe *p)
{
    static const struct probe_h2_ops ops = { on_head, on_body, on_end };
    char question[QUESTION_BYTES_MAX], *head;
    int n = asprintf(&head,
                     ":method: POST\r\n:scheme: %s\r\n:path: /grpc.health.v1.Health/Check\r\n"
                     ":authority: %s\r\ncontent-type: application/grpc\r\nte: trailers\r\n"
                     "user-agent: sluice\r\n\r\n",
                     p->rules.tls ? "https" : "http", p->rules.host);
    probe_h2_begin(p, &ops, n < 0 ? NULL : head, write_question(question, p->rules.service));
}

const struct probe_ops probe_grpc = { begin, probe_h2_data, probe_h2_end, probe_h2_sent,
                                      probe_h2_drop };
