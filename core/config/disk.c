/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads until the end, or until one byte more than the bound was there. 0, an errno value or
 * FILE_TOO_LARGE. */
static int read_all(int fd, char *to, size_t bytes_max, size_t *len)
{
    *len = 0;
    for (;;) {
        ssize_t n = read(fd, to + *len, bytes_max + 1 - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : 0;
        *len += (size_t)n;
        if (*len > bytes_max)
            return FILE_TOO_LARGE;
    }
}

static struct file_read disk_read(struct config_files *f, const char *path, size_t bytes_max)
{
    (void)f;
    bool standard_input = strcmp(path, "-") == 0;
    struct file_read r = { 0 };
    struct stat st;
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    char *text = fd >= 0 ? malloc(bytes_max + 1) : NULL; /* untouched pages cost nothing */
    r.err = fd < 0 ? errno : !text ? ENOMEM : read_all(fd, text, bytes_max, &r.len);
    if (r.err == 0) {
        char *fitting = realloc(text, r.len + 1);
        r.text = fitting ? fitting : text;
        if (fstat(fd, &st) == 0) {
            r.device = st.st_dev;
            r.inode = st.st_ino;
        }
    } else {
        free(text);
    }
    if (fd >= 0 && !standard_input)
        close(fd);
    return r;
}

static struct files_found disk_find(struct config_files *f, const char *pattern)
{
    (void)f;
    struct files_found found = { 0 };
    glob_t g;
    found.err = glob(pattern, GLOB_ERR, NULL, &g);
    if (found.err)
        return found;
    found.names = calloc(g.gl_pathc, sizeof *found.names);
    for (; found.names && found.count < g.gl_pathc; found.count++)
        if (!(found.names[found.count] = strdup(g.gl_pathv[found.count])))
            break;
    if (found.count < g.gl_pathc) {
        files_found_free(&found);
        found.err = GLOB_NOSPACE;
    }
    globfree(&g);
    return found;
}

void files_found_free(struct files_found *found)
{
    for (uint32_t i = 0; i < found->count; i++)
        free(found->names[i]);
    free(found->names);
    *found = (struct files_found){ 0 };
}

struct config_files disk_files(void)
{
    return (struct config_files){ disk_read, disk_find };
}
