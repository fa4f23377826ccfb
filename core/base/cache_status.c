/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/cache_status.h"

#include "core/base/check.h"

static const struct {
    const char *word, *member;
} rows[] = {
#define CACHE_STATUS(name, word, member) { word, member },
#include "core/base/cache_status.def"
#undef CACHE_STATUS
};

const char *cache_status_word(enum cache_status s)
{
    CHECK(s < CACHE_STATUS_COUNT);
    return rows[s].word;
}

const char *cache_status_member(enum cache_status s)
{
    CHECK(s < CACHE_STATUS_COUNT);
    return rows[s].member;
}
