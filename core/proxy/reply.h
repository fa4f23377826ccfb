/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of our own: what a route says (redirect, response), or an error page: the operator's, or
 * a short text (or JSON, where the client prefers it) with the request id to ask about. */
#ifndef SLUICE_PROXY_REPLY_H
#define SLUICE_PROXY_REPLY_H

#include <stdbool.h>

#include "core/base/end_reason.h"

struct exchange;

/* Queues the whole reply (head and body, no body for HEAD) to ex->out, and its end; sets
 * ex->status. "Connection: close" follows ex->close_after. False without memory. */
bool reply_write(struct exchange *ex, enum end_reason why);

#endif
