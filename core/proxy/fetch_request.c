/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a fetch asks the server for: what others may get, too. */
#include "core/http/h1_head.h"
#include "core/proxy/compress.h"
#include "core/proxy/edit.h"
#include "core/proxy/fetch.h"
#include "core/proxy/request.h"

static bool is_keyed(const struct exchange *ex, struct str name)
{
    const struct strings *keyed = &ex->handling->cache->key_headers;
    for (uint32_t i = 0; i < keyed->items_count; i++)
        if (str_eq_fold(keyed->items[i], name))
            return true;
    return false;
}

/* Against poisoned caches: the answer goes to others, who did not send these. Fields that no
 * standard knows (X-...) may change what a server answers without its saying so; who wants them
 * puts them into the key. */
static void drop_unkeyed(const struct exchange *ex, struct field_edits *e)
{
    const struct http_head *h = &ex->head;
    for (uint32_t i = 0; i < h->fields_count; i++) {
        struct str name = head_str(h, h->fields[i].name);
        bool x = name.len > 2 && ascii_lower(name.ptr[0]) == 'x' && name.ptr[1] == '-';
        if (x && h->fields[i].id == FIELD_OTHER && !is_keyed(ex, name))
            e->dropped[i / 64] |= UINT64_C(1) << i % 64;
    }
}

/* Others get the answer, too: only codings are asked for that can be taken back. */
static bool ask_coding(const struct exchange *ex, struct field_edits *e, struct out *o)
{
    if (!ex->handling->compress)
        return true;
    enum coding to = compress_wanted(ex);
    edits_drop(e, &ex->head, STR("accept-encoding"));
    return to == CODING_IDENTITY || edits_add_line(e, STR("Accept-Encoding"), coding_name(to), o);
}

bool fetch_edit_request(struct exchange *ex, struct forward_request *r, struct out *o)
{
    static const struct str ours[] = {
        { "range", 5 },
        { "if-range", 8 },
        { "if-none-match", 13 },
        { "if-modified-since", 17 },
    };
    struct fetch *f = ex->fetch;
    r->method = STR("GET");
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        edits_drop(&r->edits, &ex->head, ours[i]);
    drop_unkeyed(ex, &r->edits);
    if (!ask_coding(ex, &r->edits, o))
        return false;
    if (!f->stale)
        return true;
    struct http_head head, *stored = &head;
    struct str text = cache_head_text(object_head(f->stale));
    enum end_reason why;
    CHECK(h1_parse_response(text.ptr, text.len, 0, stored, &why) == H1_DONE);
    const struct http_field *etag = head_field(stored, FIELD_ETAG);
    const struct http_field *modified = head_field(stored, FIELD_LAST_MODIFIED);
    return (!etag ||
            edits_add_line(&r->edits, STR("If-None-Match"), head_value(stored, etag), o)) &&
           (!modified ||
            edits_add_line(&r->edits, STR("If-Modified-Since"), head_value(stored, modified), o));
}
