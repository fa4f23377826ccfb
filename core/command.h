/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shape of the command line. One table of commands (commands.c) and a table of options beside
 * each command's code: they parse the arguments and print the help, the man page and the completion
 * of shells. */
#ifndef SLUICE_COMMAND_H
#define SLUICE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What a value or an argument is, for completion. */
enum complete { COMPLETE_NOTHING, COMPLETE_FILE, COMPLETE_WORDS, COMPLETE_KEY, COMPLETE_TIMEOUT };

struct option {
    const char *name;  /* "--config" or "-H" */
    const char *alias; /* "-c"; NULL: none */
    const char *value; /* its placeholder, "FILE"; NULL: it takes none */
    const char *help;  /* lines end with '\n', the last without */
    /* Takes the value (NULL without one) into what command_parse() was given; false after a message
     * to stderr: a usage error. */
    bool (*read)(void *to, const char *value);
    enum complete complete;
    const char *words; /* COMPLETE_WORDS: separated by spaces */
};

/* A line to type, and what it does. */
struct example {
    const char *line, *what;
};

struct command {
    const char *name;
    const char *synopsis;                       /* what follows the name */
    const char *doc;                            /* sentences */
    const struct example *examples;             /* at least one; ends with a line of NULL */
    const struct option *options;               /* ends with a name of NULL; NULL: none */
    bool (*argument)(void *to, const char *at); /* takes what is no option; NULL: nothing may be */
    enum complete complete;                     /* of such arguments */
    const char *words;
    /* Does it. argv[0] is the command's name. Gives the exit code. */
    int (*run)(int argc, char **argv);
};

/* The table of exit codes and of signals. */
struct meaning {
    const char *name, *text;
};

/* Reads arguments: options by their table, in any order ("--name value", "--name=value", "-c
 * FILE"),
 * "--" ends them. Gives 0, EXIT_USAGE after a message and the usage line on stderr, or -1 when
 * --help was asked for and printed. */
int command_parse(const struct command *c, int argc, char **argv, void *to);

/* A message, the usage line, EXIT_USAGE. */
int command_usage(const struct command *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void command_print_help(const struct command *c, FILE *to);

/* The table (commands.c): row i in the order of help; NULL past the last; by name, NULL: none. */
const struct command *command_at(uint32_t i);
const struct command *command_find(const char *name);

/* All commands by their examples, which is what `sluice help` prints. */
void command_print_all(FILE *to);

extern const struct meaning command_exit_codes[], command_signals[]; /* end with a name of NULL */

#endif
