/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/command.h"

#include <stdarg.h>
#include <string.h>

#include "core/options.h"

#define COLUMNS 80
#define OPTION_COLUMN 29
#define EXAMPLE_COLUMNS 48

static void print_usage(const struct command *c, FILE *to)
{
    fprintf(to, "usage: sluice %s%s%s\n", c->name, c->synopsis[0] ? " " : "", c->synopsis);
}

int command_usage(const struct command *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "sluice %s: ", c->name);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    print_usage(c, stderr);
    fprintf(stderr, "       sluice %s --help says more\n", c->name);
    return EXIT_USAGE;
}

/* Whether the argument is this option by that name: "--name", "--name=value"; *value: behind '='.
 */
static bool is_named(const char *argument, const char *name, const char **value)
{
    size_t n = name ? strlen(name) : 0;
    if (!name || strncmp(argument, name, n) != 0)
        return false;
    *value = argument[n] == '=' ? argument + n + 1 : NULL;
    return argument[n] == '=' || argument[n] == '\0';
}

static const struct option *find_option(const struct command *c, const char *argument,
                                        const char **value)
{
    for (const struct option *o = c->options; o && o->name; o++)
        if (is_named(argument, o->name, value) || is_named(argument, o->alias, value))
            return o;
    return NULL;
}

/* Takes argv[*i], and the next one if that is its value. */
static bool read_option(const struct command *c, int argc, char **argv, int *i, void *to)
{
    const char *value;
    const struct option *o = find_option(c, argv[*i], &value);
    if (!o) {
        fprintf(stderr, "sluice %s: '%s' is not an option of it\n", c->name, argv[*i]);
        return false;
    }
    if (!o->value && value) {
        fprintf(stderr, "sluice %s: %s takes no value\n", c->name, o->name);
        return false;
    }
    if (o->value && !value) {
        if (*i + 1 >= argc) {
            fprintf(stderr, "sluice %s: %s wants a value: %s\n", c->name, argv[*i], o->value);
            return false;
        }
        value = argv[++*i];
    }
    return o->read(to, value);
}

static bool read_argument(const struct command *c, const char *argument, void *to)
{
    if (c->argument)
        return c->argument(to, argument);
    fprintf(stderr, "sluice %s: '%s' is not an option, and it takes nothing else\n", c->name,
            argument);
    return false;
}

int command_parse(const struct command *c, int argc, char **argv, void *to)
{
    bool options = true;
    for (int i = 1; i < argc; i++) {
        bool good = true;
        if (options && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            command_print_help(c, stdout);
            return -1;
        }
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && argv[i][0] == '-' && argv[i][1])
            good = read_option(c, argc, argv, &i, to);
        else
            good = read_argument(c, argv[i], to);
        if (!good) {
            print_usage(c, stderr);
            fprintf(stderr, "       sluice %s --help says more\n", c->name);
            return EXIT_USAGE;
        }
    }
    return 0;
}

/* ---- Help ----------------------------------------------------------------------------------- */

static void print_paragraph(FILE *to, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column && column + 1 + n > COLUMNS) {
            fputc('\n', to);
            column = 0;
        }
        fprintf(to, "%s%.*s", column ? " " : "", (int)n, text);
        column += n + (column > 0);
        text += n + (text[n] == ' ');
    }
    fputc('\n', to);
}

static void print_option(FILE *to, const struct option *o)
{
    char left[128];
    int n = snprintf(left, sizeof left, "%s%s%s%s%s", o->alias ? o->alias : "",
                     o->alias ? ", " : "", o->name, o->value ? " " : "", o->value ? o->value : "");
    fprintf(to, "  %s", left);
    if (n + 3 > OPTION_COLUMN)
        fprintf(to, "\n%*s", OPTION_COLUMN, "");
    else
        fprintf(to, "%*s", OPTION_COLUMN - n - 2, "");
    for (const char *h = o->help; *h; h++) {
        fputc(*h, to);
        if (*h == '\n')
            fprintf(to, "%*s", OPTION_COLUMN, "");
    }
    fputc('\n', to);
}

static void print_examples(FILE *to, const struct command *c)
{
    for (const struct example *e = c->examples; e->line; e++) {
        if (strlen(e->line) > EXAMPLE_COLUMNS)
            fprintf(to, "  %s\n      %s\n", e->line, e->what);
        else
            fprintf(to, "  %-*s  %s\n", EXAMPLE_COLUMNS, e->line, e->what);
    }
}

void command_print_help(const struct command *c, FILE *to)
{
    print_examples(to, c);
    fputc('\n', to);
    print_paragraph(to, c->doc);
    fputc('\n', to);
    print_usage(c, to);
    if (c->options)
        fputc('\n', to);
    for (const struct option *o = c->options; o && o->name; o++)
        print_option(to, o);
}

void command_print_all(FILE *to)
{
    const struct command *c;
    fputs("sluice, a reverse proxy on io_uring.\n\n", to);
    for (uint32_t i = 0; (c = command_at(i)); i++)
        fprintf(to, "  %-*s  %s\n", EXAMPLE_COLUMNS, c->examples[0].line, c->examples[0].what);
    fputs("\nFILE is " OPTIONS_DEFAULT_PATH " unless given; '-' is standard input.\n"
          "sluice COMMAND --help says more.\n",
          to);
}
