/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/keeper_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

static bool send_whole(int socket, const void *p, size_t n, int fd)
{
    struct iovec iov = { (void *)p, n };
    union control control = { .room = { 0 } };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (fd >= 0) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &m, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)n; /* a SEQPACKET: whole or not at all */
}

/* *fd: a descriptor that came along, or -1. */
static bool receive_whole(int socket, void *p, size_t n, int *fd)
{
    struct iovec iov = { p, n };
    union control control;
    struct msghdr m = { .msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = control.room,
                        .msg_controllen = sizeof control.room };
    ssize_t got;
    do
        got = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    *fd = -1;
    struct cmsghdr *c = got >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(c), sizeof *fd);
    return got == (ssize_t)n;
}

int keeper_listen(int socket, const char *text, uint32_t number, const struct addr *addr,
                  struct addr *bound)
{
    struct keeper_question q = { .verb = KEEPER_LISTEN, .number = number, .addr = *addr };
    struct keeper_answer a;
    int fd;
    if (strlen(text) >= sizeof q.text)
        return -ENAMETOOLONG;
    snprintf(q.text, sizeof q.text, "%s", text);
    if (!send_whole(socket, &q, sizeof q, -1) || !receive_whole(socket, &a, sizeof a, &fd))
        return -ECONNRESET;
    if (a.err)
        return a.err;
    *bound = a.bound;
    return fd;
}

void keeper_release(int socket, const char *text)
{
    struct keeper_question q = { .verb = KEEPER_RELEASE };
    snprintf(q.text, sizeof q.text, "%s", text);
    (void)send_whole(socket, &q, sizeof q, -1); /* without a keeper there is nothing to release */
}

void keeper_loaded(int socket)
{
    const struct keeper_question q = { .verb = KEEPER_LOADED };
    (void)send_whole(socket, &q, sizeof q, -1);
}

bool keeper_receive(int socket, struct keeper_question *q)
{
    int fd;
    bool whole = receive_whole(socket, q, sizeof *q, &fd);
    if (fd >= 0)
        close(fd); /* nobody asked for it */
    q->text[sizeof q->text - 1] = '\0';
    return whole;
}

void keeper_reply(int socket, const struct keeper_answer *a, int fd)
{
    (void)send_whole(socket, a, sizeof *a, fd); /* a dead server is seen by its end */
}
