/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_CONFIG_STRINGS_H
#define SLUICE_CONFIG_STRINGS_H

#include <stdint.h>

#include "core/base/str.h"

struct strings {
    struct str *items;
    uint32_t items_count;
};

#endif
