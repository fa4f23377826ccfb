/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/ring/sock_now.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

int sock_now_open(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int one = 1;
    if (type == SOCK_STREAM)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

int sock_now_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
    return connect(fd, sa, len) == 0 ? 0 : -errno;
}

ssize_t sock_now_receive(int fd, void *to, size_t bytes, int flags, struct sockaddr *from,
                         socklen_t *from_len)
{
    ssize_t n = recvfrom(fd, to, bytes, flags | MSG_DONTWAIT, from, from_len);
    return n >= 0 ? n : -errno;
}

ssize_t sock_now_send(int fd, const struct iovec *iov, int count)
{
    const struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count };
    ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n >= 0 ? n : -errno;
}
