/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets: the calls that do not block and are not worth a ring operation. The simulator fills
 * this header too. All descriptors are close-on-exec and in blocking mode (io_uring answers -EAGAIN
 * at once on O_NONBLOCK sockets instead of polling). Errors are -errno. */
#ifndef SLUICE_RING_SOCK_H
#define SLUICE_RING_SOCK_H

#include <stdbool.h>

#include "core/base/addr.h"

enum sock_listen_flags {
    SOCK_LISTEN_REUSEPORT = 1, /* TCP: one of a group on the same address */
    SOCK_LISTEN_FIRST = 2,     /* the first of its group: another process's group is EADDRINUSE */
};

/* Binds and listens. TCP_NODELAY is set here and inherited by what is accepted. What is
 * dual_stack takes IPv4 too (and IPv4 only, on a machine without IPv6); other IPv6 addresses do
 * not. A stale Unix socket file (nobody listens) is replaced. *bound (may be NULL) gets the address
 * with its real port. */
int sock_listen(const struct addr *a, int backlog, unsigned flags, struct addr *bound);

/* An unconnected socket for op_connect: TCP_NODELAY set. */
int sock_open(int family);

/* The same; source (may be NULL) is the address of this machine that it is bound to: its port is
 * chosen with the peer's address, so that many can share one. */
int sock_open_from(int family, const struct addr *source);

/* Whether it is an address of this machine. */
bool sock_is_local(const struct addr *a);

/* A datagram or stream socket connected to the Unix socket of that path: a descriptor or -errno.
 * The latter may block: for the command line. */
int sock_datagram(const char *path);
int sock_stream(const char *path);

/* Whether somebody waits on a listening socket to be accepted. */
bool sock_awaited(int fd);

/* The peer's address; family AF_UNIX without a name for Unix sockets. 0 or -errno. */
int sock_peer(int fd, struct addr *out);

/* Our own address of a connection: which one the peer connected to. 0 or -errno. */
int sock_local(int fd, struct addr *out);

/* What has been received and not read, without reading it: how many bytes of it are at p, 0 at the
 * end of the stream, -EAGAIN: nothing yet, or -errno. */
int sock_peek(int fd, void *p, size_t n);

/* Reads n bytes that were seen by sock_peek(), and forgets them. */
void sock_skip(int fd, size_t n);

/* The descriptor counts as readable (op_poll) from so many bytes on; 1: as usual. */
void sock_low_water(int fd, int bytes);

/* Half-close: FIN after what was sent. */
void sock_shutdown_write(int fd);

/* Both directions end at once: pending receives complete with 0. */
void sock_shutdown(int fd);

/* Closes. With reset, TCP peers see RST: the visible end of something cut. No op may be in
 * flight. */
void sock_close(int fd, bool reset);

/* One packet over a SOCK_SEQPACKET pair, with a descriptor when fd >= 0. Blocks. False: the other
 * side is gone. */
bool sock_send_fd(int socket, const void *p, size_t n, int fd);

/* Likewise; the packet must be n bytes long. *fd: a descriptor that came along (the caller's), or
 * -1. */
bool sock_receive_fd(int socket, void *p, size_t n, int *fd);

#endif
