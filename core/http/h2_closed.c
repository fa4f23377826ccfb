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

/* The frame's head is whole: on which stream of a client's it is DATA, else 0. */
static int32_t end_head(struct h2_closed *c)
{
    const uint8_t *p = c->head;
    c->frame_left_bytes = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    c->head_bytes = 0;
    int32_t id = (int32_t)((uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 |
                           (uint32_t)p[7] << 8 | p[8]);
    return p[3] == NGHTTP2_DATA && id % 2 ? id : 0;
}

uint32_t h2_scan(struct h2 *h, const uint8_t *p, uint32_t bytes, int32_t *data_on)
{
    struct h2_closed *c = &h->closed;
    uint32_t at = 0;
    *data_on = 0;
    while (h->server && at < bytes && *data_on == 0) {
        uint32_t there = bytes - at;
        if (c->frame_left_bytes) {
            uint32_t n = c->frame_left_bytes < there ? c->frame_left_bytes : there;
            c->frame_left_bytes -= n;
            at += n;
            continue;
        }
        c->head[c->head_bytes++] = p[at++];
        if (c->head_bytes == sizeof c->head)
            *data_on = end_head(c);
    }
    return h->server ? at : bytes;
}

bool h2_check_data(struct h2 *h, int32_t id)
{
    return check_known(h, id);
}
