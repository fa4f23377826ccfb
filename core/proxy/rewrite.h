/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Location and Set-Cookie as the client must see them. */
#ifndef SLUICE_PROXY_REWRITE_H
#define SLUICE_PROXY_REWRITE_H

#include <stdbool.h>

#include "core/base/out.h"
#include "core/http/forward.h"

struct exchange;

/* Rewrites by the route's rules: fields that change are dropped and added anew (edit.h). False when
 * there is no room. */
bool rewrite_response(struct field_edits *e, const struct exchange *ex, const struct http_head *h,
                      struct out *o);

#endif
