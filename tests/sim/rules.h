/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Worlds whose configuration has rules: what they are, and what each request must then see. */
#ifndef SLUICE_SIM_RULES_H
#define SLUICE_SIM_RULES_H

#include "tests/sim/client.h"

/* What the rules do with a request: its path begins so. */
enum ask_rule {
    RULE_NONE,     /* to a server, as in all worlds */
    RULE_BUFFERS,  /* to a server, by way of buffers in both directions */
    RULE_STRIP,    /* to a server, without a prefix */
    RULE_REDIRECT, /* the others are answered by the proxy itself */
    RULE_RESPOND,
    RULE_METHODS,
    RULE_LIMIT,
    RULES
};

/* A configuration with rules, in place of the usual one; servers come later. */
struct config *rules_config(struct sim *s);

/* Decides the rule of a request that is chosen already, and what a server would be asked for: the
 * path is `prefix` and the id. */
void rules_choose(struct ask *a, struct sim *s, const struct world_plan *p);
const char *rule_prefix(enum ask_rule rule);        /* as the client asks */
const char *rule_server_prefix(enum ask_rule rule); /* as a server is asked */

/* At the server: the edits of the request. At the client: those of an answer, and that an answer of
 * a rule's own is to this request. */
void rules_check_request(struct sim *s, const struct ask *a, const struct message *m);
void rules_check_answer(struct sim *s, const struct ask *a, const struct message *m);

/* Whether the proxy may have answered so by itself. */
bool rules_allow(const struct ask *a);

/* After the end: nobody had more than the limit. */
void rules_judge(struct world *w);

#endif
