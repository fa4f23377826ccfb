/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the prober's files share; nobody else includes it: one check of one server, and what differs
 * from kind to kind. */
#ifndef SLUICE_PROBE_H
#define SLUICE_PROBE_H

#include <sys/uio.h>

#include "core/base/limits.h"
#include "core/config/config.h"
#include "core/prober.h"
#include "tls/context.h"
#include "tls/transport.h"

#define PROBE_HEAD_BYTES (8 * 1024)
#define PROBE_ANSWER_BYTES (PROBE_HEAD_BYTES + HEALTH_BODY_BYTES_MAX)

struct probe_h2;

enum probe_state {
    PROBE_WAITING, /* for its next time: the timer runs, there is no connection */
    PROBE_ASKING,  /* connecting, or waiting for the answer: the timer is the deadline */
    PROBE_CLOSING, /* transport_close() was called; what came out is known */
};

/* How a server is checked: copied, so that configurations may go. */
struct probe_rules {
    struct health_rules health;
    struct health_config config; /* its texts are the following */
    char *path, *host, *body, *service;
    enum upstream_protocol protocol;
    struct tls_context *tls;
    struct str tls_name; /* in host's memory or the server's */
    struct addr addr;
};

struct probe {
    struct prober *prober;
    struct list node;
    struct shared_server *server; /* a reference */
    struct probe_rules rules;
    struct probe_rules next; /* from the next check on; host NULL: the same */
    uint32_t wanted_as;      /* prober.marked_as, when it was wanted last */
    bool leaving;            /* to be freed when its connection is closed */
    struct health health;
    enum probe_state state;
    struct timer timer;
    struct transport t;
    struct tls_resume resume;
    const struct probe_ops *ops; /* NULL: nothing is said on the connection (yet) */
    union {                      /* of ops, from its begin() to its drop() */
        struct {
            char *request;
            struct iovec iov;
            uint32_t received;
            char answer[PROBE_ANSWER_BYTES];
        };
        struct probe_h2 *h2; /* NULL: there is no memory */
    };
};

/* What follows when there is a connection, if something is to be said on it. Each ends with
 * probe_result(), unless the time is over before. */
struct probe_ops {
    void (*begin)(struct probe *p);
    void (*data)(struct probe *p, struct buf_slice data); /* one reference */
    void (*end)(struct probe *p, int err);                /* nothing more comes */
    void (*sent)(struct probe *p);
    void (*drop)(struct probe *p); /* the connection is closed: what begin() made goes */
};

extern const struct probe_ops probe_http1, probe_http2, probe_grpc;

#define PROBE_NO_MEMORY "there is no memory for a check"

/* PROBE_ASKING: the outcome. why: in words, of a bad one; NULL: it is good. */
void probe_result(struct probe *p, const char *why);

#endif
