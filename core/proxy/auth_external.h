/* SPDX-License-Identifier: GPL-3.0-or-later */
/* External authentication: before a request goes to its server, another one is asked with the same
 * head. 2xx lets it pass, any other answer is the client's; without an answer nobody passes. */
#ifndef SLUICE_PROXY_AUTH_EXTERNAL_H
#define SLUICE_PROXY_AUTH_EXTERNAL_H

#include <stdbool.h>

#include "core/base/out.h"
#include "core/http/forward.h"

struct exchange;

/* Asks; then calls exchange_checked(), or answers the client. May do so at once. */
void auth_external(struct exchange *ex);

/* What the answer adds to the head for the server, in place of what the client gave. False: it does
 * not fit. */
bool auth_external_add(const struct exchange *ex, struct field_edits *e, struct out *o);

/* Takes out of a refusal what the client is not to have. */
void auth_external_filter(const struct exchange *ex, const struct http_head *h,
                          struct field_edits *e);

#endif
