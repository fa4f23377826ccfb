/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observe/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0640

/* The folder that the file stands in: a descriptor, or -errno. */
static int open_folder(const char *path, const char *name)
{
    char folder[4096];
    size_t n = (size_t)(name - path);
    if (n >= sizeof folder)
        return -ENAMETOOLONG;
    memcpy(folder, path, n);
    folder[n] = '\0';
    int fd = open(n ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static bool others_write(int folder)
{
    struct stat st;
    return fstat(folder, &st) != 0 || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH));
}

/* 0 or -errno. */
static int check(int fd, bool strict)
{
    struct stat st;
    if (strict && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1))
        return -EPERM;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 ? 0 : -errno;
}

int log_file_open(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int folder = open_folder(path, name);
    if (folder < 0)
        return folder;
    bool strict = geteuid() == 0 && others_write(folder);
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = openat(folder, name, strict ? flags | O_NOFOLLOW : flags, MODE);
    int err = fd < 0 ? -errno : check(fd, strict);
    close(folder);
    if (err == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return err;
}
