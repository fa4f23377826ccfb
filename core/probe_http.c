/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check by HTTP/1.1 or HTTP/2: a GET, its status, a text in its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/http/framing.h"
#include "core/http/h1_head.h"
#include "core/probe_h2.h"

/* Whether the status is one of a healthy server; else that is the outcome. */
static bool is_good_status(struct probe *p, unsigned status)
{
    const struct health_config *c = &p->rules.config;
    char text[64];
    if (status >= c->status_min && status <= c->status_max)
        return true;
    snprintf(text, sizeof text, "it answers %u", status);
    probe_result(p, text);
    return false;
}

/* Whether nothing more of the body is needed. */
static bool is_good_body(const struct probe *p, struct str body)
{
    const char *wanted = p->rules.body;
    return memmem(body.ptr, body.len, wanted, strlen(wanted)) != NULL;
}

#define BAD_BODY "its answer does not hold the text"

/* ---- HTTP/1.1 ---- */

static void begin(struct probe *p)
{
    const struct probe_rules *r = &p->rules;
    int n = asprintf(&p->request,
                     "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice\r\nAccept: */*\r\n"
                     "Connection: close\r\n\r\n",
                     r->path, r->host);
    p->received = 0;
    if (n < 0) {
        p->request = NULL;
        probe_result(p, PROBE_NO_MEMORY);
        return;
    }
    p->iov = (struct iovec){ p->request, (size_t)n };
    transport_send(&p->t, &p->iov, 1);
    transport_read(&p->t);
}

/* Whether all of the body is there, as far as its head says. */
static bool is_whole(const struct probe *p, const struct http_head *h)
{
    struct framing f;
    const char *body = p->answer + h->head_bytes;
    uint32_t len = p->received - h->head_bytes;
    if (framing_of_response(h, METHOD_GET, &f) != END_OK)
        return true;
    if (f.kind == BODY_CHUNKED)
        return len >= 5 && memcmp(body + len - 5, "0\r\n\r\n", 5) == 0;
    return f.kind == BODY_NONE || (f.kind == BODY_LENGTH && len >= f.length);
}

/* ended: nothing more comes. */
static void look_at_answer(struct probe *p, bool ended)
{
    struct http_head h;
    enum end_reason why = END_OK;
    for (;;) {
        switch (h1_parse_response(p->answer, p->received, 0, &h, &why)) {
        case H1_ERROR:
            probe_result(p, "it does not answer in HTTP");
            return;
        case H1_PARTIAL:
            if (ended || p->received >= PROBE_HEAD_BYTES)
                probe_result(p, "its answer is not whole");
            else
                transport_read(&p->t);
            return;
        case H1_DONE:
            break;
        }
        if (h.status >= 200)
            break;
        p->received -= h.head_bytes;
        memmove(p->answer, p->answer + h.head_bytes, p->received);
    }
    struct str body = { p->answer + h.head_bytes, p->received - h.head_bytes };
    if (!is_good_status(p, h.status))
        return;
    if (is_good_body(p, body))
        probe_result(p, NULL);
    else if (ended || p->received == sizeof p->answer || is_whole(p, &h))
        probe_result(p, BAD_BODY);
    else
        transport_read(&p->t);
}

static void on_data(struct probe *p, struct buf_slice data)
{
    uint32_t room = (uint32_t)sizeof p->answer - p->received;
    uint32_t n = data.len < room ? data.len : room;
    memcpy(p->answer + p->received, data.buf->data + data.off, n);
    p->received += n;
    buf_unref(data.buf);
    look_at_answer(p, false);
}

static void on_end(struct probe *p, int err)
{
    if (err || !p->received)
        probe_result(p, "it closed the connection");
    else
        look_at_answer(p, true);
}

static void on_sent(struct probe *p)
{
    (void)p; /* the receiving side tells */
}

static void drop(struct probe *p)
{
    free(p->request);
}

const struct probe_ops probe_http1 = { begin, on_data, on_end, on_sent, drop };

/* ---- HTTP/2 ---- */

static void on_h2_head(struct probe *p, const struct http_head *h)
{
    if (is_good_status(p, h->status) && is_good_body(p, STR("")))
        probe_result(p, NULL);
}

static void on_h2_body(struct probe *p, struct str so_far, bool full)
{
    if (is_good_body(p, so_far))
        probe_result(p, NULL);
    else if (full)
        probe_result(p, BAD_BODY);
}

static void on_h2_end(struct probe *p, struct str body, const struct http_head *last)
{
    (void)body, (void)last;
    probe_result(p, BAD_BODY);
}

static void begin_h2(struct probe *p)
{
    static const struct probe_h2_ops ops = { on_h2_head, on_h2_body, on_h2_end };
    char *head;
    int n = asprintf(&head,
                     ":method: GET\r\n:scheme: %s\r\n:authority: %s\r\n:path: %s\r\n"
                     "user-agent: sluice\r\naccept: */*\r\n\r\n",
                     p->rules.tls ? "https" : "http", p->rules.host, p->rules.path);
    probe_h2_begin(p, &ops, n < 0 ? NULL : head, STR(""));
}

const struct probe_ops probe_http2 = { begin_h2, probe_h2_data, probe_h2_end, probe_h2_sent,
                                       probe_h2_drop };
