/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client keeps of its sessions with one server, so that its next connections skip the costly
 * part of the handshake: the last session of each of the few names the server is asked for by. */
#ifndef SLUICE_TLS_RESUME_H
#define SLUICE_TLS_RESUME_H

#include <stdint.h>

#define TLS_RESUME_NAMES_MAX 8

struct tls_resume_entry; /* of one name */

/* Zeroed: nothing is kept. Of one thread. */
struct tls_resume {
    struct tls_resume_entry *entries[TLS_RESUME_NAMES_MAX]; /* the last used first */
};

/* Forgets all. */
void tls_resume_clear(struct tls_resume *r);

#endif
