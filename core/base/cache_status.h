/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_BASE_CACHE_STATUS_H
#define SLUICE_BASE_CACHE_STATUS_H

enum cache_status {
#define CACHE_STATUS(name, word, member) CACHE_##name,
#include "core/base/cache_status.def"
#undef CACHE_STATUS
    CACHE_STATUS_COUNT
};

/* For the log: "hit"; "" for CACHE_NONE. */
const char *cache_status_word(enum cache_status s);

/* What Cache-Status says of it. */
const char *cache_status_member(enum cache_status s);

#endif
