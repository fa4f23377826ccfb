/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/keeper_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ring/sock.h"

int keeper_listen(int socket, const char *text, uint32_t number, const struct addr *addr,
                  struct addr *bound)
{
    struct keeper_question q = { .verb = KEEPER_LISTEN, .number = number, .addr = *addr };
    struct keeper_answer a;
    int fd;
    if (strlen(text) >= sizeof q.text)
        return -ENAMETOOLONG;
    snprintf(q.text, sizeof q.text, "%s", text);
    if (!sock_send_fd(socket, &q, sizeof q, -1) || !sock_receive_fd(socket, &a, sizeof a, &fd))
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
    (void)sock_send_fd(socket, &q, sizeof q, -1); /* without a keeper there is nothing to release */
}

void keeper_loaded(int socket)
{
    const struct keeper_question q = { .verb = KEEPER_LOADED };
    (void)sock_send_fd(socket, &q, sizeof q, -1);
}

bool keeper_receive(int socket, struct keeper_question *q)
{
    int fd;
    bool whole = sock_receive_fd(socket, q, sizeof *q, &fd);
    if (fd >= 0)
        close(fd); /* nobody asked for it */
    q->text[sizeof q->text - 1] = '\0';
    return whole;
}

void keeper_reply(int socket, const struct keeper_answer *a, int fd)
{
    (void)sock_send_fd(socket, a, sizeof *a, fd); /* a dead server is seen by its end */
}
