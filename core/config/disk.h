/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a configuration's files come from: this machine, or what somebody else read of it
 * (bundle.h). */
#ifndef SLUICE_CONFIG_DISK_H
#define SLUICE_CONFIG_DISK_H

#include <stddef.h>
#include <stdint.h>

/* err of what is larger than was allowed. */
#define FILE_TOO_LARGE (-1)

struct file_read {
    int err;    /* 0, an errno value, or FILE_TOO_LARGE */
    char *text; /* of len bytes, the reader's to free; NULL unless err is 0 */
    size_t len;
    uint64_t device, inode; /* to know the file again; 0, 0: not known */
};

/* The names that a pattern stands for, sorted. */
struct files_found {
    int err; /* 0, GLOB_NOSPACE, GLOB_ABORTED or GLOB_NOMATCH */
    char **names;
    uint32_t count;
};

struct config_files {
    /* "-" is standard input. */
    struct file_read (*read)(struct config_files *f, const char *path, size_t bytes_max);
    struct files_found (*find)(struct config_files *f, const char *pattern);
};

/* Those of this machine. */
struct config_files disk_files(void);

void files_found_free(struct files_found *found);

#endif
