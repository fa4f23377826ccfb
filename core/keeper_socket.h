/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the server process asks of the keeper over the socket pair: one question at a time, each
 * answered at once, with or without a descriptor. The keeper gives only what the configuration
 * names that the process was given: it does not trust a server process, which strangers talk to. */
#ifndef SLUICE_KEEPER_SOCKET_H
#define SLUICE_KEEPER_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"

enum keeper_verb {
    KEEPER_CONFIG, /* gives the files of the configuration to begin with, as a memory file */
    KEEPER_READ,   /* the same, of the configuration as it stands there now */
    KEEPER_RENEW,  /* the same as READ, but of the configuration that is in force, with the files of
                      listeners' certificates as they are now; without a descriptor and -EAGAIN:
                      they have not changed, or still do */
    KEEPER_ADOPTED, /* that configuration is in force: the next process begins with it */
    KEEPER_READY,   /* this process is about to accept; answered when the one that it takes over
                       from (REPLACE) accepts nobody any more, so that no connection wakes that */
    KEEPER_DEAF,    /* this process, which was replaced, accepts nobody any more */
    KEEPER_FAILED,  /* it could not be begun with, because of `text` */
    KEEPER_REPLACE, /* another process is to begin with what was read last, and to take over from
                       this one; gives what will tell how that ended (struct keeper_outcome) */
    KEEPER_LISTEN,  /* gives the socket of this text and number in its group */
    KEEPER_ADMIN,   /* gives the socket of the operator, `text` its path */
    KEEPER_RELEASE, /* this process listens no more there (`text` as of LISTEN) */
    KEEPER_UNADMIN, /* likewise of ADMIN */
    KEEPER_LOG,     /* gives the log file `text`, open for appending */
    KEEPER_SERVERS, /* gives the file with servers `text`, as a memory file; without a descriptor
                       and -EAGAIN: its stamp is `number` */
    KEEPER_JOURNAL, /* gives the journal `text`, open for reading and appending */
    KEEPER_VERBS
};

/* Longest text, with its NUL; longer ones are refused. */
#define KEEPER_TEXT_MAX 4096

struct keeper_question {
    uint32_t verb;
    uint32_t number;
    char text[KEEPER_TEXT_MAX];
};

struct keeper_answer {
    int32_t err;       /* 0, or -errno */
    bool other_user;   /* READ: only another process can become the user that it names */
    uint32_t group;    /* LISTEN: sockets that there are of this text, each to be accepted on */
    uint32_t stamp;    /* SERVERS: another number when the file is another one; never 0 */
    struct addr bound; /* LISTEN: with the real port */
};

struct keeper_outcome {
    bool good;     /* the other process is ready: accept no more, say DEAF, drain */
    char why[508]; /* not good */
};

/* The server's side: a descriptor, the caller's, or -errno. */
int keeper_config(int socket);
int keeper_read(int socket, bool *other_user);
int keeper_renew(int socket);
int keeper_replace(int socket);
int keeper_listen(int socket, const char *text, uint32_t number, struct addr *bound,
                  uint32_t *group);
int keeper_admin(int socket, const char *path);
int keeper_log(int socket, const char *path);
int keeper_journal(int socket, const char *path);
/* *stamp: of what is known already (0: nothing); of what there is now. */
int keeper_servers(int socket, const char *path, uint32_t *stamp);

/* Likewise, without a descriptor: done when they return. */
void keeper_adopted(int socket);
void keeper_ready(int socket);
void keeper_deaf(int socket);
void keeper_failed(int socket, const char *why);
void keeper_release(int socket, const char *text);
void keeper_unadmin(int socket, const char *path);

/* The keeper's side. receive: false: the other side is gone, or said what is no question. The text
 * ends with a NUL. reply: fd may be -1; never waits. */
bool keeper_receive(int socket, struct keeper_question *q);
void keeper_reply(int socket, const struct keeper_answer *a, int fd);

#endif
