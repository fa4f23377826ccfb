/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What TLS with the client, or its absence, means for a request. */
#ifndef SLUICE_PROXY_CLIENT_TLS_H
#define SLUICE_PROXY_CLIENT_TLS_H

#include <stdbool.h>

#include "core/base/end_reason.h"
#include "core/base/out.h"
#include "core/config/config.h"
#include "core/http/forward.h"

struct exchange;
struct transport;

/* The host is known, no route yet. END_OK; or END_HTTPS_REDIRECT; or END_MISDIRECTED: the
 * connection was made for a name for which other clients' certificates are wanted (RFC
 * 9110 15.5.20). */
enum end_reason client_tls_check(const struct exchange *ex);

/* The Location of END_HTTPS_REDIRECT. */
void client_tls_write_location(const struct exchange *ex, struct out *o);

/* The client showed a certificate: what servers answer may be for it alone. */
bool client_tls_identified(const struct exchange *ex);

/* The request on its way to the server: nobody but us says who the client is. False: no room. */
bool client_tls_edit(const struct exchange *ex, struct field_edits *e, struct out *o);

/* What Strict-Transport-Security of an answer says; empty: it is not there. */
struct str client_tls_hsts(const struct exchange *ex);

/* The value of a variable VAR_TLS_...; nothing on a plain connection. */
void client_tls_variable(struct out *o, enum variable what, const struct transport *t);

#endif
