/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the configuration (config.h) that is about compression. */
#ifndef SLUICE_CONFIG_CONFIG_COMPRESS_H
#define SLUICE_CONFIG_CONFIG_COMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/coding.h"
#include "core/config/strings.h"

struct compress_config {
    uint8_t encodings[CODING_COUNT]; /* enum coding, the preferred first */
    uint32_t encodings_count;
    uint8_t levels[CODING_COUNT]; /* by enum coding */
    /* Media types: "text/html", all below "text/" and all that end with "+json" are written
     * so: "text/" and "+json". Lower case. */
    struct strings types;
    uint64_t bytes_min; /* bodies known to be shorter are left alone */
};

#endif
