/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/h2_closed.h"

#include "core/http/h2.h"

/* Whether we reset it, as far as is known: what its peer had sent by then is no error. */
static bool we_reset(const struct h2_closed *c, int32_t id)
{
    int32_t oldest = INT32_MAX;
    for (unsigned i = 0; i < H2_RESETS_KEPT; i++) {
        if (c->was_reset[i] == id)
            return true;
        if (c->was_reset[i] < oldest)
            oldest = c->was_reset[i];
    }
    return c->resets_count > H2_RESETS_KEPT && id < oldest;
}

void h2_note_reset(struct h2 *h, int32_t id)
{
    struct h2_closed *c = &h->closed;
    c->was_reset[c->resets_count++ % H2_RESETS_KEPT] = id;
}

static bool check_known(struct h2 *h, int32_t id)
{
    const struct h2_closed *c = &h->closed;
    if (id > c->last_id || nghttp2_session_find_stream(h->session, id) || we_reset(c, id))
        return true; /* it is there, or nghttp2 sees to it */
    if (h->named_last && id > nghttp2_session_get_last_proc_stream_id(h->session))
        return true; /* RFC 9113 6.8: it is left out */
    bool passed_over = (uint32_t)c->last_id + 1 > 2 * c->opened_count;
    h->error = passed_over ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_STREAM_CLOSED;
    return false;
}

/* Of no client: even, or 0. */
static bool is_strange(const struct h2 *h, int32_t id)
{
    return !h->server || id % 2 == 0;
}

bool h2_check_head(struct h2 *h, int32_t id)
{
    struct h2_closed *c = &h->closed;
    if (is_strange(h, id))
        return true;
    if (id <= c->last_id)
        return check_known(h, id);
    c->last_id = id;
    c->opened_count++;
    return true;
}

/* The frame's head is whole. */
static bool check_frame(struct h2 *h)
{
    struct h2_closed *c = &h->closed;
    const uint8_t *p = c->head;
    c->frame_left_bytes = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    c->head_bytes = 0;
    if (p[3] != NGHTTP2_DATA)
        return true;
    int32_t id = (int32_t)((uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 |
                           (uint32_t)p[7] << 8 | p[8]);
    return is_strange(h, id) || check_known(h, id);
}

bool h2_check_data(struct h2 *h, struct buf_slice data)
{
    struct h2_closed *c = &h->closed;
    const uint8_t *p = data.buf->data + data.off, *end = p + data.len;
    while (h->server && p < end) {
        size_t there = (size_t)(end - p);
        if (c->frame_left_bytes) {
            uint32_t n = c->frame_left_bytes < there ? c->frame_left_bytes : (uint32_t)there;
            c->frame_left_bytes -= n;
            p += n;
            continue;
        }
        c->head[c->head_bytes++] = *p++;
        if (c->head_bytes == sizeof c->head && !check_frame(h))
            return false;
    }
    return true;
}
