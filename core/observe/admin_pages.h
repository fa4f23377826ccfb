/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be asked for on the admin socket: one table. Inside core/observe only. */
#ifndef SLUICE_OBSERVE_ADMIN_PAGES_H
#define SLUICE_OBSERVE_ADMIN_PAGES_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/str.h"

struct admin_user;

struct admin_page {
    const char *path, *help;
    /* Writes the answer's body, gives its status; *type: text, unless it says otherwise. NULL: it
     * is POSTed to, or has methods of its own. */
    int (*get)(struct admin_user *u, FILE *to, const char **type);
    /* Likewise, with the query (without its '?'). Both NULL: it begins a reload, or has methods of
     * its own. */
    int (*post)(struct admin_user *u, struct str query, FILE *to, const char **type);
    bool tree; /* all that is below it, too; with methods of its own */
};

/* NULL: there is no such thing. */
const struct admin_page *admin_page_find(struct str path);

#endif
