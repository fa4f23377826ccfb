/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/control.h"
#include "core/options.h"
#include "core/options_route.h"

static int run_proxy(int argc, char **argv)
{
    struct config *config = config_new_proxy();
    if (!config) {
        fputs("sluice: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    int code = options_proxy(argc, argv, config);
    if (code == 0)
        return control_run(config, NULL, -1);
    config_free(config);
    return code < 0 ? EXIT_OK : code;
}

static int print_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("sluice " SLUICE_VERSION);
    return EXIT_OK;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} verbs[] = {
    { "proxy", run_proxy },       { "run", options_run },         { "check", options_check },
    { "reload", options_reload }, { "route", route_main },        { "help", options_help },
    { "--help", options_help },   { "-h", options_help },         { "schema", options_schema },
    { "version", print_version }, { "--version", print_version },
};

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (argc >= 2 && strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    return options_unknown(argc >= 2 ? argv[1] : NULL);
}
