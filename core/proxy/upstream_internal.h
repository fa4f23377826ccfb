/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of upstream.h share; nobody else includes it. */
#ifndef SLUICE_PROXY_UPSTREAM_INTERNAL_H
#define SLUICE_PROXY_UPSTREAM_INTERNAL_H

#include "core/proxy/server_tls.h"
#include "core/proxy/upstream.h"

/* --- upstream.c --- */

static inline struct upstream *upstream_of(const struct attempt *a)
{
    return container_of(a->up, struct upstream, slot);
}

/* As upstream_begin(), for an attempt that the server's load counts already. */
bool upstream_lend(struct worker *w, struct attempt *a, struct server *s, bool fresh_only);
/* A connection that is still to be opened, nobody's, with the place that was taken for it. alpn:
 * what is offered (RFC 7301); NULL: nothing. NULL without memory: the place is given back. */
struct upstream *upstream_create(struct worker *w, struct server *s,
                                 const struct server_tls_name *name, const char *alpn);
/* Its transport is closed: the memory goes. */
void upstream_destroy(struct upstream *up);
/* It is open and turned out to speak HTTP/1: it is this attempt's, which begins. */
void upstream_speak_http1(struct upstream *up, struct attempt *a);
/* The handshake is done, if there is one. */
void upstream_count_tls(const struct upstream *up);
/* A failure that says nothing about the server: we are short of descriptors, ports or memory. */
bool upstream_failure_is_ours(int err);

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
