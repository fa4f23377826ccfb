/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/reading.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/certificates.h"
#include "core/file_stamp.h"
#include "core/ring/memory_file.h"
#include "core/tls_check.h"

static struct reading *make(const char *path, const struct reading *before, bool renew,
                            struct config_report *report)
{
    struct reading *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    struct bundle_recorder recorder;
    bundle_record(&recorder, &r->bundle, before ? &before->bundle : NULL,
                  renew ? &before->config->renewable : NULL);
    struct certificates certificates;
    certificates_init(&certificates, before ? before->config : NULL);
    certificates.keep_before = renew;
    const struct config_input in = {
        .path = path, .files = &recorder.files, .keep_names = true, .maker = &certificates.maker
    };
    r->config = tls_checked(config_load_input(&in, report), report);
    if (r->config)
        r->stamp = file_stamp(&r->config->renewable);
    if (!r->bundle.failed)
        return r;
    reading_free(r);
    return NULL;
}

struct reading *reading_make(const char *path, const struct reading *before,
                             struct config_report *report)
{
    return make(path, before, false, report);
}

struct reading *reading_renew(const char *path, const struct reading *before,
                              struct config_report *report)
{
    return make(path, before, true, report);
}

void reading_free(struct reading *r)
{
    if (!r)
        return;
    config_free(r->config);
    bundle_free(&r->bundle);
    free(r);
}

struct config *reading_load(int fd, const char *path, const struct config *before, bool renew,
                            struct config_report *report)
{
    const struct place nowhere = { 0 };
    struct bundle_player player;
    struct str bytes;
    if (fd < 0 || !memory_file_map(fd, &bytes)) {
        report_error(report, nowhere, "the keeper could not give what it read: %s",
                     fd < 0 ? strerror(-fd) : "out of memory");
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    close(fd);
    bundle_play(&player, bytes);
    struct certificates certificates;
    certificates_init(&certificates, before);
    certificates.keep_before = renew;
    const struct config_input in = { .path = path,
                                     .files = &player.files,
                                     .keep_names = true, /* they are looked up while it runs */
                                     .maker = &certificates.maker };
    struct config *c = tls_checked(config_load_input(&in, report), report);
    memory_file_unmap(bytes);
    return c;
}
