/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/end_reason.h"
#include "core/observe/log_format.h"

static void put_text(struct out *o, struct str s)
{
    out_char(o, '"');
    out_json(o, s);
    out_char(o, '"');
}

void log_trace_line(struct out *o, const struct record *r)
{
    out_lit(o, "{\"at\":");
    out_u64(o, r->start_wall_us);
    out_lit(o, ",\"method\":");
    put_text(o, r->method);
    out_lit(o, ",\"path\":");
    put_text(o, r->path);
    out_lit(o, ",\"request_bytes\":");
    out_u64(o, r->body_in);
    out_lit(o, ",\"status\":");
    out_u64(o, r->status);
    out_lit(o, ",\"response_bytes\":");
    out_u64(o, r->body_out);
    out_lit(o, ",\"us\":");
    out_u64(o, r->total_us == UINT32_MAX ? 0 : r->total_us);
    out_lit(o, ",\"end\":");
    put_text(o, str_of(end_reason_info(r->end_reason)->word));
    out_lit(o, "}\n");
}
