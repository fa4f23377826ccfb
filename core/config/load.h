/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a file to a checked configuration. */
#ifndef SLUICE_CONFIG_LOAD_H
#define SLUICE_CONFIG_LOAD_H

#include "core/config/config.h"
#include "core/config/disk.h"
#include "core/config/report.h"

/* Resolves a host name; on failure false, and *why says the cause (static text). May block. */
typedef bool (*config_resolve_fn)(const char *host, uint16_t port, struct addr *out,
                                  const char **why);

/* That of the machine: one address, IPv4 if there is one. */
bool config_resolve_name(const char *host, uint16_t port, struct addr *out, const char **why);

struct certificate_maker;

struct config_input {
    const char *path;                /* "-": standard input */
    struct str text;                 /* ptr not NULL: this is the file's text */
    struct certificate_maker *maker; /* NULL: TLS is read, and nothing made of it */
    /* What a test puts in the place of the machine. */
    struct config_files *files;              /* NULL: disk_files() */
    const char *(*getenv)(const char *name); /* NULL: getenv() */
    config_resolve_fn resolve;               /* NULL: getaddrinfo() */
    bool keep_names;                         /* names of servers are not resolved */
    bool no_files;                           /* no other file is read: to name one is an error */
    size_t memory_max; /* of the configuration, and of reading it; 0: CONFIG_MEMORY_BYTES_MAX */
};

/* Reads, checks, resolves. NULL if there were errors; all of them, and warnings, are in the report
 * (sorted), which was initialised by the caller. */
struct config *config_load(const char *path, struct config_report *report);
struct config *config_load_input(const struct config_input *in, struct config_report *report);

#endif
