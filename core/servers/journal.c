/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/servers/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/servers/change_json.h"

int journal_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

/* The whole file, the caller's to free; NULL: it cannot be read. */
static char *read_all(int fd, size_t *len)
{
    struct stat st;
    *len = 0;
    if (fstat(fd, &st) != 0 || st.st_size < 0 || (size_t)st.st_size > JOURNAL_BYTES_MAX)
        return NULL;
    char *text = malloc((size_t)st.st_size + 1);
    while (text && *len < (size_t)st.st_size) {
        ssize_t n = pread(fd, text + *len, (size_t)st.st_size - *len, (off_t)*len);
        if (n <= 0)
            break;
        *len += (size_t)n;
    }
    return text;
}

static bool read_line(struct str line,
                      void (*fn)(void *arg, const char *backend, const char *id,
                                 const struct server_change *change),
                      void *arg)
{
    struct json_mistake ignored;
    struct server_config added;
    struct server_change change;
    const char *backend;
    bool gone;
    json_t *json = json_parse(line, &ignored);
    bool good = json && change_from_json(json, &backend, &change, &added, &gone);
    if (good)
        fn(arg, backend, change.id, gone ? NULL : &change);
    json_decref(json);
    return good;
}

bool journal_read(int fd,
                  void (*fn)(void *arg, const char *backend, const char *id,
                             const struct server_change *change),
                  void *arg, unsigned *bad)
{
    size_t len, at = 0;
    char *text = read_all(fd, &len);
    *bad = 0;
    if (!text)
        return false;
    while (at < len) {
        const char *end = memchr(text + at, '\n', len - at);
        if (!end)
            break;
        size_t n = (size_t)(end - text) - at;
        *bad += n > 0 && !read_line((struct str){ text + at, n }, fn, arg);
        at += n + 1;
    }
    free(text);
    /* What was being written when the machine went down was not acknowledged. */
    return at == len || ftruncate(fd, (off_t)at) == 0;
}

bool journal_append(int fd, const char *backend, const char *id, const struct server_change *change)
{
    struct stat st;
    json_t *json = change_to_json(backend, id, change);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    size_t n = text ? strlen(text) : 0;
    bool good = text && fstat(fd, &st) == 0 && (size_t)st.st_size + n < JOURNAL_BYTES_MAX;
    if (good) {
        text[n] = '\n'; /* in place of its NUL: the line is written whole, or torn */
        good = write(fd, text, n + 1) == (ssize_t)n + 1 && fdatasync(fd) == 0;
        /* A torn line must not swallow the next one; if that fails, too, reading passes over it. */
        if (!good && ftruncate(fd, st.st_size) != 0)
            good = false;
    }
    free(text);
    json_decref(json);
    return good;
}
