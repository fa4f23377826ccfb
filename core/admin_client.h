/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands that ask a running sluice, over its admin socket. One request each; it blocks. */
#ifndef SLUICE_ADMIN_CLIENT_H
#define SLUICE_ADMIN_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/str.h"

struct admin_question {
    const char *command; /* for messages: "reload" */
    const char *socket;
    const char *method, *target, *accept;
    struct str body;
};

struct admin_answer {
    int status;
    char *text; /* all of it; the caller's to free */
    struct str body;
};

/* False after a message. */
bool admin_ask(const struct admin_question *q, struct admin_answer *out);

#endif
