/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts with variables, as rules write them ("$client_ip"), filled in for one request. */
#ifndef SLUICE_PROXY_TEMPLATE_H
#define SLUICE_PROXY_TEMPLATE_H

#include <stdint.h>

#include "core/base/out.h"
#include "core/config/config.h"
#include "core/http/head.h"
#include "core/http/target.h"
#include "core/proxy/route.h"

struct transport;

/* What variables stand for; what is not known is empty. */
struct template_ctx {
    const struct http_head *head;
    const struct target *target;
    const struct route_match *match;
    const struct http_head *response; /* NULL: there is none (yet) */
    const struct transport *client;   /* its TLS; NULL: nothing is known of it */
    struct str client_ip, peer_ip, host, scheme, request_id;
    struct str listener, site, route, backend, server, user;
    uint32_t port, status; /* 0: none */
};

/* Appends the text. Values come from parsed heads and paths: they hold no control characters. */
void template_write(struct out *o, const struct template *t, const struct template_ctx *c);

#endif
