/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes by hand that outlive the process. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/keeper_socket.h"
#include "core/servers/journal.h"
#include "core/servers/servers.h"

static void take_line(void *arg, const char *backend, const char *id,
                      const struct server_change *change)
{
    struct backend_servers *b = servers_get(arg, backend);
    if (b && change)
        (void)overlay_put(&b->overlay, change);
    else if (b)
        overlay_drop(&b->overlay, id);
}

static bool is_empty(const struct servers *s)
{
    for (const struct list *n = s->backends.next; n != &s->backends; n = n->next)
        if (container_of(n, struct backend_servers, node)->overlay.count)
            return false;
    return true;
}

static void write_all(struct servers *s)
{
    for (struct list *n = s->backends.next; n != &s->backends; n = n->next) {
        struct backend_servers *b = container_of(n, struct backend_servers, node);
        for (uint32_t i = 0; i < b->overlay.count; i++)
            (void)servers_keep(s, b->name, b->overlay.items[i]->id, b->overlay.items[i]);
    }
}

static void read_all(struct servers *s)
{
    unsigned bad;
    if (!journal_read(s->journal_fd, take_line, s, &bad))
        fprintf(stderr, "sluice: %s: the journal cannot be read\n", s->journal);
    else if (bad)
        fprintf(stderr, "sluice: %s: %u lines make no sense and are passed over\n", s->journal,
                bad);
}

void servers_use_journal(struct servers *s, const char *path)
{
    if (s->journal == path || (s->journal && path && strcmp(s->journal, path) == 0))
        return;
    if (s->journal_fd >= 0)
        close(s->journal_fd);
    free(s->journal);
    s->journal_fd = -1;
    s->journal = path ? strdup(path) : NULL;
    if (!s->journal)
        return;
    int fd = s->keeper >= 0 ? keeper_journal(s->keeper, path) : journal_open(path);
    if (fd < 0) {
        fprintf(stderr, "sluice: %s: %s; changes of servers are not possible\n", path,
                strerror(-fd));
        return;
    }
    s->journal_fd = fd;
    if (is_empty(s))
        read_all(s);
    else
        write_all(s);
}

bool servers_keep(struct servers *s, const char *backend, const char *id,
                  const struct server_change *change)
{
    return !s->journal ||
           (s->journal_fd >= 0 && journal_append(s->journal_fd, backend, id, change));
}
