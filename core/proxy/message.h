/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every protocol's side of a message has in common, and all that the stages know of it. */
#ifndef SLUICE_PROXY_MESSAGE_H
#define SLUICE_PROXY_MESSAGE_H

#include <stdint.h>

#include "core/proxy/body.h"

enum in_state {
    IN_BODY, /* body bytes are still to come */
    IN_DONE, /* the whole body was given to the sink, end() included */
    IN_BAD,  /* malformed; `why` says how */
};

/* A message that is received: its body, out of its framing. */
struct message_in {
    struct body_sink *sink; /* NULL: the body is read and dropped */
    uint64_t taken_bytes;   /* consumed so far, framing included */
    uint64_t body_bytes;    /* of them: without the framing */
    uint8_t state;          /* enum in_state */
    uint8_t why;            /* enum end_reason: END_BAD_CHUNK, END_BAD_TRAILER, END_OVERLOADED */
};

/* A message that is sent. */
struct message_out {
    struct body_sink sink;      /* takes the body once that was opened */
    struct body_source *source; /* resumed when room returns; NULL: none */
    uint64_t sent_bytes;        /* taken by the kernel, framing included */
    uint64_t body_bytes;        /* of the body, queued so far, without framing */
};

#endif
