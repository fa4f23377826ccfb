/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 in clear by prior knowledge: telling it from HTTP/1 by the first bytes. */
#include <string.h>

#include "core/proxy/client.h"
#include "core/proxy/h2_client.h"
#include "core/proxy/listener.h"

/* What was received of HTTP/2's preface goes in front of c->in again. */
static void put_preface_back(struct client *c, uint32_t n)
{
    struct buf_slice *in = &c->in;
    if (in->off >= n) {
        in->off -= n;
    } else {
        /* Only the whole of a preface is left out of a full buffer: see below. */
        memmove(in->buf->data + n, in->buf->data + in->off, in->len);
        in->off = 0;
    }
    in->len += n;
    memcpy(in->buf->data + in->off, H2_PREFACE, n);
}

bool h2_preface_expected(struct client *c)
{
    if (!c->listener->bind->listener->http2)
        return false;
    uint32_t seen = c->preface_bytes, left = H2_PREFACE_BYTES - seen;
    uint32_t n = c->in.len < left ? c->in.len : left;
    bool matches = memcmp(c->in.buf->data + c->in.off, &H2_PREFACE[seen], n) == 0;
    if (matches && n < left) {
        c->preface_bytes = (uint8_t)(seen + n);
        slice_drop(&c->in);
        c->since_ns = seen ? c->since_ns : c->t.loop->now_ns;
        transport_read(&c->t);
        client_arm(c);
        return true;
    }
    c->preface_bytes = 0;
    bool fits = c->in.len + seen <= c->in.buf->cap && c->in.buf->refs == 1;
    if (seen && fits)
        put_preface_back(c, seen);
    if ((seen && !fits) || (matches && !h2_client_begin(c, c->in)))
        client_close(c, true);
    else if (matches)
        c->in = (struct buf_slice){ 0 };
    return matches || (seen && !fits);
}
