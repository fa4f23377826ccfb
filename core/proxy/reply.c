/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/reply.h"

#include "core/base/out.h"
#include "core/http/forward.h"
#include "core/proxy/exchange.h"
#include "core/proxy/worker.h"

#define REPLY_BYTES_MAX 1024

static void write_body(struct out *o, const struct exchange *ex, unsigned status,
                       enum end_reason why)
{
    out_u64(o, status);
    out_char(o, ' ');
    out_str(o, http_status_reason(status));
    out_lit(o, ": ");
    out_str(o, str_of(end_reason_info(why)->text));
    out_lit(o, "\nrequest id ");
    out_hex_padded(o, ex->id_hi, 16);
    out_hex_padded(o, ex->id_lo, 16);
    out_char(o, '\n');
}

static void write_head(struct out *o, const struct exchange *ex, unsigned status, size_t body_bytes)
{
    out_lit(o, "HTTP/1.1 ");
    out_u64(o, status);
    out_char(o, ' ');
    out_str(o, http_status_reason(status));
    out_lit(o, "\r\nDate: ");
    out_str(o, worker_date(ex->w));
    if (status == 405 || status == 204)
        out_lit(o, "\r\nAllow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
    if (status != 204) {
        out_lit(o, "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ");
        out_u64(o, body_bytes);
    }
    if (ex->close_after)
        out_lit(o, "\r\nConnection: close");
    else if (ex->head.version_minor == 0)
        out_lit(o, "\r\nConnection: keep-alive");
    out_lit(o, "\r\n\r\n");
}

bool reply_write(struct exchange *ex, unsigned status, enum end_reason why)
{
    char body_text[REPLY_BYTES_MAX / 2];
    struct out body = out_into(body_text, sizeof body_text);
    write_body(&body, ex, status, why);
    char *mem = arena_alloc(&ex->arena, REPLY_BYTES_MAX);
    if (!mem)
        return false;
    struct out o = out_into(mem, REPLY_BYTES_MAX);
    write_head(&o, ex, status, out_len(&body));
    if (status != 204 && ex->head.method_id != METHOD_HEAD)
        out_mem(&o, body.start, out_len(&body));
    if (o.full || !out_raw(&ex->out, mem, (uint32_t)out_len(&o), NULL))
        return false;
    ex->out.sink.ops->end(&ex->out.sink, NULL);
    return true;
}
