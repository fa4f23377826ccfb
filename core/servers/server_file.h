/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file with servers (`servers_file`) that is looked at while sluice runs. One that cannot be read
 * or understood leaves the servers as they were. */
#ifndef SLUICE_SERVERS_SERVER_FILE_H
#define SLUICE_SERVERS_SERVER_FILE_H

#include "core/config/servers_text.h"

struct server_file {
    char *path;                /* NULL: none */
    uint32_t stamp, seen;      /* of what was taken; at the last look */
    bool tried;                /* it was looked at */
    bool bad;                  /* what was seen last could not be taken; said once */
    struct servers_text *text; /* NULL: nothing was understood yet */
};

/* From now on it is that file (NULL: none). True: another one than before. */
bool server_file_use(struct server_file *f, const char *path);

/* Looks at it through the keeper. True: its servers have changed. backend: for messages. */
bool server_file_look(struct server_file *f, int keeper, const char *backend);

void server_file_free(struct server_file *f);

#endif
