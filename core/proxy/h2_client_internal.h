/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What h2_client.c and h2_client_codec.c share; nobody else includes it. */
#ifndef SLUICE_PROXY_H2_CLIENT_INTERNAL_H
#define SLUICE_PROXY_H2_CLIENT_INTERNAL_H

#include "core/proxy/h2_client.h"

extern const struct h2_ops h2_client_codec_ops;

/* The exchange has ended, and its stream: both go, and perhaps the connection. */
void h2_client_release(struct h2_client *hc, struct exchange *ex);

/* H2C_DRAINING: later streams are not processed. */
void h2_client_name_last(struct h2_client *hc);

#endif
