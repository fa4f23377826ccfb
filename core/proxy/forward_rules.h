/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a forward proxy's configuration says of a request: pure. */
#ifndef SLUICE_PROXY_FORWARD_RULES_H
#define SLUICE_PROXY_FORWARD_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/config/config_forward.h"

struct forward_question {
    struct str host; /* as host_name_normal() writes it */
    bool host_is_ip; /* then it is below no name */
    uint16_t port;
    struct peer_addr client;
    struct str user; /* empty: nobody said who */
};

struct forward_verdict {
    bool allowed;
    const char *by;                  /* the rule's name, "ports" or "otherwise" */
    const struct forward_rule *rule; /* NULL: no rule is for it */
};

struct forward_verdict forward_judge(const struct forward_config *f,
                                     const struct forward_question *q);

/* Whether connections to this address may be made at all. */
bool forward_may_reach(const struct forward_config *f, const struct peer_addr *to);

/* Where they come from; NULL: the kernel chooses. rule: of the verdict, may be NULL. */
const struct addr *forward_source(const struct forward_config *f, const struct forward_rule *rule,
                                  int family);

#endif
