/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Basic authentication (RFC 7617): who asks is found out by this worker's memory of earlier
 * answers, or else by the threads of password.h. */
#ifndef SLUICE_PROXY_AUTH_BASIC_H
#define SLUICE_PROXY_AUTH_BASIC_H

#include <stdbool.h>

#include "core/base/end_reason.h"

struct exchange;
struct worker;

/* Looks at the request's Authorization. Sets ex->user once it is known who asks. END_OK with
 * ex->state EX_CHECKING: exchange_checked() tells later. */
enum end_reason auth_basic(struct exchange *ex);

/* An exchange in EX_CHECKING goes. */
void auth_basic_forget(struct exchange *ex);

/* Whether answers are still to come: the worker waits for them. */
bool auth_basic_pending(const struct worker *w);

/* Frees the worker's memory of it. */
void auth_basic_destroy(struct worker *w);

#endif
