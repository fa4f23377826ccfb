/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the files that a configuration names to what tls/ serves with; says of each what is wrong
 * with it. */
#ifndef SLUICE_CERTIFICATES_H
#define SLUICE_CERTIFICATES_H

#include <stdbool.h>

#include "core/config/certificate_maker.h"
#include "core/config/load.h"
#include "tls/service.h"

/* The maker for loading a configuration. */
struct certificates {
    struct certificate_maker maker;
    /* The configuration in force (NULL: none): what did not change is taken from there. */
    const struct config *before;
    /* A certificate that cannot be used any more is taken from there, too, with a warning: nobody
     * asked for the change, its files may be half-written. */
    bool keep_before;
    int64_t now_s; /* since the epoch; for what has expired */
};

void certificates_init(struct certificates *c, const struct config *before);

/* config_load() with that. */
struct config *certificates_load_config(const char *path, const struct config *before,
                                        struct config_report *report);

/* A file pair of the command line; chain NULL: a self-signed one is made. */
struct certificate_option {
    const char *chain, *key;
};

/* The first listener speaks TLS with these. False after messages to stderr. */
bool certificates_use(struct config *config, const struct certificate_option *options,
                      uint32_t count);

#endif
