/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that the keeper opens for a server process while that runs. */
#ifndef SLUICE_KEEPER_FILES_H
#define SLUICE_KEEPER_FILES_H

#include "core/keeper_socket.h"
#include "core/reading.h"

/* The answer to LOG, SERVERS and JOURNAL: a descriptor, the caller's, or -errno; -EACCES: neither
 * reading (next may be NULL) names it. *stamp: of SERVERS; what the question had, then the file's.
 */
int keeper_files_open(const struct reading *now, const struct reading *next,
                      const struct keeper_question *q, uint32_t *stamp);

#endif
