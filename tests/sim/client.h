/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A scripted client: one connection and its requests. */
#ifndef SLUICE_SIM_CLIENT_H
#define SLUICE_SIM_CLIENT_H

#include "tests/sim/message.h"
#include "tests/sim/world.h"

enum sim_client_phase {
    PHASE_CONNECTS,
    PHASE_TALKS, /* sends requests, reads answers */
    PHASE_WAITS, /* for the proxy to end the connection, or for its own time to leave */
    PHASE_DONE,
};

enum sim_client_fate {
    FATE_STAYS,
    FATE_FIN,          /* closes at `fate_at` bytes sent */
    FATE_RESET,        /* resets there */
    FATE_DEAF_RESET,   /* resets at `fate_at` bytes received */
    FATE_HALF_CLOSE,   /* shuts its side when all is sent, and waits for the answers */
    FATE_STUCK_WRITER, /* sends nothing more from `fate_at` on (0: nothing at all) */
    FATE_STUCK_READER, /* reads nothing more from `fate_at` on */
};

struct sim_client {
    struct world *world;
    struct net_end *end;
    struct seam seam; /* on it */
    struct addr local;
    uint32_t number;
    enum sim_client_phase phase;

    /* the script */
    struct ask **asks;
    uint32_t asks_count;
    uint32_t pipeline; /* requests on the way at once */
    uint32_t write_max, read_max;
    uint64_t write_pause_ns, read_pause_ns, think_ns;
    enum sim_client_fate fate;
    uint64_t fate_at;
    enum seam_fate seam_fate; /* TLS worlds: what happens to its bytes under way */
    uint64_t seam_fate_at;
    bool leaves_at_once; /* when all is answered; else waits for the idle timeout */

    /* the state */
    uint32_t writing;   /* place of the request being sent, or next to be */
    uint32_t answering; /* place of the request whose answer is read */
    uint64_t sent, received;
    uint64_t write_at_ns, read_at_ns; /* not before */
    bool expecting;                   /* the body waits for 100 */
    bool told_last;                   /* an answer said that the connection ends */
    bool ignores_rest;                /* of what comes after the last answer */
    bool shut;                        /* its side */
    bool write_broken, vanished, stuck;
    struct message in;
};

/* Scripts a client and its requests; it starts by itself some time. */
struct sim_client *client_make(struct world *w, uint32_t number);

void client_start(struct sim_client *c);

#endif
