/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/servers/server_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/keeper_socket.h"
#include "core/ring/memory_file.h"

bool server_file_use(struct server_file *f, const char *path)
{
    if (f->path == path || (f->path && path && strcmp(f->path, path) == 0))
        return false;
    server_file_free(f);
    f->path = path ? strdup(path) : NULL;
    return true;
}

/* The same mistake is said once. */
static void complain(struct server_file *f, const char *backend, const char *why)
{
    if (!f->bad)
        fprintf(stderr, "sluice: backend %s: %s: %s; its servers stay as they were\n", backend,
                f->path, why);
    f->bad = true;
}

/* True: it was understood. */
static bool take(struct server_file *f, struct str bytes, const char *backend)
{
    struct config_report *report = config_report_create();
    if (!report)
        return false;
    struct servers_text *text = servers_text_read(f->path, bytes, report);
    if (text) {
        servers_text_free(f->text);
        f->text = text;
        f->bad = false;
    } else if (!f->bad) {
        config_report_print(report, stderr, false);
        complain(f, backend, "it has mistakes");
    }
    config_report_destroy(report);
    return text;
}

bool server_file_look(struct server_file *f, int keeper, const char *backend)
{
    uint32_t stamp = f->stamp;
    struct str bytes;
    int fd = keeper < 0 ? -ENOTSUP : keeper_servers(keeper, f->path, &stamp);
    bool first = !f->tried, settled = stamp == f->seen;
    f->tried = true;
    f->seen = stamp;
    if (fd == -EAGAIN)
        return false;
    if (fd < 0) {
        complain(f, backend, strerror(-fd));
        return false;
    }
    /* Who writes it may be in the middle of that: it is taken when it looks the same twice. */
    bool wanted = (first || settled) && stamp != f->stamp;
    bool taken = false;
    if (wanted && memory_file_map(fd, &bytes)) {
        f->stamp = stamp;
        taken = take(f, bytes, backend);
        memory_file_unmap(bytes);
    }
    close(fd);
    return taken;
}

void server_file_free(struct server_file *f)
{
    servers_text_free(f->text);
    free(f->path);
    *f = (struct server_file){ 0 };
}
