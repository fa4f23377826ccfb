/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/keeper_socket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/ring/sock.h"

/* Gives a->err, or what failed before. *fd: what came along, or -1. */
static int ask(int socket, enum keeper_verb verb, uint32_t number, const char *text,
               struct keeper_answer *a, int *fd)
{
    struct keeper_question q = { .verb = verb, .number = number };
    *fd = -1;
    if (strlen(text) >= sizeof q.text)
        return -ENAMETOOLONG;
    strcpy(q.text, text);
    if (!sock_send_fd(socket, &q, sizeof q, -1) || !sock_receive_fd(socket, a, sizeof *a, fd))
        return -ECONNRESET;
    return a->err;
}

/* A descriptor or -errno. */
static int ask_fd(int socket, enum keeper_verb verb, uint32_t number, const char *text,
                  struct keeper_answer *a)
{
    int fd, err = ask(socket, verb, number, text, a, &fd);
    if (!err && fd >= 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return err ? err : -ECONNRESET;
}

/* Without a keeper there is nobody to be told. */
static void tell(int socket, enum keeper_verb verb, const char *text)
{
    struct keeper_answer a;
    int fd;
    (void)ask(socket, verb, 0, text, &a, &fd);
    if (fd >= 0)
        close(fd);
}

int keeper_config(int socket)
{
    struct keeper_answer a;
    return ask_fd(socket, KEEPER_CONFIG, 0, "", &a);
}

int keeper_read(int socket, bool *other_user)
{
    struct keeper_answer a = { 0 };
    int fd = ask_fd(socket, KEEPER_READ, 0, "", &a);
    *other_user = a.other_user;
    return fd;
}

int keeper_renew(int socket)
{
    struct keeper_answer a;
    return ask_fd(socket, KEEPER_RENEW, 0, "", &a);
}

int keeper_replace(int socket)
{
    struct keeper_answer a;
    return ask_fd(socket, KEEPER_REPLACE, 0, "", &a);
}

int keeper_listen(int socket, const char *text, uint32_t number, struct addr *bound,
                  uint32_t *group)
{
    struct keeper_answer a;
    int fd = ask_fd(socket, KEEPER_LISTEN, number, text, &a);
    if (fd >= 0) {
        *bound = a.bound;
        *group = a.group;
    }
    return fd;
}

int keeper_admin(int socket, const char *path)
{
    struct keeper_answer a;
    return ask_fd(socket, KEEPER_ADMIN, 0, path, &a);
}

int keeper_log(int socket, const char *path)
{
    struct keeper_answer a;
    return ask_fd(socket, KEEPER_LOG, 0, path, &a);
}

int keeper_journal(int socket, const char *path)
{
    struct keeper_answer a;
    return ask_fd(socket, KEEPER_JOURNAL, 0, path, &a);
}

int keeper_servers(int socket, const char *path, uint32_t *stamp)
{
    struct keeper_answer a = { .stamp = 0 };
    int fd = ask_fd(socket, KEEPER_SERVERS, *stamp, path, &a);
    *stamp = a.stamp;
    return fd;
}

void keeper_adopted(int socket)
{
    tell(socket, KEEPER_ADOPTED, "");
}

void keeper_ready(int socket)
{
    tell(socket, KEEPER_READY, "");
}

void keeper_deaf(int socket)
{
    tell(socket, KEEPER_DEAF, "");
}

void keeper_failed(int socket, const char *why)
{
    tell(socket, KEEPER_FAILED, why);
}

void keeper_release(int socket, const char *text)
{
    tell(socket, KEEPER_RELEASE, text);
}

void keeper_unadmin(int socket, const char *path)
{
    tell(socket, KEEPER_UNADMIN, path);
}

bool keeper_receive(int socket, struct keeper_question *q)
{
    int fd;
    bool whole = sock_receive_fd(socket, q, sizeof *q, &fd);
    if (fd >= 0)
        close(fd); /* nobody asked for it */
    q->text[sizeof q->text - 1] = '\0';
    return whole && q->verb < KEEPER_VERBS;
}

void keeper_reply(int socket, const struct keeper_answer *a, int fd)
{
    (void)sock_send_fd(socket, a, sizeof *a, fd); /* a dead server is seen by its end */
}
