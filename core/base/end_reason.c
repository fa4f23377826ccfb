/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/end_reason.h"

#include "core/base/check.h"

static const struct end_reason_info infos[END_REASON_COUNT] = {
#define REASON(name, word, who, status, text) [END_##name] = { word, text, who, status },
#include "core/base/end_reason.def"
#undef REASON
};

const struct end_reason_info *end_reason_info(enum end_reason reason)
{
    CHECK((unsigned)reason < END_REASON_COUNT);
    return &infos[reason];
}

const char *end_who_word(enum end_who who)
{
    static const char *const words[] = { "-", "client", "sluice", "server" };
    CHECK((unsigned)who < ARRAY_LEN(words));
    return words[who];
}
