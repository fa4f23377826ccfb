/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/options.h"
#include "tls/context.h"

/* What people type by habit. */
static const struct {
    const char *name, *command;
} aliases[] = { { "--help", "help" }, { "-h", "help" }, { "--version", "version" } };

int main(int argc, char **argv)
{
    const char *name = argc >= 2 ? argv[1] : NULL;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; name && i < ARRAY_LEN(aliases); i++)
        if (strcmp(name, aliases[i].name) == 0)
            name = aliases[i].command;
    const struct command *c = name ? command_find(name) : NULL;
    if (c) {
        tls_library_init();
        int code = c->run(argc - 1, argv + 1);
        tls_library_exit();
        return code;
    }
    if (name)
        fprintf(stderr, "sluice: '%s' is not a command\n", name);
    command_print_all(stderr);
    return EXIT_USAGE;
}
