/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets of connections in a file, in the format that Wireshark and others read (NSS key log:
 * LABEL, client's random, secret), for debugging. Who has the file can read what was sent. */
#ifndef SLUICE_TLS_KEY_LOG_H
#define SLUICE_TLS_KEY_LOG_H

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/ssl.h>

/* Before the handshake: TLS 1.3's secrets go to fd as they come. */
void key_log_watch(WOLFSSL *ssl, int fd);

/* After it: TLS 1.2's. */
void key_log_done(WOLFSSL *ssl, int fd);

#endif
