/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The listening sockets that the keeper holds: opened for the first process that wants them, closed
 * with the last. */
#ifndef SLUICE_KEEPER_HOLDS_H
#define SLUICE_KEEPER_HOLDS_H

#include <stdint.h>
#include <sys/stat.h>

#include "core/config/config.h"

enum hold_kind {
    HOLD_TRAFFIC, /* text: a bind as it is written */
    HOLD_ADMIN,   /* text: a path */
};

/* The sockets of one address (listen.h), closed together: what is queued on one that is closed
 * would be reset. */
struct hold {
    enum hold_kind kind;
    uint32_t users; /* a bit for each process, by its slot */
    char *text;
    int *fds;
    uint32_t fds_count;
    struct addr bound;
    dev_t device; /* of a Unix socket's file: another's of the same name is not removed */
    ino_t inode;
};

struct holds {
    struct hold *items;
    uint32_t count;
};

/* What the configuration says of this text: its socket `number` is in fds, for the process in
 * `slot`, which asks for one after the other. On failure NULL, and *err is -errno: -EACCES when the
 * configuration names no such thing. The answer is valid until the next call. */
const struct hold *holds_take(struct holds *h, const struct config *c, enum hold_kind kind,
                              const char *text, uint32_t number, unsigned slot, int *err);

/* The process listens there no more. */
void holds_release(struct holds *h, enum hold_kind kind, const char *text, unsigned slot);

/* The process listens on nothing but what the configuration (NULL: none) names. */
void holds_release_others(struct holds *h, const struct config *c, unsigned slot);

void holds_close(struct holds *h);

#endif
