/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS with servers: which context, which name, and what a failure means. */
#ifndef SLUICE_PROXY_SERVER_TLS_H
#define SLUICE_PROXY_SERVER_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/end_reason.h"
#include "core/base/str.h"
#include "core/config/config.h"
#include "tls/tls.h"

struct server;

/* Whether TLS can be spoken by these settings; false, and why in words: a key that is another
 * certificate's, a file that holds no CA. */
bool server_tls_check(const struct upstream_tls_config *t, char *why, uint32_t why_bytes);

/* A context for one worker, one reference; on any thread. alpn: the protocols that are offered,
 * text that stays; NULL: none. NULL, and why in words. */
struct tls_context *server_tls_context(const struct upstream_tls_config *t, const char *alpn,
                                       char *why, uint32_t why_bytes);

/* A server's name for TLS, as its settings say. */
struct server_tls_name {
    struct str text;
    bool of_request; /* it is what the request says: a refusal of it does not blame the server */
    char ip[ADDR_TEXT_MAX];
};

/* host: of the request that the connection is opened for, without its port; may be empty. The text
 * is as long-lived as host, the server and *out. */
void server_tls_name(const struct server *s, struct str host, struct server_tls_name *out);

/* Why a connection to a server could not be used, by what its transport told (err: on_ready's). */
enum end_reason server_tls_reason(const struct transport *t, int err);

/* The same connection may have failed because of the name that the request asked for. */
static inline bool server_tls_blames_name(enum end_reason why)
{
    return why == END_SERVER_TLS_NAME || why == END_SERVER_TLS_REFUSED;
}

/* Failures before anything was asked: another server may do. */
static inline bool server_tls_failed(enum end_reason why)
{
    return why >= END_SERVER_TLS_NAME && why <= END_SERVER_TLS_TIMEOUT;
}

#endif
