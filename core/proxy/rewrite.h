/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What rules make of paths on the way to the server, and of Location and Set-Cookie on the way
 * back. */
#ifndef SLUICE_PROXY_REWRITE_H
#define SLUICE_PROXY_REWRITE_H

#include <stdbool.h>

#include "core/base/out.h"
#include "core/http/forward.h"
#include "core/proxy/template.h"

struct exchange;

/* Path and query for the server by strip_prefix and rewrite; the latter is written to o, which has
 * room for TARGET_BYTES_MAX. A rewrite with a query replaces the client's. False: the rule made
 * no path. */
bool rewrite_target(const struct route_config *route, const struct template_ctx *ctx, struct out *o,
                    struct str *path, struct str *query);

/* Rewrites by the route's rules: fields that change are dropped and added anew (edit.h). False when
 * there is no room. */
bool rewrite_response(struct field_edits *e, const struct exchange *ex, const struct http_head *h,
                      struct out *o);

#endif
