/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/key_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <wolfssl/internal.h>

#include "core/base/check.h"
#include "tls/tls.h"

#define SECRET_BYTES_MAX 64
#define LINE_BYTES_MAX (64 + 2 * RAN_LEN + 2 * SECRET_BYTES_MAX)

int tls_key_log_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

static char *put_hex(char *at, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "%02x", bytes[i]);
    return at;
}

/* One write a line, so that lines of several workers do not mix. What cannot be written is lost:
 * nobody waits for it. */
static void put_line(WOLFSSL *ssl, int fd, const char *label, const uint8_t *secret, size_t bytes)
{
    uint8_t random[RAN_LEN];
    char line[LINE_BYTES_MAX];
    if (bytes > SECRET_BYTES_MAX || wolfSSL_get_client_random(ssl, random, RAN_LEN) != RAN_LEN)
        return;
    char *at = line + sprintf(line, "%s ", label);
    at = put_hex(at, random, RAN_LEN);
    *at++ = ' ';
    at = put_hex(at, secret, bytes);
    *at++ = '\n';
    ssize_t written = write(fd, line, (size_t)(at - line));
    (void)written;
    explicit_bzero(line, sizeof line);
}

static int on_secret(WOLFSSL *ssl, int id, const unsigned char *secret, int bytes, void *arg)
{
    static const char *const labels[] = {
        [CLIENT_HANDSHAKE_TRAFFIC_SECRET] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        [SERVER_HANDSHAKE_TRAFFIC_SECRET] = "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        [CLIENT_TRAFFIC_SECRET] = "CLIENT_TRAFFIC_SECRET_0",
        [SERVER_TRAFFIC_SECRET] = "SERVER_TRAFFIC_SECRET_0",
        [EXPORTER_SECRET] = "EXPORTER_SECRET",
    };
    if (id >= 0 && (size_t)id < ARRAY_LEN(labels) && labels[id])
        put_line(ssl, (int)(intptr_t)arg, labels[id], secret, (size_t)bytes);
    return 0;
}

void key_log_watch(WOLFSSL *ssl, int fd)
{
    wolfSSL_KeepArrays(ssl);
    wolfSSL_set_tls13_secret_cb(ssl, on_secret, (void *)(intptr_t)fd);
}

void key_log_done(WOLFSSL *ssl, int fd)
{
    if (wolfSSL_version(ssl) != TLS1_3_VERSION && ssl->arrays)
        put_line(ssl, fd, "CLIENT_RANDOM", ssl->arrays->masterSecret, SECRET_LEN);
    wolfSSL_FreeArrays(ssl);
}
