/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the files of certificates and keys have changed, by looking: that sees through symbolic
 * links, on every file system, what inotify would not. */
#ifndef SLUICE_FILE_STAMP_H
#define SLUICE_FILE_STAMP_H

#include <stdint.h>

#include "core/config/config.h"

/* A number for the state of all of them (identity, size, times): another one after a change. */
uint64_t file_stamp(const struct renewable *files);

#endif
