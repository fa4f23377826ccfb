/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/file_stamp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/hash.h"
#include "core/config/disk.h"
#include "core/config/inputs.h"

static uint64_t add_file(const char *path, uint64_t seed)
{
    struct stat st;
    uint64_t parts[5] = { 0 };
    if (stat(path, &st) != 0) {
        parts[0] = (uint64_t)errno;
    } else {
        parts[0] = st.st_dev;
        parts[1] = st.st_ino;
        parts[2] = (uint64_t)st.st_size;
        parts[3] = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
        parts[4] = (uint64_t)st.st_ctim.tv_sec * 1000000000 + (uint64_t)st.st_ctim.tv_nsec;
    }
    return hash_bytes(parts, sizeof parts, hash_bytes(path, strlen(path), seed));
}

static uint64_t add_directory(const char *directory, uint64_t seed)
{
    struct config_files disk = disk_files();
    for (uint32_t i = 0; certificate_patterns[i]; i++) {
        char pattern[4096];
        snprintf(pattern, sizeof pattern, "%s/%s", directory, certificate_patterns[i]);
        struct files_found found = disk.find(&disk, pattern);
        for (uint32_t k = 0; k < found.count; k++)
            seed = add_file(found.names[k], seed);
        files_found_free(&found);
    }
    return seed;
}

uint64_t file_stamp(const struct renewable *files)
{
    uint64_t stamp = 0;
    for (uint32_t i = 0; i < files->paths.items_count; i++)
        stamp = add_file(files->paths.items[i].ptr, stamp);
    for (uint32_t i = 0; i < files->directories.items_count; i++)
        stamp = add_directory(files->directories.items[i].ptr, stamp);
    return stamp;
}

bool file_watch_changed(struct file_watch *w, const struct renewable *files)
{
    uint64_t stamp = file_stamp(files);
    bool settled = stamp == w->seen;
    w->seen = stamp;
    if (!settled || stamp == w->taken)
        return false;
    w->taken = stamp;
    return true;
}
