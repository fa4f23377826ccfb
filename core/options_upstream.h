/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The servers of `sluice proxy`, by address, name or URL, and TLS with them. */
#ifndef SLUICE_OPTIONS_UPSTREAM_H
#define SLUICE_OPTIONS_UPSTREAM_H

#include <stdbool.h>

#include "core/config/config.h"

/* What the options said; zeroed: nothing. */
struct upstream_options {
    bool http, https; /* some server was given so */
    bool insecure;
    const char *ca, *sni, *cert; /* "CERT,KEY" */
};

/* Reads 127.0.0.1:9000, app.internal:9000, unix:/path, http://HOST[:PORT], https://HOST[:PORT]
 * (terminated, as long-lived as the configuration); names are resolved now. False after a message.
 */
bool upstream_read_address(struct upstream_options *o, const char *text, struct config *c,
                           struct server_config *out);

/* After all options: false after a message. */
bool upstream_finish(const struct upstream_options *o, struct config *c, struct backend_config *b);

#endif
