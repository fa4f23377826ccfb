/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is the client behind proxies that we trust. */
#ifndef SLUICE_PROXY_CLIENT_ADDR_H
#define SLUICE_PROXY_CLIENT_ADDR_H

#include "core/base/addr.h"
#include "core/config/config.h"
#include "core/http/head.h"

/* Reads X-Forwarded-For from its end, over addresses of trusted proxies, to the first that is none:
 * that one, or the last well-formed one before something that is no address. Gives it in *out and
 * as text (in the head), or an empty text without touching *out. */
struct str client_addr_forwarded(const struct http_head *h, const struct networks *trusted,
                                 struct peer_addr *out);

#endif
