/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of our own: a status, a short text, the request id to ask about. */
#ifndef SLUICE_PROXY_REPLY_H
#define SLUICE_PROXY_REPLY_H

#include <stdbool.h>

#include "core/base/end_reason.h"

struct exchange;

/* Queues the whole reply (head and body, no body for HEAD) to ex->out, and its end. "Connection:
 * close" follows ex->close_after. False without memory. */
bool reply_write(struct exchange *ex, unsigned status, enum end_reason why);

#endif
