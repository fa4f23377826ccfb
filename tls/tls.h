/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transports that speak TLS, and what is to be known about one. Their owner sees on_ready(0) when
 * the handshake is done; its deadline is the owner's. */
#ifndef SLUICE_TLS_TLS_H
#define SLUICE_TLS_TLS_H

#include "core/base/list.h"
#include "core/base/slab.h"
#include "tls/context.h"
#include "tls/peer.h"
#include "tls/resume.h"
#include "tls/tickets.h"
#include "tls/transport.h"

/* Why a connection failed, as text for a log and with the -errno that on_ready or on_end gets. */
enum tls_failure {
    TLS_FINE,
#define FAILURE(name, word, err, text) TLS_##name,
#include "tls/failures.def"
#undef FAILURE
};

/* What the TLS connections of a worker share. */
struct tls_worker {
    struct loop *loop;
    struct slab sessions;
    struct ticket_ring tickets; /* zero: sessions are resumed by tickets of files only */
    struct list pending;        /* sessions with a handshake step to do, oldest first */
    struct task task;
    uint64_t handshakes, resumed, failed; /* done */
    int key_log; /* where secrets are appended, for debugging; -1: nowhere */
};

/* A file for them, for this process's user alone if it is new: a descriptor, or -errno. */
int tls_key_log_open(const char *path);

void tls_worker_init(struct tls_worker *w, struct loop *l);
/* Once, before connections: tickets of its own, from a secret that all workers share. False without
 * memory. */
bool tls_worker_use_tickets(struct tls_worker *w, const struct ticket_secret *secret);
/* CHECKs that no connection is left. */
void tls_worker_destroy(struct tls_worker *w);

/* A server's transport on an accepted descriptor, which becomes its own: the handshake begins.
 * on_ready(-EPROTOTYPE): a plain HTTP request came instead; then the transport has become a plain
 * one, with that request's first bytes dropped, so that an answer can be sent. on_ready(-EREMCHG):
 * the service passes challenges of ACME on, and this is one; likewise, but what was received is to
 * be had by transport_take_hello(). False without memory: the descriptor stays the caller's. */
bool transport_init_tls_server(struct transport *t, struct tls_worker *w,
                               const struct transport_user *user, struct tls_context *c, int fd);

/* The ClientHello of such a challenge; the reference becomes the caller's. */
struct buf_slice transport_take_hello(struct transport *t);

/* Longer names are no DNS names. */
#define TLS_SERVER_NAME_BYTES_MAX 253

/* A client's transport; transport_connect() comes next. The server's certificate is to be for
 * server_name (also sent as SNI unless it is an address). resume: where sessions are kept for the
 * next connection; NULL: nowhere. It outlives the transport, and all connections that share it have
 * the same context, or one with the same certificates. False without memory. */
bool transport_init_tls_client(struct transport *t, struct tls_worker *w,
                               const struct transport_user *user, struct tls_context *c,
                               struct str server_name, struct tls_resume *resume);

/* A client's, before transport_connect(): the protocols that are offered, the best first
 * ("h2,http/1.1"; it is not copied), in place of the context's. */
void transport_tls_offer(struct transport *t, const char *alpn);

/* The name that a client's transport asks for; empty on a plain one. Valid until it is closed. */
struct str transport_tls_server_name(const struct transport *t);

/* The handshake is done, and did without certificates: a session was resumed. */
bool transport_tls_resumed(const struct transport *t);

/* The connection is there; TLS is being agreed on. */
bool transport_tls_handshaking(const struct transport *t);

struct tls_facts {
    const char *version;    /* "TLSv1.3"; these three are kept for ever */
    const char *cipher;     /* "TLS_AES_128_GCM_SHA256" */
    const char *group;      /* "X25519MLKEM768"; "" when it is not known */
    struct str server_name; /* empty: none */
    struct str protocol;    /* by ALPN; empty: none */
    uint8_t minor;          /* of the version: 2 or 3 */
    uint16_t suite;         /* of the cipher, by IANA's number */
    bool resumed;
    const struct tls_peer *peer; /* who the client is; NULL: it showed no certificate */
};

/* Of an open connection; valid while it is. False: it is a plain one, or not open. */
bool transport_tls_facts(const struct transport *t, struct tls_facts *out);

/* The client has sent nothing at all, as probes of a port do. */
bool transport_tls_silent(const struct transport *t);

/* A server's connection: whether it may ask for another host than the name it was let in by; false:
 * other clients' certificates are wanted there. host: lower case. */
bool transport_tls_same_clients(const struct transport *t, struct str host);

/* Why on_ready or on_end told an error; TLS_FINE on a plain transport. */
enum tls_failure transport_tls_failure(const struct transport *t);

const char *tls_failure_word(enum tls_failure f);
const char *tls_failure_text(enum tls_failure f);

#endif
