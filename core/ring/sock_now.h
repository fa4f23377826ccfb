/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets of a library that reads and writes by itself whenever op_poll says that it may: they are
 * in non-blocking mode, and these calls never wait. Errors are -errno. */
#ifndef SLUICE_RING_SOCK_NOW_H
#define SLUICE_RING_SOCK_NOW_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* A descriptor for AF_INET or AF_INET6, SOCK_DGRAM or SOCK_STREAM. */
int sock_now_open(int family, int type);

/* -EINPROGRESS: it can be written to once there is a connection. */
int sock_now_connect(int fd, const struct sockaddr *sa, socklen_t len);

/* Bytes, 0 at the end of a stream, or -EAGAIN. from (may be NULL): who sent it. */
ssize_t sock_now_receive(int fd, void *to, size_t bytes, int flags, struct sockaddr *from,
                         socklen_t *from_len);

/* What the socket takes of it; SIGPIPE is never raised. */
ssize_t sock_now_send(int fd, const struct iovec *iov, int count);

#endif
