/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random bytes that nobody can guess: for keys, nonces and everything wolfSSL asks for. From any
 * thread, without a lock; the simulator has its own source behind this header. */
#ifndef SLUICE_TLS_RANDOM_H
#define SLUICE_TLS_RANDOM_H

#include <stddef.h>

void random_bytes(void *out, size_t bytes);

/* wolfSSL's way in (tls/wolfssl_settings.h); 0. */
int sluice_random_block(unsigned char *out, unsigned int bytes);

#endif
