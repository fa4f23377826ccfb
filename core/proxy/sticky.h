/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clients that stick to a server, by a cookie that says which one to us and nothing to others: a
 * keyed hash (SipHash, 128 bits) of the server's name. Nobody without the key can make one, or find
 * out what it stands for. */
#ifndef SLUICE_PROXY_STICKY_H
#define SLUICE_PROXY_STICKY_H

#include <stdbool.h>

#include "core/base/siphash.h"
#include "core/config/config.h"

#define STICKY_VALUE_CHARS 32

/* What stands for a server in the cookies of a backend. */
struct siphash sticky_tag(const struct sticky_config *c, const char *backend, const char *server);

void sticky_write(const struct siphash *tag, char out[STICKY_VALUE_CHARS]);

/* False: nothing that we ever wrote. */
bool sticky_read(struct str value, struct siphash *tag);

#endif
