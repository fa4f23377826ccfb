/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The certificates that the configuration names, read before the workers start. */
#ifndef SLUICE_CERTIFICATES_H
#define SLUICE_CERTIFICATES_H

#include <stdbool.h>

#include "core/config/config.h"
#include "tls/context.h"

struct certificates {
    struct certificate *list[CERTIFICATES_MAX];
    uint32_t count; /* 0: no TLS */
    struct ticket_secret tickets;
    struct tls_server_config server; /* for the workers; points into this struct */
};

/* False after a message; warns of certificates that have expired or soon will. */
bool certificates_load(struct certificates *c, const struct tls_config *config);
void certificates_free(struct certificates *c);

#endif
