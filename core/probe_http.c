/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check by HTTP/1.1: a GET, its status, a text in its answer. */
#include <stdio.h>
#include <string.h>

#include "core/http/framing.h"
#include "core/http/h1_head.h"
#include "core/probe.h"

char *probe_http_request(const struct health_config *h, struct str host)
{
    char *text;
    int n = asprintf(&text,
                     "GET %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: sluice\r\nAccept: */*\r\n"
                     "Connection: close\r\n\r\n",
                     (int)h->path.len, h->path.ptr, (int)host.len, host.ptr);
    return n < 0 ? NULL : text;
}

static void begin(struct probe *p)
{
    p->received = 0;
    p->iov = (struct iovec){ p->rules.request, strlen(p->rules.request) };
    transport_send(&p->t, &p->iov, 1);
    transport_read(&p->t);
}

/* ---- the answer ---- */

static bool holds(const char *text, size_t len, const char *what)
{
    return memmem(text, len, what, strlen(what)) != NULL;
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
    const struct health_config *c = &p->rules.config;
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
    char text[64];
    snprintf(text, sizeof text, "it answers %u", h.status);
    if (h.status < c->status_min || h.status > c->status_max)
        probe_result(p, text);
    else if (!p->rules.body[0] ||
             holds(p->answer + h.head_bytes, p->received - h.head_bytes, p->rules.body))
        probe_result(p, NULL);
    else if (ended || p->received == sizeof p->answer || is_whole(p, &h))
        probe_result(p, "its answer does not hold the text");
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

static void nothing(struct probe *p)
{
    (void)p; /* the receiving side tells */
}

const struct probe_kind_ops probe_http = { begin, on_data, on_end, nothing, nothing };
