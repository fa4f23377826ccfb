/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OCSP responses (RFC 6960) that somebody else fetched: whether one may be shown to clients. */
#ifndef SLUICE_TLS_STAPLE_H
#define SLUICE_TLS_STAPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"
#include "tls/certificate.h"

/* A response in DER: successful, about this certificate, saying that it is good, and of today.
 * *until_s: when it is too old, since the epoch. False, and why in words. Its signature is the
 * client's to check. */
bool staple_check(struct str response, const struct certificate *c, int64_t now_s, int64_t *until_s,
                  char *why, uint32_t why_bytes);

#endif
