/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/control.h"
#include "core/options.h"

static int run_proxy(int argc, char **argv)
{
    struct config *config = config_new_proxy();
    if (!config) {
        fputs("sluice: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    int code = options_proxy(argc, argv, config);
    if (code == 0)
        return control_run(config, NULL);
    config_free(config);
    return code < 0 ? EXIT_OK : code;
}

static void print_help(FILE *to)
{
    fputs("sluice, a reverse proxy on io_uring.\n\n"
          "  sluice proxy --from :8080 --to 127.0.0.1:9000     proxy one server\n"
          "  sluice proxy --from :8080 --to HOST:PORT,...      spread over several\n"
          "  sluice proxy --help                               all its options\n"
          "  sluice --version\n",
          to);
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
        print_help(stdout);
        return EXIT_OK;
    }
    if (argc >= 2)
        fprintf(stderr, "sluice: '%s' is not a command\n", argv[1]);
    print_help(stderr);
    return EXIT_USAGE;
}
