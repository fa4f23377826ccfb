/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes that another process may read but nobody may change: a sealed file without a name. */
#ifndef SLUICE_RING_MEMORY_FILE_H
#define SLUICE_RING_MEMORY_FILE_H

#include <stdbool.h>

#include "core/base/str.h"

/* A copy of the bytes: a descriptor, or -errno. name: for people who look into /proc. */
int memory_file_create(const char *name, struct str bytes);

/* The bytes, until memory_file_unmap(); the descriptor may be closed before. False: it is no such
 * file, or there is no memory. */
bool memory_file_map(int fd, struct str *bytes);
void memory_file_unmap(struct str bytes);

#endif
