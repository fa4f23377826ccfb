/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/options.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/config/load.h"
#include "core/config/schema.h"
#include "core/keeper.h"

/* The arguments of the verbs that read a configuration. */
struct file_options {
    const char *path;
    bool json;
};

static void print_help(FILE *to)
{
    fputs(
        "sluice, a reverse proxy on io_uring.\n\n"
        "  sluice proxy --from :8080 --to 127.0.0.1:9000     proxy one server, without a file\n"
        "  sluice proxy --from :8080 --to HOST:PORT,...      spread over several\n"
        "  sluice proxy --help                               all its options\n\n"
        "  sluice run [-c FILE]                              serve what a file says\n"
        "  sluice check [-c FILE] [--format json]            say all that is wrong with it\n"
        "  sluice reload [-c FILE]                           have the running one read it again\n"
        "  sluice route GET http://example.com/              which route a request would meet\n"
        "  sluice help KEY                                   what a key of the file means\n"
        "  sluice help keys                                  all keys\n"
        "  sluice schema                                     the file's JSON Schema, for editors\n"
        "  sluice --version\n\n"
        "FILE is " OPTIONS_DEFAULT_PATH " unless given; '-' is standard input.\n",
        to);
}

static int usage(const char *verb, const char *what, const char *argument)
{
    bool check = strcmp(verb, "check") == 0;
    fprintf(stderr, "sluice %s: %s%s%s\nusage: sluice %s [-c FILE]%s\n", verb, what,
            argument ? " " : "", argument ? argument : "", verb,
            check ? " [--format json|text]" : "");
    return EXIT_USAGE;
}

/* "--name=value", or "--name" and the value in the next argument; NULL: it is another option, or
 * has no value. *used, 1 before: how many arguments it takes. */
static const char *value_of(const char *name, const char *argument, const char *next, int *used)
{
    size_t n = strlen(name);
    if (strncmp(argument, name, n) != 0 || (argument[n] != '=' && argument[n] != '\0'))
        return NULL;
    if (argument[n] == '=')
        return argument + n + 1;
    *used = next ? 2 : 1;
    return next;
}

/* Gives 0, EXIT_USAGE after a message, or -1 when help was asked for and printed. */
static int read_file_options(int argc, char **argv, struct file_options *o)
{
    bool check = strcmp(argv[0], "check") == 0;
    *o = (struct file_options){ .path = OPTIONS_DEFAULT_PATH };
    for (int i = 1, used; i < argc; i += used) {
        used = 1;
        const char *next = i + 1 < argc ? argv[i + 1] : NULL, *value;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(stdout);
            return -1;
        }
        if ((value = value_of("-c", argv[i], next, &used)) ||
            (value = value_of("--config", argv[i], next, &used))) {
            o->path = value;
        } else if (check && (value = value_of("--format", argv[i], next, &used))) {
            o->json = strcmp(value, "json") == 0;
            if (!o->json && strcmp(value, "text") != 0)
                return usage(argv[0], "--format is json or text, not", value);
        } else {
            return usage(argv[0], "not an option, or without its value:", argv[i]);
        }
    }
    return 0;
}

static bool colour(void)
{
    const char *no = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) && !(no && no[0]);
}

int options_run(int argc, char **argv)
{
    struct file_options o;
    struct config_report report;
    int code = read_file_options(argc, argv, &o);
    if (code)
        return code < 0 ? EXIT_OK : code;
    config_report_init(&report);
    struct config *config = config_load(o.path, &report);
    config_report_print(&report, stderr, colour());
    config_report_free(&report);
    return config ? keeper_run(config, o.path) : EXIT_CONFIG;
}

static void print_summary(const char *path, const struct config *c)
{
    uint32_t routes = 0, servers = 0;
    for (uint32_t i = 0; i < c->sites_count; i++)
        routes += c->sites[i].routes_count;
    for (uint32_t i = 0; i < c->backends_count; i++)
        servers += c->backends[i].servers_count;
    const struct {
        uint32_t count;
        const char *what;
    } parts[] = {
        { c->listeners_count, "listener" }, { c->sites_count, "site" }, { routes, "route" },
        { c->backends_count, "backend" },   { servers, "server" },
    };
    printf("%s is valid:", strcmp(path, "-") == 0 ? "standard input" : path);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        printf("%s %u %s%s", i ? "," : "", parts[i].count, parts[i].what,
               parts[i].count == 1 ? "" : "s");
    putchar('\n');
}

int options_check(int argc, char **argv)
{
    struct file_options o;
    struct config_report report;
    int code = read_file_options(argc, argv, &o);
    if (code)
        return code < 0 ? EXIT_OK : code;
    config_report_init(&report);
    struct config *config = config_load(o.path, &report);
    if (o.json)
        config_report_print_json(&report, stdout);
    else
        config_report_print(&report, stderr, colour());
    if (config && !o.json)
        print_summary(o.path, config);
    code = config ? EXIT_OK : EXIT_CONFIG;
    config_report_free(&report);
    config_free(config);
    return code;
}

int options_help(int argc, char **argv)
{
    if (argc <= 1) {
        print_help(stdout);
        return EXIT_OK;
    }
    if (argc > 2) {
        fputs("sluice help: one key at a time\nusage: sluice help [KEY]\n", stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "keys") == 0) {
        schema_print_keys(stdout);
        return EXIT_OK;
    }
    return schema_print_help(stdout, stderr, argv[1]) ? EXIT_OK : EXIT_USAGE;
}

int options_schema(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        fputs("sluice schema: it has no options\nusage: sluice schema\n", stderr);
        return EXIT_USAGE;
    }
    schema_print_json(stdout);
    return EXIT_OK;
}

int options_unknown(const char *verb)
{
    if (verb)
        fprintf(stderr, "sluice: '%s' is not a command\n", verb);
    print_help(stderr);
    return EXIT_USAGE;
}
