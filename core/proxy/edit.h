/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Header edits of rules, worked out for one head. */
#ifndef SLUICE_PROXY_EDIT_H
#define SLUICE_PROXY_EDIT_H

#include <stdbool.h>

#include "core/base/out.h"
#include "core/http/forward.h"
#include "core/proxy/template.h"

/* Adds the edits to *e. Added lines are written at the end of o's memory, which is cut off from it:
 * they live as long as that memory. False when they do not fit. */
bool edits_apply(struct field_edits *e, const struct http_head *h, const struct header_edits *edits,
                 const struct template_ctx *ctx, struct out *o);

/* Takes out all received fields of that name; known ones are not written by ourselves either. */
void edits_drop(struct field_edits *e, const struct http_head *h, struct str name);

/* Appends one field line to e->added, as above. */
bool edits_add_line(struct field_edits *e, struct str name, struct str value, struct out *o);

/* The same with whole lines. */
bool edits_add_lines(struct field_edits *e, struct str lines, struct out *o);

#endif
