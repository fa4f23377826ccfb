/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forward proxies: requests that name their destination, by CONNECT (RFC 9110 9.3.6) or with a
 * whole URL (RFC 9112 3.2.2). Rules decide by name, port and who asks; then the name is resolved,
 * and what may not be reached is taken out of its addresses: those that are left are tried one
 * after the other, and nothing else is ever connected to. */
#ifndef SLUICE_PROXY_FORWARD_H
#define SLUICE_PROXY_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/end_reason.h"
#include "core/base/limits.h"
#include "core/base/out.h"
#include "core/config/config.h"
#include "core/http/forward.h"
#include "core/proxy/forward_rules.h"
#include "core/proxy/resolver.h"

struct attempt;
struct exchange;

/* Where one exchange goes; in its arena. */
struct forwarding {
    struct exchange *ex;
    const struct forward_config *config;
    struct forward_verdict verdict; /* by == NULL: not judged yet */
    struct str host;                /* as host_name_normal() writes it */
    bool host_is_ip;
    bool pac;      /* the PAC file is asked for */
    bool resolved; /* the addresses are known */
    uint16_t port;
    struct str destination; /* "host:port" */
    struct lookup lookup;   /* EX_RESOLVING: under way */
    struct addr addresses[FORWARD_ADDRESSES_MAX];
    uint32_t addresses_count, address; /* the one at hand */
    struct timeouts timeouts;          /* of the attempt */
};

/* Before anybody is asked for a password: understands what is asked for. Sets ex->forward. END_OK,
 * END_REPLIED (the PAC file), or what is wrong. */
enum end_reason forward_ask(struct exchange *ex);

/* In place of a route's target: judges. END_OK or END_FORWARD_DENIED. */
enum end_reason forward_target(struct exchange *ex);

/* Begins the next attempt, on the address at hand, once those are known; replies with `none` if
 * there is none left. */
void forward_attempt(struct exchange *ex, enum end_reason none);

/* After one failed: whether forward_attempt() is to follow. untouched: nothing of the request can
 * have been processed. */
bool forward_goes_on(struct exchange *ex, enum end_reason why, bool untouched);

/* The exchange goes, or is answered: nothing is resolved for it any more. */
void forward_forget(struct exchange *ex);

/* What its destination is told of the client. False: no room. */
bool forward_edit_request(struct exchange *ex, struct forward_request *f, struct out *o);

/* The pool's rules, for attempts. */
const struct backend_config *forward_pool(void);

/* The PAC file; empty without memory. */
struct str forward_pac(struct exchange *ex);

#endif
