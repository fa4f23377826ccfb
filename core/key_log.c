/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/key_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls.h"

int key_log_of_environment(bool told)
{
    const char *path = getenv("SSLKEYLOGFILE");
    if (!path || !*path)
        return -1;
    int fd = tls_key_log_open(path);
    if (fd >= 0 && told)
        fprintf(stderr,
                "sluice: warning: SSLKEYLOGFILE is set: the secrets of all TLS connections are "
                "written to '%s'\n",
                path);
    else if (told)
        fprintf(stderr, "sluice: warning: SSLKEYLOGFILE: cannot open '%s': %s\n", path,
                strerror(-fd));
    return fd < 0 ? -1 : fd;
}
