/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operator's HTTP server on a Unix socket: GET reads, POST changes. On the control thread's
 * loop; one request a connection. */
#ifndef SLUICE_OBSERVE_ADMIN_H
#define SLUICE_OBSERVE_ADMIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/str.h"
#include "core/observe/admin_request.h"
#include "core/ring/loop.h"

struct admin;
struct cache;
struct plan;

#define ADMIN_CONNECTIONS_MAX 64
#define ADMIN_HEAD_BYTES_MAX 8192
#define ADMIN_BODY_BYTES_MAX (64 * 1024) /* of requests; but for /backends read and dropped */
#define ADMIN_REQUEST_TIMEOUT_MS 10000
#define ADMIN_WRITE_TIMEOUT_MS 10000
#define ADMIN_LINGER_TIMEOUT_MS 1000

/* What is asked for. The answers are written to memory streams. */
struct admin_user {
    const char *version;
    bool (*ready)(struct admin_user *u);
    void (*metrics)(struct admin_user *u, FILE *to);
    /* False: it has no text (the command line made it). */
    bool (*config)(struct admin_user *u, FILE *to);
    /* NULL: there is none yet. */
    struct cache *(*cache)(struct admin_user *u);
    /* Whatever is asked of /backends and what is below; answers at once. */
    void (*backends)(struct admin_user *u, const struct admin_request *r, struct admin_reply *out);
    const struct plan *(*plan)(struct admin_user *u); /* NULL: none yet */
    /* Begins a reload; admin_reloaded() ends it, now or later. False: another is under way. */
    bool (*reload)(struct admin_user *u);
    /* A socket that listens at a path, the admin's to close: a descriptor or -errno. close: nobody
     * listens there any more. */
    int (*open)(struct admin_user *u, const char *path);
    void (*close)(struct admin_user *u, const char *path);
};

/* The user outlives it. NULL without memory. */
struct admin *admin_create(struct loop *l, struct admin_user *u);

/* From now on it listens there (NULL: nowhere), and no more where it did. On failure false, nothing
 * is changed, and why (of why_bytes) says the cause. */
bool admin_listen(struct admin *a, const char *path, char *why, uint32_t why_bytes);

/* How the reload ended: for who asked for it. text: for people; json: an object. */
void admin_reloaded(struct admin *a, int status, struct str text, struct str json);

/* Ends everything; on_stopped comes from the loop. */
void admin_stop(struct admin *a, void (*on_stopped)(void *arg), void *arg);

/* After on_stopped, or before anything was listened on. a may be NULL. */
void admin_destroy(struct admin *a);

#endif
