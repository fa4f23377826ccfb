/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A folder of files for one test. */
#ifndef SLUICE_TESTS_CONFIG_FILES_H
#define SLUICE_TESTS_CONFIG_FILES_H

#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/config/config_test.h"

struct folder {
    char path[64];
    char file[256]; /* what folder_file() gave last */
};

static inline void folder_make(struct folder *f)
{
    strcpy(f->path, "/tmp/sluice-config-XXXXXX");
    assert_non_null(mkdtemp(f->path));
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void folder_remove(struct folder *f)
{
    assert_int_equal(nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline const char *folder_file(struct folder *f, const char *name)
{
    snprintf(f->file, sizeof f->file, "%s/%s", f->path, name);
    return f->file;
}

static inline void folder_write(struct folder *f, const char *name, const char *text)
{
    FILE *file = fopen(folder_file(f, name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static inline struct loaded *folder_load(struct folder *f, const char *name)
{
    const struct config_input in = { .path = folder_file(f, name),
                                     .getenv = test_getenv,
                                     .resolve = test_resolve };
    return load_input(&in);
}

/* "FILE:2:7: error: ...\n" for each message; FILE without the folder. */
static inline void folder_expect(struct folder *f, const char *name, const char *expected)
{
    char actual[16384] = "";
    size_t at = 0;
    struct loaded *l = folder_load(f, name);
    for (uint32_t i = 0; i < l->report.messages_count; i++) {
        const struct config_message *m = &l->report.messages[i];
        const char *file = m->file ? strrchr(m->file, '/') + 1 : "";
        at += (size_t)snprintf(actual + at, sizeof actual - at, "%s:%u:%u: %s: ", file, m->line,
                               m->column, m->severity == SEVERITY_ERROR ? "error" : "warning");
        /* The folder's own name is another one each time. */
        for (const char *t = m->text; *t;) {
            if (strncmp(t, f->path, strlen(f->path)) == 0)
                t += strlen(f->path) + 1;
            else
                actual[at++] = *t++;
        }
        actual[at++] = '\n';
        actual[at] = '\0';
    }
    if (strcmp(actual, expected) != 0)
        fail_with(name, expected, actual);
    assert_int_equal(l->config != NULL, l->report.errors_count == 0);
    unload(l);
}

#endif
