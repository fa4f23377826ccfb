/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a parsed head to what is done with it: checks, route, policy, and the head as servers see
 * it. */
#ifndef SLUICE_PROXY_REQUEST_H
#define SLUICE_PROXY_REQUEST_H

#include <stdint.h>

#include "core/base/end_reason.h"
#include "core/base/out.h"
#include "core/proxy/template.h"

struct exchange;

/* Framing, target, Connection, method and Max-Forwards: END_OK, END_REPLIED (OPTIONS for us), or
 * what is wrong. Fills ex->framing and ex->target. */
enum end_reason request_check(struct exchange *ex);

/* Finds the route and applies what needs no waiting: maintenance, access, rates, methods, body
 * size. */
enum end_reason request_route(struct exchange *ex);

/* What the route does with it. END_OK: ex->backend is chosen; END_REPLIED: the route answers by
 * itself; END_NO_ROUTE. */
enum end_reason request_target(struct exchange *ex);

/* Writes the head for the server. o->full tells that it did not fit. */
void request_write_head(struct exchange *ex, struct out *o);

/* "http" or "https": how the client asked. */
struct str request_scheme(const struct exchange *ex);

/* What variables stand for, in this exchange. */
struct template_ctx request_template_ctx(struct exchange *ex, char id[32]);

/* The request's id as 32 hexadecimal digits, or the client's where it is trusted. */
struct str request_id(const struct exchange *ex, char id[32]);

/* The host that the server will be sent, lower case, without port; empty: the server's own. */
struct str request_host(const struct exchange *ex);

#endif
