/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/edit.h"

#include <string.h>

void edits_drop(struct field_edits *e, const struct http_head *h, struct str name)
{
    enum http_field_id id = http_field_lookup(name);
    if (id != FIELD_OTHER)
        e->ids |= UINT64_C(1) << id;
    for (uint32_t i = 0; i < h->fields_count; i++)
        if (str_eq_fold(head_str(h, h->fields[i].name), name))
            e->dropped[i / 64] |= UINT64_C(1) << i % 64;
}

/* Whether a later edit takes out what this one adds. */
static bool undone(const struct header_edits *edits, uint32_t i)
{
    for (uint32_t k = i + 1; k < edits->items_count; k++)
        if (edits->items[k].op != EDIT_ADD &&
            str_eq_fold(edits->items[k].name, edits->items[i].name))
            return true;
    return false;
}

/* The lines are made at the front of o, then moved to the end of its memory, in front of those that
 * are there: o keeps the part between. */
static bool keep_at_end(struct field_edits *e, struct out *o, struct out *lines)
{
    size_t n = out_len(lines);
    if (lines->full || e->added.len + n > (size_t)(o->end - o->at))
        return false;
    char *to = o->end - n;
    memmove(to, lines->start, n);
    o->end = to;
    return true;
}

bool edits_apply(struct field_edits *e, const struct http_head *h, const struct header_edits *edits,
                 const struct template_ctx *ctx, struct out *o)
{
    struct out lines = out_into(o->at, (size_t)(o->end - o->at));
    for (uint32_t i = 0; i < edits->items_count; i++) {
        const struct header_edit *d = &edits->items[i];
        if (d->op != EDIT_ADD)
            edits_drop(e, h, d->name);
        if (d->op == EDIT_REMOVE || undone(edits, i))
            continue;
        out_str(&lines, d->name);
        out_lit(&lines, ": ");
        template_write(&lines, &d->value, ctx);
        out_lit(&lines, "\r\n");
    }
    size_t n = out_len(&lines);
    if (n == 0)
        return true;
    if (!keep_at_end(e, o, &lines))
        return false;
    e->added = (struct str){ o->end, e->added.len + n };
    return true;
}

bool edits_add_line(struct field_edits *e, struct str name, struct str value, struct out *o)
{
    struct out lines = out_into(o->at, (size_t)(o->end - o->at));
    out_str(&lines, name);
    out_lit(&lines, ": ");
    out_str(&lines, value);
    out_lit(&lines, "\r\n");
    size_t n = out_len(&lines);
    if (!keep_at_end(e, o, &lines))
        return false;
    e->added = (struct str){ o->end, e->added.len + n };
    return true;
}

bool edits_add_lines(struct field_edits *e, struct str text, struct out *o)
{
    struct out lines = out_into(o->at, (size_t)(o->end - o->at));
    out_str(&lines, text);
    if (!keep_at_end(e, o, &lines))
        return false;
    e->added = (struct str){ o->end, e->added.len + text.len };
    return true;
}
