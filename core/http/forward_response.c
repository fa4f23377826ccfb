/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/check.h"
#include "core/http/forward.h"
#include "core/http/forward_fields.h"

void forward_status(struct out *o, unsigned status, struct str reason, bool http2)
{
    if (http2)
        out_lit(o, ":status: ");
    else
        out_lit(o, "HTTP/1.1 ");
    out_u64(o, status);
    if (http2)
        return;
    out_char(o, ' ');
    out_str(o, reason.len ? reason : http_status_reason(status));
}

static void write_status_line(struct out *o, const struct http_head *h, bool http2)
{
    forward_status(o, h->status, head_str(h, h->reason), http2);
    out_lit(o, "\r\n");
}

void forward_response_head(struct out *o, const struct http_head *h,
                           const struct forward_response *f)
{
    struct dropped d = { .ids = FIELDS_HOP_BY_HOP | FIELDS_FRAMING };
    if (f->framing != FRAME_CHUNKED)
        d.ids |= FIELD_BIT(TRAILER);
    if (f->via)
        d.ids |= FIELD_BIT(VIA);
    dropped_by_connection(&d, h);
    dropped_by_rule(&d, &f->edits);

    bool extended_connect = f->http2 && h->status == 101;
    if (extended_connect) /* RFC 8441 5 */
        out_lit(o, ":status: 200\r\n");
    else
        write_status_line(o, h, f->http2);
    write_fields(o, h, &d);
    if ((!head_field(h, FIELD_DATE) || d.ids & FIELD_BIT(DATE)) && !EDITED(f->edits, DATE))
        write_field(o, STR("Date: "), f->date);
    if (f->via && !EDITED(f->edits, VIA))
        write_via(o, h, (struct str){ 0 });
    out_str(o, f->edits.added);
    if (!extended_connect)
        write_upgrade(o, f->upgrade);
    if (h->status != 204 &&
        h->status != 101) /* RFC 9110 8.6, RFC 9112 6.1: not even a length of 0 */
        write_framing(o, f->declared_length ? FRAME_LENGTH : f->framing, f->length, f->http2);
    if (f->close && !f->http2)
        out_lit(o, "Connection: close\r\n");
    else if (f->keep_alive_http10)
        out_lit(o, "Connection: keep-alive\r\n");
    out_lit(o, "\r\n");
}

void forward_interim_head(struct out *o, const struct http_head *h, bool via, bool http2)
{
    struct dropped d = { .ids = FIELDS_HOP_BY_HOP | FIELDS_FRAMING | FIELD_BIT(TRAILER) };
    if (via)
        d.ids |= FIELD_BIT(VIA);
    dropped_by_connection(&d, h);
    write_status_line(o, h, http2);
    write_fields(o, h, &d);
    if (via)
        write_via(o, h, (struct str){ 0 });
    out_lit(o, "\r\n");
}

/* RFC 9110 6.5.1: framing, routing, authentication, request modifiers, response control and what
 * is needed to understand the content may not come after it. The fields known by id are all of
 * these kinds but two validators; these are the others. */
static bool may_be_trailer(struct str name)
{
    static const struct str never[] = {
        { "content-range", 13 },
        { "retry-after", 11 },
        { "warning", 7 },
        { "www-authenticate", 16 },
    };
    static const struct str conditions = { "if-", 3 };
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (str_eq_fold(name, never[i]))
            return false;
    return name.len < 3 || !str_eq_fold((struct str){ name.ptr, 3 }, conditions);
}

void forward_trailers(struct out *o, const struct http_head *trailers)
{
    struct dropped d = { .ids = ~(FIELD_BIT(ETAG) | FIELD_BIT(LAST_MODIFIED)),
                         .underscores = true,
                         .x_forwarded = true };
    for (uint32_t i = 0; i < trailers->fields_count; i++)
        if (!may_be_trailer(head_str(trailers, trailers->fields[i].name)))
            d.named[i / 64] |= UINT64_C(1) << i % 64;
    write_fields(o, trailers, &d);
    out_lit(o, "\r\n");
}
