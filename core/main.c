/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/control.h"
#include "core/options.h"

static int run_proxy(int argc, char **argv)
{
    struct options *options = malloc(sizeof *options); /* large, and needed until the end */
    if (!options) {
        fputs("sluice: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    int code = options_proxy(argc, argv, options);
    if (code == 0)
        code = control_run(&options->config);
    else if (code < 0)
        code = EXIT_OK;
    options_release(options);
    free(options);
    return code;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc >= 2 && strcmp(argv[1], "proxy") == 0)
        return run_proxy(argc - 1, argv + 1);
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0)) {
        puts("sluice " SLUICE_VERSION);
        return EXIT_OK;
    }
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                      strcmp(argv[1], "help") == 0)) {
        options_print_help(stdout);
        return EXIT_OK;
    }
    if (argc >= 2)
        fprintf(stderr, "sluice: '%s' is not a command\n", argv[1]);
    options_print_help(stderr);
    return EXIT_USAGE;
}
