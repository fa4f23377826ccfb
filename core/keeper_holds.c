/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/keeper_holds.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "core/listen.h"
#include "core/ring/sock.h"

#define ADMIN_BACKLOG 16

/* With a file, that is. */
static bool is_unix(const struct addr *a)
{
    return a->sa.sa_family == AF_UNIX && a->un.sun_path[0];
}

/* The address that the configuration names so; NULL: it does not. */
static const struct addr *bind_named(const struct config *c, const char *text)
{
    for (uint32_t i = 0; i < c->binds_count; i++)
        if (strcmp(c->binds[i].text, text) == 0)
            return &c->binds[i].addr;
    return NULL;
}

static bool names(const struct config *c, enum hold_kind kind, const char *text)
{
    if (kind == HOLD_ADMIN)
        return c->admin_socket && strcmp(c->admin_socket, text) == 0;
    return bind_named(c, text) != NULL;
}

/* ---- Opening -------------------------------------------------------------------------------- */

/* For root and the group of the server's user: who may write to it is the operator. */
static int open_admin(const struct config *c, const char *path, struct addr *bound)
{
    struct addr at = { .len = sizeof at.un, .un = { .sun_family = AF_UNIX } };
    const struct passwd *user = c->user && geteuid() == 0 ? getpwnam(c->user) : NULL;
    if (strlen(path) >= sizeof at.un.sun_path)
        return -ENAMETOOLONG;
    strcpy(at.un.sun_path, path);
    *bound = at;
    mode_t mask = umask(0117);
    if (user)
        setfsgid(user->pw_gid); /* the file is made with it: no moment with another one */
    int fd = sock_listen(&at, ADMIN_BACKLOG, 0, NULL);
    if (user)
        setfsgid(getegid());
    umask(mask);
    return fd;
}

static struct hold *find(const struct holds *h, enum hold_kind kind, const char *text)
{
    for (uint32_t i = 0; i < h->count; i++)
        if (h->items[i].kind == kind && strcmp(h->items[i].text, text) == 0)
            return &h->items[i];
    return NULL;
}

static struct hold *add(struct holds *h, enum hold_kind kind, const char *text)
{
    struct hold *items = realloc(h->items, (h->count + 1) * sizeof *items);
    char *copy = strdup(text);
    if (items)
        h->items = items;
    if (!items || !copy) {
        free(copy);
        return NULL;
    }
    items[h->count] = (struct hold){ .kind = kind, .text = copy };
    return &items[h->count++];
}

/* One more of the group, at the address where the first one really is. 0 or -errno. */
static int grow(struct hold *held, const struct config *c)
{
    struct stat st;
    int *fds = realloc(held->fds, (held->fds_count + 1) * sizeof *fds);
    if (!fds)
        return -ENOMEM;
    held->fds = fds;
    bool first = held->fds_count == 0;
    struct addr at = first && held->kind == HOLD_TRAFFIC ? *bind_named(c, held->text) : held->bound;
    int fd = held->kind == HOLD_ADMIN ? open_admin(c, held->text, &held->bound)
                                      : listen_open(&at, first, &held->bound);
    if (fd < 0)
        return fd;
    if (is_unix(&held->bound) && lstat(held->bound.un.sun_path, &st) == 0) {
        held->device = st.st_dev;
        held->inode = st.st_ino;
    }
    fds[held->fds_count++] = fd;
    return 0;
}

/* ---- Closing -------------------------------------------------------------------------------- */

static void close_hold(struct hold *held)
{
    struct stat st;
    for (uint32_t i = 0; i < held->fds_count; i++)
        sock_close(held->fds[i], false);
    if (held->fds_count && is_unix(&held->bound) && lstat(held->bound.un.sun_path, &st) == 0 &&
        st.st_dev == held->device && st.st_ino == held->inode)
        unlink(held->bound.un.sun_path);
    free(held->fds);
    free(held->text);
}

static void close_unused(struct holds *h)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < h->count; i++)
        if (h->items[i].users)
            h->items[kept++] = h->items[i];
        else
            close_hold(&h->items[i]);
    h->count = kept;
}

void holds_release(struct holds *h, enum hold_kind kind, const char *text, unsigned slot)
{
    struct hold *held = find(h, kind, text);
    if (held)
        held->users &= ~(1u << slot);
    close_unused(h);
}

void holds_release_others(struct holds *h, const struct config *c, unsigned slot)
{
    for (uint32_t i = 0; i < h->count; i++)
        if (!c || !names(c, h->items[i].kind, h->items[i].text))
            h->items[i].users &= ~(1u << slot);
    close_unused(h);
}

void holds_close(struct holds *h)
{
    for (uint32_t i = 0; i < h->count; i++)
        close_hold(&h->items[i]);
    free(h->items);
    *h = (struct holds){ 0 };
}

/* ---- Asking --------------------------------------------------------------------------------- */

const struct hold *holds_take(struct holds *h, const struct config *c, enum hold_kind kind,
                              const char *text, uint32_t number, unsigned slot, int *err)
{
    *err = -EACCES;
    if (!c || !names(c, kind, text))
        return NULL;
    struct hold *held = find(h, kind, text);
    *err = -ENOMEM;
    if (!held && !(held = add(h, kind, text)))
        return NULL;
    bool single = kind == HOLD_ADMIN || is_unix(&held->bound);
    if (number < held->fds_count)
        *err = 0;
    else if (number > held->fds_count || number >= (single ? 1 : WORKERS_MAX))
        *err = -EINVAL;
    else
        *err = grow(held, c);
    if (*err == 0) {
        held->users |= 1u << slot;
        return held;
    }
    close_unused(h);
    return NULL;
}
