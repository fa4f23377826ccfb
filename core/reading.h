/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configuration as the keeper has it: all its files, and what they say about users, sockets and
 * logs. Names of servers are not resolved. */
#ifndef SLUICE_READING_H
#define SLUICE_READING_H

#include "core/config/bundle.h"
#include "core/config/load.h"

struct reading {
    struct bundle bundle;
    struct config *config; /* NULL: it has errors, which the bundle shows again */
    uint64_t stamp;        /* of its renewable files (file_stamp.h) */
};

/* Reads and checks the configuration at path, what it says of TLS included; standard input is not
 * read again but taken from `before` (may be NULL). The report was initialised by the caller. NULL
 * without memory. */
struct reading *reading_make(const char *path, const struct reading *before,
                             struct config_report *report);

/* The same configuration as `before`, with what is renewable of it read again; a certificate that
 * cannot be used stays as it was. */
struct reading *reading_renew(const char *path, const struct reading *before,
                              struct config_report *report);

/* r may be NULL. */
void reading_free(struct reading *r);

/* In the server process: loads what the keeper read from the memory file that it gave (or -errno),
 * which is closed. before: the configuration in force (NULL: none), whose
 * certificates stay where they did not change. NULL if there were errors. */
struct config *reading_load(int fd, const char *path, const struct config *before, bool renew,
                            struct config_report *report);

#endif
