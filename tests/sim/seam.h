/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One end of a connection for the scripts: plain, or real TLS (wolfSSL, used directly and not
 * through tls/) over the simulated network. Reads and writes are as in net.h; with TLS a write is
 * taken whole, and what the network does not take of it yet follows by itself, also after the
 * script has closed its end. */
#ifndef SLUICE_SIM_SEAM_H
#define SLUICE_SIM_SEAM_H

#include "tests/sim/net.h"

struct WOLFSSL;
struct WOLFSSL_CTX;
struct WOLFSSL_SESSION;
struct certificate;

/* What all TLS ends of a world need. */
struct seams {
    struct sim *sim;
    struct certificate *certificate; /* for "sim.test", trusted by both sides */
    struct WOLFSSL_CTX *client, *server;
    struct WOLFSSL_SESSION *session; /* of a client that left */
    struct list all;
};

/* What happens to the bytes that a TLS end sends, at `fate_at` of them: in the handshake, mostly.
 */
enum seam_fate {
    SEAM_STAYS,
    SEAM_STALLS,  /* nothing more goes out */
    SEAM_RESETS,  /* the connection is reset */
    SEAM_GARBLES, /* that byte is changed: nothing behind it can be understood */
};

struct seam {
    struct seams *group; /* NULL: plain */
    struct list node;    /* of group->all */
    struct net_end *end;
    struct WOLFSSL *ssl;
    bool handshaken, offered, resumed;
    bool ended;   /* close_notify came */
    bool broken;  /* the end that came is no clean one, or TLS failed */
    bool closing; /* by its script: what waits is still sent */
    bool shut;    /* its script sends no more: FIN when all is out */
    int write_error;
    uint8_t *out; /* ciphertext that waits */
    uint32_t out_len, out_cap;
    uint8_t *in; /* plaintext that was not read yet */
    uint32_t in_at, in_len;
    enum seam_fate fate;
    uint64_t fate_at, sent;
    bool fate_met;
    void (*on_change)(struct seam *m, void *user);
    void *user;
};

/* Memory, keys and contexts of a world that speaks TLS anywhere. */
void seams_init(struct seams *g, struct sim *s);
void seams_destroy(struct seams *g);

/* Takes an end over: its callback becomes the seam's. group NULL: plain. A TLS end that connects is
 * a client, one that was accepted a server. */
void seam_init(struct seam *m, struct seams *group, struct net_end *e, bool client,
               void (*on_change)(struct seam *m, void *user), void *user);

int seam_read(struct seam *m, void *bytes, uint32_t len);
int seam_write(struct seam *m, const void *bytes, uint32_t len);
bool seam_readable(struct seam *m);

/* Whether its script may use it. */
static inline bool seam_open(const struct seam *m)
{
    return m->end->state == NET_OPEN && !m->closing;
}

static inline bool seam_closed(const struct seam *m)
{
    return m->end->state == NET_CLOSED || m->closing;
}

/* The end that was read was a reset, or one without close_notify. */
static inline bool seam_was_cut(const struct seam *m)
{
    return m->end->reset || m->broken;
}

/* All that was written has been read by the other side. */
static inline bool seam_all_taken(const struct seam *m)
{
    return m->out_len == 0 && m->end->out.taken == m->end->out.written;
}

void seam_shutdown_write(struct seam *m);
void seam_close(struct seam *m, bool reset);

#endif
