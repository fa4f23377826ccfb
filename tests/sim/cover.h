/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the simulator made happen, counted: a run that bites nowhere is seen in its summary. */
#ifndef SLUICE_SIM_COVER_H
#define SLUICE_SIM_COVER_H

#include <stdint.h>

/* COVER(id, text) */
#define COVERS(COVER)                                                                              \
    COVER(TURNS, "loop turns")                                                                     \
    COVER(STALLED_TURNS, "turns held up (clock jumps)")                                            \
    COVER(REORDERED, "completions run out of order")                                               \
    COVER(SHORT_RECVS, "short receives")                                                           \
    COVER(SHORT_SENDS, "short sends")                                                              \
    COVER(ENOBUFS, "receives without a buffer, by fiat")                                           \
    COVER(STARVED, "receives without a buffer, pool empty")                                        \
    COVER(CANCELS, "cancels asked")                                                                \
    COVER(CANCELS_LOST, "cancels that came too late")                                              \
    COVER(ACCEPT_ENDS, "multishot accepts ended early")                                            \
    COVER(ACCEPT_ERRORS, "failed accepts")                                                         \
    COVER(OPEN_ERRORS, "sockets refused to the proxy")                                             \
    COVER(CONNECTS, "connects of the proxy")                                                       \
    COVER(CONNECTS_FAILED, "... that failed")                                                      \
    COVER(RESETS, "connections reset")                                                             \
    COVER(RESET_LOST_DATA, "... with unread bytes lost")                                           \
    COVER(SYN_DROPPED, "connects dropped: accept queue full")

enum cover_id {
#define COVER(id, text) COVER_##id,
    COVERS(COVER)
#undef COVER
        COVER_COUNT
};

#endif
