/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gives every file of a corpus directory to a fuzz target once, each in memory of exactly its size
 * so that a sanitizer sees the first byte read too many. */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    rewind(f);
    uint8_t *bytes = size >= 0 ? malloc((size_t)size) : NULL;
    bool ok = bytes && fread(bytes, 1, (size_t)size, f) == (size_t)size;
    fclose(f);
    if (ok)
        LLVMFuzzerTestOneInput(bytes, (size_t)size);
    free(bytes);
    return ok;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    if (!dir) {
        fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
        return 2;
    }
    unsigned replayed = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        if (!replay(path)) {
            fprintf(stderr, "cannot read %s\n", path);
            return 1;
        }
        replayed++;
    }
    closedir(dir);
    printf("%u inputs replayed\n", replayed);
    return replayed > 0 ? 0 : 1;
}
