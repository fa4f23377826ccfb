/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/end_reason.h"
#include "core/certificates.h"
#include "core/config/load.h"
#include "core/config/schema.h"
#include "core/keeper.h"
#include "core/tls_check.h"

bool options_read_config(void *file_options, const char *value)
{
    struct file_options *o = file_options;
    o->path = value;
    return true;
}

bool options_read_format(void *file_options, const char *value)
{
    struct file_options *o = file_options;
    o->json = strcmp(value, "json") == 0;
    if (o->json || strcmp(value, "text") == 0)
        return true;
    fprintf(stderr, "sluice: --format is text or json, not '%s'\n", value);
    return false;
}

bool options_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) && !(no && no[0]);
}

/* ---- run ------------------------------------------------------------------------------------ */

static int run(int argc, char **argv)
{
    struct file_options o = { .path = OPTIONS_DEFAULT_PATH };
    struct config_report report;
    int code = command_parse(&command_run, argc, argv, &o);
    if (code)
        return code < 0 ? EXIT_OK : code;
    config_report_init(&report);
    struct reading *reading = reading_make(o.path, NULL, &report);
    bool good = reading && reading->config;
    if (!good) /* else the server process says it, and what names do not resolve */
        config_report_print(&report, stderr, options_colour());
    config_report_free(&report);
    if (good)
        return keeper_run(reading, o.path);
    reading_free(reading);
    return EXIT_CONFIG;
}

static const struct option run_options[] = { OPTION_CONFIG, { 0 } };
static const struct example run_examples[] = {
    { "sluice run [-c FILE]", "serve what a file says" },
    { "generate | sluice run -c -", "from standard input" },
    { NULL, NULL },
};
const struct command command_run = {
    .name = "run",
    .synopsis = "[-c FILE]",
    .doc =
        "Serves what the configuration says, until a signal ends it. A small keeper process binds "
        "the sockets and reads the files, starts the server process as the configured user, and "
        "again if it dies. What is wrong with the configuration is said, all of it, before "
        "anything starts: exit code 78.",
    .examples = run_examples,
    .options = run_options,
    .run = run,
};

/* ---- check ---------------------------------------------------------------------------------- */

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

static int check(int argc, char **argv)
{
    struct file_options o = { .path = OPTIONS_DEFAULT_PATH };
    struct config_report report;
    int code = command_parse(&command_check, argc, argv, &o);
    if (code)
        return code < 0 ? EXIT_OK : code;
    config_report_init(&report);
    struct config *config = tls_checked(certificates_load_config(o.path, NULL, &report), &report);
    if (o.json)
        config_report_print_json(&report, stdout);
    else
        config_report_print(&report, stderr, options_colour());
    if (config && !o.json)
        print_summary(o.path, config);
    code = config ? EXIT_OK : EXIT_CONFIG;
    config_report_free(&report);
    config_free(config);
    return code;
}

static const struct option check_options[] = { OPTION_CONFIG, OPTION_FORMAT, { 0 } };
static const struct example check_examples[] = {
    { "sluice check [-c FILE] [--format json]", "say all that is wrong with it" },
    { "generate | sluice check -c -", "from standard input" },
    { NULL, NULL },
};
const struct command command_check = {
    .name = "check",
    .synopsis = "[-c FILE] [--format text|json]",
    .doc = "Reads a configuration and says every mistake at once, with file, line, column and what "
           "was probably meant; warnings too: routes that are never reached, backends that nobody "
           "uses, names that do not resolve now. Exit code 0: valid (there may be warnings), 78: "
           "not.",
    .examples = check_examples,
    .options = check_options,
    .run = check,
};

/* ---- help ----------------------------------------------------------------------------------- */

static bool take_topic(void *to, const char *at)
{
    const char **topic = to;
    if (*topic) {
        fputs("sluice help: one key at a time\n", stderr);
        return false;
    }
    *topic = at;
    return true;
}

/* "connect_refused": what the access log says of how a request ended. */
static bool print_end_reason(const char *word)
{
    for (int i = 0; i < END_REASON_COUNT; i++) {
        const struct end_reason_info *r = end_reason_info((enum end_reason)i);
        if (strcmp(r->word, word) != 0)
            continue;
        printf("%s (how a request ended, in the log's 'end')\n\n  %s\n\n", r->word, r->text);
        printf("  Broken by: %s\n", r->who == WHO_NONE ? "nobody" : end_who_word(r->who));
        if (r->status)
            printf("  Answered:  %d, if nothing had been sent yet\n", r->status);
        return true;
    }
    return false;
}

static int help(int argc, char **argv)
{
    const char *topic = NULL;
    int code = command_parse(&command_help, argc, argv, &topic);
    if (code)
        return code < 0 ? EXIT_OK : code;
    const struct command *c = topic ? command_find(topic) : NULL;
    if (!topic)
        command_print_all(stdout);
    else if (c)
        command_print_help(c, stdout);
    else if (strcmp(topic, "keys") == 0)
        schema_print_keys(stdout);
    else if (!print_end_reason(topic) && !schema_print_help(stdout, stderr, topic))
        return EXIT_USAGE;
    return EXIT_OK;
}

static const struct example help_examples[] = {
    { "sluice help KEY", "what a key of the file means" },
    { "sluice help routes.to", "by its last parts, as many as are needed" },
    { "sluice help keys", "all keys" },
    { "sluice help connect_refused", "how a request ended, as the log says it" },
    { "sluice help reload", "a command" },
    { NULL, NULL },
};
const struct command command_help = {
    .name = "help",
    .synopsis = "[COMMAND | KEY | END | keys]",
    .doc = "Explains a command, a key of the configuration, or a word of the log's field 'end'. "
           "Without a word: all commands.",
    .examples = help_examples,
    .argument = take_topic,
    .complete = COMPLETE_KEY,
    .words = "keys",
    .run = help,
};

/* ---- schema, version ------------------------------------------------------------------------ */

static int schema(int argc, char **argv)
{
    int code = command_parse(&command_schema, argc, argv, NULL);
    if (code)
        return code < 0 ? EXIT_OK : code;
    schema_print_json(stdout);
    return EXIT_OK;
}

static const struct example schema_examples[] = {
    { "sluice schema", "the file's JSON Schema, for editors" },
    { NULL, NULL },
};
const struct command command_schema = {
    .name = "schema",
    .synopsis = "",
    .doc =
        "Prints the JSON Schema (draft 2020-12) of the configuration: editors complete and check "
        "with it. It knows names, shapes and forms; 'sluice check' knows all.",
    .examples = schema_examples,
    .run = schema,
};

static int version(int argc, char **argv)
{
    int code = command_parse(&command_version, argc, argv, NULL);
    if (code)
        return code < 0 ? EXIT_OK : code;
    puts("sluice " SLUICE_VERSION);
    return EXIT_OK;
}

static const struct example version_examples[] = {
    { "sluice version", "the version; --version, too" },
    { NULL, NULL },
};
const struct command command_version = {
    .name = "version",
    .synopsis = "",
    .doc = "Prints the version.",
    .examples = version_examples,
    .run = version,
};
