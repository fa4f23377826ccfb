/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/keeper_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/servers_text.h"
#include "core/file_stamp.h"
#include "core/observe/log_file.h"
#include "core/ring/memory_file.h"
#include "core/servers/journal.h"

static bool is(const char *named, const char *path)
{
    return named && strcmp(named, path) == 0;
}

static bool names(const struct reading *r, const struct keeper_question *q)
{
    const struct config *c = r ? r->config : NULL;
    bool found = false;
    if (!c)
        return false;
    if (q->verb == KEEPER_JOURNAL)
        return is(c->journal, q->text);
    for (uint32_t i = 0; q->verb == KEEPER_LOG && i < c->logs_count; i++)
        found |= c->logs[i].destination == LOG_TO_FILE && is(c->logs[i].path, q->text);
    for (uint32_t i = 0; q->verb == KEEPER_SERVERS && i < c->backends_count; i++)
        found |= is(c->backends[i].servers_file, q->text);
    return found;
}

static int open_servers(const char *path, uint32_t *stamp)
{
    struct str name = str_of(path);
    const struct renewable one = { .paths = { &name, 1 } };
    uint64_t state = file_stamp(&one);
    uint32_t known = *stamp;
    *stamp = (uint32_t)(state ^ state >> 32) | 1;
    if (*stamp == known)
        return -EAGAIN;
    struct config_files disk = disk_files();
    struct file_read read = disk.read(&disk, path, SERVERS_TEXT_BYTES_MAX);
    if (read.err)
        return read.err == FILE_TOO_LARGE ? -EFBIG : -read.err;
    int fd = memory_file_create("sluice-servers", (struct str){ read.text, read.len });
    free(read.text);
    return fd;
}

int keeper_files_open(const struct reading *now, const struct reading *next,
                      const struct keeper_question *q, uint32_t *stamp)
{
    if (!names(next, q) && !names(now, q))
        return -EACCES;
    if (q->verb == KEEPER_LOG)
        return log_file_open(q->text);
    if (q->verb == KEEPER_JOURNAL)
        return journal_open(q->text);
    return open_servers(q->text, stamp);
}
