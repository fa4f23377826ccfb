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
    COVER(LARGE_RECVS, "receives into a large buffer")                                             \
    COVER(SPLICES, "pieces moved through a pipe")                                                  \
    COVER(NO_PIPES, "... when there was no pipe")                                                  \
    COVER(CANCELS, "cancels asked")                                                                \
    COVER(CANCELS_LOST, "cancels that came too late")                                              \
    COVER(ACCEPT_ENDS, "multishot accepts ended early")                                            \
    COVER(ACCEPT_ERRORS, "failed accepts")                                                         \
    COVER(OPEN_ERRORS, "sockets refused to the proxy")                                             \
    COVER(ALLOC_FAILURES, "allocations refused to the stages")                                     \
    COVER(CONNECTS, "connects of the proxy")                                                       \
    COVER(CONNECTS_FAILED, "... that failed")                                                      \
    COVER(RESETS, "connections reset")                                                             \
    COVER(RESET_LOST_DATA, "... with unread bytes lost")                                           \
    COVER(SYN_DROPPED, "connects dropped: accept queue full")                                      \
    COVER(TLS_HANDSHAKES, "full TLS handshakes, of clients and servers")                           \
    COVER(TLS_RESUMED, "TLS sessions resumed")                                                     \
    COVER(TLS_FAILED, "TLS handshakes that failed")                                                \
    COVER(CLIENTS, "clients")                                                                      \
    COVER(ASKS, "requests meant to be sent")                                                       \
    COVER(ASKS_BEGUN, "requests begun")                                                            \
    COVER(ASKS_BAD, "... malformed")                                                               \
    COVER(ASKS_PIPELINED, "... before the answer to the one before")                               \
    COVER(ASKS_BODY_LENGTH, "... with Content-Length")                                             \
    COVER(ASKS_BODY_CHUNKED, "... chunked")                                                        \
    COVER(ASKS_EXPECT, "... expecting 100")                                                        \
    COVER(ASKS_HTTP10, "... in HTTP/1.0")                                                          \
    COVER(ANSWERS, "answers complete")                                                             \
    COVER(ANSWERS_FORWARDED, "... of a server")                                                    \
    COVER(ANSWERS_4XX, "... our own 4xx")                                                          \
    COVER(ANSWERS_5XX, "... our own 5xx")                                                          \
    COVER(ANSWERS_INTERIM, "interim answers")                                                      \
    COVER(ANSWERS_CUT, "answers cut, visibly")                                                     \
    COVER(UNANSWERED, "connections ended before an answer")                                        \
    COVER(VANISHED, "clients that vanished")                                                       \
    COVER(HALF_CLOSED, "clients that shut their side early")                                       \
    COVER(SERVER_REQUESTS, "requests that reached a server")                                       \
    COVER(SERVER_AGAIN, "... again")                                                               \
    COVER(SERVER_STALE, "idle connections closed by servers")                                      \
    COVER(SERVER_FAULTS, "answers that servers broke")                                             \
    COVER(SERVER_EARLY, "answers before the whole request")                                        \
    COVER(SERVER_CUT, "requests that a server saw cut")                                            \
    COVER(QUEUES, "looks at queues in which somebody waited")                                      \
    COVER(MARKS, "servers marked as down, drained or back")                                        \
    COVER(TUNNELS, "tunnels meant to be")                                                          \
    COVER(TUNNELS_WHOLE, "... that passed all both ways")                                          \
    COVER(CACHE_MISSES, "requests fetched for")                                                    \
    COVER(CACHE_COLLAPSED, "... by another that had asked first")                                  \
    COVER(CACHE_HITS, "... answered from the cache, fresh")                                        \
    COVER(CACHE_STALE, "... stale")                                                                \
    COVER(CACHE_ASKED, "... after the server was asked again")                                     \
    COVER(CACHE_VALIDATED, "answers 304 of servers")                                               \
    COVER(CACHE_PASSES, "requests that passed the cache by")                                       \
    COVER(RECORDS, "log records")

enum cover_id {
#define COVER(id, text) COVER_##id,
    COVERS(COVER)
#undef COVER
        COVER_COUNT
};

#endif
