/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/preamble.h"

#include "core/http/proxy_protocol.h"
#include "core/ring/sock.h"

bool preamble_set(struct transport *t, const struct backend_config *backend,
                  const struct peer_addr *from, int client_fd)
{
    struct peer_addr nobody = { 0 }, to = { 0 };
    struct addr local;
    if (backend->proxy_protocol == PROXY_PROTOCOL_OFF)
        return true;
    struct buf *b = buf_take(&t->loop->bufs);
    if (!b)
        return false;
    if (from && sock_local(client_fd, &local) == 0)
        to = peer_addr_of(&local);
    unsigned version = backend->proxy_protocol == PROXY_PROTOCOL_V1 ? 1 : 2;
    size_t n = proxy_header_write(b->data, version, from ? from : &nobody, &to);
    transport_say_first(t, (struct buf_slice){ b, 0, (uint32_t)n });
    return true;
}
