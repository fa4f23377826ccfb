/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/h2_out.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/http/forward.h"

void h2_out_update_room(struct message_out *m, const struct h2_stream *st, bool open)
{
    uint32_t max = 0;
    if (open && !st->ended && !st->reset && !h2_queue_full(st)) {
        max = st->head_out ? h2_window(st) : BODY_WINDOW_BYTES;
        max = max < BUFFER_BYTES ? BUFFER_BYTES : max > BODY_WINDOW_BYTES ? BODY_WINDOW_BYTES : max;
    }
    m->sink.room = max > st->queued_bytes ? max - st->queued_bytes : 0;
}

/* Trailers as lines, in the arena. Empty: there are none that may be passed on. */
static struct str write_trailers(struct arena *arena, const struct http_head *trailers)
{
    size_t bytes = 8 + 2 * (size_t)TRAILER_BYTES_MAX;
    char *mem = trailers && trailers->fields_count ? arena_alloc(arena, bytes) : NULL;
    if (!mem)
        return (struct str){ 0 };
    struct out o = out_into(mem, bytes);
    forward_trailers(&o, trailers);
    CHECK(!o.full);
    arena_trim(arena, mem + bytes, o.at);
    size_t empty_line = 2;
    return out_len(&o) > empty_line ? (struct str){ mem, out_len(&o) } : (struct str){ 0 };
}

void h2_out_end(struct h2_stream *st, const struct http_head *trailers)
{
    struct str lines = write_trailers(st->arena, trailers);
    h2_send_end(st, (char *)lines.ptr, lines.len);
}
