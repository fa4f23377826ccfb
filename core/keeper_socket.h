/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the server process asks of the keeper: listening sockets, by address and number in the
 * address's group. One question at a time, answered at once. */
#ifndef SLUICE_KEEPER_SOCKET_H
#define SLUICE_KEEPER_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"

enum keeper_verb {
    KEEPER_LISTEN,  /* answered with a descriptor, or an error */
    KEEPER_LOADED,  /* the configuration was reloaded: the next process begins with it; not
                       answered */
    KEEPER_RELEASE, /* the whole group of this text is closed; not answered */
};

/* Longest bind as written, with its NUL; longer ones are refused. */
#define KEEPER_TEXT_MAX 160

struct keeper_question {
    uint32_t verb;
    uint32_t number;
    char text[KEEPER_TEXT_MAX];
    struct addr addr;
};

struct keeper_answer {
    int32_t err; /* 0, or -errno */
    struct addr bound;
};

/* The server's side: a descriptor, or -errno. */
int keeper_listen(int socket, const char *text, uint32_t number, const struct addr *addr,
                  struct addr *bound);
void keeper_release(int socket, const char *text);
void keeper_loaded(int socket);

/* The keeper's side. */
bool keeper_receive(int socket, struct keeper_question *q); /* false: the other side is gone */
void keeper_reply(int socket, const struct keeper_answer *a, int fd);

#endif
