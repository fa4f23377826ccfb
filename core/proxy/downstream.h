/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client's side of an exchange, whatever protocol the client speaks: what the exchange and its
 * stages call. An HTTP/1 connection fills it for its one exchange at a time, HTTP/2 for each of its
 * streams. In the other direction the client's side calls what exchange.h lists.
 *
 * Heads are handed over as text, in the exchange's arena, in the form that the client speaks:
 * HTTP/1's with status line and empty line, or lines of HTTP/2's fields (core/http/forward.h). */
#ifndef SLUICE_PROXY_DOWNSTREAM_H
#define SLUICE_PROXY_DOWNSTREAM_H

#include <stdbool.h>

#include "core/base/str.h"
#include "core/http/forward.h"
#include "core/proxy/body.h"

struct exchange;
struct tunnel;

struct downstream_ops {
    /* --- the request --- */

    /* The head was understood: ex->framing says how its body comes. Prepares ex->body_in, without
     * a sink. */
    void (*body_begins)(struct exchange *ex);
    /* ex->body_in.sink was attached (or taken away), or has room: delivers what waits, asks for
     * more. Flushes. */
    void (*pump_body)(struct exchange *ex);

    /* --- the answer --- */

    /* Queues an interim or final head. room_end: end of the memory after it that may be used to
     * append a small body; NULL: none. False: it cannot be taken; nothing was. */
    bool (*head)(struct exchange *ex, struct str head, char *room_end);
    /* How the body after the final head is framed: ex->out.sink opens. FRAME_NONE: only its end()
     * comes. */
    void (*body)(struct exchange *ex, enum body_framing framing, struct body_source *source);
    /* In place of body() and data(): the whole of a short body, which stays where it is until
     * the exchange ends. end() follows. False as above. */
    bool (*text)(struct exchange *ex, struct str body);
    /* Sends what is queued, and sees to deadlines. May end the exchange. */
    void (*flush)(struct exchange *ex);
    /* Takes all of the answer back if nothing of it has left: another can be queued. False:
     * something has. */
    bool (*take_back)(struct exchange *ex);

    /* NULL: it cannot become a tunnel. The 101 is queued: once it is sent and nothing is in flight
     * any more, calls exchange_switch_ready(). */
    void (*give_way)(struct exchange *ex);
    /* After that: the connection, and what of it was received and not consumed, become the
     * tunnel's; the exchange has ended and goes. */
    void (*hand_over)(struct exchange *ex, struct tunnel *t, struct buf_slice *received);

    /* --- going on, and ending --- */

    /* The exchange went on after it had waited at a gate. */
    void (*checked)(struct exchange *ex);
    /* Drops what is queued and has not left; takes nothing more. */
    void (*abort)(struct exchange *ex);
    /* EX_ENDED: it was answered in full. */
    void (*finished)(struct exchange *ex);
    /* EX_ENDED: the answer broke off after its head; the client is to see that. */
    void (*cut)(struct exchange *ex);
    /* EX_ENDED without an answer. */
    void (*close)(struct exchange *ex);
};

#endif
