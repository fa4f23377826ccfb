/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a request that went wrong with one server is tried with another: by the rules of its
 * route, else of its backend. */
#ifndef SLUICE_PROXY_RETRY_H
#define SLUICE_PROXY_RETRY_H

#include "core/proxy/exchange.h"

const struct retry_config *retry_rules(const struct exchange *ex);

/* A request is about to have its first attempt: it adds to the budget. */
void retry_note_request(struct exchange *ex);

/* After a failure without an answer. untouched: nothing of it can have been processed. True: a
 * retry, taken out of the budget. */
bool retry_after_failure(struct exchange *ex, enum end_reason why, bool untouched);

/* After the head of an answer; likewise. */
bool retry_after_status(struct exchange *ex, uint16_t status);

#endif
