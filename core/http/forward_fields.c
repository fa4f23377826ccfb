/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/forward_fields.h"

#include "core/base/check.h"

bool field_is_x_forwarded(struct str name)
{
    static const struct str prefix = { "x-forwarded-", 12 };
    return name.len >= prefix.len && (name.ptr[0] | 0x20) == 'x' &&
           str_eq_fold((struct str){ name.ptr, prefix.len }, prefix);
}

void dropped_by_connection(struct dropped *d, const struct http_head *h)
{
    const struct http_field *c = head_field(h, FIELD_CONNECTION);
    for (; c; c = head_field_next(h, c)) {
        struct str rest = head_value(h, c), name;
        while (http_list_next(&rest, &name)) {
            enum http_field_id id = http_field_lookup(name);
            if (id != FIELD_OTHER)
                d->ids |= UINT64_C(1) << id;
            if (id != FIELD_OTHER || str_eq_fold(name, STR("close")))
                continue;
            for (uint32_t i = 0; i < h->fields_count; i++)
                if (str_eq_fold(head_str(h, h->fields[i].name), name))
                    d->named[i / 64] |= UINT64_C(1) << i % 64;
        }
    }
}

/* Programs behind gateways like CGI cannot tell "a_b" from "a-b": what would be dropped with '-' is
 * dropped with '_' too. */
static bool underscore_is_dropped(const struct dropped *d, struct str name)
{
    char dashes[32]; /* longer than any known name */
    if (d->underscores)
        return true;
    struct str twin = { dashes, name.len < sizeof dashes ? name.len : sizeof dashes };
    for (size_t i = 0; i < twin.len; i++)
        dashes[i] = name.ptr[i] == '_' ? '-' : name.ptr[i];
    enum http_field_id id = http_field_lookup(twin);
    return (id != FIELD_OTHER && d->ids >> id & 1) ||
           (d->x_forwarded && field_is_x_forwarded(twin));
}

static bool is_dropped(const struct dropped *d, const struct http_head *h, uint32_t i)
{
    const struct http_field *f = &h->fields[i];
    if (d->named[i / 64] >> i % 64 & 1)
        return true;
    if (f->id != FIELD_OTHER)
        return d->ids >> f->id & 1;
    return (f->underscore && underscore_is_dropped(d, head_str(h, f->name))) ||
           (d->x_forwarded && field_is_x_forwarded(head_str(h, f->name)));
}

/* The end of the field's line if it stands in the received bytes exactly as it would be written,
 * else 0. All of its bytes are looked at here or known to the parser. */
static uint32_t line_as_written(const struct http_head *h, const struct http_field *f)
{
    uint32_t colon = f->name.off + f->name.len, end = f->value.off + f->value.len;
    if (f->value.off != colon + 2 || end + 2 > h->head_bytes ||
        memcmp(h->base + colon, ": ", 2) != 0 || memcmp(h->base + end, "\r\n", 2) != 0)
        return 0;
    return end + 2;
}

void write_fields(struct out *o, const struct http_head *h, const struct dropped *d)
{
    uint32_t run = 0, run_end = 0; /* lines to be copied in one go */
    for (uint32_t i = 0; i < h->fields_count; i++) {
        if (is_dropped(d, h, i))
            continue;
        const struct http_field *f = &h->fields[i];
        uint32_t line_end = line_as_written(h, f);
        if (line_end && f->name.off == run_end) {
            run_end = line_end;
            continue;
        }
        out_mem(o, h->base + run, run_end - run);
        run = run_end = 0;
        if (line_end) {
            run = f->name.off;
            run_end = line_end;
            continue;
        }
        out_str(o, head_str(h, f->name));
        out_lit(o, ": ");
        out_str(o, head_value(h, f));
        out_lit(o, "\r\n");
    }
    out_mem(o, h->base + run, run_end - run);
}

void write_list_start(struct out *o, const struct http_head *h, enum http_field_id id,
                      struct str head)
{
    out_str(o, head);
    for (const struct http_field *f = head_field(h, id); f; f = head_field_next(h, f)) {
        if (f->value.len == 0)
            continue;
        out_str(o, head_value(h, f));
        out_lit(o, ", ");
    }
}

void write_via(struct out *o, const struct http_head *h, struct str name)
{
    write_list_start(o, h, FIELD_VIA, STR("Via: "));
    if (h->version_major == 2)
        out_lit(o, "2 ");
    else if (h->version_minor)
        out_lit(o, "1.1 ");
    else
        out_lit(o, "1.0 ");
    out_str(o, name.len ? name : STR("sluice"));
    out_lit(o, "\r\n");
}

void write_upgrade(struct out *o, struct str protocols)
{
    if (protocols.len == 0)
        return;
    out_lit(o, "Connection: upgrade\r\nUpgrade: ");
    out_str(o, protocols);
    out_lit(o, "\r\n");
}

void write_framing(struct out *o, enum body_framing framing, uint64_t length, bool http2)
{
    if (framing == FRAME_LENGTH) {
        out_lit(o, "Content-Length: ");
        out_u64(o, length);
        out_lit(o, "\r\n");
    } else if (framing == FRAME_CHUNKED && !http2) {
        out_lit(o, "Transfer-Encoding: chunked\r\n");
    }
}
