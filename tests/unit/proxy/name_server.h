/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A name server that does what a script says, over UDP and TCP, on a thread of its own. */
#ifndef SLUICE_TESTS_NAME_SERVER_H
#define SLUICE_TESTS_NAME_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct question_seen {
    char name[256]; /* lower case */
    unsigned type;
    bool tcp;
    unsigned before; /* questions of that name and type that came before */
};

/* A message being written. */
struct reply {
    unsigned char bytes[8192];
    size_t len;
};

struct name_server {
    uint16_t port;
    atomic_uint questions, tcp_questions;
    /* Writes the answer behind the question that is there already. False: says nothing. */
    bool (*script)(const struct question_seen *q, struct reply *r);
    struct question_seen seen[256];
    unsigned seen_count;
    int udp, tcp, stop[2];
    pthread_t thread;
};

void name_server_start(struct name_server *s,
                       bool (*script)(const struct question_seen *q, struct reply *r));
void name_server_stop(struct name_server *s);

/* flags: RA and such, with the rcode in the low bits. */
void reply_code(struct reply *r, unsigned rcode);
void reply_truncated(struct reply *r);

/* owner NULL: the question's name. */
void reply_record(struct reply *r, const char *owner, unsigned type, unsigned ttl_s,
                  const void *data, size_t len);
void reply_a(struct reply *r, const char *owner, unsigned ttl_s, const char *ip);
void reply_aaaa(struct reply *r, const char *owner, unsigned ttl_s, const char *ip);
void reply_cname(struct reply *r, const char *owner, unsigned ttl_s, const char *to);
void reply_srv(struct reply *r, unsigned ttl_s, unsigned priority, unsigned weight, unsigned port,
               const char *target);

#endif
