/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of upstream.h share; nobody else includes it. */
#ifndef SLUICE_PROXY_UPSTREAM_INTERNAL_H
#define SLUICE_PROXY_UPSTREAM_INTERNAL_H

#include "core/proxy/upstream.h"

/* --- upstream.c --- */

/* After something changed that a deadline depends on. */
void upstream_arm(struct upstream *up);
/* Takes the slot back from its attempt. */
struct attempt *upstream_detach(struct upstream *up);
/* No final head will come; the body broke off; all of it was received: each ends the attempt. */
void upstream_fail(struct upstream *up, enum end_reason why);
void upstream_break(struct upstream *up, enum end_reason why);
void upstream_received(struct upstream *up);

/* --- upstream_response.c --- */

extern const struct body_source_ops upstream_source_ops;

/* UP_HEAD, UP_BODY: goes on with what was received. */
void upstream_read_head(struct upstream *up);
void upstream_pump(struct upstream *up);
/* For the transport. */
void upstream_piped(struct transport *t, struct splice_pipe *pipe);
void upstream_stopped(struct transport *t);

#endif
