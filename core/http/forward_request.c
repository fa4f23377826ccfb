/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/chars.h"
#include "core/http/forward.h"
#include "core/http/forward_fields.h"

enum end_reason forward_check_connection(const struct http_head *h)
{
    unsigned options = 0;
    const struct http_field *c = head_field(h, FIELD_CONNECTION);
    for (; c; c = head_field_next(h, c)) {
        struct str rest = head_value(h, c), name;
        while (http_list_next(&rest, &name)) {
            enum http_field_id id = http_field_lookup(name);
            if (++options > CONNECTION_OPTIONS_MAX || chars_token(name.ptr, name.len) < name.len)
                return END_BAD_CONNECTION;
            if (id == FIELD_OTHER ? field_is_x_forwarded(name)
                                  : !(FIELDS_HOP_BY_HOP >> id & 1) && id != FIELD_TRAILER)
                return END_BAD_CONNECTION;
        }
    }
    return END_OK;
}

static struct str method_of(const struct http_head *h, const struct forward_request *f)
{
    return f->method.len ? f->method : head_str(h, h->method);
}

/* RFC 9113 8.3.1. Without an authority (an HTTP/1.0 client gave no Host) there is no field. */
static void write_pseudo_headers(struct out *o, const struct http_head *h,
                                 const struct forward_request *f)
{
    write_field(o, STR(":method: "), method_of(h, f));
    write_field(o, STR(":scheme: "), f->server_scheme);
    if (f->host.len)
        write_field(o, STR(":authority: "), f->host);
    out_lit(o, ":path: ");
    out_str(o, f->target->path);
    out_str(o, f->target->query);
    out_lit(o, "\r\n");
    if (head_list_has(h, FIELD_TE, STR("trailers")))
        out_lit(o, "te: trailers\r\n");
}

static void write_request_line(struct out *o, const struct http_head *h,
                               const struct forward_request *f)
{
    const struct target *t = f->target;
    out_str(o, method_of(h, f));
    out_char(o, ' ');
    if (t->form == TARGET_AUTHORITY) {
        out_str(o, t->authority);
    } else {
        out_str(o, t->path);
        out_str(o, t->query);
    }
    out_lit(o, " HTTP/1.1\r\n");
}

static struct dropped request_dropped(const struct http_head *h, const struct forward_request *f)
{
    struct dropped d = {
        .ids = FIELDS_HOP_BY_HOP | FIELDS_FRAMING | FIELD_BIT(HOST) | FIELD_BIT(EXPECT),
        .underscores = !f->underscores,
        .x_forwarded = !f->peer_trusted,
    };
    if (f->framing != FRAME_CHUNKED)
        d.ids |= FIELD_BIT(TRAILER);
    if (f->via)
        d.ids |= FIELD_BIT(VIA);
    if (f->max_forwards >= 0)
        d.ids |= FIELD_BIT(MAX_FORWARDS);
    if (f->request_id.len)
        d.ids |= FIELD_BIT(X_REQUEST_ID);
    if (!f->peer_trusted)
        d.ids |= FIELD_BIT(FORWARDED) | FIELD_BIT(X_FORWARDED_FOR) | FIELD_BIT(X_FORWARDED_PROTO) |
                 FIELD_BIT(X_FORWARDED_HOST) | FIELD_BIT(X_FORWARDED_PORT);
    if (f->forwarded)
        d.ids |= FIELD_BIT(FORWARDED);
    if (f->peer_ip.len)
        d.ids |= FIELD_BIT(X_FORWARDED_FOR);
    dropped_by_connection(&d, h);
    dropped_by_rule(&d, &f->edits);
    return d;
}

/* Whether the peer may say this of its own client, and did. */
static bool told(const struct http_head *h, const struct forward_request *f, enum http_field_id id)
{
    return f->peer_trusted && head_field(h, id);
}

static void write_x_forwarded(struct out *o, const struct http_head *h,
                              const struct forward_request *f)
{
    if (f->peer_ip.len && !EDITED(f->edits, X_FORWARDED_FOR)) {
        if (f->peer_trusted)
            write_list_start(o, h, FIELD_X_FORWARDED_FOR, STR("X-Forwarded-For: "));
        else
            out_lit(o, "X-Forwarded-For: ");
        out_str(o, f->peer_ip);
        out_lit(o, "\r\n");
    }
    if (!told(h, f, FIELD_X_FORWARDED_PROTO) && !EDITED(f->edits, X_FORWARDED_PROTO))
        write_field(o, STR("X-Forwarded-Proto: "), f->scheme);
    if (!told(h, f, FIELD_X_FORWARDED_HOST) && f->target->authority.len &&
        !EDITED(f->edits, X_FORWARDED_HOST))
        write_field(o, STR("X-Forwarded-Host: "), f->target->authority);
}

/* RFC 7239 4: for, host and proto of this hop; quoted where they are no tokens. */
static void write_forwarded(struct out *o, const struct http_head *h,
                            const struct forward_request *f)
{
    struct str head = STR("Forwarded: ");
    if (f->peer_trusted)
        write_list_start(o, h, FIELD_FORWARDED, head);
    else
        out_str(o, head);
    if (f->peer_ip.len == 0) {
        out_lit(o, "for=unknown");
    } else if (memchr(f->peer_ip.ptr, ':', f->peer_ip.len)) {
        out_lit(o, "for=\"[");
        out_str(o, f->peer_ip);
        out_lit(o, "]\"");
    } else {
        out_lit(o, "for=");
        out_str(o, f->peer_ip);
    }
    if (f->target->authority.len) {
        out_lit(o, ";host=\"");
        out_str(o, f->target->authority);
        out_char(o, '"');
    }
    out_lit(o, ";proto=");
    out_str(o, f->scheme);
    out_lit(o, "\r\n");
}

void forward_request_head(struct out *o, const struct http_head *h, const struct forward_request *f)
{
    struct dropped d = request_dropped(h, f);
    if (f->http2) {
        write_pseudo_headers(o, h, f);
    } else {
        write_request_line(o, h, f);
        write_field(o, STR("Host: "), f->host);
    }
    write_fields(o, h, &d);
    write_x_forwarded(o, h, f);
    if (f->forwarded && !EDITED(f->edits, FORWARDED))
        write_forwarded(o, h, f);
    if (f->request_id.len && !EDITED(f->edits, X_REQUEST_ID))
        write_field(o, STR("X-Request-Id: "), f->request_id);
    if (f->via && !EDITED(f->edits, VIA))
        write_via(o, h, f->via_name);
    out_str(o, f->edits.added);
    if (f->max_forwards >= 0) {
        out_lit(o, "Max-Forwards: ");
        out_u64(o, (uint64_t)f->max_forwards);
        out_lit(o, "\r\n");
    }
    if (f->expect_continue)
        out_lit(o, "Expect: 100-continue\r\n");
    write_upgrade(o, f->upgrade);
    write_framing(o, f->framing, f->length, f->http2);
    out_lit(o, "\r\n");
}
