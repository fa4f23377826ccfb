/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of a server's connections that speak HTTP/2 (h2_upstream.h) gets a request: of those that
 * have room the one with the fewest streams; if none has, another is opened. */
#ifndef SLUICE_PROXY_H2_POOL_H
#define SLUICE_PROXY_H2_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct attempt;
struct backend_config;
struct h2_upstream;
struct server;
struct server_tls_name;
struct worker;

/* As upstream_lend(), where HTTP/2 may be spoken. */
bool h2_pool_lend(struct worker *w, struct attempt *a, struct server *s,
                  const struct server_tls_name *name, bool fresh_only);

/* Whether that would find a connection with room. */
bool h2_pool_has_room(const struct server *s, const struct backend_config *config,
                      const struct server_tls_name *name, bool fresh_only);

/* Ends a connection that nobody uses. False: there is none. */
bool h2_pool_retire_idle(struct server *s);

/* --- for h2_upstream.c --- */

/* How many streams it may carry at a time, as far as that is known. */
uint32_t h2_pool_streams_allowed(const struct h2_upstream *hu);

/* An attempt that has waited for a connection which cannot serve it gets another. May end it. */
void h2_pool_lend_again(struct worker *w, struct server *s, struct attempt *a);

#endif
