/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which certificates of listeners have expired, or soon will. */
#ifndef SLUICE_EXPIRY_H
#define SLUICE_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/config/config.h"

/* One line for each certificate that needs one. */
void expiry_warn(const struct config *c, int64_t now_s, FILE *to);

/* How a certificate stands: a negative number of days, it has expired; 0 to 13, it soon will.
 * False: there is nothing to say. */
bool expiry_is_near(int64_t not_after_s, int64_t now_s, int64_t *days);

#endif
