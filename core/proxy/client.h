/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP/1 client connection: reads heads, runs one exchange at a time (pipelined requests wait
 * in the buffer and are answered in order), keeps the connection or ends it. An idle one costs this
 * struct and no buffer. */
#ifndef SLUICE_PROXY_CLIENT_H
#define SLUICE_PROXY_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/list.h"
#include "core/proxy/exchange.h"
#include "core/proxy/relay.h"
#include "core/ring/timer.h"
#include "tls/transport.h"

struct h2_client;
struct listener;
struct tunnel;
struct worker;

enum client_state {
    CLIENT_HANDSHAKE, /* ex == NULL; TLS is being agreed; its deadline runs */
    CLIENT_IDLE,      /* ex == NULL; nothing received waits; a receive is armed */
    CLIENT_HEAD,      /* ex collects a partial head; a receive is armed; the head deadline runs */
    CLIENT_BUSY,      /* ex runs; what is received is its body, or waits in `in` for its turn */
    CLIENT_SWITCHING, /* ex is EX_SWITCHING; the 101 is being sent, or a receive is taken back */
    CLIENT_LINGER,    /* ex == NULL; all is sent and our side shut; what comes is dropped until the
                         client closes, LINGER_BYTES_MAX, or the deadline */
    CLIENT_HTTP2,     /* ex == NULL; h2 != NULL: what follows is its business (h2_client.h) */
    CLIENT_CLOSING,   /* transport_close() was called; ex may still be held for its memory */
};

struct client {
    struct transport t;
    struct worker *w;
    struct listener *listener;
    struct exchange *ex;
    struct h2_client *h2; /* NULL: it speaks HTTP/1 */
    struct list node;
    struct timer timer;
    struct buf_slice in; /* received, not consumed */
    uint64_t connection; /* number in this worker */
    uint64_t accepted_ns;
    uint64_t since_ns;      /* start of the current wait for bytes */
    uint64_t limit_key;     /* of its network, where connections are counted; 0: not counted */
    uint32_t retry_after_s; /* limited */
    uint32_t requests;
    uint32_t dropped_bytes;   /* read after the answer */
    struct relay_habit habit; /* of the bodies it sends */
    struct peer_addr peer;
    uint8_t state; /* enum client_state */
    uint8_t ip_text_len;
    uint8_t preface_bytes; /* of HTTP/2's preface that were received so far */
    bool eof;
    bool limited;     /* over a limit of connections: its first request is told so */
    char ip_text[46]; /* INET6_ADDRSTRLEN */
};

_Static_assert(sizeof(struct client) <= 1024, "10,000 idle clients: at most 1 KiB each");

/* Takes a connected descriptor. peer: who is there, as the socket or a PROXY header says. Without
 * memory the descriptor is closed. */
void client_accept(struct listener *l, int fd, const struct peer_addr *peer);

/* The exchange attached a sink for its request body (or took it away): delivers what waits, asks
 * for more. Flushes. */
void client_pump_body(struct client *c);

/* The exchange went on after it had waited at a gate. */
void client_checked(struct client *c);

/* downstream.h: give_way, hand_over. */
void client_give_way(struct client *c);
void client_hand_over(struct client *c, struct tunnel *t, struct buf_slice *received);

/* The exchange was answered in full and recorded: the next one, or the end of the connection. */
void client_exchange_finished(struct client *c);

/* Ends the connection now; with reset the client sees RST. The exchange, if any, has ended. */
void client_close(struct client *c, bool reset);

/* The worker drains: an idle client that was served goes, others are told with their answer. */
void client_drain(struct client *c);

/* The worker stops: abandons what runs and closes. */
void client_stop(struct client *c);

/* After something changed that a deadline depends on. */
void client_arm(struct client *c);

/* on_closed() of every protocol: its memory goes. */
void client_gone(struct client *c);

/* Its exchanges' side towards the client (h1_downstream.c). */
extern const struct downstream_ops h1_downstream_ops;
void h1_downstream_init(struct exchange *ex);

/* Moves a head that was parsed in its receive buffer into the exchange's arena. False: it is full.
 */
bool h1_keep_head(struct exchange *ex, const struct buf_slice *in);
/* Of a refused head only the request line is kept, for the log, as far as it was understood. */
void h1_keep_request_line(struct exchange *ex);

#endif
