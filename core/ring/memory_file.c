/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/ring/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

static int fill(int fd, struct str bytes)
{
    if (bytes.len == 0)
        return 0;
    if (ftruncate(fd, (off_t)bytes.len) != 0)
        return -errno;
    /* Not through a mapping: where memory ends, that would end the process. */
    for (size_t at = 0; at < bytes.len;) {
        ssize_t n = pwrite(fd, bytes.ptr + at, bytes.len - at, (off_t)at);
        if (n <= 0)
            return n < 0 ? -errno : -ENOSPC;
        at += (size_t)n;
    }
    return 0;
}

int memory_file_create(const char *name, struct str bytes)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    int err = fill(fd, bytes);
    if (err == 0 && fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        err = -errno;
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}

bool memory_file_map(int fd, struct str *bytes)
{
    struct stat st;
    *bytes = (struct str){ 0 };
    if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st) != 0)
        return false;
    if (st.st_size == 0)
        return true;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return false;
    *bytes = (struct str){ p, (size_t)st.st_size };
    return true;
}

void memory_file_unmap(struct str bytes)
{
    if (bytes.ptr)
        munmap((void *)bytes.ptr, bytes.len);
}
