/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of tls/ share about one TLS connection; nobody else includes it (nor wolfSSL). */
#ifndef SLUICE_TLS_SESSION_H
#define SLUICE_TLS_SESSION_H

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/ssl.h>

#include "core/base/limits.h"
#include "core/ring/timer.h"
#include "tls/client_hello.h"
#include "tls/context.h"
#include "tls/tls.h"

/* Buffers of ciphertext that wait to be sent: one batch. */
#define TLS_OUT_BUFFERS (LARGE_BUFFER_BYTES / BUFFER_BYTES + 1)

enum session_state {
    SESSION_TCP,       /* client: the connection is being opened; ssl == NULL */
    SESSION_HELLO,     /* server: the ClientHello is collected in `in`; ssl == NULL */
    SESSION_HANDSHAKE, /* ssl asks for bytes or waits for its turn */
    SESSION_OPEN,      /* on_ready(0) was called; application data both ways */
    SESSION_FAILED,    /* `failure` says why, on_ready or on_end with an error has come or will;
                          nothing is read or encrypted any more */
};

struct tls_session {
    struct transport *t;
    struct tls_worker *w;
    struct tls_context *context;
    struct tls_resume *resume; /* a client's; NULL: none */
    const char *alpn;          /* a client's; NULL: none */
    uint64_t offered;          /* the ticket that was offered to the server; 0: none */
    WOLFSSL *ssl;
    struct tls_peer *peer; /* who the client showed to be; NULL: nobody */
    uint32_t certificate;  /* a server's, in its service's set */
    struct list pending;   /* in the worker's list while a handshake step is due */
    struct buf_slice in;   /* ciphertext received and not taken by wolfSSL */
    struct buf *out[TLS_OUT_BUFFERS];
    uint32_t out_count;       /* buffers used; all but the last are full */
    uint32_t out_start;       /* first unsent byte of out[0] */
    uint32_t out_end;         /* end of the bytes in the last */
    uint32_t batch_bytes;     /* plaintext in `out` of the send that runs, not counted as sent */
    uint32_t small_left;      /* plaintext that still goes out in small records */
    uint64_t last_write_ns;   /* for that */
    struct timer close_timer; /* set while the last bytes before a close are being sent */
    struct iovec out_iov[TLS_OUT_BUFFERS];
    struct msghdr out_msg;
    uint8_t state;   /* enum session_state */
    uint8_t failure; /* enum tls_failure */
    bool client;
    bool more_inside;       /* wolfSSL may have plaintext although `in` is empty */
    bool peer_ended;        /* close_notify came; wolfSSL forgets it when it writes */
    bool fin_after;         /* shutdown_write: FIN when `out` is empty */
    bool last_words;        /* closing: what is being sent may go on until close_timer */
    uint8_t resume_tries;   /* so often it is looked whether there is a session to keep */
    bool no_room;           /* there was no buffer when wolfSSL wanted to write */
    bool handshake_blocked; /* the handshake goes on when `out` is sent */
    int err;                /* SESSION_FAILED: what the owner gets, -errno */
    uint16_t name_len;
    char name[SERVER_NAME_BYTES_MAX + 1]; /* the server's: asked for by the client, or by us */
};

/* --- context.c --- */

/* alpn: NULL: none. NULL without memory. */
WOLFSSL *tls_context_connect(struct tls_context *c, const char *server_name, const char *alpn);

/* --- resume.c --- */

/* Before a client's handshake: offers what is kept for the name. Gives what the ticket is known by;
 * 0: nothing was offered, or no ticket. */
uint64_t tls_resume_offer(const struct tls_resume *r, const char *name, WOLFSSL *ssl);
/* What was offered was of no use: it is not offered again. */
void tls_resume_drop(struct tls_resume *r, const char *name);
/* Keeps what the connection can be resumed with, in place of what was kept for the name before.
 * False: that has not come (yet). */
bool tls_resume_keep(struct tls_resume *r, const char *name, WOLFSSL *ssl, uint64_t offered);

/* --- server_context.c --- */

/* A WOLFSSL for the session, whose name is set, with the choice of certificate. TLS_FINE,
 * TLS_MEMORY or TLS_UNKNOWN_NAME. */
enum tls_failure tls_context_accept(struct tls_session *s, const struct client_hello *hello,
                                    WOLFSSL **out);

/* Challenges of ACME are passed on. */
bool tls_context_passes_acme(const struct tls_context *c);

/* A server's, while it waits for the client's Finished: the nonces of the tickets that it is going
 * to send begin at 0, as they are of this connection (RFC 8446 4.6.1). wolfSSL goes on counting
 * from the resumed one, in one byte: it would refuse the 256th session in a row. */
void tls_context_renumber_tickets(WOLFSSL *ssl);

/* See transport_tls_same_clients(). */
bool tls_context_same_clients(const struct tls_session *s, struct str host);

/* --- record.c: bytes between wolfSSL and our buffers --- */

int tls_io_receive(WOLFSSL *ssl, char *into, int bytes, void *session);
int tls_io_send(WOLFSSL *ssl, char *from, int bytes, void *session);

static inline bool tls_out_empty(const struct tls_session *s)
{
    return s->out_count == 0;
}

/* Encrypts of the transport's send as much as one batch takes. False: it failed, see `failure`. */
bool tls_encrypt(struct tls_session *s);

/* Decrypts what is there into a buffer. len 0: there was nothing, or the stream has ended or broke;
 * *rc then is wolfSSL's error. The buffer, if any, is the caller's. */
struct buf_slice tls_decrypt(struct tls_session *s, int *rc);

/* Sends what waits; no send is in flight. */
void tls_out_start(struct tls_session *s);
/* So many bytes were sent. */
void tls_out_sent(struct tls_session *s, uint32_t bytes);
void tls_out_drop(struct tls_session *s);

/* --- handshake.c --- */

/* The session has bytes, or room, for the next step of its handshake: that comes when its turn is.
 * on_ready is called then, or receives and sends are started. */
void tls_handshake_due(struct tls_session *s);

/* --- secure.c: the transport --- */

extern const struct transport_ops tls_transport_ops;

void tls_session_init_ops(struct tls_session *s);
/* Sends what waits, unless a send is in flight. */
void tls_flush(struct tls_session *s);
/* Asks for ciphertext, and sends what waits: nothing else can be done. */
void tls_wait(struct tls_session *s);
/* Nothing more will be read or encrypted; an alert that waits is sent. cause: -errno of a socket's
 * failure, else 0. */
void tls_session_fail(struct tls_session *s, enum tls_failure why, int cause);
/* Lets go of everything but the transport, which has no operation in flight. */
void tls_session_free(struct tls_session *s);

/* --- failure.c --- */

enum tls_failure tls_failure_of(int wolfssl_error);
int tls_failure_err(enum tls_failure f);

#endif
