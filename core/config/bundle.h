/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All files of one configuration, as they were when they were read: who may read them makes a
 * bundle while it loads the configuration, who may not loads the same configuration from it. What
 * could not be read is in it as well, so that both see the same mistakes. */
#ifndef SLUICE_CONFIG_BUNDLE_H
#define SLUICE_CONFIG_BUNDLE_H

#include <stdbool.h>

#include "core/base/str.h"
#include "core/config/config.h"
#include "core/config/disk.h"

/* One record after the other; only a process of the same program reads them. */
struct bundle {
    char *bytes;
    size_t len;
    bool failed; /* there was no memory: the bundle is not whole */
};

/* Its bytes are wiped: there are secrets among them. */
void bundle_free(struct bundle *b);

/* Where records are looked for: from behind the one that was found last, as they are mostly asked
 * for in the order in which they were kept. */
struct bundle_search {
    struct str bytes;
    size_t next;
};

/* Reads from the machine and keeps it in `to`, which is empty. before (may be NULL): where standard
 * input is taken from when it was read already. Both outlive the
 * recorder. */
struct bundle_recorder {
    struct config_files files;
    struct config_files disk;
    struct bundle_search before; /* no bytes: none */
    const struct renewable
        *fresh; /* only these are read, others are taken from before; NULL: all */
    struct bundle *to;
    size_t room; /* bytes that `to` has place for */
};
void bundle_record(struct bundle_recorder *r, struct bundle *to, const struct bundle *before,
                   const struct renewable *fresh);

/* Reads from the bytes of a bundle. What is not in it does not exist. */
struct bundle_player {
    struct config_files files;
    struct bundle_search in;
};
void bundle_play(struct bundle_player *p, struct str bytes);

#endif
