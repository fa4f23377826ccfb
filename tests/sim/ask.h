/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request of a client: how it is sent, how a server that gets it will answer, what must then be
 * seen, and what was seen. Its id is in its path, in a field, and in every byte of both bodies. */
#ifndef SLUICE_SIM_ASK_H
#define SLUICE_SIM_ASK_H

#include "core/base/end_reason.h"
#include "tests/sim/plan.h"
#include "tests/sim/wire.h"

struct sim_client;
struct world;

enum ask_body { ASK_NO_BODY, ASK_LENGTH, ASK_CHUNKED };

/* A malformed request. '$' in the text stands for the id. */
struct bad_request {
    const char *name;
    struct str text;
    enum end_reason reason; /* logged; its status is answered */
    bool may_arrive;        /* its head is good: it may reach a server, but never whole */
    /* generated: so many bytes of `fill` replace '~' */
    uint32_t fill_bytes;
    const char *fill;
};

struct bad_answer {
    const char *name;
    struct str text;
    enum end_reason reason;
    bool after_head; /* the head is good: the client sees it, then a cut */
    uint32_t fill_bytes;
    const char *fill;
};

const struct bad_request *bad_request_pick(struct sim *s);
const struct bad_answer *bad_answer_pick(struct sim *s);
/* Appends a text of the tables. */
void bad_text(struct wire *w, struct str text, uint32_t id, const char *fill, uint32_t fill_bytes);

enum answer_framing { ANSWER_LENGTH, ANSWER_CHUNKED, ANSWER_CLOSE, ANSWER_EMPTY };

enum answer_fault {
    FAULT_NONE,
    FAULT_CUT,   /* FIN at fault_permille of the answer; at 0: before any byte */
    FAULT_RESET, /* RST there */
    FAULT_STALL, /* nothing more from there on */
    FAULT_BAD,   /* `bad` is the answer */
};

struct answer_script {
    uint16_t status;
    uint8_t minor;
    enum answer_framing framing;
    uint32_t body_bytes;
    uint32_t interims;
    bool trailers, continues; /* sends 100 when expected to */
    bool early;               /* answers when the head is there */
    bool reads_rest;          /* ... and still reads the body */
    bool closes, says_close;
    bool surplus; /* another, unasked answer follows in the same bytes */
    uint64_t delay_ns;
    enum answer_fault fault;
    uint32_t fault_permille;
    uint32_t fault_times; /* the first so many arrivals fail */
    const struct bad_answer *bad;
};

/* Whether it ends the connection without having read all of a request: its bytes may be lost. */
static inline bool answer_leaves(const struct answer_script *r)
{
    return r->early && (r->closes || !r->reads_rest || r->framing == ANSWER_CLOSE);
}

struct ask {
    uint32_t id;
    struct sim_client *client;
    uint32_t position;  /* on its connection, from 1 */
    unsigned tolerance; /* enum tolerance: the world's and the client's */

    /* as scripted */
    int rule;            /* enum ask_rule (rules.h) */
    uint16_t own_status; /* the proxy's, by that rule; 0: a server answers */
    const char *method;
    bool idempotent;
    uint8_t minor;
    enum ask_body body;
    uint32_t body_bytes;
    bool trailers, expects;
    bool ends_connection; /* asks for it, or HTTP/1.0 */
    const struct bad_request *bad;
    char target[80]; /* as it must reach the server */
    struct wire wire;
    uint32_t head_bytes;
    struct answer_script answer;

    /* as seen by its client */
    uint32_t sent_bytes;
    bool begun;     /* a byte was sent */
    bool forwarded; /* a server's answer came (not our own) */
    bool answered;  /* in full */
    bool cut;       /* visibly */
    bool said_last; /* the answer: the connection ends after it */
    uint16_t status;
    uint32_t interims_seen;
    uint64_t answer_wire_bytes;

    /* as seen by the servers */
    uint32_t arrivals, arrivals_whole;

    /* as logged */
    uint32_t records;
    uint8_t reason;
    uint16_t logged_status, logged_server_status;
    uint64_t logged_bytes_in, logged_bytes_out, logged_at_ns;
};

/* Scripts the next request of a client. */
struct ask *ask_make(struct world *w, struct sim_client *c, uint32_t position);

/* The answer as it goes over the wire, whole. */
void answer_write(struct wire *out, const struct ask *a);

#endif
