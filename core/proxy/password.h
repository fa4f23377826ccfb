/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passwords against their hashes, by crypt(3): slow on purpose, so that threads of their own do it
 * while workers go on. */
#ifndef SLUICE_PROXY_PASSWORD_H
#define SLUICE_PROXY_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ring/loop.h"

struct password_job {
    struct password_job *next;
    struct loop *loop;    /* of who asked */
    struct msg answer;    /* posted to it when `right` is known */
    const char *password; /* wiped when it was checked */
    const char *hash;
    bool right;
};

struct password_pool;

/* Starts the threads. NULL without memory or threads. */
struct password_pool *password_pool_create(uint32_t threads);

/* Nobody asks any more, and all were answered. p may be NULL. */
void password_pool_destroy(struct password_pool *p);

/* From any thread; the job is the pool's until its answer. False: PASSWORD_JOBS_MAX wait. */
bool password_ask(struct password_pool *p, struct password_job *j);

#endif
