/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Switching to another protocol (RFC 9110 7.8; WebSocket: RFC 6455): a request without a body that
 * asks for it, a server that answers 101, and from then on a tunnel. */
#ifndef SLUICE_PROXY_UPGRADE_H
#define SLUICE_PROXY_UPGRADE_H

#include <stdbool.h>

#include "core/base/end_reason.h"
#include "core/http/forward.h"
#include "core/http/head.h"

struct attempt;
struct exchange;

/* Its route is known: ex->upgrade becomes what it is asked for. */
void upgrade_ask(struct exchange *ex);

/* CONNECT: the connection to its destination is there. */
void upgrade_connected(struct attempt *a);

/* For the exchange's attempt_ops. */
enum end_reason upgrade_switched(struct attempt *a, const struct http_head *h);
void upgrade_server_ready(struct attempt *a);

/* Extended CONNECT has no Sec-WebSocket-Key (RFC 8441 5); the server needs one. False: no room. */
bool upgrade_add_key(struct exchange *ex, struct field_edits *edits, struct out *o);

#endif
