/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of client.h share; nobody else includes it. */
#ifndef SLUICE_PROXY_CLIENT_INTERNAL_H
#define SLUICE_PROXY_CLIENT_INTERNAL_H

#include "core/proxy/client.h"

/* Asks for bytes unless some wait, or none will come. */
void client_want_bytes(struct client *c);

/* CLIENT_LINGER: what came is of no interest. */
void client_drop(struct client *c, uint32_t bytes);

/* client_body.c, for the transport. */
void client_piped(struct transport *t, struct splice_pipe *pipe);

#endif
