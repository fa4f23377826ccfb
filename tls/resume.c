/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/resume.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "tls/session.h"

#define TICKET_BYTES_MAX 4096

/* wolfSSL would share a session with the connection it is given to, which then writes what it
 * learns into it while others resume it: only copies are given and taken. */
struct tls_resume_entry {
    WOLFSSL_SESSION *session;
    char name[]; /* terminated */
};

static void forget(struct tls_resume_entry *e)
{
    if (!e)
        return;
    wolfSSL_SESSION_free(e->session);
    free(e);
}

void tls_resume_clear(struct tls_resume *r)
{
    for (size_t i = 0; i < TLS_RESUME_NAMES_MAX; i++)
        forget(r->entries[i]);
    *r = (struct tls_resume){ 0 };
}

/* 0: none. */
static uint64_t ticket_of(WOLFSSL *ssl)
{
    unsigned char ticket[TICKET_BYTES_MAX];
    word32 bytes = sizeof ticket;
    if (wolfSSL_get_SessionTicket(ssl, ticket, &bytes) != WOLFSSL_SUCCESS || bytes == 0)
        return 0;
    return hash_bytes(ticket, bytes, 0) | 1;
}

uint64_t tls_resume_offer(const struct tls_resume *r, const char *name, WOLFSSL *ssl)
{
    for (size_t i = 0; i < TLS_RESUME_NAMES_MAX && r->entries[i]; i++) {
        if (strcmp(r->entries[i]->name, name) != 0)
            continue;
        WOLFSSL_SESSION *copy = wolfSSL_SESSION_dup(r->entries[i]->session);
        if (copy)
            (void)wolfSSL_set_session(ssl, copy); /* refuses what is too old: a full handshake */
        wolfSSL_SESSION_free(copy);
        return copy ? ticket_of(ssl) : 0;
    }
    return 0;
}

void tls_resume_drop(struct tls_resume *r, const char *name)
{
    size_t i = 0;
    while (i < TLS_RESUME_NAMES_MAX && r->entries[i] && strcmp(r->entries[i]->name, name) != 0)
        i++;
    if (i == TLS_RESUME_NAMES_MAX || !r->entries[i])
        return;
    forget(r->entries[i]);
    for (; i + 1 < TLS_RESUME_NAMES_MAX; i++)
        r->entries[i] = r->entries[i + 1];
    r->entries[TLS_RESUME_NAMES_MAX - 1] = NULL;
}

static struct tls_resume_entry *make(const char *name, WOLFSSL *ssl)
{
    size_t bytes = strlen(name) + 1;
    WOLFSSL_SESSION *session = wolfSSL_get1_session(ssl);
    struct tls_resume_entry *e = malloc(sizeof *e + bytes);
    WOLFSSL_SESSION *copy =
        session && wolfSSL_SessionIsSetup(session) ? wolfSSL_SESSION_dup(session) : NULL;
    wolfSSL_SESSION_free(session);
    if (!e || !copy) {
        wolfSSL_SESSION_free(copy);
        free(e);
        return NULL;
    }
    e->session = copy;
    memcpy(e->name, name, bytes);
    return e;
}

bool tls_resume_keep(struct tls_resume *r, const char *name, WOLFSSL *ssl, uint64_t offered)
{
    /* Until a new ticket has come, wolfSSL has the old one beside the new secret. */
    bool tickets = offered || wolfSSL_version(ssl) == TLS1_3_VERSION;
    uint64_t ticket = tickets ? ticket_of(ssl) : 0;
    if (tickets && (ticket == 0 || ticket == offered))
        return false;
    struct tls_resume_entry *e = make(name, ssl);
    if (!e) /* nothing to resume by, or no memory: the next handshake is a full one */
        return true;
    size_t i = 0; /* the place of the one it takes the place of, or the last one's */
    while (i + 1 < TLS_RESUME_NAMES_MAX && r->entries[i] && strcmp(r->entries[i]->name, name) != 0)
        i++;
    forget(r->entries[i]);
    memmove(&r->entries[1], &r->entries[0], i * sizeof r->entries[0]);
    r->entries[0] = e;
    return true;
}
