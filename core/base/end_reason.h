/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_BASE_END_REASON_H
#define SLUICE_BASE_END_REASON_H

enum end_who { WHO_NONE, WHO_CLIENT, WHO_US, WHO_SERVER };

/* Codes are positions in end_reason.def: END_OK is 0. */
enum end_reason {
#define REASON(name, word, who, status, text) END_##name,
#include "core/base/end_reason.def"
#undef REASON
    END_REASON_COUNT
};

struct end_reason_info {
    const char *word; /* for logs and metrics: stable */
    const char *text; /* for people */
    enum end_who who;
    int status; /* to answer if nothing was sent; 0: close without an answer */
};

const struct end_reason_info *end_reason_info(enum end_reason reason);

/* "client", "sluice", "server" or "-". */
const char *end_who_word(enum end_who who);

#endif
