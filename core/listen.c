/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/keeper_socket.h"
#include "core/ring/sock.h"

#define LISTEN_BACKLOG 4096
#define PATIENCE_MS 500
#define PAUSE_MS 10

static struct listen_entry *find(const struct listen_set *s, const char *text)
{
    for (uint32_t i = 0; i < s->entries_count; i++)
        if (strcmp(s->entries[i].text, text) == 0)
            return &s->entries[i];
    return NULL;
}

static bool is_unix(const struct listen_entry *e)
{
    return e->bound.sa.sa_family == AF_UNIX;
}

/* What a killed process listened on is free only when the kernel has ended its io_uring, which took
 * up to 20 ms after its death: who starts it again at once shall not fail. */
int listen_open(const struct addr *addr, bool first, struct addr *bound)
{
    const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };
    bool tcp = addr->sa.sa_family != AF_UNIX;
    unsigned flags = tcp ? SOCK_LISTEN_REUSEPORT | (first ? SOCK_LISTEN_FIRST : 0) : 0;
    int fd = sock_listen(addr, LISTEN_BACKLOG, flags, bound);
    for (unsigned ms = 0; fd == -EADDRINUSE && ms < PATIENCE_MS; ms += PAUSE_MS) {
        nanosleep(&pause, NULL);
        fd = sock_listen(addr, LISTEN_BACKLOG, flags, bound);
    }
    return fd;
}

void listen_close(int fd, const struct addr *bound)
{
    sock_close(fd, false);
    if (bound->sa.sa_family == AF_UNIX && bound->un.sun_path[0])
        unlink(bound->un.sun_path);
}

static void close_entry(struct listen_set *s, struct listen_entry *e)
{
    for (uint32_t i = 0; i < e->fds_count; i++)
        if (s->keeper >= 0)
            sock_close(e->fds[i], false);
        else
            listen_close(e->fds[i], &e->bound);
    if (s->keeper >= 0)
        keeper_release(s->keeper, e->text);
    free(e->fds);
    free(e->text);
}

static void explain(const char *text, int err, char *why, uint32_t why_bytes)
{
    const char *remedy = err == EADDRINUSE      ? " (is another server running there?)"
                         : err == EACCES        ? " (ports below 1024 want privileges)"
                         : err == EADDRNOTAVAIL ? " (not an address of this machine)"
                                                : "";
    snprintf(why, why_bytes, "cannot listen on %s: %s%s", text, strerror(err), remedy);
}

/* The next of the entry's group: a descriptor or -errno. */
static int open_one(const struct listen_set *s, struct listen_entry *e, uint32_t *group)
{
    struct addr addr = e->bound;
    if (s->keeper >= 0)
        return keeper_listen(s->keeper, e->text, e->fds_count, &e->bound, group);
    return listen_open(&addr, e->fds_count == 0, &e->bound);
}

/* Makes the entry's group at least so large. */
static int grow(struct listen_set *s, struct listen_entry *e, uint32_t count)
{
    if (is_unix(e))
        count = 1;
    if (count <= e->fds_count)
        return 0;
    int *fds = realloc(e->fds, count * sizeof *fds);
    uint32_t group = 0;
    if (!fds)
        return -ENOMEM;
    e->fds = fds;
    while (e->fds_count < count) {
        int fd = open_one(s, e, &group);
        if (fd < 0)
            return fd;
        e->fds[e->fds_count++] = fd;
    }
    /* The keeper has more of them: from a process before us. */
    return group > count ? grow(s, e, group) : 0;
}

static struct listen_entry *add(struct listen_set *s, const struct bind_config *bind)
{
    struct listen_entry *entries = realloc(s->entries, (s->entries_count + 1) * sizeof *entries);
    if (!entries)
        return NULL;
    s->entries = entries;
    struct listen_entry *e = &entries[s->entries_count];
    *e = (struct listen_entry){ .text = strdup(bind->text), .bound = bind->addr };
    if (!e->text)
        return NULL;
    s->entries_count++;
    return e;
}

bool listen_set_open(struct listen_set *s, const struct config *config, uint32_t workers, char *why,
                     uint32_t why_bytes)
{
    uint32_t before = s->entries_count;
    for (uint32_t i = 0; i < config->binds_count; i++) {
        const struct bind_config *bind = &config->binds[i];
        struct listen_entry *e = find(s, bind->text);
        if (!e)
            e = add(s, bind);
        int err = e ? grow(s, e, workers) : -ENOMEM;
        if (err == 0)
            continue;
        explain(bind->text, -err, why, why_bytes);
        while (s->entries_count > before)
            close_entry(s, &s->entries[--s->entries_count]);
        return false;
    }
    return true;
}

uint32_t listen_set_slots(const struct listen_set *s, const struct config *config, uint32_t worker,
                          uint32_t workers, struct listen_slot *slots, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < config->binds_count; i++) {
        const struct listen_entry *e = find(s, config->binds[i].text);
        CHECK(e);
        for (uint32_t k = 0; k < e->fds_count && n < max; k++)
            if (is_unix(e) || k % workers == worker)
                slots[n++] = (struct listen_slot){ &config->binds[i], e->fds[k] };
    }
    return n;
}

const struct addr *listen_set_bound(const struct listen_set *s, const struct bind_config *bind)
{
    const struct listen_entry *e = find(s, bind->text);
    return e ? &e->bound : NULL;
}

void listen_set_close_unused(struct listen_set *s, const struct config *config)
{
    for (uint32_t i = 0; i < s->entries_count; i++)
        s->entries[i].wanted = false;
    for (uint32_t i = 0; config && i < config->binds_count; i++) {
        struct listen_entry *e = find(s, config->binds[i].text);
        if (e)
            e->wanted = true;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->entries_count; i++)
        if (s->entries[i].wanted)
            s->entries[kept++] = s->entries[i];
        else
            close_entry(s, &s->entries[i]);
    s->entries_count = kept;
    if (kept == 0) {
        free(s->entries);
        s->entries = NULL;
    }
}
