/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens a log file for appending. */
#ifndef SLUICE_OBSERVE_LOG_FILE_H
#define SLUICE_OBSERVE_LOG_FILE_H

/* A descriptor in blocking mode, or -errno; never waits. The file is made if there is none,
 * readable by its group. Where root opens a file in a folder that others may write, only a plain
 * file is taken: no link (ELOOP), no second name of another file and nothing but a file (EPERM);
 * who may write there could lead root to any file else. */
int log_file_open(const char *path);

#endif
