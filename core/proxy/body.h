/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies: a source gives slices when its sink has room, a sink frees room as it drains (DESIGN 4).
 *
 * Contract:
 *  - Room is the credit, in bytes; it is 0 when the sink is short of slots too. A source delivers
 *    only while room > 0 (the last slice may exceed it, by less than one buffer), then waits for
 *    resume().
 *  - data() and end() only queue; flush() sends. A source flushes once per event, so that a head
 *    and the body that came with it leave in one send.
 *  - After end() or abort() of a sink nothing more is delivered to it; after cancel() of a source
 *    it delivers nothing more.
 * One pair per exchange and direction: a stalled stream stalls nobody else. */
#ifndef SLUICE_PROXY_BODY_H
#define SLUICE_PROXY_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/http/head.h"

struct body_source;
struct body_sink;
struct splice_pipe;

struct body_source_ops {
    /* The sink has room again: deliver what waits, ask for more. Flush afterwards. */
    void (*resume)(struct body_source *s);
};

struct body_sink_ops {
    /* One slice with one reference, which becomes the sink's. len > 0, room > 0. */
    void (*data)(struct body_sink *s, struct buf_slice data);
    /* The body is complete. trailers may be NULL and are valid during the call only. */
    void (*end)(struct body_sink *s, const struct http_head *trailers);
    void (*flush)(struct body_sink *s);
};

/* What a sink can have besides: it takes bytes in pipes (core/ring/splice.h), from a source that
 * can give them so. */
struct body_pipe_ops {
    /* Whether there is nothing in between the source's socket and the sink's, however the sink is
     * just now. */
    bool (*possible)(const struct body_sink *s);
    /* As data(): all that is in the pipe, which becomes the sink's. possible() and room > 0. */
    void (*piped)(struct body_sink *s, struct splice_pipe *pipe);
};

struct body_source {
    const struct body_source_ops *ops;
};

struct body_sink {
    const struct body_sink_ops *ops;
    uint32_t room;                     /* bytes it takes now */
    const struct body_pipe_ops *pipes; /* NULL: it cannot */
    bool bulk;                         /* large buffers suit it, without pipes, too */
};

#endif
