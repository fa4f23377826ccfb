/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was changed by hand, in a file that is only ever appended to: a line of JSON per change, the
 * whole of it (or null: it is gone), on the disk before it is acknowledged. A last line that is
 * torn is cut off; others that make no sense are passed over, and said. */
#ifndef SLUICE_SERVERS_JOURNAL_H
#define SLUICE_SERVERS_JOURNAL_H

#include <stdbool.h>

#include "core/base/str.h"

struct server_change;

#define JOURNAL_BYTES_MAX ((size_t)64 << 20) /* more is not appended */

/* In the keeper: opens it, makes it if it is not there; a descriptor or -errno. */
int journal_open(const char *path);

/* Reads it: calls fn for each line (change NULL: that of `id` is gone), in order. False, and why
 * says the cause: it cannot be read. bad: lines that were passed over. */
bool journal_read(int fd,
                  void (*fn)(void *arg, const char *backend, const char *id,
                             const struct server_change *change),
                  void *arg, unsigned *bad);

/* Appends the change of a server (NULL: it is gone). False: it is not on the disk. Waits for the
 * disk: the control thread serves no traffic. */
bool journal_append(int fd, const char *backend, const char *id,
                    const struct server_change *change);

#endif
