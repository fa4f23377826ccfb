/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/ring/sock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_int(int fd, int level, int name, int value)
{
    /* A refusal (TCP options on a Unix socket, an old kernel) costs speed, not correctness. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

int sock_open(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (family != AF_UNIX)
        set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return fd;
}

int sock_open_from(int family, const struct addr *source)
{
    int fd = sock_open(family);
    if (fd < 0 || !source)
        return fd;
    set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (bind(fd, &source->sa, source->len) == 0)
        return fd;
    int err = errno;
    close(fd);
    return -err;
}

/* What it is sent comes from it, too. Nothing is sent: a datagram socket only looks the way up. */
bool sock_is_local(const struct addr *a)
{
    struct addr to = *a, from;
    bool local = false;
    int fd = socket(a->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    if (connect(fd, &to.sa, to.len) == 0 && sock_local(fd, &from) == 0) {
        struct peer_addr x = peer_addr_of(&to), y = peer_addr_of(&from);
        local = x.family == y.family && memcmp(x.ip, y.ip, sizeof x.ip) == 0;
    }
    close(fd);
    return local;
}

static int connect_unix(const char *path, int type)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t n = strlen(path);
    if (n >= sizeof un.sun_path)
        return -ENAMETOOLONG;
    memcpy(un.sun_path, path, n);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&un, sizeof un) != 0) {
        int err = errno;
        close(fd);
        return -err;
    }
    return fd;
}

int sock_datagram(const char *path)
{
    return connect_unix(path, SOCK_DGRAM);
}

int sock_stream(const char *path)
{
    return connect_unix(path, SOCK_STREAM);
}

/* A Unix socket file that nobody listens on any more: true when it was removed. */
static bool remove_stale_unix(const struct addr *a)
{
    struct stat st;
    if (a->sa.sa_family != AF_UNIX || a->un.sun_path[0] == '\0' ||
        lstat(a->un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool stale = connect(fd, &a->sa, a->len) != 0 && errno == ECONNREFUSED;
    close(fd);
    return stale && unlink(a->un.sun_path) == 0;
}

/* 0 or -errno. */
static int allow_group(int fd)
{
    int one = 1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0 ? 0 : -errno;
}

static int bind_and_listen(int fd, const struct addr *a, int backlog, unsigned flags)
{
    bool in_group = a->sa.sa_family != AF_UNIX && (flags & SOCK_LISTEN_REUSEPORT);
    int rc;
    if (a->sa.sa_family != AF_UNIX)
        set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (in_group && !(flags & SOCK_LISTEN_FIRST) && (rc = allow_group(fd)) < 0)
        return rc;
    if (a->sa.sa_family == AF_INET6)
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, !a->dual_stack);
    if (bind(fd, &a->sa, a->len) != 0) {
        int err = errno;
        if (err != EADDRINUSE || !remove_stale_unix(a))
            return -err;
        if (bind(fd, &a->sa, a->len) != 0)
            return -errno;
    }
    /* Bound alone, so that a group of another process is not joined; the others may come now. */
    if (in_group && (flags & SOCK_LISTEN_FIRST) && (rc = allow_group(fd)) < 0)
        return rc;
    return listen(fd, backlog) == 0 ? 0 : -errno;
}

int sock_listen(const struct addr *a, int backlog, unsigned flags, struct addr *bound)
{
    struct addr at = *a;
    int fd = sock_open(at.sa.sa_family);
    if (fd == -EAFNOSUPPORT && at.dual_stack) {
        /* A machine without IPv6: any address is any IPv4 address. */
        at = (struct addr){
            .len = sizeof at.v4,
            .v4 = { .sin_family = AF_INET, .sin_port = a->v6.sin6_port },
        };
        fd = sock_open(AF_INET);
    }
    if (fd < 0)
        return fd;
    int rc = bind_and_listen(fd, &at, backlog, flags);
    if (rc == 0 && bound) {
        *bound = (struct addr){
            .len = sizeof *bound - offsetof(struct addr, sa),
            .dual_stack = at.dual_stack,
        };
        if (getsockname(fd, &bound->sa, &bound->len) != 0)
            rc = -errno;
    }
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return fd;
}

bool sock_awaited(int fd)
{
    struct pollfd p = { fd, POLLIN, 0 };
    return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

int sock_peer(int fd, struct addr *out)
{
    *out = (struct addr){ .len = sizeof *out - offsetof(struct addr, sa) };
    return getpeername(fd, &out->sa, &out->len) == 0 ? 0 : -errno;
}

int sock_local(int fd, struct addr *out)
{
    *out = (struct addr){ .len = sizeof *out - offsetof(struct addr, sa) };
    return getsockname(fd, &out->sa, &out->len) == 0 ? 0 : -errno;
}

int sock_peek(int fd, void *p, size_t n)
{
    ssize_t got = recv(fd, p, n, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 ? -errno : (int)got;
}

void sock_skip(int fd, size_t n)
{
    char bytes[1024];
    while (n > 0) {
        ssize_t got = recv(fd, bytes, n < sizeof bytes ? n : sizeof bytes, MSG_DONTWAIT);
        if (got <= 0)
            return; /* reset meanwhile: whoever reads next sees it */
        n -= (size_t)got;
    }
}

void sock_low_water(int fd, int bytes)
{
    set_int(fd, SOL_SOCKET, SO_RCVLOWAT, bytes);
}

void sock_shutdown_write(int fd)
{
    (void)shutdown(fd, SHUT_WR); /* fails when the peer is gone: as good */
}

void sock_shutdown(int fd)
{
    (void)shutdown(fd, SHUT_RDWR);
}

void sock_close(int fd, bool reset)
{
    if (reset) {
        struct linger now = { .l_onoff = 1, .l_linger = 0 };
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(fd);
}
