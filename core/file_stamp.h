/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the files of certificates and keys have changed, by looking: that sees through symbolic
 * links, on every file system, what inotify would not. */
#ifndef SLUICE_FILE_STAMP_H
#define SLUICE_FILE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config/config.h"

/* A number for the state of all of them (identity, size, times): another one after a change. */
uint64_t file_stamp(const struct renewable *files);

/* For who looks from time to time. */
struct file_watch {
    uint64_t taken; /* the state that was read */
    uint64_t seen;  /* at the last look */
};

/* Looks. True: they are not as they were when they were read, and as they were at the last look:
 * who writes files may be in the middle of it. Then this is taken for what will be read now. */
bool file_watch_changed(struct file_watch *w, const struct renewable *files);

#endif
